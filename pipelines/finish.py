"""After the last split: the run's account is drawn up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.io.ledger import Receipt
from transforms import schema

if TYPE_CHECKING:
    from transforms.deid.attestation import Counted


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
