"""What a checkpoint's config.json says of its positions and labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from transforms.clinical_bert.checkpoints.errors import CheckpointError

_MADE_UP: Final = re.compile(r"LABEL_\d+")
_FROM_PADDING: Final = frozenset(
    (
        *("camembert", "data2vec-text", "longformer", "mpnet"),
        *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl"),
    )
)
"""Model types that count positions from the padding id plus one."""


def model_type(config: Mapping[str, Any]) -> str:
    """The family of the encoder, a key of `catalogue.ENCODERS` where it is a known one.

    The first BERTs, BlueBERT among them, were saved before configs named a type.
    """
    return str(config.get("model_type") or "bert")


def positions(config: dict[str, Any]) -> int:
    """How many tokens the encoder takes at once, special tokens included.

    The tokenizer's `model_max_length` is not asked: some clinical checkpoints claim 1e30. Of RoBERTa's 514 positions
    (Longformer's 4,098) two are never given to a token, for they are counted from the padding id plus one.

    Raises:
        CheckpointError: the config names no number of positions, or relative ones as the first BERTs had them, which
            transformers 5 does not compute: it would read the text without order; or it is one of a decoder, whose
            tokens do not see those behind them.
    """
    if config.get("is_decoder"):
        raise CheckpointError("the checkpoint's config.json says is_decoder: only encoders are read here")
    kind = config.get("position_embedding_type") or "absolute"
    if kind.startswith("relative_key"):
        raise CheckpointError(f"the checkpoint's positions are {kind!r}, which transformers no longer computes")
    limit = config.get("max_position_embeddings")
    if not isinstance(limit, int) or limit < 1:
        raise CheckpointError("the checkpoint's config.json names no max_position_embeddings")
    return limit - first_position(config)


def first_position(config: dict[str, Any]) -> int:
    """The position id of a text's first token."""
    if model_type(config) not in _FROM_PADDING:
        return 0
    padding = config.get("pad_token_id")
    # All of these have the padding id 1 unless they name another.
    return 1 + (1 if padding is None else int(padding))


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
