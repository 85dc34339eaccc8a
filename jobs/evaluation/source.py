"""Notes with gold, out of Parquet, in bounded memory.

Two shapes: Parquet that holds text and gold in its rows, or a folder of `notemill generate`, where part `k` of the
gold belongs to part `k` of the notes. `[columns]` of the job names the other columns as it does for a run. What the
gold looks like is the business of a `Gold`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Generic, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.errors import RequestError
from pipelines.io.columns import ColumnMap, check_schema, to_notes
from pipelines.io.source import find_files
from pipelines.io.storage import open_filesystem

DOC_ID: Final = "doc_id"
SPLIT: Final = "split"
TRAIN: Final = "train"
ALL: Final = "all"
_ROW: Final = "row "
"""A note without an id is known by its row; the word keeps the id from matching a number in the text."""

G = TypeVar("G")
G_co = TypeVar("G_co", covariant=True)


class Gold(Protocol[G_co]):
    """How one kind of gold is written."""

    @property
    def table(self) -> str | None:
        """The table of a generated folder that holds it; None where there is none."""
        ...

    @property
    def key(self) -> str:
        """The column by which that table belongs to notes: `note_id` or `encounter_id`."""
        ...

    def check(self, fields: pa.Schema, name: str) -> None:
        """Refuses a file whose gold cannot be read.

        Raises:
            RequestError: a column is missing or has the wrong type.
        """
        ...

    def prepare(self, rows: pa.Table) -> pa.Table:
        """Adds what the rows tell in another way (the text of tokens)."""
        ...

    def parse(self, row: dict[str, Any], text: str | None, place: str) -> G_co:
        """The gold of one row.

        Raises:
            RequestError: it is wrong; `place` names the row.
        """
        ...

    def generated(self, rows: list[dict[str, Any]], text: str | None, place: str) -> G_co:
        """The gold of one generated note, out of the rows of `table` that belong to it."""
        ...


@dataclass(frozen=True)
class GoldNotes(Generic[G]):
    """A stretch of notes.

    Attributes:
        notes: columns `schema.READ_COLUMNS`.
        ids: what each note is called outside, see `GoldSource.id_field`.
        units: what each note is drawn with, see `bootstrap`.
        gold: of each note.
    """

    notes: pa.Table
    ids: list[Any]
    units: list[str]
    gold: list[G]


@dataclass(frozen=True)
class GoldSource(Generic[G]):
    """Notes with gold.

    Attributes:
        uri: a Parquet file, a folder of them, a glob, or a folder of `notemill generate`.
        mapping: the columns.
        rows: how many notes come at once.
        shape: how the gold is written.
        split: which rows of a column `split` are read; `all` for all; None for those that are not `train`.
    """

    uri: str
    mapping: ColumnMap
    rows: int
    shape: Gold[G]
    split: str | None = ALL

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        return open_filesystem(self.uri)

    @cached_property
    def is_generated(self) -> bool:
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

    @property
    def columns(self) -> list[str]:
        """The columns that all files have."""
        first, *others = self._schemas.values()
        return [name for name in first.names if all(name in fields.names for fields in others)]

    def has(self, column: str) -> bool:
        """Whether all files have this column."""
        return column in self.columns

    def check(self) -> None:
        """Refuses an input that cannot be read.

        Raises:
            RequestError: a file or a column is missing or has the wrong type.
        """
        if self.is_generated and self.shape.table is None:
            raise RequestError(f"{self.uri} is a folder of generated notes, which hold no gold of this kind")
        for name, fields in self._schemas.items():
            if not self.is_generated:
                self.shape.check(fields, name)
            check_schema(self.mapping, self._as_read(fields), name)
            if self.split not in (None, ALL) and SPLIT not in fields.names:
                raise RequestError(f"{name} has no column {SPLIT}, so --split {self.split} cannot be chosen")

    def read(self) -> Iterator[GoldNotes[G]]:
        """All notes, stretch by stretch, as a run would split them.

        Raises:
            RequestError: gold is wrong or belongs to no note, or no row is of the split.
        """
        self.check()
        found, splits = 0, set()
        for name, path in self.files.items():
            gold = self._generated_gold(name) if self.is_generated else None
            seen = 0
            with _opened_parquet(self._opened[0], path, name) as parquet:
                for batch in _stretches(parquet, self.rows):
                    if SPLIT in batch.column_names:
                        splits |= set(pc.unique(batch[SPLIT]).to_pylist())
                    part = self._stretch(name, batch, seen, gold)
                    seen += batch.num_rows
                    found += part.notes.num_rows
                    if part.notes.num_rows:
                        yield part
            if gold and self.shape.key == "note_id":
                raise RequestError(f"the gold of {name} has spans of {len(gold)} notes that are not among its notes")
        if not found:
            there = ", ".join(sorted(map(str, splits)))
            raise RequestError(
                f"{self.uri} has no row of the split {self.split}; there are: {there}; choose with --split"
                if self.split not in (None, ALL)
                else f"{self.uri} has no rows to measure on{f'; choose with --split: {there}' if there else ''}"
            )

    def _stretch(
        self, name: str, batch: pa.Table, first: int, gold: dict[str, list[dict[str, Any]]] | None
    ) -> GoldNotes[G]:
        numbers = list(range(first, first + batch.num_rows))
        fields = self._as_read(batch.schema)
        if not self.is_generated:
            batch = self.shape.prepare(batch)
        if len(fields) > batch.num_columns:
            batch = batch.append_column(fields.field(-1), pa.array([f"{_ROW}{row}" for row in numbers]))
        if self.split != ALL and SPLIT in batch.column_names:
            splits = batch[SPLIT].to_pylist()
            kept = [at for at, of_row in enumerate(splits) if (of_row == self.split if self.split else of_row != TRAIN)]
            batch, numbers = batch.take(pa.array(kept, pa.int64())), [numbers[at] for at in kept]
        notes, _ = to_notes(batch, check_schema(self.mapping, fields, name), first)
        if notes.num_rows != batch.num_rows:
            raise RequestError("a preset that skips rows cannot be measured: name the columns with [columns]")
        note_ids, texts = notes["note_id"].to_pylist(), notes["text"].to_pylist()
        places = [f"{name}, row {number}" for number in numbers]
        if gold is None:
            found = [self.shape.parse(*row) for row in zip(batch.to_pylist(), texts, places, strict=True)]
        else:
            rows = [gold.get(key, []) for key in notes[self.shape.key].to_pylist()]
            for note_id in note_ids:
                gold.pop(note_id, None)
            found = [self.shape.generated(*row) for row in zip(rows, texts, places, strict=True)]
        ids = batch[DOC_ID].to_pylist() if self.id_field.name == DOC_ID else note_ids
        return GoldNotes(notes, ids, _units(notes, ids), found)

    def _as_read(self, fields: pa.Schema) -> pa.Schema:
        """The schema with what is added to it: last, a column for the note id where the file has none."""
        if not self.is_generated:
            fields = self.shape.prepare(fields.empty_table()).schema
        have = {name.lower() for name in fields.names}
        if have.isdisjoint(name.lower() for name in self.mapping.note_id):
            return fields.append(pa.field(self.mapping.note_id[0], pa.string()))
        return fields

    def _generated_gold(self, name: str) -> dict[str, list[dict[str, Any]]]:
        fs, root = self._opened
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        file = f"gold/{self.shape.table}/{name}"
        path = f"{root.rstrip('/')}/{file}"
        if not fs.isfile(path):
            raise RequestError(f"{self.uri} has no {file}")
        with _opened_parquet(fs, path, file) as parquet:
            for row in parquet.read().to_pylist():
                found[row[self.shape.key]].append(row)
        return dict(found)


def _units(notes: pa.Table, ids: list[Any]) -> list[str]:
    columns = zip(notes["patient_id"].to_pylist(), notes["encounter_id"].to_pylist(), ids, strict=True)
    return [
        f"patient {patient}" if patient else f"encounter {encounter}" if encounter else f"note {note}"
        for patient, encounter, note in columns
    ]


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
