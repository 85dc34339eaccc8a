"""From what the user names to a checkpoint that was looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from transforms.clinical_bert.catalogue import HEADS
from transforms.clinical_bert.checkpoints.converting import converted
from transforms.clinical_bert.checkpoints.errors import CheckpointError
from transforms.clinical_bert.checkpoints.files import read_json
from transforms.clinical_bert.checkpoints.hub import find
from transforms.clinical_bert.checkpoints.layouts import encoder_files, inspect, labels_in

SHIPPED: Final = "shipped"
_SHIPPED_FOLDER: Final = Path(__file__).parents[1] / "shipped"
_SHIPPED_SHARED: Final = "clinical"
_SHIPPED_APART: Final = {"deid": "phi"}
"""Heads with a checkpoint of their own: PHI is sought in every note first, so its encoder is a small and fast one."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was found and looked at. Its `repr` is its identity, wherever it lies.

    Attributes:
        source: `shipped`, the folder, or the Hub id, as it was asked for.
        revision: commit of a Hub checkpoint, else an empty string.
        sha256: digest over the names and contents of the files that decide the results (config, tokenizer,
            weights of the encoder and of the head).
        path: folder on this machine; of a shipped one its name, for it lies wherever the package lies.
        pickled: pickled weights may be converted.
    """

    source: str
    revision: str
    sha256: str
    path: str = field(repr=False, compare=False)
    pickled: bool = field(default=False, repr=False, compare=False)

    def folder(self) -> Path:
        """The folder on the machine that asks, which another one than planned the run has to find for itself.

        Raises:
            CheckpointError: it is not here, and cannot be had from the Hub.
        """
        if self.source == SHIPPED:
            return _SHIPPED_FOLDER / self.path
        folder = Path(self.path)
        if folder.is_dir():
            return folder
        spec = f"{self.source.partition('@')[0]}@{self.revision}" if self.revision else self.source
        return _locate(spec, pickled=self.pickled)[0]

    def verify(self, head: str) -> Path:
        """The folder, once its files are seen to be those that were resolved.

        Raises:
            CheckpointError: the files are gone or were changed since.
        """
        folder = self.folder()
        if inspect(folder, head, self.source) != self.sha256:
            raise CheckpointError(f"checkpoint {self.source!r} changed since the run was planned: start the run again")
        return folder


def shipped(head: str) -> Checkpoint:
    """The checkpoint that comes with the package.

    Raises:
        CheckpointError: this copy of the package holds none, or it lacks the head.
    """
    name = _SHIPPED_APART.get(head, _SHIPPED_SHARED)
    if not (_SHIPPED_FOLDER / name / "config.json").is_file():
        raise CheckpointError(f"this copy of notemill ships no checkpoint: name one with --model {head}=PATH_OR_ID")
    return Checkpoint(SHIPPED, "", inspect(_SHIPPED_FOLDER / name, head, SHIPPED), name)


def resolve(spec: str, head: str, *, pickled: bool = False) -> Checkpoint:
    """Finds the checkpoint that `spec` names and checks that it holds the weights of `head`.

    Args:
        spec: `shipped`, a folder, or a Hub id, the latter with `@revision` if wanted. A Hub id is looked for
            in the local cache first.
        head: a name of `catalogue.HEADS`.
        pickled: read pickled weights where there are no safetensors: tensors alone, into a conversion that is kept
            (`converting`).

    Raises:
        CheckpointError: it cannot be found or read, or cannot serve the head.
    """
    if head not in HEADS:
        raise CheckpointError(f"unknown head {head!r}: the heads are {', '.join(HEADS)}")
    if spec == SHIPPED:
        return shipped(head)
    folder, revision = _locate(spec, pickled=pickled)
    return Checkpoint(spec, revision, inspect(folder, head, spec), str(folder.resolve()), pickled)


def _locate(spec: str, *, pickled: bool) -> tuple[Path, str]:
    folder, revision = find(spec, pickled=pickled)
    return (converted(folder) if pickled else folder), revision


def resolve_encoder(spec: str) -> Path:
    """The folder of an encoder to train from: its weights and its tokenizer are there; heads need not be.

    Args:
        spec: a folder, a Hub id (with `@revision` if wanted), or `shipped`.

    Raises:
        CheckpointError: it cannot be found or read.
    """
    folder = _SHIPPED_FOLDER / _SHIPPED_SHARED if spec == SHIPPED else find(spec)[0]
    encoder_files(folder, spec)
    return folder


def width_of(checkpoint: Checkpoint) -> int:
    """How many numbers a token's state has; no weight is read.

    Raises:
        CheckpointError: the checkpoint is gone, or its config names no width.
    """
    config = read_json(checkpoint.folder() / "config.json")
    width = config.get("hidden_size", config.get("dim"))  # DistilBERT's is called dim
    if not isinstance(width, int) or width < 1:
        raise CheckpointError(f"checkpoint {checkpoint.source!r}: its config.json names no hidden_size")
    return width


def labels_of(checkpoint: Checkpoint, head: str) -> tuple[str, ...]:
    """The labels of a checkpoint's head in the order of its weights, prefixes (`B-`) included; no weight is read.

    Raises:
        CheckpointError: its description cannot be read, or names no labels.
    """
    return labels_in(checkpoint.folder(), head, checkpoint.source)
