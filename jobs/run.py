"""The main job: notes in Parquet to de-identified, structured tables."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from jobs.config import Job
from pipelines.engines import Engine
from pipelines.errors import RequestError, RunError
from pipelines.finish import account, write_readmission
from pipelines.io.ledger import KEY, Ledger, Receipt
from pipelines.io.source import ParquetSource
from pipelines.io.storage import TEMPORARY, Folder
from pipelines.plan import Plan
from transforms.assertion.stage import Assertion
from transforms.clinical_bert.checkpoints import Checkpoint, CheckpointError, resolve, shipped
from transforms.clinical_bert.stage import ClinicalBert
from transforms.deid.pseudonyms import Key, Pseudonyms
from transforms.deid.stage import Deidentify
from transforms.deid.tagger import ReplicaTagger
from transforms.sections.stage import Sections
from transforms.stage import Resources, Stage
from transforms.validate import Validate

log = logging.getLogger(__name__)

KEY_VARIABLE = "NOTEMILL_KEY"
PACKAGES = ("apache-beam", "ray", "torch", "transformers", "pyarrow", "presidio-analyzer", "spacy", "fsspec")


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
        warnings: what the user should know.
    """

    manifest: Mapping[str, Any]
    resumed: int
    warnings: tuple[str, ...]


def checkpoints(job: Job) -> dict[str, Checkpoint]:
    """The checkpoint of every head that the job uses.

    Raises:
        RequestError: a checkpoint cannot be read, or lacks the head's weights.
    """
    heads = list(job.model.heads) if "clinical_bert" in job.stages else []
    if job.deidentify.tagger:
        heads.append("deid")
    try:
        chosen = {head: getattr(job.model, head) for head in heads}
        return {head: resolve(spec, head) if spec else shipped(head) for head, spec in chosen.items()}
    except CheckpointError as error:
        raise RequestError(str(error)) from error


def stages(job: Job, models: Mapping[str, Checkpoint]) -> tuple[Stage, ...]:
    """The job's stages, in order."""
    model = job.model
    tagger = (
        ReplicaTagger(
            models["deid"],
            threshold=job.deidentify.threshold,
            precision=model.precision,
            window=model.window,
            threads=model.threads,
        )
        if job.deidentify.tagger
        else None
    )
    made: dict[str, Stage] = {
        "validate": Validate(max_characters=job.max_characters),
        "deidentify": Deidentify(mode=job.deidentify.mode, tagger=tagger),
        "sections": Sections(),
        "assertion": Assertion(),
    }
    if "clinical_bert" in job.stages:
        made["clinical_bert"] = ClinicalBert(
            heads=tuple((head, models[head]) for head in model.heads),
            precision=model.precision,
            window=model.window,
            threads=model.threads,
            resources=Resources(cpus=1.0, gpus=job.ray.num_gpus),
        )
    return tuple(made[name] for name in job.stages)


def key_for(output: Folder, *, fresh: bool) -> tuple[Key, tuple[str, ...]]:
    """The key of the pseudonyms: from the environment, from the run that is resumed, or a new random one."""
    if text := os.environ.get(KEY_VARIABLE):
        return Key.from_text(text), ()
    warning = f"{KEY_VARIABLE} is not set: ids are made with a random key and will not join across runs"
    if not fresh and (kept := output.get(KEY)) is not None:
        return Key.from_text(kept.decode()), (warning,)
    return Key.random(), (warning,)


def plan_job(job: Job, *, fresh: bool = False) -> tuple[Plan, tuple[str, ...]]:
    """Everything that can be refused is refused here, before any work.

    Returns:
        The plan, and warnings for the user.

    Raises:
        RequestError: see its message.
    """
    source = ParquetSource(job.input, job.column_map(), job.split_rows)
    models = checkpoints(job)
    output = Folder(job.output)
    if source.contains(job.output):
        raise RequestError(f"the output {job.output} lies in the input; a later run would read its tables as notes")
    key, warnings = key_for(output, fresh=fresh)
    plan = Plan(
        source=source,
        pseudonyms=Pseudonyms(key, job.ids),
        stages=stages(job, models),
        output=job.output,
        version=importlib.metadata.version("notemill"),
    )
    plan.check()
    _ = source.files  # reads every footer
    output.check_writable()
    return plan, warnings


def engine_for(job: Job) -> Engine:
    """The engine that the job names. Only the one that is used is imported."""
    if job.engine == "ray":
        from pipelines.engines.ray import RayEngine

        return RayEngine(job.ray.address, job.ray.replicas, job.ray.logical_gpus, job.ray.num_cpus)
    if job.engine == "beam":
        from pipelines.engines.beam import BeamEngine

        return BeamEngine(tuple(job.beam.options))
    from pipelines.engines.local import LocalEngine

    return LocalEngine()


def run(job: Job, progress: Progress, *, fresh: bool = False) -> Outcome:
    """Runs a job to its end, or goes on with one that was stopped.

    Raises:
        RequestError: the request was wrong; nothing was started.
        RunError: the run failed, or rows are unaccounted for. What is finished stays; the same command goes on.
    """
    plan, warnings = plan_job(job, fresh=fresh)
    return execute(plan, engine_for(job), progress, facts=_facts(job), fresh=fresh, warnings=warnings)


def execute(
    plan: Plan,
    engine: Engine,
    progress: Progress,
    *,
    facts: Mapping[str, Any],
    fresh: bool = False,
    warnings: tuple[str, ...] = (),
) -> Outcome:
    """Runs a checked plan on an engine; see `run`."""
    ledger = Ledger(plan.folder)
    ledger.begin(plan.identity(), fresh=fresh)
    if not os.environ.get(KEY_VARIABLE):
        plan.folder.put(KEY, plan.pseudonyms.key.secret)
    receipts = ledger.receipts()
    resumed = len(receipts)
    expected = {split.id: split for split in plan.source.splits()}
    left = list(plan.source.tasks(frozenset(receipts)))
    manifest = ledger.manifest()
    if manifest is not None and not left:
        return Outcome(manifest, resumed, warnings)
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
        sums["tables"]["readmission"] = write_readmission(plan.folder, sorted(receipts), plan.run_id)
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
    plan.folder.remove(TEMPORARY)
    ledger.finish(manifest)
    return Outcome(manifest, resumed, warnings)


def _balance(expected: Mapping[str, Any], receipts: Mapping[str, Receipt]) -> None:
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


def _facts(job: Job) -> dict[str, Any]:
    models = {
        head: {"source": found.source, "revision": found.revision, "sha256": found.sha256}
        for head, found in checkpoints(job).items()
    }
    versions = {name: importlib.metadata.version(name) for name in ("notemill", *PACKAGES)}
    return {
        "engine": job.engine,
        "job": job.model_dump(),
        "checkpoints": models,
        "versions": {"python": platform.python_version(), **versions},
    }


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
