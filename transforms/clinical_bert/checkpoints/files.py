"""The files of a checkpoint: which decide its results, what is in them, and their digest."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from transforms.clinical_bert.checkpoints.errors import CheckpointError

_PICKLES: Final = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.bin", "model.pt", "model.pth")
_SENTENCE_PIECES: Final = ("sentencepiece.bpe.model", "spm.model", "spiece.model")
_MAX_HEADER: Final = 100_000_000  # bytes, the limit of the safetensors format


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


def tokenizer_files(folder: Path) -> Iterable[Path]:
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


def digest(files: Iterable[Path]) -> str:
    sha256 = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.name):
        stat = path.stat()
        sha256.update(f"{path.name} {_file_digest(str(path), stat.st_size, stat.st_mtime_ns)}\n".encode())
    return sha256.hexdigest()


@lru_cache(maxsize=256)
def _file_digest(path: str, size: int, modified_ns: int) -> str:  # noqa: ARG001  (size and time are the cache's key)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
