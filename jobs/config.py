"""What a job asks for: job.toml, `--set key=value` and the command line's options, checked as one.

The command line wins over `--set`, which wins over the job file. An unknown key is refused with the nearest known one.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipelines.errors import RequestError, nearest
from pipelines.io.columns import FHIR, MAPPED, PRESETS, REQUIRED, ColumnMap
from transforms.deid.labels import SAFE_HARBOR, LabelMap
from transforms.icd.table import SHIPPED
from transforms.readmission import ReadmissionOptions
from transforms.readmission.options import DISCHARGE_TYPES

STAGES = ("validate", "deidentify", "sections", "clinical_bert", "assertion", "coding")
"""The stages of the main job, in their order. Scoring admissions follows `clinical_bert` by itself."""

Names = str | list[str]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Columns(_Table):
    """Which of the input's columns hold what; a list gives several to try, for patient_name several to use."""

    note_id: Names | None = None
    text: Names | None = None
    patient_id: Names | None = None
    encounter_id: Names | None = None
    note_type: Names | None = None
    note_time: Names | None = None
    admit_time: Names | None = None
    patient_name: Names | None = None
    known: dict[str, Names] = Field({}, description="PHI label -> columns whose values are PHI of that label.")


class Deidentify(_Table):
    """How PHI is found and replaced."""

    mode: Literal["tag", "surrogate", "mask"] = "tag"
    tagger: bool = Field(True, description="Use the PHI tagger beside patterns and known names.")
    threshold: float = Field(0.3, ge=0.0, le=1.0, description="Least probability at which the tagger's spans count.")
    pattern_threshold: float = Field(0.5, ge=0.0, le=1.0, description="Least score of the recognizers' spans.")
    link_names: bool = Field(True, description="Look for a patient's names in the patient's other notes of the split.")
    recognizers: list[str] = Field([], description="Further ones: module:Name, or a YAML file of Presidio's form.")
    labels: dict[str, str] = Field({}, description="Entity or tagger's label -> i2b2-2014 label.")

    @field_validator("labels")
    @classmethod
    def _known_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        LabelMap(labels.items())
        return labels

    @property
    def label_pairs(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(self.labels.items()))


class Model(_Table):
    """Which checkpoint serves which head (a folder or a Hub id with @revision), and how they run."""

    deid: str | None = None
    ner: str | None = None
    icd: str | None = None
    readmission: str | None = None
    embed: str | None = None
    assertion: str | None = Field(None, description="Decides assertions in ConText's place.")
    pickled: bool = Field(False, description="Convert pickled weights, reading tensors alone out of them.")
    heads: list[Literal["ner", "icd", "readmission", "embed"]] = ["ner", "icd", "readmission"]
    backend: Literal["auto", "native", "torch", "onnx", "openvino"] = Field(
        "auto", description="What computes the encoders."
    )
    precision: Literal["auto", "fp32", "bf16", "int8"] = "auto"
    compile: bool = Field(False, description="Run PyTorch's models through torch.compile.")
    window: int | None = Field(None, ge=16, description="Tokens of a window; default: what the checkpoint takes.")
    threads: int | None = Field(None, ge=1, description="CPU threads of a replica; default: the worker's share.")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    cache_mb: float = Field(256.0, ge=0.0, description="MiB of states that a replica keeps for text that comes again.")

    @field_validator("heads")
    @classmethod
    def _some_once(cls, heads: list[str]) -> list[str]:
        if not heads or len(set(heads)) != len(heads):
            raise ValueError("name each head once, and at least one (leave the stage clinical_bert out for none)")
        return heads

    @property
    def served(self) -> list[str]:
        """`heads`, and `embed` where a checkpoint is named for it."""
        return [*self.heads, "embed"] if self.embed is not None and "embed" not in self.heads else [*self.heads]


class Ner(_Table):
    """How words get their labels."""

    aggregation: Literal["average", "first", "max"] = "average"
    words: Literal["pipeline", "text"] = "pipeline"
    decoding: Literal["auto", "best", "path"] = "auto"


