"""What a checkpoint says of how its token states become one vector.

The layout is that of sentence-transformers: `modules.json` lists the modules that a text passes, which are the encoder,
a pooling with its own `config.json`, and possibly a normalisation. Where a checkpoint has none, nothing is said.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from transforms.clinical_bert.checkpoints.errors import CheckpointError
from transforms.clinical_bert.checkpoints.files import read_json

_MODULES: Final = "modules.json"
_MODES: Final = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


@dataclass(frozen=True)
class SentencePooling:
    """How a checkpoint of sentence-transformers pools.

    Attributes:
        mode: `mean` or `cls`; None where the checkpoint does not say.
        normalized: a vector is divided by its Euclidean length.
    """

    mode: str | None
    normalized: bool


def sentence_pooling(folder: Path, source: str) -> SentencePooling:
    """Reads the modules of a checkpoint.

    Args:
        folder: the checkpoint.
        source: its name, for the message.

    Raises:
        CheckpointError: a module is none of encoder, pooling by mean or [CLS], and normalisation.
    """
    mode: str | None = None
    normalized = False
    for kind, path in _modules(folder):
        if kind == "Pooling":
            about = read_json(folder / path / "config.json")
            chosen = [name for name, on in about.items() if name.startswith("pooling_mode_") and on is True]
            if isinstance(about.get("pooling_mode"), str):  # the form of later versions
                chosen = [f"pooling_mode_{about['pooling_mode']}"]
            known = {**_MODES, "pooling_mode_mean": "mean", "pooling_mode_cls": "cls"}
            if len(chosen) != 1 or chosen[0] not in known:
                named = ", ".join(chosen) or "none"
                raise CheckpointError(
                    f"checkpoint {source!r} pools by {named}; supported: mean_tokens or cls_token, one of them"
                )
            mode = known[chosen[0]]
        elif kind == "Normalize":
            normalized = True
        elif kind != "Transformer":
            raise CheckpointError(
                f"checkpoint {source!r} ends with the module {kind} of sentence-transformers, which is not supported; "
                "supported: Transformer, Pooling, Normalize"
            )
    return SentencePooling(mode, normalized)


def sentence_files(folder: Path) -> list[Path]:
    """The files that `sentence_pooling` reads."""
    files = [folder / path / "config.json" for kind, path in _modules(folder) if kind == "Pooling"]
    return [folder / _MODULES, *files] if (folder / _MODULES).is_file() else []


def _modules(folder: Path) -> list[tuple[str, str]]:
    """Class and folder of each module, in order."""
    path = folder / _MODULES
    if not path.is_file():
        return []
    try:
        modules: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        found = [(str(module["type"]).rpartition(".")[2], str(module["path"])) for module in modules]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"cannot read {str(path)!r}: {type(error).__name__}") from error
    if any(Path(place).is_absolute() or ".." in Path(place).parts for _, place in found):
        raise CheckpointError(f"{str(path)!r} names a folder outside the checkpoint's")
    return found
