"""Runs a checked plan on an engine: what is left to do, its progress, its account, its manifest."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pipelines.admissions import write_readmission
from pipelines.engines import Engine
from pipelines.errors import RunError
from pipelines.finish import account, count_deidentified
from pipelines.io.ledger import KEY, Ledger, Receipt
from pipelines.io.source import Split
from pipelines.io.storage import TEMPORARY
from pipelines.plan import Plan

if TYPE_CHECKING:
    from transforms.deid.attestation import Attestor


class Progress(Protocol):
    """Told of a run's advance."""

    def start(self, rows: int, done: int) -> None: ...

    def advance(self, receipt: Receipt) -> None: ...

    def stop(self) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """A complete run.

    Attributes:
        manifest: the content of `_run.json`.
        resumed: splits that an earlier attempt had finished.
    """

    manifest: Mapping[str, Any]
    resumed: int


def execute(
    plan: Plan,
    engine: Engine,
    progress: Progress,
    *,
    facts: Mapping[str, Any],
    fresh: bool = False,
    keep_key: bool = False,
) -> Outcome:
    """Runs a plan to its end, or goes on with a run of the same plan that was stopped.

    Args:
        facts: what the manifest shall say besides.
        fresh: remove what an earlier run wrote under the output.
        keep_key: the key of the pseudonyms is random: keep it beside the crosswalk, so that the run can be resumed.

    Raises:
        RequestError: the output belongs to another run; nothing was started.
        RunError: the run failed, or rows are unaccounted for. What is finished stays.
    """
    ledger = Ledger(plan.folder)
    ledger.begin(plan.identity(), fresh=fresh)
    if keep_key:
        plan.folder.put(KEY, plan.pseudonyms.key.secret, private=True)
    receipts = ledger.receipts()
    resumed = len(receipts)
    expected = {split.id: split for split in plan.source.splits()}
    left = list(plan.source.tasks(frozenset(receipts)))
    manifest = ledger.manifest()
    if manifest is not None and not left and all(plan.folder.sizes(table) for table in manifest["tables"]):
        return Outcome(manifest, resumed)
    attestor = _attestor(plan)
    started = time.time()
    fresh_receipts: dict[str, Receipt] = {}
    progress.start(sum(split.rows for split in expected.values()), sum(expected[split].rows for split in receipts))
    try:
        if left:
            for receipt in engine.run(plan, left):
                fresh_receipts[receipt.split] = receipt
                progress.advance(receipt)
    finally:
        progress.stop()
    receipts |= fresh_receipts
    _balance(expected, receipts)
    sums = account(receipts)
    if not receipts:
        sums["tables"] = plan.sink.write_empty()
    if plan.scores_readmission:
        admissions = write_readmission(
            plan.folder, sorted(receipts), plan.run_id, plan.readmission, notes=sums["rows_written"]
        )
        sums["tables"]["readmission"] = admissions.admissions
        sums["readmission"] = admissions.to_json()
    manifest = {
        "run_id": plan.run_id,
        "status": "complete",
        "fingerprint": plan.identity()["fingerprint"],
        "started": _moment(started),
        "finished": _moment(time.time()),
        **_speed(fresh_receipts),
        **sums,
        **facts,
        "stages": plan.content["stages"],
        "files": len(plan.source.files),
    }
    if attestor is not None:
        began = min((receipt.started for receipt in receipts.values()), default=started)
        counted = count_deidentified(receipts)
        manifest["deidentification"] = attestor.attest(counted, _moment(began), manifest["finished"])
    ledger.finish(manifest)
    plan.folder.remove(TEMPORARY)
    return Outcome(manifest, resumed)


def _attestor(plan: Plan) -> Attestor | None:
    """Who will attest the run's de-identification; None where stages that are not ours de-identify."""
    if not any(stage.name == "find_phi" for stage in plan.stages):
        return None
    from transforms.deid.attestation import Attestor

    return Attestor(plan.stages, plan.pseudonyms, [label for label, _ in plan.source.mapping.known])


def _balance(expected: Mapping[str, Split], receipts: Mapping[str, Receipt]) -> None:
    wrong = [
        split
        for split, facts in expected.items()
        if split not in receipts
        or not receipts[split].balanced
        or receipts[split].rows_read + receipts[split].rows_skipped != facts.rows
    ]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise RunError(f"rows are unaccounted for in {len(wrong)} splits: {', '.join(wrong[:5])}{more}")


def _speed(receipts: Mapping[str, Receipt]) -> dict[str, Any]:
    """Notes and tokens per second of this attempt, from the first split's start, so without loading models."""
    if not receipts:
        return {"seconds": 0.0, "notes_per_second": 0.0, "tokens_per_second": 0.0}
    seconds = max(r.finished for r in receipts.values()) - min(r.started for r in receipts.values())
    notes = sum(r.rows_read for r in receipts.values())
    tokens = sum(r.tokens for r in receipts.values())
    return {
        "seconds": round(seconds, 2),
        "notes_per_second": round(notes / seconds, 2) if seconds > 0 else 0.0,
        "tokens_per_second": round(tokens / seconds, 1) if seconds > 0 else 0.0,
    }


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
