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

WEIGHTS: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
PICKLES: Final = ("pytorch_model.bin", "pytorch_model.bin.index.json")
"""Pickled weights as transformers wrote them: one file, or the index of its shards."""
CODE_LISTS: Final = ("ALL_CODES.txt", "ALL_CODES_50.txt")
"""Files of PLM-ICD that name the labels which its config does not."""

_OTHER_PICKLES: Final = ("model.bin", "model.pt", "model.pth", "best_model.pt")
_VOCABULARIES: Final = ("vocab.txt", "vocab.json")
_SENTENCE_PIECES: Final = ("sentencepiece.bpe.model", "spm.model", "spiece.model")
_TOKENIZER_SETTINGS: Final = ("tokenizer_config.json", "merges.txt", "special_tokens_map.json", "added_tokens.json")
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


def safetensors_in(folder: Path) -> bool:
    """Whether the folder holds weights of an encoder that can be read without running code."""
    return (folder / WEIGHTS).is_file() or (folder / INDEX).is_file()


def pickle_index(folder: Path) -> Path | None:
    """The pickle of the folder's weights, or the index of its shards; None where there is none."""
    return next((folder / name for name in (*PICKLES, *_OTHER_PICKLES) if (folder / name).is_file()), None)


def shards(index: Path) -> list[Path]:
    """The files that the index of a sharded checkpoint names.

    Raises:
        CheckpointError: one lies outside the index's folder.
    """
    weight_map = read_json(index).get("weight_map", {})
    names = sorted({str(name) for name in weight_map.values()})
    if not names or any(os.path.basename(name) != name for name in names):
        raise CheckpointError(f"{str(index)!r} names no files, or one outside the checkpoint's folder")
    return [index.parent / name for name in names]


def weight_files(folder: Path, source: str | None = None) -> list[Path]:
    """The safetensors files of the encoder: one, or the shards that the index names.

    Args:
        folder: the checkpoint.
        source: what the user called it, for the message.

    Raises:
        CheckpointError: there is none, or there are only pickled weights.
    """
    if (folder / INDEX).is_file():
        return shards(folder / INDEX)
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    pickle = pickle_index(folder)
    if pickle is not None and pickle.name in PICKLES:
        raise CheckpointError(
            f"{str(pickle)!r} is a pickle, which can run code when it is loaded: "
            f"`notemill models fetch {source or folder} --to DIR --convert` reads tensors alone out of it and writes "
            "safetensors; or set model.pickled = true, which does the same before each run that finds it new"
        )
    if pickle is not None:
        raise CheckpointError(
            f"{str(pickle)!r} is a pickle of no standard form: save it as model.safetensors with the names of its own "
            "class, by transformers' save_pretrained"
        )
    raise CheckpointError(
        f"{source or str(folder)!r} holds no model.safetensors: is it a Hugging Face checkpoint? Of a Hub repository "
        "with pickled weights alone name the revision that the Hub converted (ID@refs/pr/N, see its community tab), or "
        f"convert it: `notemill models fetch {source or 'ID'} --to DIR --convert`"
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


def tokenizer_json(folder: Path) -> Path | None:
    """The checkpoint's tokenizer.json; None where there is none, or a file of that name that is another one.

    Clinical-BigBird's is as long as its SentencePiece model to the byte, of which it seems to be a copy.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return path if file.read(64).lstrip().startswith(b"{") else None


def tokenizer_files(folder: Path) -> list[Path]:
    """The files that decide how text becomes tokens.

    Raises:
        CheckpointError: there is no vocabulary, or one that this installation cannot read.
    """

    def there(names: Iterable[str]) -> list[Path]:
        return [folder / name for name in names if (folder / name).is_file()]

    plain, pieces = there(_VOCABULARIES), there(_SENTENCE_PIECES)
    if (tokenizer := tokenizer_json(folder)) is not None:
        plain.insert(0, tokenizer)
    if pieces and not plain and find_spec("sentencepiece") is None:
        raise CheckpointError(
            f"{str(pieces[0])!r} can be read with the package sentencepiece only: install it, or put beside it the "
            "tokenizer.json that transformers' AutoTokenizer.from_pretrained(...).save_pretrained(...) makes of it"
        )
    if not plain and not pieces:
        # Without one, transformers makes a tokenizer to which every word is unknown.
        raise CheckpointError(f"{str(folder)!r} holds no vocabulary: put its tokenizer.json beside the weights")
    return [*plain, *pieces, *there(_TOKENIZER_SETTINGS)]


def digest(files: Iterable[Path]) -> str:
    """SHA-256 over the names and contents of files, whatever their order and place."""
    sha256 = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.name):
        stat = path.stat()
        sha256.update(f"{path.name} {_file_digest(str(path), stat.st_size, stat.st_mtime_ns)}\n".encode())
    return sha256.hexdigest()


@lru_cache(maxsize=256)
def _file_digest(path: str, size: int, modified_ns: int) -> str:  # noqa: ARG001  (size and time are the cache's key)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
