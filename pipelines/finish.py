"""After the last split: admissions are scored, and the run's account is drawn up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.io.ledger import CHUNKS, Receipt, part_name
from pipelines.io.sink import encode
from pipelines.io.storage import Folder, open_filesystem
from pipelines.tables import CHUNKS as CHUNK_FIELDS
from pipelines.tables import with_run_id
from transforms import schema
from transforms.readmission import admission_probability

if TYPE_CHECKING:
    from transforms.deid.attestation import Counted

_FOLD_ROWS = 200_000  # rows of chunk sums held before they are folded into one row per encounter


def write_readmission(folder: Folder, splits: Iterable[str], run_id: str) -> int:
    """Groups the notes' chunk scores by encounter and writes the table `readmission`.

    Memory grows with the number of encounters, not of notes. An encounter whose notes are all too short for a chunk
    has a row with a null probability.

    Returns:
        The number of encounters.
    """
    fs, _ = open_filesystem(folder.uri)
    folded = CHUNK_FIELDS.append(pa.field("n_notes", pa.int32())).empty_table()
    waiting: list[pa.Table] = []
    held = 0
    for split in splits:
        with fs.open(folder.path(f"{CHUNKS}/{part_name(split)}"), "rb") as handle:
            part = pq.read_table(handle)
        waiting.append(part.append_column("n_notes", pa.array([1] * part.num_rows, pa.int32())))
        held += part.num_rows
        if held >= _FOLD_ROWS:
            folded, waiting, held = _fold([folded, *waiting]), [], 0
    folded = _fold([folded, *waiting]).sort_by("encounter_id")
    scores = zip(*(folded[name].to_pylist() for name in ("max_chunk", "sum_chunk", "n_chunks")), strict=True)
    admissions = [(admission_probability(top, total, n), total / n) if n else (None, None) for top, total, n in scores]
    table = pa.table(
        {
            "encounter_id": folded["encounter_id"],
            "patient_id": folded["patient_id"],
            "probability": pa.array([probability for probability, _ in admissions], pa.float64()),
            "n_notes": folded["n_notes"],
            "n_chunks": folded["n_chunks"],
            "max_chunk": folded["max_chunk"],
            "mean_chunk": pa.array([mean for _, mean in admissions], pa.float64()),
        }
    )
    folder.put(
        f"readmission/{part_name('encounters')}", encode(with_run_id(table, schema.TABLES["readmission"], run_id))
    )
    return int(table.num_rows)


def _fold(parts: list[pa.Table]) -> pa.Table:
    grouped = (
        pa.concat_tables(parts)
        .group_by("encounter_id", use_threads=False)
        .aggregate(
            [("patient_id", "min"), ("n_chunks", "sum"), ("max_chunk", "max"), ("sum_chunk", "sum"), ("n_notes", "sum")]
        )
    )
    columns = {
        "encounter_id": grouped["encounter_id"],
        "patient_id": grouped["patient_id_min"],
        "n_chunks": grouped["n_chunks_sum"],
        "max_chunk": grouped["max_chunk_max"],
        "sum_chunk": grouped["sum_chunk_sum"],
        "n_notes": grouped["n_notes_sum"],
    }
    fields = CHUNK_FIELDS.append(pa.field("n_notes", pa.int32()))
    return pa.table([columns[field.name].cast(field.type) for field in fields], schema=fields)


def account(receipts: Mapping[str, Receipt]) -> dict[str, Any]:
    """The sums over all receipts: rows, rejects by reason, rows per table, tokens, seconds per stage."""
    rejects: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    size: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    workers: dict[str, Mapping[str, Any]] = {}
    encoded: dict[str, Counter[str]] = {}
    for receipt in receipts.values():
        rejects.update(receipt.rejects)
        seconds.update(receipt.seconds)
        for name, counts in receipt.encoded.items():
            encoded.setdefault(name, Counter()).update(counts)
        for table, facts in receipt.tables.items():
            rows[table] += facts["rows"]
            size[table] += facts["bytes"]
        for worker in receipt.workers:
            workers[f"{worker['host']}/{worker['pid']}/{'+'.join(worker['stages'])}"] = worker
    return {
        "splits": len(receipts),
        "rows_read": sum(receipt.rows_read for receipt in receipts.values()),
        "rows_written": sum(receipt.rows_written for receipt in receipts.values()),
        "rows_rejected": sum(receipt.rows_rejected for receipt in receipts.values()),
        "rows_skipped": sum(receipt.rows_skipped for receipt in receipts.values()),
        "rejects": dict(sorted(rejects.items())),
        "tables": {name: rows[name] for name in (*schema.TABLES,) if name in rows},
        "bytes": {name: size[name] for name in (*schema.TABLES,) if name in size},
        "tokens": sum(receipt.tokens for receipt in receipts.values()),
        "encoded": {name: _with_saved(counts) for name, counts in encoded.items()},
        "stage_seconds": {name: round(value, 2) for name, value in seconds.items()},
        "workers": [workers[key] for key in sorted(workers)],
    }


def _with_saved(counts: Counter[str]) -> dict[str, float]:
    """The sums of an encoder, and the share of positions that were not computed because they are repeated."""
    repeated, computed = counts["repeated_positions"], counts["positions"]
    return {**counts, "saved": round(repeated / (repeated + computed), 4) if repeated else 0.0}


def count_deidentified(receipts: Mapping[str, Receipt]) -> Counted:
    """What an attestation needs of the receipts, those of earlier attempts too."""
    from transforms.deid.attestation import Counted

    phi: dict[str, Counter[str]] = {}
    rejects: Counter[str] = Counter()
    canaries: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    unproven = 0
    for receipt in receipts.values():
        rejects.update(receipt.rejects)
        for name, counts in receipt.phi.items():
            phi.setdefault(name, Counter()).update(counts)
        tested = [worker for worker in receipt.workers if "canary" in worker]
        unproven += not tested
        for worker in tested:
            canaries[(worker["host"], worker["pid"], *worker["stages"], *worker["devices"])] = worker["canary"]
    return Counted(
        notes_read=sum(receipt.rows_read for receipt in receipts.values()),
        notes_written=sum(receipt.rows_written for receipt in receipts.values()),
        notes_rejected=sum(receipt.rows_rejected for receipt in receipts.values()),
        rejects=dict(sorted(rejects.items())),
        phi=phi,
        canaries=[canaries[key] for key in sorted(canaries)],
        unproven=unproven,
    )
