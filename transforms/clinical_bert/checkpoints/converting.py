"""Turn pickled weights into safetensors, without running what a pickle may hold.

`torch.load(weights_only=True)` rebuilds tensors and plain containers and refuses every other instruction
(https://docs.pytorch.org/docs/stable/notes/serialization.html#weights-only-security). What it gives is written as
safetensors and read from there, so that nothing else in the package knows of pickles.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from transforms.clinical_bert.checkpoints.errors import CheckpointError
from transforms.clinical_bert.checkpoints.files import (
    INDEX,
    PICKLES,
    WEIGHTS,
    digest,
    pickle_index,
    safetensors_in,
    shards,
    weight_files,
)

_KEPT: Final = ("*.json", "*.txt", "*.model", "heads/*.json", "heads/*.safetensors", "*_Pooling/config.json")
"""What a checkpoint's folder may hold beside its weights; the index of pickled shards is left behind."""


def cache_folder() -> Path:
    """Where converted checkpoints are kept: `NOTEMILL_CACHE`, else `notemill` in the user's cache folder."""
    given = os.environ.get("NOTEMILL_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "notemill"


def converted(folder: Path) -> Path:
    """The folder's checkpoint with safetensors: itself where it has them, else a conversion that is kept.

    The conversion lies under the digest of the pickles in `cache_folder()`, so it is made once.

    Raises:
        CheckpointError: there are no pickled weights either, or they hold more than tensors.
    """
    if safetensors_in(folder) or pickle_index(folder) is None:
        return folder
    target = cache_folder() / "converted" / digest([*_pickles(folder), *_others(folder)])
    if not target.is_dir():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            convert(folder, target)
        except OSError as error:
            raise CheckpointError(
                f"cannot write the converted weights to {str(target.parent)!r} ({type(error).__name__}): "
                "name a folder that is writable in NOTEMILL_CACHE"
            ) from error
    return target


def copy(folder: Path, target: Path, source: str | None = None) -> None:
    """Writes a checkpoint with safetensors to a new folder, whole or not at all; nothing else of its folder is copied.

    Args:
        folder: the checkpoint.
        target: the new folder.
        source: what the user called it, for messages.

    Raises:
        CheckpointError: it has no safetensors.
        OSError: the target cannot be written.
    """
    weights = weight_files(folder, source)
    with _whole(target) as part:
        for path in (*weights, *_others(folder)):
            _copy_file(path, part / path.relative_to(folder))


def convert(folder: Path, target: Path) -> None:
    """Writes a checkpoint with pickled weights to a new folder as safetensors, whole or not at all.

    Shards stay shards, one in memory at a time. Weights that share memory are written each by itself.

    Raises:
        CheckpointError: the weights hold more than tensors, or are no weights.
        OSError: the target cannot be written.
    """
    from safetensors.torch import save_file

    pickles = _pickles(folder)
    with _whole(target) as part:
        weight_map: dict[str, str] = {}
        size = 0
        for number, path in enumerate(pickles, 1):
            tensors = _tensors(path)
            name = WEIGHTS if len(pickles) == 1 else f"model-{number:05}-of-{len(pickles):05}.safetensors"
            save_file(tensors, part / name, metadata={"format": "pt"})
            weight_map |= dict.fromkeys(tensors, name)
            size += sum(tensor.nbytes for tensor in tensors.values())
        if len(pickles) > 1:
            index = {"metadata": {"total_size": size}, "weight_map": weight_map}
            (part / INDEX).write_text(json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        for path in _others(folder):
            _copy_file(path, part / path.relative_to(folder))


def _pickles(folder: Path) -> list[Path]:
    found = pickle_index(folder)
    if found is None or found.name not in PICKLES:
        weight_files(folder)  # says what is missing
        raise CheckpointError(f"{str(folder)!r} holds no pickled weights")
    return shards(found) if found.suffix == ".json" else [found]


def _tensors(path: Path) -> dict[str, Any]:
    """The tensors of a pickle under their names, each with memory of its own, which safetensors demands."""
    import torch

    try:
        # Files from before PyTorch 1.6 are no zip archives and cannot be mapped into memory.
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{str(path)!r} holds more than tensors, and reading the rest could run code: it is not read"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise CheckpointError(f"{str(path)!r} is not a whole PyTorch file ({type(error).__name__})") from error
    if (
        not isinstance(loaded, dict)
        or not loaded
        or not all(isinstance(tensor, torch.Tensor) for tensor in loaded.values())
    ):
        raise CheckpointError(f"{str(path)!r} does not hold weights by their names alone, as transformers writes them")
    return {str(name): tensor.detach().clone().contiguous() for name, tensor in loaded.items()}


def _others(folder: Path) -> Iterator[Path]:
    weights = (INDEX, *PICKLES)
    for pattern in _KEPT:
        yield from (path for path in sorted(folder.glob(pattern)) if path.is_file() and path.name not in weights)


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(source, target)  # the content, where a Hub cache holds a link


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A folder beside the target, which becomes the target when all is written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name[:32]}-") as name:
        part = Path(name) / "part"
        part.mkdir()
        yield part
        try:
            part.rename(target)  # over an empty folder too
        except OSError:
            if not safetensors_in(target):  # else another process was first, with the same content
                raise
