"""Gold spans: where in a text something stands, and what it is called.

Written as a list of structs with `start`, `end` and `label`, or as `tags` (IOB, BIOES) beside `tokens`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any, ClassVar, NamedTuple

import pyarrow as pa
import pyarrow.types as pt

from pipelines.errors import RequestError
from transforms.clinical_bert.heads.labels import decode


class GoldSpan(NamedTuple):
    """`text[start:end]` is of this label, says a person."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Entities:
    """Gold spans in a column `entities`, or in a table of a generated folder.

    Attributes:
        table: of a generated folder (`phi`, `entities`).
    """

    table: str
    key: ClassVar[str] = "note_id"

    def check(self, fields: pa.Schema, name: str) -> None:
        if "entities" not in fields.names:
            raise RequestError(
                f"{name} has no column entities; it has: {', '.join(fields.names)}. Give gold as a list of "
                "structs with start, end and label, or a folder of notemill generate"
            )
        kind = fields.field("entities").type
        if not holds_spans(kind):
            raise RequestError(
                f"column entities of {name} is of type {kind}, but it must be a list of structs with start, end "
                "(whole numbers) and label (text)"
            )

    def prepare(self, rows: pa.Table) -> pa.Table:
        return rows

    def parse(self, row: dict[str, Any], text: str | None, place: str) -> list[GoldSpan]:
        return sorted(_checked(one, text, place) for one in row["entities"] or ())

    def generated(self, rows: list[dict[str, Any]], text: str | None, place: str) -> list[GoldSpan]:
        return sorted(_checked(one, text, place) for one in rows)


@dataclass(frozen=True)
class TokensOrEntities(Entities):
    """Gold spans as `tags` beside `tokens`, else as `Entities`.

    The text of tokens is the tokens with blanks between them, and a row is a note of its own.
    """

    table: str = "entities"

    def check(self, fields: pa.Schema, name: str) -> None:
        given = [column for column in ("tokens", "tags") if column in fields.names]
        if len(given) == 2:
            for column in given:
                if not _holds_text(kind := fields.field(column).type):
                    raise RequestError(f"column {column} of {name} is of type {kind}, but it must be a list of text")
        elif "entities" in fields.names:
            super().check(fields, name)
        else:
            raise RequestError(
                f"{name} has neither tokens and tags nor text and entities; it has: {', '.join(fields.names)}"
            )

    def prepare(self, rows: pa.Table) -> pa.Table:
        if not {"tokens", "tags"} <= set(rows.column_names):
            return rows
        texts = [" ".join(token or "" for token in tokens or ()) for tokens in rows["tokens"].to_pylist()]
        rest = rows.drop_columns(["text"]) if "text" in rows.column_names else rows
        return rest.append_column("text", pa.array(texts, pa.string()))

    def parse(self, row: dict[str, Any], text: str | None, place: str) -> list[GoldSpan]:
        if "tokens" not in row or "tags" not in row:
            return super().parse(row, text, place)
        tokens, tags = row["tokens"] or [], row["tags"] or []
        if len(tokens) != len(tags):
            raise RequestError(f"{place}: {len(tokens)} tokens and {len(tags)} tags")
        if not all(tokens) or not all(tags):
            raise RequestError(f"{place}: a token or a tag is empty")
        ends = list(accumulate(map(len, tokens), lambda end, length: end + 1 + length))
        starts = [end - len(token) for end, token in zip(ends, tokens, strict=True)]
        return [GoldSpan(*span[:3]) for span in decode(tags, [1.0] * len(tags), starts, ends)]


def holds_spans(kind: pa.DataType, named: str = "label") -> bool:
    """Whether a column's type is a list of structs with `start`, `end` and this text."""
    if pt.is_null(kind):
        return True
    if not (pt.is_list(kind) or pt.is_large_list(kind)) or not pt.is_struct(kind.value_type):
        return False
    struct = kind.value_type
    types = {struct.field(at).name: struct.field(at).type for at in range(struct.num_fields)}
    return (
        all(name in types and (pt.is_integer(types[name]) or pt.is_null(types[name])) for name in ("start", "end"))
        and named in types
        and is_text(types[named])
    )


def is_text(kind: pa.DataType) -> bool:
    """Whether a column's type holds text."""
    return any(test(kind) for test in (pt.is_string, pt.is_large_string, pt.is_dictionary, pt.is_null))


def _holds_text(kind: pa.DataType) -> bool:
    return pt.is_null(kind) or ((pt.is_list(kind) or pt.is_large_list(kind)) and is_text(kind.value_type))


def in_text(span: dict[str, Any] | None, text: str | None, place: str) -> tuple[int, int]:
    """Start and end of a gold span.

    Raises:
        RequestError: it does not lie in its text.
    """
    start, end = (None, None) if span is None else (span["start"], span["end"])
    length = len(text or "")
    if start is None or end is None or not 0 <= start < end <= length:
        raise RequestError(
            f"{place}: the gold span [{start}, {end}) does not lie in its text of {length} characters; offsets are "
            "Python string indices, half open"
        )
    return start, end


def _checked(span: dict[str, Any] | None, text: str | None, place: str) -> GoldSpan:
    start, end = in_text(span, text, place)
    if not span or not span["label"]:
        raise RequestError(f"{place}: the gold span [{start}, {end}) has no label")
    return GoldSpan(start, end, span["label"])
