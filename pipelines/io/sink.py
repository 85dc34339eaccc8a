"""Writes a split: its tables under names that its id alone decides, then its receipt."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import tables
from pipelines.io.ledger import CHUNKS, Ledger, Receipt, part_name
from pipelines.io.storage import Folder
from pipelines.parcel import Parcel
from transforms import schema


def encode(table: pa.Table) -> bytes:
    """A table as a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


@dataclass(frozen=True)
class Sink:
    """Writes parcels under `output`.

    Attributes:
        tables: name and schema of the tables made of living notes; `rejects` is always written.
        top_chunks: of each note so many chunks are kept for the table `readmission`; None: no scores are kept.
    """

    output: str
    run_id: str
    tables: Mapping[str, pa.Schema]
    top_chunks: int | None

    def write(self, parcel: Parcel) -> Receipt:
        """Writes the split's tables and then its receipt; written again, it replaces the same files."""
        folder = Folder(self.output)
        living = tables.alive(parcel.notes)
        rejects = tables.rejected(parcel.notes, parcel.split.id)
        parts = {"rejects": tables.with_run_id(rejects, schema.TABLES["rejects"], self.run_id)}
        for table in tables.TABLES:
            if table.name in self.tables:
                parts[table.name] = tables.with_run_id(table.rows(living), self.tables[table.name], self.run_id)
        if self.top_chunks is not None:
            parts[CHUNKS] = tables.chunk_sums(living, self.top_chunks)
        facts: dict[str, dict[str, int]] = {}
        for name, rows in parts.items():
            data = encode(rows)
            folder.put(f"{name}/{part_name(parcel.split.id)}", data)
            facts[name] = {"rows": rows.num_rows, "bytes": len(data)}
        reasons = Counter(zip(rejects["stage"].to_pylist(), rejects["error"].to_pylist(), strict=True))
        receipt = Receipt(
            split=parcel.split.id,
            start=parcel.split.start,
            rows_read=parcel.notes.num_rows,
            rows_written=facts["notes"]["rows"],
            rows_rejected=rejects.num_rows,
            rows_skipped=parcel.skipped,
            rejects={f"{stage}/{error}": n for (stage, error), n in sorted(reasons.items())},
            tables=facts,
            phi=_counts(parts["phi"]) if "phi" in parts else {},
            tokens=_tokens(living),
            encoded=_encoded(parcel.notes, living),
            seconds={name: round(value, 4) for name, value in parcel.seconds.items()},
            started=parcel.started,
            finished=time.time(),
            workers=parcel.workers,
        )
        Ledger(folder).write(receipt)
        return receipt

    def write_empty(self) -> dict[str, int]:
        """Writes each table without rows, so that an empty input still gives tables with their schemas."""
        empty = {"rejects": schema.TABLES["rejects"], **self.tables}
        for name, fields in empty.items():
            Folder(self.output).put(f"{name}/{part_name('empty')}", encode(fields.empty_table()))
        return dict.fromkeys(empty, 0)


def _counts(phi: pa.Table) -> dict[str, dict[str, int]]:
    """Rows of the table `phi` by label, by Safe Harbor class and by recognizer."""
    columns = {"label": "label", "class": "safe_harbor", "recognizer": "recognizer"}
    return {name: dict(sorted(Counter(phi[column].to_pylist()).items())) for name, column in columns.items()}


def _tokens(notes: pa.Table) -> int:
    if "n_tokens" not in notes.column_names:
        return 0
    return pc.sum(notes["n_tokens"]).as_py() or 0


def _encoded(notes: pa.Table, living: pa.Table) -> dict[str, dict[str, int]]:
    """What the encoders did, by the column that says it.

    Only `truncated_tokens` is summed over the notes that were rejected too: a note with any is.
    """
    sums = {
        name: {field.name: _sum(living[name], field.name) for field in schema.ENCODED.fields}
        for name in ("tagged", "encoded")
        if name in notes.column_names
    }
    for name, counts in sums.items():
        counts["truncated_tokens"] = _sum(notes[name], "truncated_tokens")
    return sums


def _sum(structs: pa.ChunkedArray, field: str) -> int:
    return pc.sum(pc.struct_field(structs, field)).as_py() or 0
