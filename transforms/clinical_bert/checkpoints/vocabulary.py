"""Whether a checkpoint's tokenizer tells capitals from small letters.

transformers 5 builds BERT's tokenizer anew from its vocabulary and tokenizer_config.json, and lower-cases where the
latter says nothing, even over a tokenizer.json that says otherwise. Several clinical checkpoints are cased and say
nothing, so what they leave out is filled in here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from transforms.clinical_bert.checkpoints.errors import CheckpointError
from transforms.clinical_bert.checkpoints.files import read_json, tokenizer_json

_OF_NORMALIZER: Final = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}
"""Setting of BERT's tokenizer -> its name in the normalizer of tokenizer.json."""


def normalizer_settings(folder: Path) -> dict[str, Any]:
    """What BERT's tokenizer is to be told that tokenizer_config.json does not say.

    From the normalizer of tokenizer.json where there is one; else a vocabulary with capital letters in it is cased.
    Empty for tokenizers of other kinds.

    Raises:
        CheckpointError: a file cannot be read.
    """
    said = _config(folder)
    normalizer = _normalizer(folder)
    if normalizer.get("type") == "BertNormalizer":
        return {key: normalizer[name] for key, name in _OF_NORMALIZER.items() if key not in said and name in normalizer}
    if _is_word_piece(folder):  # any other normalizer, or none: transformers would put BERT's in its place
        kept = {
            "do_lower_case": _lowers(normalizer),
            "strip_accents": _strips(normalizer),
            "tokenize_chinese_chars": False,
        }
        return {key: value for key, value in kept.items() if key not in said}
    if "do_lower_case" in said or not (folder / "vocab.txt").is_file() or normalizer:
        return {}
    return {"do_lower_case": not _has_capitals(folder / "vocab.txt")}


def is_cased(folder: Path) -> bool:
    """Whether capitals reach the encoder.

    Raises:
        CheckpointError: a file cannot be read.
    """
    settings = {**normalizer_settings(folder), **_config(folder)}
    if "do_lower_case" in settings:
        return not settings["do_lower_case"]
    return not _lowers(_normalizer(folder))


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "tokenizer_config.json"
    return read_json(path) if path.is_file() else {}


def _normalizer(folder: Path) -> dict[str, Any]:
    path = tokenizer_json(folder)
    return (read_json(path).get("normalizer") or {}) if path is not None else {}


def _is_word_piece(folder: Path) -> bool:
    path = tokenizer_json(folder)
    return path is not None and (read_json(path).get("model") or {}).get("type") == "WordPiece"


def _strips(normalizer: dict[str, Any]) -> bool:
    parts = normalizer.get("normalizers", [])
    return normalizer.get("type") == "StripAccents" or any(map(_strips, parts))


def _lowers(normalizer: dict[str, Any]) -> bool:
    parts = normalizer.get("normalizers", [])
    return normalizer.get("type") == "Lowercase" or bool(normalizer.get("lowercase")) or any(map(_lowers, parts))


def _has_capitals(path: Path) -> bool:
    """Whether a piece that stands for text, and not a special token such as `[CLS]`, has a capital letter."""
    try:
        with path.open(encoding="utf-8") as lines:
            pieces = (line.strip() for line in lines)
            return any(piece != piece.lower() for piece in pieces if not _is_special(piece))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {str(path)!r}: {type(error).__name__}") from error


def _is_special(piece: str) -> bool:
    return (piece[:1], piece[-1:]) in (("[", "]"), ("<", ">"))
