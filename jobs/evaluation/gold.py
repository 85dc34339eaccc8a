"""Notes with gold spans, out of Parquet, in bounded memory.

Two shapes: Parquet with `text` and `entities` (a list of structs with start, end and label), or a folder of
`notemill generate`, where part `k` of the gold belongs to part `k` of the notes. `[columns]` of the job names the
other columns as it does for a run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from pipelines.errors import RequestError
from pipelines.io.columns import ColumnMap, check_schema, to_notes
from pipelines.io.source import find_files
from pipelines.io.storage import open_filesystem

DOC_ID: Final = "doc_id"
_ROW: Final = "row "
"""A note without an id is known by its row; the word keeps the id from matching a number in the text."""


class GoldSpan(NamedTuple):
    """`text[start:end]` is of this label, says a person."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class GoldNotes:
    """A stretch of notes.

    Attributes:
        notes: columns `schema.READ_COLUMNS`.
        ids: what each note is called outside, see `GoldSource.id_field`.
        spans: the gold of each note, sorted.
    """

    notes: pa.Table
    ids: list[Any]
    spans: list[list[GoldSpan]]


@dataclass(frozen=True)
class GoldSource:
    """Notes with gold.

    Attributes:
        uri: a Parquet file, a folder of them, a glob, or a folder of `notemill generate`.
        mapping: the columns.
        rows: how many notes come at once.
        gold: the table of a generated folder that holds the spans (`phi`, `entities`).
    """

    uri: str
    mapping: ColumnMap
    rows: int
    gold: str

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        return open_filesystem(self.uri)

    @cached_property
    def generated(self) -> bool:
        """Whether this is a folder of `notemill generate`."""
        fs, path = self._opened
        return bool(fs.isfile(f"{path.rstrip('/')}/_generate.json"))

    @cached_property
    def files(self) -> dict[str, str]:
        """Names and paths of the files with notes.

        Raises:
            RequestError: there is none.
        """
        fs, path = self._opened
        return dict(sorted(find_files(fs, path, self.uri).items()))

    @cached_property
    def _schemas(self) -> dict[str, pa.Schema]:
        schemas = {}
        for name, path in self.files.items():
            with _opened_parquet(self._opened[0], path, name) as parquet:
                schemas[name] = parquet.schema_arrow
        return schemas

    @cached_property
    def id_field(self) -> pa.Field:
        """The column by which a note is called outside: `doc_id` where the input has it, else its note id."""
        kinds = {fields.field(DOC_ID).type for fields in self._schemas.values() if DOC_ID in fields.names}
        if len(kinds) == 1 and all(DOC_ID in fields.names for fields in self._schemas.values()):
            return pa.field(DOC_ID, kinds.pop())
        return pa.field("note_id", pa.string())

    def check(self) -> None:
        """Refuses an input that cannot be read.

        Raises:
            RequestError: a file or a column is missing or has the wrong type.
        """
        for name, fields in self._schemas.items():
            check_schema(self.mapping, _with_id(fields, self.mapping), name)
            if self.generated:
                continue
            if "entities" not in fields.names:
                raise RequestError(
                    f"{name} has no column entities; it has: {', '.join(fields.names)}. Give gold as a list of "
                    "structs with start, end and label, or a folder of notemill generate"
                )
            kind = fields.field("entities").type
            if not _holds_spans(kind):
                raise RequestError(
                    f"column entities of {name} is of type {kind}, but it must be a list of structs with start, end "
                    "(whole numbers) and label (text)"
                )

    def read(self) -> Iterator[GoldNotes]:
        """All notes, stretch by stretch, as a run would split them.

        Raises:
            RequestError: a gold span does not lie in its text, or belongs to no note.
        """
        self.check()
        for name, path in self.files.items():
            gold = self._generated_gold(name) if self.generated else None
            seen = 0
            with _opened_parquet(self._opened[0], path, name) as parquet:
                for batch in _stretches(parquet, self.rows):
                    yield self._stretch(name, batch, seen, gold)
                    seen += batch.num_rows
            if gold:
                raise RequestError(f"the gold of {name} has spans of {len(gold)} notes that are not among its notes")

    def _stretch(
        self, name: str, batch: pa.Table, first: int, gold: dict[str, list[tuple[Any, ...]]] | None
    ) -> GoldNotes:
        fields = _with_id(batch.schema, self.mapping)
        if len(fields) > batch.num_columns:
            rows = range(first, first + batch.num_rows)
            batch = batch.append_column(fields.field(-1), pa.array([f"{_ROW}{row}" for row in rows]))
        notes, _ = to_notes(batch, check_schema(self.mapping, fields, name), first)
        if notes.num_rows != batch.num_rows:
            raise RequestError("a preset that skips rows cannot be measured: name the columns with [columns]")
        note_ids = notes["note_id"].to_pylist()
        if gold is None:
            raw = [[_parts(one) for one in entities or ()] for entities in batch["entities"].to_pylist()]
        else:
            raw = [gold.pop(note_id, []) for note_id in note_ids]
        texts = notes["text"].to_pylist()
        spans = [
            sorted(_checked(one, text, f"{name}, row {first + at}") for one in note)
            for at, (note, text) in enumerate(zip(raw, texts, strict=True))
        ]
        return GoldNotes(notes, batch[DOC_ID].to_pylist() if self.id_field.name == DOC_ID else note_ids, spans)

    def _generated_gold(self, name: str) -> dict[str, list[tuple[Any, ...]]]:
        fs, root = self._opened
        spans: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        path = f"{root.rstrip('/')}/gold/{self.gold}/{name}"
        if not fs.isfile(path):
            raise RequestError(f"{self.uri} has no gold/{self.gold}/{name}")
        with _opened_parquet(fs, path, f"gold/{self.gold}/{name}") as parquet:
            table = parquet.read(["note_id", "start", "end", "label"])
        for note, *span in zip(*(column.to_pylist() for column in table.columns), strict=True):
            spans[note].append(tuple(span))
        return dict(spans)


