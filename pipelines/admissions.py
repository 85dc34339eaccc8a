"""After the last split: the notes of each admission are brought together and scored.

Each split leaves a row for each of its notes (`tables.CHUNKS`). Memory grows with neither notes nor admissions: of
many, so many at a time are gathered by a pass over the rows. Sums are of whole numbers, so a table does not depend on
how its notes fell into splits.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.io.ledger import CHUNKS, part_name
from pipelines.io.sink import encode
from pipelines.io.storage import Folder, open_filesystem
from pipelines.tables import CHUNKS as ROWS
from pipelines.tables import SCORE_UNIT, with_run_id
from transforms import schema
from transforms.readmission import ReadmissionOptions, admission_probability
from transforms.readmission.stage import LATER, NO_ADMIT_TIME, NO_ENCOUNTER

ROWS_AT_ONCE: Final = 4_000_000
"""Notes whose admissions are gathered in one pass: their state takes about 300 bytes each."""

_FOLD_ROWS: Final = 200_000  # rows held before they are folded into one per admission

_FOLDED: Final = pa.schema(
    [
        ("encounter_id", pa.string()),
        ("patient_id", pa.string()),
        ("n_notes", pa.int32()),
        ("n_chunks", pa.int32()),
        ("max_chunk", pa.float64()),
        ("sum_chunk", pa.int64()),
    ]
)
_TOP: Final = pa.schema([("encounter_id", pa.string()), *((field.name, field.type) for field in schema.TOP_CHUNK)])

Parts = Callable[[], Iterator[pa.Table]]
"""The rows of all splits, from the beginning each time it is called."""


@dataclass(frozen=True)
class Account:
    """What became of the notes.

    Attributes:
        mode: of the prediction.
        admissions: rows of the table; `scored` of them have a probability.
        notes: that took part.
        left_out: reason -> notes that did not; see `transforms.readmission.stage`.
    """

    mode: str
    admissions: int
    scored: int
    notes: int
    left_out: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "left_out": dict(sorted(self.left_out.items()))}


def write_readmission(
    folder: Folder, splits: Iterable[str], run_id: str, options: ReadmissionOptions, notes: int = 0
) -> Account:
    """Writes the table `readmission`.

    An admission of whose notes none took part, or all are too short for a chunk, has a row with a null probability.

    Args:
        folder: the run's output.
        splits: ids of its splits.
        run_id: of the run.
        options: which notes take part.
        notes: of all splits, as far as known; decides in how many passes.
    """
    fs, _ = open_filesystem(folder.uri)
    names = [folder.path(f"{CHUNKS}/{part_name(split)}") for split in splits]

    def read() -> Iterator[pa.Table]:
        for name in names:
            with fs.open(name, "rb") as handle:
                yield pq.read_table(handle, schema=ROWS)

    passes = max(1, math.ceil(notes / ROWS_AT_ONCE))
    left_out: Counter[str] = Counter()
    admissions = scored = used = 0
    for number in range(passes):
        table, of_pass = score(lambda number=number: _share(read(), number, passes), options)  # type: ignore[misc]
        data = encode(with_run_id(table, schema.TABLES["readmission"], run_id))
        folder.put(f"readmission/{part_name(f'encounters-{number:05}')}", data)
        left_out.update(of_pass)
        admissions += table.num_rows
        scored += table.num_rows - table["probability"].null_count
        used += pc.sum(table["n_notes"]).as_py() or 0
    return Account(options.mode, admissions, scored, used, left_out)


def score(parts: Parts, options: ReadmissionOptions) -> tuple[pa.Table, Counter[str]]:
    """The rows of the table `readmission`, without `run_id`, and how many notes were left out why."""
    admitted = _admitted(parts()) if options.hours is not None else None
    left_out: Counter[str] = Counter()
    folded, top = _FOLDED.empty_table(), _TOP.empty_table()
    waiting: list[tuple[pa.Table, pa.Table]] = []
    held = 0
    for part in parts():
        rows, reasons = _decide(part, admitted, options)
        left_out.update(reason for reason in reasons.to_pylist() if reason is not None)
        waiting.append((_sums(rows, pc.is_null(reasons)), _tops(rows.filter(pc.is_null(reasons)))))
        held += part.num_rows
        if held >= _FOLD_ROWS:
            folded, top = _fold(folded, top, waiting, options.top_chunks)
            waiting, held = [], 0
    folded, top = _fold(folded, top, waiting, options.top_chunks)
    left_out.update({NO_ENCOUNTER: left_out.pop(NO_ENCOUNTER, 0)} if NO_ENCOUNTER in left_out else {})
    return _table(folded.filter(pc.is_valid(folded["encounter_id"])).sort_by("encounter_id"), top), left_out


def _share(parts: Iterator[pa.Table], number: int, passes: int) -> Iterator[pa.Table]:
    """The rows whose admissions belong to a pass; those of no admission belong to the first."""
    if passes == 1:
        yield from parts
        return
    for part in parts:
        places = [zlib.crc32((encounter or "").encode()) % passes for encounter in part["encounter_id"].to_pylist()]
        yield part.filter(pa.array([place == number for place in places], pa.bool_()))


def _admitted(parts: Iterator[pa.Table]) -> pa.Table:
    """The time of admission, on its own clock, of each admission that has one."""
    fields = pa.schema([ROWS.field("encounter_id"), ROWS.field("admitted")])
    folded = fields.empty_table()
    waiting: list[pa.Table] = []
    held = 0

    def fold() -> pa.Table:
        every = pa.concat_tables([folded, *waiting])
        grouped = every.group_by("encounter_id", use_threads=False).aggregate([("admitted", "min")])
        return pa.table([grouped["encounter_id"], grouped["admitted_min"]], schema=fields)

    for part in parts:
        waiting.append(part.select(fields.names).filter(pc.is_valid(part["admitted"])))
        held += waiting[-1].num_rows
        if held >= _FOLD_ROWS:
            folded, waiting, held = fold(), [], 0
    return fold()


def _decide(part: pa.Table, admitted: pa.Table | None, options: ReadmissionOptions) -> tuple[pa.Table, pa.ChunkedArray]:
    """The rows, and of each the reason why it is left out; null where it takes part."""
    none = pa.scalar(None, pa.string())
    reasons = pc.if_else(pc.is_null(part["encounter_id"]), NO_ENCOUNTER, part["left_out"])
    if admitted is not None and options.hours is not None:
        places = pc.index_in(part["encounter_id"], value_set=admitted["encounter_id"].combine_chunks())
        start = admitted["admitted"].take(places)
        reasons = pc.coalesce(reasons, pc.if_else(pc.is_null(start), NO_ADMIT_TIME, none))
        late = pc.fill_null(pc.greater(part["written"], pc.add(start, options.hours * 3600)), False)
        reasons = pc.coalesce(reasons, pc.if_else(late, LATER, none))
    return part, reasons


def _sums(rows: pa.Table, taken: pa.ChunkedArray) -> pa.Table:
    """What the formula needs of each note; a note that is left out counts for nothing but its admission's being."""
    return pa.table(
        {
            "encounter_id": rows["encounter_id"],
            "patient_id": rows["patient_id"],
            "n_notes": taken.cast(pa.int32()),
            "n_chunks": pc.if_else(taken, rows["n_chunks"], pa.scalar(0, pa.int32())),
            "max_chunk": pc.if_else(taken, rows["max_chunk"], pa.scalar(None, pa.float64())),
            "sum_chunk": pc.if_else(taken, rows["sum_chunk"], pa.scalar(0, pa.int64())),
        },
        schema=_FOLDED,
    )


