"""One labelled row of a Parquet file: what it must hold, and how it is refused.

Every error names the data set and the row, and no word of a note: what stands in the column of labels may be text
that was put there by mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import pyarrow as pa
import pyarrow.types as pt

from jobs.evaluation.gold import holds_spans, is_text
from pipelines.errors import RequestError
from transforms.clinical_bert.heads.labels import OUTSIDE, split_label
from transforms.deid.labels import SAFE_HARBOR, LabelMap, UnknownLabelError
from transforms.icd.table import CodeTable

TEXT: Final = ("text", "text_en")
"""Columns that may hold the text; the first that is there does."""

_ICD_FORM: Final = re.compile(r"[A-Z][0-9A-Z]{2}(\.[0-9A-Z]{1,4})?")
_NO_SEVENTH: Final = re.compile(r"[A-Z][0-9A-Z]{2}\.[0-9A-Z]{2}X")
_PHI: Final = LabelMap()


def head_of(fields: pa.Schema, heads: Sequence[str], name: str) -> str:
    """The head that a file's columns serve.

    Args:
        fields: of the file.
        heads: that are asked for.
        name: of the file.

    Raises:
        RequestError: it serves none or several, or a column is of the wrong type.
    """
    columns = set(fields.names)
    texts = columns & set(TEXT)
    tokens = {"tokens", "tags"} <= columns or bool(texts and "entities" in columns)
    serves = {"icd": bool(texts and "codes" in columns), "readmission": bool(texts and "label" in columns)}
    fitting = [head for head in heads if serves.get(head, tokens)]
    if len(fitting) != 1:
        raise RequestError(
            f"{name} has the columns {', '.join(sorted(columns))}, which fit {' and '.join(fitting) or 'none'} "
            "of the heads asked for: token heads need tokens and tags, or text and entities; icd text and codes; "
            "readmission text and label"
        )
    for column, fits, wanted in (
        *((column, is_text, "text") for column in TEXT),
        ("tokens", _holds_texts, "lists of text"),
        ("tags", _holds_texts, "lists of text"),
        ("codes", _holds_texts, "lists of text"),
        ("entities", holds_spans, "lists of structs with start, end (whole numbers) and label (text)"),
        ("label", _is_number, "0 or 1") if fitting == ["readmission"] else ("label", bool, ""),
    ):
        if column in columns and not fits(kind := fields.field(column).type):
            raise RequestError(f"column {column} of {name} is of type {kind}, but must hold {wanted}")
    return fitting[0]


def _holds_texts(kind: pa.DataType) -> bool:
    return pt.is_null(kind) or ((pt.is_list(kind) or pt.is_large_list(kind)) and is_text(kind.value_type))


def _is_number(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pt.is_integer, pt.is_floating, pt.is_boolean, pt.is_null))


def text_of(row: dict[str, Any], place: str) -> str:
    """The text of a row; `place` names data set and row.

    Raises:
        RequestError: there is none.
    """
    text = next((row[column] for column in TEXT if column in row), None)
    if not text or not text.strip():
        raise RequestError(f"{place}: the document is empty")
    return str(text)


def spans_of(row: dict[str, Any], text: str, head: str, place: str) -> list[tuple[int, int, str]]:
    """Start, end and label of the entities of a row.

    Raises:
        RequestError: one lies outside the text, is not the text that it says it is, or has no known label.
    """
    spans = []
    for entity in _given(row, "entities", place):
        start, end, label = (None,) * 3 if entity is None else (entity["start"], entity["end"], entity["label"])
        if start is None or end is None or not 0 <= start < end <= len(text):
            raise RequestError(
                f"{place}: an entity at {start}:{end} lies outside its text of {len(text)} characters; offsets are "
                "Python string indices, half open"
            )
        if entity.get("text") is not None and entity["text"] != text[start:end]:
            raise RequestError(f"{place}: the entity at {start}:{end} has another text than the document has there")
        if not label:
            raise RequestError(f"{place}: the entity at {start}:{end} has no label")
        _check_label(label, head, f"{place}: the entity at {start}:{end}")
        spans.append((start, end, label))
    return spans


def words_of(row: dict[str, Any], head: str, iob2: bool, place: str) -> tuple[list[str], list[str]]:
    """The tokens and tags of a row.

    Args:
        row: of a file with `tokens` and `tags`.
        head: of which the tags are.
        iob2: whether every span of the data set begins with `B-`; in IOB1 it does only after another of its label.
        place: names data set and row.

    Raises:
        RequestError: they are not as many, one is empty, or a tag is none.
    """
    tokens, tags = list(_given(row, "tokens", place)), list(_given(row, "tags", place))
    if len(tokens) != len(tags):
        raise RequestError(f"{place}: {len(tokens)} tokens and {len(tags)} tags")
    before = ""
    for number, (token, tag) in enumerate(zip(tokens, tags, strict=True)):
        if not token or not token.strip():
            raise RequestError(f"{place}: token {number} is empty")
        prefix, label = split_label(tag or "")
        if tag != OUTSIDE and (not prefix or not label):
            raise RequestError(f"{place}: tag {number} is neither O nor B- or I- with a label")
        if tag == OUTSIDE:
            label = ""
        else:
            _check_label(label, head, f"{place}: tag {number}")
        if iob2 and prefix == "I" and label != before:
            raise RequestError(
                f"{place}: tag {number} is an I- that goes on with nothing, where other spans begin with B- (IOB2)"
            )
        before = label
    return tokens, tags


def is_iob2(of_rows: Iterable[Sequence[str | None] | None]) -> bool:
    """Whether tags of a data set begin a span with `B-` where IOB1 would not: after another label, or none."""
    for tags in of_rows:
        for before, tag in pairwise(["", *(tag or "" for tag in tags or ())]):
            prefix, label = split_label(tag)
            if prefix == "B" and split_label(before)[1] != label:
                return True
    return False


def codes_of(row: dict[str, Any], table: CodeTable, place: str) -> frozenset[str]:
    """The codes of a row: billable ones, and ones that only want characters.

    Raises:
        RequestError: one does not exist.
    """
    codes = list(_given(row, "codes", place))
    for number, code in enumerate(codes):
        if not code or not _ICD_FORM.fullmatch(code):
            raise RequestError(f"{place}: code {number} is not written as ICD-10-CM is, with its dot (E11.9)")
        if code not in table and not _wants_characters(code, table):
            raise RequestError(f"{place}: there is no code {code} in the {table.release}")
    return frozenset(codes)


def _wants_characters(code: str, table: CodeTable) -> bool:
    """Whether a code is the beginning of others, or one whose seventh character is missing (W19.XXX)."""
    free = code.rstrip("X").rstrip(".") if _NO_SEVENTH.fullmatch(code) else code
    return free in table or code in _beginnings(table)


@lru_cache(maxsize=1)
def _beginnings(table: CodeTable) -> frozenset[str]:
    """What codes of seven characters begin with, places kept free included: S19.9X of S19.9XXA."""
    return frozenset(entry.code[:end] for entry in table if len(entry.code) == 8 for end in (5, 6, 7))


def readmitted_of(row: dict[str, Any], place: str) -> bool:
    """The label of a row.

    Raises:
        RequestError: it is neither 0 nor 1.
    """
    if row["label"] not in (0, 1):
        raise RequestError(f"{place}: the label is {'null' if row['label'] is None else 'neither 0 nor 1'}")
    return bool(row["label"])


def _given(row: dict[str, Any], column: str, place: str) -> Sequence[Any]:
    if row[column] is None:
        raise RequestError(f"{place}: {column} is null; where there are none, give an empty list")
    values: Sequence[Any] = row[column]
    return values


def _check_label(label: str, head: str, place: str) -> None:
    if head == "deid":
        try:
            _PHI[label]
        except UnknownLabelError:
            raise RequestError(f"{place} has no known PHI label; such are {', '.join(SAFE_HARBOR)}") from None
