"""The main job: notes in Parquet to de-identified, structured tables."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from jobs.config import Job
from pipelines.engines import Engine
from pipelines.errors import RequestError
from pipelines.io.columns import FHIR
from pipelines.io.fhir import DocumentReferences
from pipelines.io.ledger import KEY
from pipelines.io.source import ParquetSource, Source
from pipelines.io.storage import Folder
from pipelines.plan import Plan
from pipelines.run import Outcome, Progress, execute
from transforms.clinical_bert.backends.precision import NEEDS
from transforms.clinical_bert.checkpoints import (
    SHIPPED,
    Checkpoint,
    CheckpointError,
    labels_of,
    own_head,
    read_json,
    resolve,
    shipped,
)
from transforms.deid.labels import LabelMap, UnknownLabelError
from transforms.deid.pseudonyms import Key, Pseudonyms
from transforms.icd.coding import BELOW, CodingOptions
from transforms.stage import Resources, Stage

if TYPE_CHECKING:
    from transforms.deid.recognizers import RecognizerSpec

KEY_VARIABLE = "NOTEMILL_KEY"
PACKAGES = ("apache-beam", "ray", "torch", "transformers", "pyarrow", "presidio-analyzer", "spacy", "fsspec")


def heads_of(job: Job) -> list[str]:
    """The heads that the job uses."""
    heads: list[str] = job.model.served if "clinical_bert" in job.stages else []
    if job.model.assertion is not None and "assertion" in job.stages:
        heads = [*heads, "assertion"]
    return [*heads, "deid"] if job.deidentify.tagger else heads


def checkpoints(job: Job, heads: Iterable[str] | None = None) -> dict[str, Checkpoint]:
    """The checkpoint of each of these heads; without any named, of every head that the job uses.

    Raises:
        RequestError: a checkpoint cannot be read, or lacks the head's weights.
    """
    heads = heads_of(job) if heads is None else heads
    try:
        chosen = {head: getattr(job.model, head) for head in heads}
        pickled = job.model.pickled
        return {head: resolve(spec, head, pickled=pickled) if spec else shipped(head) for head, spec in chosen.items()}
    except CheckpointError as error:
        raise RequestError(str(error)) from error


def _check_tokenizers(models: Mapping[str, Checkpoint]) -> None:
    """Raises RequestError for a checkpoint of the user's whose tokenizer cannot serve."""
    folders = {found.folder() for found in models.values() if found.source != SHIPPED}
    if not folders:
        return
    from transforms.clinical_bert.checkpoints.loading import check_tokenizer

    try:
        for folder in sorted(folders):
            check_tokenizer(folder)
    except CheckpointError as error:
        raise RequestError(str(error)) from error


def recognizers(job: Job) -> tuple[RecognizerSpec, ...]:
    """The recognizers that the job adds to those that ship.

    Raises:
        RequestError: one cannot be made, hides its errors, or gives a label that is not mapped.
    """
    if not job.deidentify.recognizers:
        return ()
    from transforms.deid.analyzer import build_engine
    from transforms.deid.recognizers.user import specs

    try:
        made = specs(job.deidentify.recognizers)
        build_engine([spec.open() for spec in made], LabelMap(job.deidentify.label_pairs))
    except ValueError as error:
        raise RequestError(f"deidentify.recognizers: {error}") from error
    return made


def computing(job: Job, models: Mapping[str, Checkpoint], heads: Iterable[str], *, gpus: float = 0.0) -> dict[str, Any]:
    """How the encoders of these heads are computed, decided for all workers of the run.

    Args:
        job: what it asks for; `auto` becomes the fastest that this machine has.
        models: the checkpoint of each head.
        heads: those of one stage.
        gpus: that Ray gives each worker of the stage.

    Returns:
        The arguments of the stage's spec. A worker that cannot compute so fails, rather than computing otherwise.

    Raises:
        RequestError: this machine cannot compute so.
    """
    from transforms.clinical_bert.backends import BackendError
    from transforms.clinical_bert.backends.support import choose, pick_device
    from transforms.clinical_bert.checkpoints.files import read_json

    model = job.model
    device = model.device
    if device == "auto" and job.engine == "ray":
        # Ray hides the GPUs from workers that it gives none; logical ones are not there at all.
        device = "cuda" if gpus and job.ray.logical_gpus is None else "cpu"
    configs = [read_json(models[head].folder() / "config.json") for head in heads]
    try:
        backend = "torch" if model.compile and model.backend == "auto" else model.backend
        chosen = choose(backend, model.precision, pick_device(device).type, configs)
    except BackendError as error:
        raise RequestError(str(error)) from error
    return {
        "backend": chosen.backend,
        "precision": chosen.precision,
        "compiled": model.compile,
        "check_labels": model.precision == "auto" and chosen.precision != "fp32",
        "device": model.device if chosen.backend == "torch" else "cpu",
    }


