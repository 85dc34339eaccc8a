"""Published checkpoints of PLM-ICD: an encoder and its label attention in one file.

Huang, Tsai, Chen: PLM-ICD: Automatic ICD Coding with Pretrained Language Models (2022),
https://github.com/MiuLab/PLM-ICD. The classes `RobertaForMultilabelClassification` and
`BertForMultilabelClassification` hold, beside the encoder, `first_linear`, `second_linear` and `third_linear` (other
hands put them into a module named as in `_PREFIXES`). `model_mode` of the config is `laat` or `laat-split`.

The config of the published checkpoints numbers its labels only (`LABEL_0`). Their names are the lines of the
`--code_file` of the training, sorted as strings: `ALL_CODES.txt` or `ALL_CODES_50.txt`, to be put beside the weights.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from transforms.clinical_bert.checkpoints.configs import label_names, positions
from transforms.clinical_bert.checkpoints.errors import CheckpointError
from transforms.clinical_bert.checkpoints.files import CODE_LISTS
from transforms.icd.systems import UnknownCodeError, systems_of

MODES: Final = ("laat", "laat-split")
CHUNK: Final = 128
"""Tokens of a chunk that the published checkpoints were trained with; their config does not tell it."""

_CLASSES: Final = ("BertForMultilabelClassification", "RobertaForMultilabelClassification")
_PREFIXES: Final = ("", "attention.", "label_attention.", "label_wise_attention.")


def is_plm_icd(config: dict[str, Any]) -> bool:
    """Whether a config names one of PLM-ICD's classes."""
    return any(name in _CLASSES for name in config.get("architectures") or [])


def attention_names(tensors: Collection[str]) -> tuple[str, str, str, str] | None:
    """The names of W1, W2, W3 and b among these tensors (see `heads.icd`); None where they are not all there."""
    for prefix in _PREFIXES:
        first, second, third = (f"{prefix}{number}_linear" for number in ("first", "second", "third"))
        names = (f"{first}.weight", f"{second}.weight", f"{third}.weight", f"{third}.bias")
        if all(name in tensors for name in names):
            return names
    return None


def code_list(folder: Path) -> Path | None:
    """The file that names the labels; None where there is none."""
    return next((folder / name for name in CODE_LISTS if (folder / name).is_file()), None)


def codes(folder: Path, config: dict[str, Any], source: str) -> list[str]:
    """The checkpoint's codes in the order of its weights.

    Raises:
        CheckpointError: neither the folder nor the config names them, or not so many as there are.
    """
    path = code_list(folder)
    if path is None:
        try:
            return label_names(config, source)
        except CheckpointError as error:
            raise CheckpointError(
                f"{error}; of a published PLM-ICD put the ALL_CODES.txt of its training beside the weights"
            ) from error
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {str(path)!r}: {type(error).__name__}") from error
    return sorted({line.strip() for line in lines if line.strip()})


def check(folder: Path, config: dict[str, Any], shapes: dict[str, tuple[int, ...]], source: str) -> None:
    """Checks that the label attention is there, and fits the encoder and the codes.

    Raises:
        CheckpointError: it is not, a label is no code, or the config asks for another way of scoring.
    """
    mode = config.get("model_mode")
    if mode not in MODES:
        raise CheckpointError(
            f"checkpoint {source!r}: model_mode in its config.json is {mode!r}; of PLM-ICD {' and '.join(MODES)} are "
            "supported"
        )
    names = attention_names(shapes)
    if names is None:
        raise CheckpointError(
            f"checkpoint {source!r} lacks the weights of the head 'icd': its tensors first_linear, second_linear and "
            "third_linear are not all there"
        )
    if positions(config) < CHUNK:
        raise CheckpointError(f"checkpoint {source!r} takes {positions(config)} tokens, a chunk of PLM-ICD has {CHUNK}")
    named = codes(folder, config, source)
    try:
        systems_of(named)
    except UnknownCodeError as error:
        raise CheckpointError(f"checkpoint {source!r}: its label {error}") from error
    labels, width = len(named), config.get("hidden_size")
    first, second, third, bias = (shapes[name] for name in names)
    inner = first[0] if first else 0
    if (first, second, third, bias) != ((inner, width), (labels, inner), (labels, width), (labels,)):
        raise CheckpointError(
            f"checkpoint {source!r}: its label attention is for {bias[0] if bias else 0} codes, but {labels} are named"
        )
