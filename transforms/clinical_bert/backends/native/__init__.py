"""Encoders built like BERT, in C++ of our own (`layers.cpp`), for CPUs with 8-bit or bfloat16 products.

`library` compiles it once for each machine, `encoder` puts it in the place of transformers' layers. What it computes is
told here, without loading any of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

FAMILIES: Final = frozenset(("bert", "camembert", "data2vec-text", "electra", "ernie", "roberta", "xlm-roberta"))
"""Model types whose layers are BERT's."""

_MULTIPLE: Final = 4
"""Products of 8-bit numbers take so many inputs at a time."""


def unfit(family: str, config: Mapping[str, Any]) -> str | None:
    """Why this encoder is not computed here; None where it is.

    Args:
        family: its model type.
        config: the content of its config.json.
    """
    if family not in FAMILIES:
        return f"{family} is not built like BERT"
    if config.get("is_decoder"):
        return "it is not an encoder"
    if config.get("hidden_act", "gelu") != "gelu":
        return f"its activation is {config['hidden_act']}, not gelu"
    if config.get("position_embedding_type", "absolute") != "absolute":
        return "its positions are relative"
    width, heads = int(config.get("hidden_size", 768)), int(config.get("num_attention_heads", 12))
    if width % heads or width // heads % 2 or width % _MULTIPLE or int(config.get("intermediate_size", 0)) % _MULTIPLE:
        return f"its widths are no multiples of {_MULTIPLE}"
    return None
