"""Small real stages and notes for tests of how notes flow."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.io.columns import PRESETS, ColumnMap
from pipelines.io.ledger import Receipt
from pipelines.io.source import ParquetSource
from pipelines.plan import Plan
from transforms import schema
from transforms.deid.pseudonyms import Key, Pseudonyms
from transforms.readmission import ReadmissionOptions
from transforms.readmission.stage import PlaceNotes
from transforms.stage import NoteError, Resources, Stage, with_column

KEY = Key.from_text("the key of tests")


def notes_table(count: int, seed: int = 0, **columns: Any) -> pa.Table:
    """Synthetic rows in the plain preset's columns."""
    rng = random.Random(seed)
    words = ["pain", "chest", "denies", "fever", "BP", "120/80", "stable", "plan", "follow", "up"]
    table = {
        "note_id": [f"n{seed}-{i:06}" for i in range(count)],
        "patient_id": [f"p{i // 4}" for i in range(count)],
        "encounter_id": [f"e{i // 2}" if i % 5 else None for i in range(count)],
        "note_type": ["progress"] * count,
        "text": [f"Note {i} SECRET{i} " + " ".join(rng.choices(words, k=rng.randint(3, 60))) for i in range(count)],
    }
    return pa.table({**table, **columns})


def write_notes(path: Path, table: pa.Table, **options: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)
    return str(path)


class _Work:
    def close(self) -> None:
        """Nothing to release."""


@dataclass(frozen=True)
class Scrub:
    """Takes the place of `deidentify`: removes the word that begins with SECRET."""

    name: ClassVar[str] = "deidentify"
    reads: ClassVar[pa.Schema] = schema.columns("text", "note_type", "note_time", "patient_name")
    adds: ClassVar[pa.Schema] = schema.columns(
        "text", "note_type", "note_time", "admit_time", "patient_name", "known_phi", "phi"
    )
    resources: ClassVar[Resources] = Resources()

    def open(self) -> _Scrubbing:
        return _Scrubbing()


class _Scrubbing(_Work):
    def process(self, notes: pa.Table) -> pa.Table:
        clean = pc.replace_substring_regex(notes["text"], r"SECRET\d+", "[IDNUM]")
        notes = with_column(notes, schema.IN_FLIGHT.field("text"), clean)
        for name in ("admit_time", "patient_name", "known_phi"):
            notes = with_column(notes, schema.IN_FLIGHT.field(name), [None] * notes.num_rows)
        return with_column(notes, schema.IN_FLIGHT.field("phi"), [[] for _ in range(notes.num_rows)])


@dataclass(frozen=True)
class Count:
    """Counts words as tokens and scores chunks; may fail, hang on to memory, or take its time.

    Attributes:
        fails_on: raises on texts that hold this.
        refuses_on: raises NoteError on texts that hold this.
        most: raises MemoryError on more notes than this at once.
        seconds: sleeps so long for each call.
    """

    fails_on: str = ""
    refuses_on: str = ""
    most: int = 0
    seconds: float = 0.0
    gpus: float = 0.0
    name: ClassVar[str] = "count"
    reads: ClassVar[pa.Schema] = schema.columns("text")
    adds: ClassVar[pa.Schema] = schema.columns("chunk_scores", "n_tokens")

    @property
    def resources(self) -> Resources:
        return Resources(gpus=self.gpus)

    def open(self) -> _Counting:
        return _Counting(self)


class _Counting(_Work):
    def __init__(self, spec: Count) -> None:
        self._spec = spec

    def process(self, notes: pa.Table) -> pa.Table:
        spec = self._spec
        time.sleep(spec.seconds)
        if spec.most and notes.num_rows > spec.most:
            raise MemoryError(f"cannot hold {notes['text'][0]}")
        texts = notes["text"].to_pylist()
        for text in texts:
            if spec.fails_on and spec.fails_on in text:
                raise ValueError(f"cannot read {text}")
            if spec.refuses_on and spec.refuses_on in text:
                raise NoteError("refused by its mark")
        counts = [len(text.split()) for text in texts]
        chunks = [[{"start": i, "end": i + 1, "score": 1 / (i + n)} for i in range(n % 4)] for n in counts]
        notes = with_column(notes, schema.IN_FLIGHT.field("chunk_scores"), chunks)
        return with_column(notes, schema.IN_FLIGHT.field("n_tokens"), counts)


def make_plan(
    input: str,
    output: Path | str,
    *stages: Stage,
    split_rows: int = 10,
    mapping: ColumnMap = PRESETS["notemill"],
    readmission: ReadmissionOptions = ReadmissionOptions(),  # noqa: B008 - frozen
) -> Plan:
    """A plan of `Scrub` and further stages."""
    source = ParquetSource(input, mapping, split_rows)
    places = (PlaceNotes(KEY, readmission),) if readmission.mode != "all" else ()
    return Plan(source, Pseudonyms(KEY), (*places, Scrub(), *stages), str(output), "test", readmission)


class Quiet:
    """A progress that only counts."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.rows = self.done = 0

    def start(self, rows: int, done: int) -> None:
        self.rows, self.done = rows, done

    def advance(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)

    def stop(self) -> None:
        """Nothing to put away."""


def read_tables(output: Path | str) -> dict[str, pa.Table]:
    """Every table under an output, sorted by all that can be sorted."""
    tables: dict[str, pa.Table] = {}
    for name, fields in schema.TABLES.items():
        folder = Path(output) / name
        if not folder.is_dir():
            continue
        parts = [pq.read_table(folder / part) for part in sorted(os.listdir(folder)) if part.endswith(".parquet")]
        keys = [
            (n, "ascending") for n in ("note_id", "encounter_id", "row", "section_id", "start") if n in fields.names
        ]
        tables[name] = pa.concat_tables(parts).sort_by(keys) if parts else fields.empty_table()
    return tables