def deid_stages(job: Job, models: Mapping[str, Checkpoint], key: Key) -> tuple[Stage, ...]:
    """The stages that de-identify, in order.

    Raises:
        RequestError: the tagger's checkpoint has a label that is not mapped.
    """
    from transforms.deid.stage import deidentification
    from transforms.deid.tagger import ReplicaTagger

    model = job.model
    tagger = (
        ReplicaTagger(
            models["deid"],
            threshold=job.deidentify.threshold,
            **computing(job, models, ["deid"]),
            window=model.window,
            threads=model.threads,
            cache_mb=model.cache_mb,
        )
        if job.deidentify.tagger
        else None
    )
    if tagger is not None:
        try:
            LabelMap(job.deidentify.label_pairs).check(tagger.labels, f"checkpoint {tagger.checkpoint.source!r}")
        except UnknownLabelError as error:
            raise RequestError(str(error)) from error
    return deidentification(
        key,
        mode=job.deidentify.mode,
        tagger=tagger,
        threshold=job.deidentify.pattern_threshold,
        recognizers=recognizers(job),
        labels=job.deidentify.label_pairs,
        link_names=job.deidentify.link_names,
    )


def coding_stage(job: Job, models: Mapping[str, Checkpoint]) -> Stage:
    """The stage that codes.

    Raises:
        RequestError: a road lacks its head, or there is no such release.
    """
    from transforms.icd.stage import Coding, Proposals
    from transforms.icd.table import Release, UnknownReleaseError

    heads = job.model.served if "clinical_bert" in job.stages else []
    proposals = Proposals()
    if "icd" in heads:
        description = own_head(models["icd"].folder(), "icd")
        threshold = 0.5 if description is None else float(read_json(description)["threshold"])
        proposals = Proposals(threshold, frozenset(labels_of(models["icd"], "icd")))
    try:
        release = Release.of(job.icd.release)
    except UnknownReleaseError as error:
        raise RequestError(f"icd.release: {error}") from error
    needed = {"linking": {"ner"}, "attention": {"icd"}, "both": {"ner", "icd"}}
    road = job.icd.road
    if road is None:
        # A checkpoint that codes in another system says what its user wants, which linking cannot.
        speaks = any(code in release.table() for code in proposals.codes)
        road = "linking" if "icd" not in heads else "both" if "ner" in heads and speaks else "attention"
    if missing := sorted(needed[road].difference(heads)):
        raise RequestError(
            f"the stage coding needs the head {' and '.join(missing)} for the road {road}: add it to model.heads, "
            "choose another icd.road, or leave coding out of --stages"
        )
    return Coding(
        road=road,
        threshold=job.icd.threshold,
        top_k=job.icd.top_k,
        release=release,
        systems=tuple(dict.fromkeys(job.icd.systems)),
        proposals=proposals,
    )


def stages(job: Job, models: Mapping[str, Checkpoint], key: Key) -> tuple[Stage, ...]:
    """The job's stages, in order."""
    made = {**reading_stages(job, models), "deidentify": (*_placing(job, key), *deid_stages(job, models, key))}
    return tuple(stage for name in job.stages for stage in made[name])


def _placing(job: Job, key: Key) -> tuple[Stage, ...]:
    """The stage that tells where in its admission a note stands, where the job asks for it."""
    from transforms.readmission.options import ALL
    from transforms.readmission.stage import PlaceNotes

    options = job.readmission.options
    return (PlaceNotes(key, options),) if job.scores_readmission and options.mode != ALL else ()


def reading_stages(job: Job, models: Mapping[str, Checkpoint]) -> dict[str, tuple[Stage, ...]]:
    """The job's stages that read a note's text and leave it as it is: all but `deidentify`, by name, in order."""
    # Presidio and PyTorch take seconds to import: what can be refused without them is refused before.
    from transforms.clinical_bert.heads.embed import EmbedOptions
    from transforms.clinical_bert.heads.tokens import TokenOptions
    from transforms.clinical_bert.stage import ClinicalBert
    from transforms.sections.stage import Sections
    from transforms.validate import Validate

    model = job.model
    made: dict[str, tuple[Stage, ...]] = {
        "validate": (Validate(max_characters=job.max_characters),),
        "sections": (Sections(),),
        "assertion": (_assertion(job, models),),
    }
    if "clinical_bert" in job.stages:
        if "icd" in model.heads and not job.icd.masked and model.backend in ("onnx", "openvino"):
            raise RequestError('icd.masked = false is computed by PyTorch alone: set model.backend = "torch"')
        bert = ClinicalBert(
            heads=tuple((head, models[head]) for head in model.served),
            **computing(job, models, model.served, gpus=job.ray.num_gpus),
            window=model.window,
            threads=model.threads,
            cache_mb=model.cache_mb,
            ner=TokenOptions(**job.ner.model_dump()),
            embed=EmbedOptions(pooling=job.embed.pooling, units=tuple(job.embed.units)),
            icd=_attention(job),
            resources=Resources(cpus=1.0, gpus=job.ray.num_gpus),
        )
        made["clinical_bert"] = (bert,)
    if "coding" in job.stages:
        made["coding"] = (coding_stage(job, models),)
    return {name: made[name] for name in job.stages if name != "deidentify"}


