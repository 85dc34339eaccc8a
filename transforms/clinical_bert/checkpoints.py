"""Find a checkpoint, and make sure before any work that it holds what a head needs.

Two layouts are known. Our own is a Hugging Face encoder folder with, beside the encoder, `heads/<head>.json`
(kind, labels, figures) and `heads/<head>.safetensors`, so that one backbone serves many heads. The other is a
plain Hugging Face checkpoint whose class fits the head (`BertForTokenClassification` and so on).

Only the header of a safetensors file is read here: no tensor is loaded and no model library is imported, so
that a plan can be checked in a moment. Pickled weights run code when they are loaded and are refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from transforms.clinical_bert.catalogue import HEADS, TOKEN_CLASSIFICATION, TOKEN_CLASSIFIERS, HeadSpec

SHIPPED: Final = "shipped"
_SHIPPED_FOLDER: Final = Path(__file__).parent / "shipped"
_SHIPPED_SHARED: Final = "clinical"
_SHIPPED_APART: Final = {"deid": "phi"}
"""Heads with a checkpoint of their own: PHI is sought in every note first, so its encoder is a small and fast one."""
_HUB_ID: Final = re.compile(r"(?P<repo>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[\w./-]+))?")
_FILES: Final = ("*.json", "*.safetensors", "*.txt", "*.model", "heads/*")
_PICKLES: Final = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.bin", "model.pt", "model.pth")
_MADE_UP: Final = re.compile(r"LABEL_\d+")
_FROM_PADDING: Final = frozenset(
    (
        *("camembert", "data2vec-text", "longformer", "mpnet"),
        *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl"),
    )
)
"""Model types that count positions from the padding id plus one."""
_SENTENCE_PIECES: Final = ("sentencepiece.bpe.model", "spm.model", "spiece.model")
_MAX_HEADER: Final = 100_000_000  # bytes, the limit of the safetensors format


class CheckpointError(ValueError):
    """A checkpoint cannot serve a head; the message is one line that says why and how to mend it."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was found and looked at. Its `repr` is its identity, wherever it lies.

    Attributes:
        source: `shipped`, the folder, or the Hub id, as it was asked for.
        revision: commit of a Hub checkpoint, else an empty string.
        sha256: digest over the names and contents of the files that decide the results (config, tokenizer,
            weights of the encoder and of the head).
        path: folder on this machine; of a shipped one its name, for it lies wherever the package lies.
    """

    source: str
    revision: str
    sha256: str
    path: str = field(repr=False, compare=False)

    def folder(self) -> Path:
        """The folder on the machine that asks."""
        return _SHIPPED_FOLDER / self.path if self.source == SHIPPED else Path(self.path)

    def verify(self, head: str) -> Path:
        """The folder, once its files are seen to be those that were resolved.

        Raises:
            CheckpointError: the files are gone or were changed since.
        """
        folder = self.folder()
        if _inspect(folder, head, self.source) != self.sha256:
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
    return Checkpoint(SHIPPED, "", _inspect(_SHIPPED_FOLDER / name, head, SHIPPED), name)


def resolve(spec: str, head: str) -> Checkpoint:
    """Finds the checkpoint that `spec` names and checks that it holds the weights of `head`.

    Args:
        spec: `shipped`, a folder, or a Hub id, the latter with `@revision` if wanted. A Hub id is looked for
            in the local cache first.
        head: a name of `heads.catalogue.HEADS`.

    Raises:
        CheckpointError: it cannot be found or read, or cannot serve the head.
    """
    if head not in HEADS:
        raise CheckpointError(f"unknown head {head!r}: the heads are {', '.join(HEADS)}")
    if spec == SHIPPED:
        return shipped(head)
    folder, revision = _find(spec)
    return Checkpoint(spec, revision, _inspect(folder, head, spec), str(folder.resolve()))


def resolve_encoder(spec: str) -> Path:
    """The folder of an encoder to train from: its weights and its tokenizer are there; heads need not be.

    Args:
        spec: a folder, a Hub id (with `@revision` if wanted), or `shipped`.

    Raises:
        CheckpointError: it cannot be found or read.
    """
    folder = _SHIPPED_FOLDER / _SHIPPED_SHARED if spec == SHIPPED else _find(spec)[0]
    _encoder_files(folder, spec)
    return folder


def positions(config: dict[str, Any]) -> int:
    """How many tokens the encoder takes at once, special tokens included.

    The tokenizer's `model_max_length` is not asked: some clinical checkpoints claim 1e30.

    Raises:
        CheckpointError: the config names no number of positions.
    """
    limit = config.get("max_position_embeddings")
    if not isinstance(limit, int) or limit < 1:
        raise CheckpointError("the checkpoint's config.json names no max_position_embeddings")
    if config.get("model_type") in _FROM_PADDING:
        padding = config.get("pad_token_id")
        # RoBERTa's 514 are 512 usable ones. All of these have the padding id 1 unless they name another.
        return limit - (1 if padding is None else int(padding)) - 1
    return limit


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        CheckpointError: the file is missing, unreadable, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {str(path)!r}: {type(error).__name__}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{str(path)!r} does not hold a JSON object")
    return content


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of the encoder: one, or the shards that the index names.

    Raises:
        CheckpointError: there is none, or there are only pickled weights.
    """
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = read_json(index).get("weight_map", {})
        shards = sorted({str(name) for name in names.values()})
        if any(os.path.basename(shard) != shard for shard in shards):
            raise CheckpointError(f"{str(index)!r} names a file outside the checkpoint's folder")
        return [folder / shard for shard in shards]
    single = folder / "model.safetensors"
    if single.is_file():
        return [single]
    for name in _PICKLES:
        if (folder / name).is_file():
            raise CheckpointError(
                f"{str(folder / name)!r} is a pickle, which can run code when loaded: convert it in a sandbox with "
                "transformers' save_pretrained, which writes model.safetensors, and name that folder"
            )
    raise CheckpointError(
        f"{str(folder)!r} holds no model.safetensors: is it a Hugging Face checkpoint folder? Of a Hub repository with "
        "pickled weights alone name the revision that the Hub converted (ID@refs/pr/N, see its community tab), or "
        "convert it in a sandbox with transformers' save_pretrained and name that folder"
    )


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor in a safetensors file, from its header alone.

    The header is a little-endian 64-bit length followed by that many bytes of JSON
    (https://github.com/huggingface/safetensors#format).

    Raises:
        CheckpointError: the file is missing, cut off or not of this format.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MAX_HEADER:
                raise ValueError("header too long")
            header = json.loads(file.read(length))
            end = 8 + length + max((t["data_offsets"][1] for n, t in header.items() if n != "__metadata__"), default=0)
            if os.fstat(file.fileno()).st_size != end:
                raise ValueError("file and header disagree about the size")
            return {name: tuple(t["shape"]) for name, t in header.items() if name != "__metadata__"}
    except (OSError, ValueError, KeyError, TypeError, struct.error, AttributeError) as error:
        raise CheckpointError(f"{str(path)!r} is not a whole safetensors file ({type(error).__name__})") from error


def own_head(folder: Path, head: str) -> Path | None:
    """The description of a head in our own layout, if the checkpoint has it."""
    description = folder / "heads" / f"{head}.json"
    return description if description.is_file() else None


def _find(spec: str) -> tuple[Path, str]:
    if not spec:
        raise CheckpointError("the checkpoint's name is empty: name its folder or a Hub id")
    folder = Path(spec).expanduser()
    if folder.is_dir():
        return folder, ""
    if folder.exists():
        raise CheckpointError(f"{spec!r} is a file: name the checkpoint's folder or a Hub id")
    match = _HUB_ID.fullmatch(spec)
    if match is None:
        raise CheckpointError(f"no such checkpoint folder: {spec!r}")
    return _from_hub(match["repo"], match["revision"])


def _from_hub(repo: str, revision: str | None) -> tuple[Path, str]:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    def fetch(*, offline: bool) -> tuple[Path, str]:
        folder = Path(
            snapshot_download(
                repo, revision=revision, allow_patterns=list(_FILES), local_files_only=offline, etag_timeout=5
            )
        )
        return folder, folder.name  # the cache names a snapshot's folder by its commit

    try:
        return fetch(offline=True)
    except LocalEntryNotFoundError:
        pass  # not in the cache: ask the Hub
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {repo!r} from the local Hub cache: {type(error).__name__}") from error
    try:
        return fetch(offline=False)
    except (OSError, ValueError) as error:  # every error of huggingface_hub and of its transport is one of these
        at = f"@{revision}" if revision else ""
        raise CheckpointError(
            f"{repo + at!r} is neither a folder nor in the local Hub cache, and the Hub did not give it "
            f"({type(error).__name__}): name a folder with its model.safetensors"
        ) from error


def _encoder_files(folder: Path, source: str) -> tuple[list[Path], dict[str, Any], dict[str, tuple[int, ...]]]:
    """The files of the encoder and its tokenizer, its config, and the shapes of its tensors."""
    if not folder.is_dir():
        raise CheckpointError(f"no such checkpoint folder: {str(folder)!r}")
    config = read_json(folder / "config.json")
    positions(config)
    files = weight_files(folder)
    shapes: dict[str, tuple[int, ...]] = {}
    for path in files:
        shapes |= tensor_shapes(path)
    if not any(name.endswith("embeddings.weight") for name in shapes):
        raise CheckpointError(f"checkpoint {source!r} holds no encoder weights")
    return [*files, folder / "config.json", *_tokenizer_files(folder)], config, shapes


def _inspect(folder: Path, head: str, source: str) -> str:
    """Checks that the folder serves the head and returns the digest of what decides its results."""
    files, config, shapes = _encoder_files(folder, source)
    spec = HEADS[head]
    description = own_head(folder, head)
    if description is not None:
        weights = description.with_suffix(".safetensors")
        _check_own(spec, read_json(description), tensor_shapes(weights), source)
        files += [description, weights]
    else:
        _check_hugging_face(spec, config, shapes, source)
    return _digest(files)


def _check_own(spec: HeadSpec, description: dict[str, Any], shapes: dict[str, tuple[int, ...]], source: str) -> None:
    labels = description.get("labels")
    if description.get("kind") != spec.kind or not isinstance(labels, list) or not labels:
        raise CheckpointError(f"checkpoint {source!r}: heads/{spec.name}.json is not of kind {spec.kind} with labels")
    if not any(shape and shape[0] == len(labels) for shape in shapes.values()):
        raise CheckpointError(f"checkpoint {source!r}: heads/{spec.name}.safetensors does not fit its labels")


def _check_hugging_face(
    spec: HeadSpec, config: dict[str, Any], shapes: dict[str, tuple[int, ...]], source: str
) -> None:
    architectures = config.get("architectures") or []
    named = ", ".join(map(str, architectures)) or "none named"
    lacks = f"checkpoint {source!r} lacks the weights of the head {spec.name!r}"
    if spec.task is None:
        raise CheckpointError(
            f"{lacks}: it needs heads/{spec.name}.json and .safetensors as `notemill train {spec.name}` writes them"
        )
    fitting = [name for name in architectures if str(name).endswith(spec.task)]
    if not fitting:
        raise CheckpointError(f"{lacks}: its class is {named}, *{spec.task} is needed (`notemill train` makes one)")
    if spec.kind == TOKEN_CLASSIFICATION:
        _check_token_classifier(str(fitting[0]), config, shapes, source, lacks)
        return
    classes = {
        shape[0]
        for name, shape in shapes.items()
        if name.startswith(("classifier.", "score.")) and name.endswith("weight") and shape
    }
    # Two classes are the default of transformers, which then writes no id2label.
    if not classes & {1, 2}:
        raise CheckpointError(f"{lacks}: model.safetensors has no classifier weights for one class or two")


def _check_token_classifier(
    architecture: str, config: dict[str, Any], shapes: dict[str, tuple[int, ...]], source: str, lacks: str
) -> None:
    if architecture not in TOKEN_CLASSIFIERS:
        known = ", ".join(sorted(name.removesuffix("ForTokenClassification") for name in TOKEN_CLASSIFIERS))
        raise CheckpointError(
            f"checkpoint {source!r}: token classification with {architecture} is not supported; supported: {known}"
        )
    if config.get("model_type") == "big_bird" and config.get("attention_type") != "original_full":
        # Its sparse attention turns itself off at the first short text, so results would depend on the order.
        raise CheckpointError(
            f'checkpoint {source!r}: BigBird is supported with full attention only: set "attention_type": '
            '"original_full" in its config.json'
        )
    labels = label_names(config, source)
    last = TOKEN_CLASSIFIERS[architecture][-1]
    weight, bias = shapes.get(f"{last}.weight"), shapes.get(f"{last}.bias")
    if not weight or weight[0] != len(labels) or bias != (len(labels),):
        raise CheckpointError(f"{lacks}: model.safetensors has no classifier weights for its {len(labels)} labels")


def label_names(config: dict[str, Any], source: str) -> list[str]:
    """The labels of a Hugging Face classifier, in the order of its weights.

    Args:
        config: the content of its config.json.
        source: the checkpoint's name, for the message.

    Raises:
        CheckpointError: there are none, they are not numbered from 0, or they are the names that transformers
            makes up (`LABEL_0`), which say nothing.
    """
    labels = config.get("id2label")
    if not isinstance(labels, dict) or not labels:
        raise CheckpointError(f"checkpoint {source!r}: its config.json has no id2label, which names the head's labels")
    if set(labels) != {str(number) for number in range(len(labels))} or not all(
        isinstance(label, str) and label for label in labels.values()
    ):
        raise CheckpointError(f"checkpoint {source!r}: id2label in its config.json does not name the labels 0, 1, 2 …")
    if made_up := [label for label in labels.values() if _MADE_UP.fullmatch(label)]:
        raise CheckpointError(
            f"checkpoint {source!r}: its labels have no names, only {made_up[0]} and so on: write into id2label of its "
            "config.json what each stands for, as its model card says"
        )
    return [labels[str(number)] for number in range(len(labels))]


def labels_of(checkpoint: Checkpoint, head: str) -> tuple[str, ...]:
    """The labels of a checkpoint's head in the order of its weights, prefixes (`B-`) included; no weight is read.

    Raises:
        CheckpointError: its description cannot be read, or names no labels.
    """
    folder = checkpoint.folder()
    own = own_head(folder, head)
    if own is None:
        return tuple(label_names(read_json(folder / "config.json"), checkpoint.source))
    return tuple(map(str, read_json(own)["labels"]))


def _tokenizer_files(folder: Path) -> Iterable[Path]:
    plain = [folder / name for name in ("tokenizer.json", "vocab.txt", "vocab.json") if (folder / name).is_file()]
    pieces = [folder / name for name in _SENTENCE_PIECES if (folder / name).is_file()]
    if pieces and not plain and find_spec("sentencepiece") is None:
        raise CheckpointError(
            f"{str(pieces[0])!r} can be read with the package sentencepiece only: install it, or put beside it the "
            "tokenizer.json that transformers' AutoTokenizer.from_pretrained(...).save_pretrained(...) makes of it"
        )
    if not plain and not pieces:
        # Without one, transformers makes a tokenizer to which every word is unknown.
        raise CheckpointError(f"{str(folder)!r} holds no vocabulary: put its tokenizer.json beside the weights")
    others = ("tokenizer_config.json", "merges.txt", "special_tokens_map.json", "added_tokens.json")
    return [*plain, *pieces, *(folder / name for name in others if (folder / name).is_file())]


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.name):
        stat = path.stat()
        digest.update(f"{path.name} {_file_digest(str(path), stat.st_size, stat.st_mtime_ns)}\n".encode())
    return digest.hexdigest()


@lru_cache(maxsize=256)
def _file_digest(path: str, size: int, modified_ns: int) -> str:  # noqa: ARG001  (size and time are the cache's key)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
