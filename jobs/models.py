"""`notemill models`: which checkpoint serves which head, what else is known to fit, and how to fetch it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.padding import Padding

from jobs.config import load
from jobs.run import checkpoints
from pipelines.errors import RequestError
from transforms.clinical_bert.catalogue import HEADS
from transforms.clinical_bert.checkpoints import (
    Checkpoint,
    CheckpointError,
    positions,
    read_json,
    resolve,
)
from transforms.clinical_bert.checkpoints.converting import convert, copy
from transforms.clinical_bert.checkpoints.files import safetensors_in
from transforms.clinical_bert.checkpoints.hub import find
from transforms.clinical_bert.checkpoints.layouts import labels_in
from transforms.clinical_bert.checkpoints.vocabulary import is_cased

_KNOWN: Final = Path(__file__).parent / "known_models.toml"
_LABELS_SHOWN: Final = 6
_HEADINGS: Final = {"embed": "embed (encoders; `notemill train --base` starts from them too)"}


@dataclass(frozen=True)
class KnownModel:
    """A public checkpoint, as its page describes it (`known_models.toml`).

    Attributes:
        head: that it serves as it is; `embed` for a bare encoder, which is what `notemill train` starts from too.
        name: what people call it.
        id: on the Hub; empty for one that is not there.
        url: where the others are.
        licence: of the weights; `not stated` where none could be seen.
        architecture: its class in transformers; of a bare encoder its family.
        max_length: in tokens; None where it could not be seen.
        cased: None where it could not be seen.
        trained_on: the data behind it.
        note: what to know before using it.
    """

    head: str
    name: str
    licence: str
    architecture: str
    trained_on: str
    id: str = ""
    url: str = ""
    max_length: int | None = None
    cased: bool | None = None
    note: str = ""


@dataclass(frozen=True)
class HeadModel:
    """The checkpoint that serves a head.

    Attributes:
        head: its name.
        kind: of the head.
        source: `shipped`, a folder or a Hub id.
        revision: commit of a Hub checkpoint, else empty.
        sha256: over the files that decide the results.
        path: its folder on this machine.
        architecture: class that its config names.
        labels: names in the order of the weights, prefixes (`B-`) included.
        max_length: tokens that the encoder takes at once, special tokens included.
        cased: whether capitals reach the encoder.
    """

    head: str
    kind: str
    source: str
    revision: str
    sha256: str
    path: str
    architecture: str
    labels: tuple[str, ...]
    max_length: int
    cased: bool


@dataclass(frozen=True)
class Fetched:
    """A checkpoint that was put on disk.

    Attributes:
        source: Hub id or folder that was asked for.
        revision: commit of a Hub checkpoint, else empty.
        path: the new folder.
        heads: head -> SHA-256 of the checkpoint as that head, for each head that it can serve.
        converted: its weights were pickled.
    """

    source: str
    revision: str
    path: str
    heads: Mapping[str, str]
    converted: bool


def known_models() -> list[KnownModel]:
    """The table of public checkpoints."""
    with _KNOWN.open("rb") as file:
        return [KnownModel(**entry) for entry in tomllib.load(file)["model"]]


def head_models(config: str | None, settings: Sequence[str], models: Mapping[str, str]) -> list[HeadModel]:
    """The checkpoint of each head, as a run with these options would take it.

    Args:
        config, settings: job file and `key=value`, as of a run; input and output may be missing.
        models: head -> folder or Hub id.

    Raises:
        RequestError: a wrong option, or a checkpoint that cannot serve its head.
    """
    nowhere = {"input": "none", "output": "none"}  # neither is read nor written
    job = load(config, settings, {**nowhere, "model": dict(models)})
    # No checkpoint for assertions comes with the package.
    served = [head for head in HEADS if head != "assertion" or job.model.assertion is not None]
    return [_described(head, found) for head, found in checkpoints(job, served).items()]


def fetch(source: str, target: str, *, pickled: bool = False) -> Fetched:
    """Puts a checkpoint on disk, for machines without access to the Hub.

    Args:
        source: a Hub id, with `@revision` if wanted, or a folder.
        target: a folder that does not exist yet, or is empty.
        pickled: convert pickled weights, reading tensors alone out of them; safetensors are taken where there are any.

    Raises:
        RequestError: it cannot be had, is no checkpoint, or the target holds something.
    """
    if not target:
        raise RequestError("--to is empty: name a new folder")
    folder = Path(target)
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RequestError(f"{str(target)!r} holds something already: name a new folder with --to")
        found, revision = find(source, pickled=pickled)
        was_pickled = pickled and not safetensors_in(found)
        if was_pickled:
            convert(found, folder)
        else:
            copy(found, folder, source)
    except CheckpointError as error:
        raise RequestError(str(error)) from error
    except OSError as error:
        raise RequestError(f"cannot write to {target}: {error.strerror or type(error).__name__}") from error
    return Fetched(source, revision, target, _fitting(folder), was_pickled)


def show(heads: Sequence[HeadModel], known: Sequence[KnownModel], console: Console) -> None:
    """Prints both tables."""

    def say(line: str, style: str | None = None) -> None:
        console.print(line, style=style, highlight=False, markup=False, soft_wrap=True)

    for model in heads:
        labels = "–"
        if model.labels:
            more = " …" if len(model.labels) > _LABELS_SHOWN else ""
            labels = f"{len(model.labels)}: {', '.join(model.labels[:_LABELS_SHOWN])}{more}"
        casing = "cased" if model.cased else "uncased"
        say(f"{model.head} ({model.kind})", style="cyan")
        for key, value in (
            ("checkpoint", model.source),
            ("revision", model.revision or "–"),
            ("sha256", model.sha256),
            ("architecture", f"{model.architecture}, {casing}"),
            ("labels", labels),
            ("maximal length", f"{model.max_length:,} tokens"),
        ):
            say(f"  {key:<16}{value}")
        say("")
    say("Known public checkpoints")
    for head in dict.fromkeys(entry.head for entry in known):
        say(f"\n{_HEADINGS.get(head, head)}", style="cyan")
        for entry in known:
            if entry.head == head:
                say(f"  {entry.id or entry.url}")
                console.print(Padding(_about(entry), (0, 0, 0, 6), expand=False), highlight=False, markup=False)


def _about(entry: KnownModel) -> str:
    facts = [entry.licence if entry.licence != "not stated" else "licence not stated", entry.architecture]
    if entry.max_length is not None:
        facts.append(f"{entry.max_length:,} tokens")
    if entry.cased is not None:
        facts.append("cased" if entry.cased else "uncased")
    note = f". {entry.note[0].upper()}{entry.note[1:]}" if entry.note else ""
    return f"{', '.join(facts)}. {entry.name}: {entry.trained_on}{note}"


def as_json(heads: Sequence[HeadModel], known: Sequence[KnownModel]) -> str:
    """Both tables for machines."""
    return json.dumps({"heads": [asdict(model) for model in heads], "known": [asdict(entry) for entry in known]})


def job_file(fetched: Fetched) -> str:
    """What to write into the job file, for each head that the checkpoint can serve."""
    path = json.dumps(str(Path(fetched.path).absolute()))  # a JSON string is a TOML string
    lines = [f"{head} = {path}  # sha256 {sha256}" for head, sha256 in fetched.heads.items()]
    return "\n".join(["[model]", *lines])


def _described(head: str, found: Checkpoint) -> HeadModel:
    folder = found.folder()
    config = read_json(folder / "config.json")
    architectures = config.get("architectures") or []
    return HeadModel(
        head=head,
        kind=HEADS[head].kind,
        source=found.source,
        revision=found.revision,
        sha256=found.sha256,
        path=str(folder),
        architecture=", ".join(map(str, architectures)) or "not named",
        labels=labels_in(folder, head, found.source),
        max_length=positions(config),
        cased=is_cased(folder),
    )


def _fitting(folder: Path) -> dict[str, str]:
    """The heads that a folder can serve."""
    fitting = {}
    reasons = []
    for head in HEADS:
        try:
            fitting[head] = resolve(str(folder), head).sha256
        except CheckpointError as error:
            reasons.append(str(error))
    if not fitting:
        raise RequestError(f"it is at {folder}, but serves no head: {reasons[-1]}")
    return fitting