class _opened_parquet:
    """A Parquet file of a file system, for a `with` block."""

    def __init__(self, fs: Any, path: str, name: str) -> None:
        try:
            self._handle = fs.open(path, "rb")
            self._parquet = pq.ParquetFile(self._handle)
        except (pa.ArrowInvalid, OSError) as error:
            raise RequestError(f"{name} is not a readable Parquet file") from error

    def __enter__(self) -> pq.ParquetFile:
        return self._parquet

    def __exit__(self, *unused: object) -> None:
        self._handle.close()


def _with_id(fields: pa.Schema, mapping: ColumnMap) -> pa.Schema:
    """The schema, with a column for the note id where the file has none."""
    have = {name.lower() for name in fields.names}
    if have.isdisjoint(name.lower() for name in mapping.note_id):
        return fields.append(pa.field(mapping.note_id[0], pa.string()))
    return fields


def _holds_spans(kind: pa.DataType) -> bool:
    if pt.is_null(kind):
        return True
    if not (pt.is_list(kind) or pt.is_large_list(kind)) or not pt.is_struct(kind.value_type):
        return False
    struct = kind.value_type
    types = {struct.field(at).name: struct.field(at).type for at in range(struct.num_fields)}
    return (
        all(name in types and (pt.is_integer(types[name]) or pt.is_null(types[name])) for name in ("start", "end"))
        and "label" in types
        and any(test(types["label"]) for test in (pt.is_string, pt.is_large_string, pt.is_dictionary, pt.is_null))
    )


def _stretches(parquet: pq.ParquetFile, rows: int) -> Iterator[pa.Table]:
    """The file's rows, `rows` at a time whatever its row groups."""
    held = parquet.schema_arrow.empty_table()
    for batch in parquet.iter_batches(batch_size=rows, use_threads=False):
        held = pa.concat_tables([held, pa.Table.from_batches([batch])])
        while held.num_rows >= rows:
            yield held.slice(0, rows)
            held = held.slice(rows)
    if held.num_rows:
        yield held


def _parts(span: dict[str, Any] | None) -> tuple[Any, ...]:
    return (None, None, None) if span is None else (span["start"], span["end"], span["label"])


def _checked(span: tuple[Any, ...], text: str | None, place: str) -> GoldSpan:
    start, end, label = span
    length = len(text or "")
    if start is None or end is None or not 0 <= start < end <= length:
        raise RequestError(
            f"{place}: the gold span [{start}, {end}) does not lie in its text of {length} characters; offsets are "
            "Python string indices, half open"
        )
    if not label:
        raise RequestError(f"{place}: the gold span [{start}, {end}) has no label")
    return GoldSpan(start, end, label)