def _tops(rows: pa.Table) -> pa.Table:
    """One row for each chunk that a note names."""
    lists = rows["top_chunks"].combine_chunks()
    parents, chunks = pc.list_parent_indices(lists), pc.list_flatten(lists)
    columns = [rows["encounter_id"].take(parents), rows["note_id"].take(parents)]
    return pa.table([*columns, *(pc.struct_field(chunks, field.name) for field in schema.CHUNK)], schema=_TOP)


def _fold(
    folded: pa.Table, top: pa.Table, waiting: list[tuple[pa.Table, pa.Table]], most: int
) -> tuple[pa.Table, pa.Table]:
    """One row for each admission, and its `most` highest chunks, the highest first."""
    grouped = (
        pa.concat_tables([folded, *(sums for sums, _ in waiting)])
        .group_by("encounter_id", use_threads=False)
        .aggregate(
            [("patient_id", "min"), ("n_notes", "sum"), ("n_chunks", "sum"), ("max_chunk", "max"), ("sum_chunk", "sum")]
        )
    )
    names = ("encounter_id", "patient_id_min", "n_notes_sum", "n_chunks_sum", "max_chunk_max", "sum_chunk_sum")
    columns = [grouped[name].cast(field.type) for name, field in zip(names, _FOLDED, strict=True)]
    order = [("encounter_id", "ascending"), ("score", "descending"), ("note_id", "ascending"), ("start", "ascending")]
    top = pa.concat_tables([top, *(chunks for _, chunks in waiting)]).sort_by(order)
    return pa.table(columns, schema=_FOLDED), top.filter(pa.array(_rank(top["encounter_id"]) < most))


def _rank(ids: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Of each value how many equal ones stand before it; equal ones stand together."""
    codes = ids.combine_chunks().dictionary_encode().indices.to_numpy()
    at = np.arange(len(codes))
    begins = np.concatenate([[True], codes[1:] != codes[:-1]]) if len(codes) else np.zeros(0, bool)
    return at - np.maximum.accumulate(np.where(begins, at, 0))


def _admission(max_chunk: float, sum_chunk: int, n: int) -> tuple[float | None, float | None]:
    """Probability of readmission and mean score; None where there is no chunk."""
    if not n:
        return None, None
    total = sum_chunk * SCORE_UNIT
    return admission_probability(max_chunk, total, n), total / n


def _table(folded: pa.Table, top: pa.Table) -> pa.Table:
    columns = (folded[name].to_pylist() for name in ("max_chunk", "sum_chunk", "n_chunks"))
    admissions = [_admission(*numbers) for numbers in zip(*columns, strict=True)]
    places = pc.index_in(top["encounter_id"], value_set=folded["encounter_id"].combine_chunks()).to_numpy()
    counts = np.bincount(places, minlength=folded.num_rows)
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    chunks = [top[field.name].combine_chunks() for field in schema.TOP_CHUNK]
    return pa.table(
        {
            "encounter_id": folded["encounter_id"],
            "patient_id": folded["patient_id"],
            "probability": pa.array([probability for probability, _ in admissions], pa.float64()),
            "n_notes": folded["n_notes"],
            "n_chunks": folded["n_chunks"],
            "max_chunk": folded["max_chunk"],
            "mean_chunk": pa.array([mean for _, mean in admissions], pa.float64()),
            "top_chunks": pa.ListArray.from_arrays(
                offsets, pa.StructArray.from_arrays(chunks, fields=list(schema.TOP_CHUNK))
            ),
        }
    )