class Icd(_Table):
    """Which codes come out."""

    road: Literal["both", "linking", "attention"] | None = Field(
        None, description="From mentions to codes, by label attention, or both; default: what the heads allow."
    )
    release: str = Field(SHIPPED, description="In which codes are valid; or a path of CMS's order file.")
    systems: list[Literal["ICD-10-CM", "ICD-9-CM"]] = Field(["ICD-10-CM"], min_length=1)
    threshold: float | None = Field(None, ge=0.0, le=1.0, description="Least score; default: as it was fitted.")
    top_k: int = Field(50, ge=1, description="Most codes per note.")
    masked: bool = Field(True, description="PLM-ICD: no attention over padding; false: the published scores.")


class Readmission(_Table):
    """At which moment readmission is foretold, and from which notes."""

    mode: str = Field("all", description="all, discharge (summaries), or hours after admission: 24h, 48h, 72h.")
    admit: Literal["column", "first-note"] = Field("column", description="Which time is admission.")
    discharge_types: list[str] = Field(list(DISCHARGE_TYPES), min_length=1, description="Note types of summaries.")
    top_chunks: int = Field(3, ge=0, le=100, description="Chunks told of each admission, the highest first.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _ = self.options
        return self

    @property
    def options(self) -> ReadmissionOptions:
        return ReadmissionOptions(self.mode, self.admit, tuple(self.discharge_types), self.top_chunks)


class Embed(_Table):
    """What gets a vector, and how it is made of the tokens' states."""

    pooling: Literal["mean", "cls"] | None = Field(None, description="Default: what the checkpoint says, else mean.")
    units: list[Literal["note", "section"]] = Field(["note", "section"], min_length=1)


class Ray(_Table):
    """Where actors run."""

    address: str | None = Field(None, description="Of a cluster; default RAY_ADDRESS, else an embedded Ray.")
    replicas: int | None = Field(None, ge=1, description="Actors of clinical_bert; default: as many as fit.")
    num_gpus: float = Field(0.0, ge=0.0, description="Accelerators of each replica; a fraction shares one.")
    logical_gpus: int | None = Field(None, ge=0, description="Accelerators that an embedded Ray claims to have.")
    num_cpus: int | None = Field(None, ge=1, description="CPUs of an embedded Ray; default: the machine's.")


class Beam(_Table):
    """Beam's own pipeline options."""

    options: list[str] = []


class Job(_Table):
    """A whole job, as job.toml writes it."""

    input: str = Field(min_length=1)
    output: str = Field(min_length=1)
    preset: Literal["notemill", "mimic-iv-note", "mimic-iii", "omop", "fhir"] = "notemill"
    engine: Literal["ray", "local", "beam"] = "ray"
    stages: list[str] = list(STAGES)
    split_rows: int = Field(200, ge=1, le=1_000_000, description="Notes of a split, the unit of work and of resuming.")
    max_characters: int = Field(1_000_000, ge=1, description="Longer notes are rejected.")
    ids: Literal["pseudonym", "keep"] = "pseudonym"
    columns: Columns = Columns()
    deidentify: Deidentify = Deidentify()
    model: Model = Model()
    ner: Ner = Ner()
    icd: Icd = Icd()
    readmission: Readmission = Readmission()
    embed: Embed = Embed()
    ray: Ray = Ray()
    beam: Beam = Beam()

    @field_validator("stages")
    @classmethod
    def _known_stages(cls, stages: list[str]) -> list[str]:
        for stage in stages:
            if stage not in STAGES:
                raise ValueError(f"unknown stage {stage!r}{_nearest(stage, STAGES)}; known: {', '.join(STAGES)}")
        if len(set(stages)) != len(stages):
            raise ValueError("a stage is named twice")
        if sorted(stages, key=STAGES.index) != stages:
            raise ValueError(f"stages must stand in this order: {', '.join(STAGES)}")
        if missing := [stage for stage in ("validate", "deidentify") if stage not in stages]:
            raise ValueError(f"{' and '.join(missing)} must be among the stages: without it raw text could be written")
        return stages

    @model_validator(mode="after")
    def _elements_are_fixed(self) -> Self:
        if self.preset == FHIR and self.columns != Columns():
            raise ValueError("[columns] does not go with the preset fhir: a DocumentReference has elements of its own")
        return self

    @model_validator(mode="after")
    def _known_phi_has_labels(self) -> Self:
        labels = LabelMap(self.deidentify.labels.items())
        for name in self.columns.known:
            try:
                label = labels[name]
            except ValueError as error:
                raise ValueError(f"columns.known.{name} is no PHI label{_nearest(name, SAFE_HARBOR)}") from error
            if label is None:
                raise ValueError(
                    f"columns.known.{name}: {name} does not identify by Safe Harbor, so it is not replaced"
                )
        return self

    @property
    def scores_readmission(self) -> bool:
        return "clinical_bert" in self.stages and "readmission" in self.model.heads

    def column_map(self) -> ColumnMap:
        """The preset's columns, with those of [columns] in their place."""
        preset = PRESETS[self.preset]
        given = {name: value for name in MAPPED if (value := getattr(self.columns, name)) is not None}
        named = {name: _names(value) for name, value in given.items()}
        base = {name: getattr(preset, name) for name in MAPPED}
        needed = self.readmission.options.needs if self.scores_readmission else ()
        if "admit_time" not in needed:
            # What nothing needs is not read: a time that cannot be read would cost the note.
            base["admit_time"] = ()
            named.pop("admit_time", None)
        demanded = {*preset.demanded, *needed, *(name for name in named if name not in REQUIRED)}
        labels = LabelMap(self.deidentify.labels.items())
        known = tuple(sorted((labels[name] or "", _names(value)) for name, value in self.columns.known.items()))
        if self.preset == FHIR:
            known = preset.known
        return ColumnMap(
            **{**base, **named}, demanded=tuple(sorted(demanded)), skip_where=preset.skip_where, known=known
        )


def _names(value: Names) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def load(file: str | None, settings: Iterable[str], options: Mapping[str, Any]) -> Job:
    """Puts a job together.

    Args:
        file: path of job.toml, or None.
        settings: `key=value` with dotted keys; values are TOML, or plain text when they are not.
        options: nested keys from the command line; None means not given.

    Raises:
        RequestError: a file that is not TOML, an unknown key or a wrong value.
    """
    merged: dict[str, Any] = _read(file) if file else {}
    for setting in settings:
        key, mark, value = setting.partition("=")
        if not mark or not key.strip():
            raise RequestError(f"--set takes key=value, not {setting!r}")
        _merge(merged, _nested(key.strip(), _value(value.strip())))
    _merge(merged, options)
    try:
        return Job(**merged)
    except ValidationError as error:
        raise RequestError(_explain(error)) from error


def models(entries: Iterable[str]) -> dict[str, str]:
    """`HEAD=PATH_OR_ID` as the command line gives it, as head -> place.

    Raises:
        RequestError: one has another form.
    """
    found: dict[str, str] = {}
    for entry in entries:
        head, mark, place = entry.partition("=")
        if not mark or not place:
            raise RequestError(f"--model takes HEAD=PATH_OR_ID, not {entry!r}")
        found[head] = place
    return found


def _read(file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"cannot read the job file {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{file} is not valid TOML: {error}") from error


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(into.get(key, {}), dict):
            _merge(into.setdefault(key, {}), value)
        elif value is not None:
            into[key] = value


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"] if not isinstance(part, int)]
    key = ".".join(place)
    if first["type"] == "extra_forbidden":
        return f"unknown key {key}{_nearest(key, known_keys())}"
    if first["type"] == "missing":
        return f"{key} is missing: give --{key} or {key} in the job file"
    # A field that takes several types is reported once for each, with the type's name behind the key.
    known = known_keys()
    outer = [".".join(place[:length]) for length in range(len(place), 0, -1)]
    key = next((name for name in outer if name in known), key)
    return f"{key}: {first['msg']}".removeprefix(": ").replace("Value error, ", "", 1) + (
        "" if first["type"] == "value_error" else f" (got {first['input']!r})"
    )


def known_keys(model: type[BaseModel] = Job, prefix: str = "") -> list[str]:
    """Every key of a job, dotted."""
    keys: list[str] = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys += [f"{prefix}{name}", *known_keys(kind, f"{prefix}{name}.")]
        else:
            keys.append(f"{prefix}{name}")
    return keys


def _nearest(word: str, known: Iterable[str]) -> str:
    names = list(known)
    if hint := nearest(word, names):
        return hint
    # `split_row` under a wrong table, or a bare key of a table: compare the last parts.
    tails = {name.rpartition(".")[2]: name for name in names}
    match = difflib.get_close_matches(word.rpartition(".")[2], tails, n=1, cutoff=0.5)
    return f"; did you mean {tails[match[0]]}?" if match else ""