def _assertion(job: Job, models: Mapping[str, Checkpoint]) -> Stage:
    from transforms.assertion.stage import Assertion

    if (checkpoint := models.get("assertion")) is None:
        return Assertion()
    from transforms.assertion.classifier import meanings

    try:
        meanings(checkpoint)
    except CheckpointError as error:
        raise RequestError(str(error)) from error
    # Ray hides the GPUs from workers that it gives none.
    return Assertion(checkpoint=checkpoint, device="cpu" if job.engine == "ray" else job.model.device)


def _attention(job: Job) -> CodingOptions:
    """What the head `icd` gives: its codes, or where the stage `coding` chooses among them, more than those."""
    if "coding" not in job.stages:
        return CodingOptions(threshold=job.icd.threshold, top_k=job.icd.top_k, masked=job.icd.masked)
    return CodingOptions(below=BELOW, top_k=max(job.icd.top_k, CodingOptions().top_k), masked=job.icd.masked)


def key_from_environment() -> Key | None:
    """The key in NOTEMILL_KEY; None where it is not set.

    Raises:
        RequestError: the key is too short.
    """
    text = os.environ.get(KEY_VARIABLE, "").strip()
    try:
        return Key.from_text(text) if text else None
    except ValueError as error:
        raise RequestError(f"{KEY_VARIABLE}: {error}") from error


def key_for(output: Folder, *, fresh: bool) -> tuple[Key, tuple[str, ...]]:
    """The key of the pseudonyms: from the environment, from the run that is resumed, or a new random one."""
    if (given := key_from_environment()) is not None:
        return given, ()
    warning = f"{KEY_VARIABLE} is not set: ids are made with a random key and will not join across runs"
    if not fresh and (kept := output.get(KEY)) is not None:
        return Key.from_text(kept.decode()), (warning,)
    return Key.random(), (warning,)


def source_of(job: Job) -> Source[Any]:
    """Where the job's notes come from.

    Raises:
        RequestError: the job needs what the input cannot have.
    """
    mapping = job.column_map()
    if job.preset != FHIR:
        return ParquetSource(job.input, mapping, job.split_rows)
    if "admit_time" in mapping.demanded:
        raise RequestError(
            "a DocumentReference does not tell the time of admission: take admission to be at its first note "
            '(readmission.admit = "first-note")'
        )
    return DocumentReferences(job.input, mapping, job.split_rows)


def plan_job(job: Job, *, fresh: bool = False) -> tuple[Plan, tuple[str, ...]]:
    """Everything that can be refused is refused here, before any work.

    Returns:
        The plan, and warnings for the user.

    Raises:
        RequestError: see its message.
    """
    source = source_of(job)
    _ = source.files  # reads every footer
    models = checkpoints(job)
    _check_tokenizers(models)
    output = Folder(job.output)
    if source.overlaps(job.output):
        raise RequestError(f"the output {job.output} and the input lie within each other; choose another --output")
    key, warnings = key_for(output, fresh=fresh)
    plan = Plan(
        source=source,
        pseudonyms=Pseudonyms(key, job.ids),
        stages=stages(job, models, key),
        output=job.output,
        version=importlib.metadata.version("notemill"),
        readmission=job.readmission.options,
    )
    plan.check()
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


def run(job: Job, progress: Progress, *, fresh: bool = False) -> tuple[Outcome, tuple[str, ...]]:
    """Runs a job to its end, or goes on with one that was stopped.

    Returns:
        The outcome, and warnings for the user.

    Raises:
        RequestError: the request was wrong; nothing was started.
        RunError: the run failed, or rows are unaccounted for. What is finished stays; the same command goes on.
    """
    plan, warnings = plan_job(job, fresh=fresh)
    random_key = key_from_environment() is None
    outcome = execute(plan, engine_for(job), progress, facts=_facts(job), fresh=fresh, keep_key=random_key)
    return outcome, warnings


def _facts(job: Job) -> dict[str, Any]:
    found = checkpoints(job)
    models = {
        head: {"source": of_head.source, "revision": of_head.revision, "sha256": of_head.sha256}
        for head, of_head in found.items()
    }
    computed = {}
    if job.deidentify.tagger:
        computed["deidentify"] = computing(job, found, ["deid"])
    if "clinical_bert" in job.stages:
        computed["clinical_bert"] = computing(job, found, job.model.served, gpus=job.ray.num_gpus)
    used = {package for how in computed.values() for package in NEEDS[how["backend"]]}
    versions = {name: importlib.metadata.version(name) for name in ("notemill", *PACKAGES, *sorted(used))}
    return {
        "engine": job.engine,
        "job": job.model_dump(),
        "checkpoints": models,
        "computing": computed,
        "versions": {"python": platform.python_version(), **versions},
    }
