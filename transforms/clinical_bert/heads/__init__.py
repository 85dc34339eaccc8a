"""The heads, and how each is built from its weights.

A head is known to the rest of the replica by its entry in `catalogue.HEADS` alone.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from transforms.clinical_bert.cache import StateCache
from transforms.clinical_bert.catalogue import EMBEDDING, HEADS, LABEL_ATTENTION, TOKEN_CLASSIFICATION
from transforms.clinical_bert.checkpoints import CheckpointError, own_head, read_json
from transforms.clinical_bert.checkpoints.sentence import sentence_pooling
from transforms.clinical_bert.heads.base import EncodedNotes, Head
from transforms.clinical_bert.heads.embed import EmbedHead, EmbedOptions
from transforms.clinical_bert.heads.hugging_face import token_head
from transforms.clinical_bert.heads.icd import PARTIALS, IcdHead, LabelAttention, WindowAttention
from transforms.clinical_bert.heads.readmission import ChunkHead
from transforms.clinical_bert.heads.tokens import TokenHead, TokenOptions
from transforms.clinical_bert.windows import NoteTokenizer
from transforms.icd.coding import CodingOptions
from transforms.icd.table import CodeTable
from transforms.readmission import Calibration

__all__ = ["EncodedNotes", "Head", "open_head"]


def open_head(
    name: str,
    folder: Path,
    tokenizer: NoteTokenizer,
    dtype: torch.dtype,
    device: torch.device,
    options: Any = None,
    cache_mb: float = 0.0,
) -> Head:
    """Builds a head that reads an encoder's token states.

    Args:
        name: a name of `catalogue.HEADS`.
        folder: a checkpoint that `checkpoints.resolve` found fit for the head.
        tokenizer: of the checkpoint.
        dtype: precision of the encoder's states.
        device: where the states are.
        options: what the head lets its user choose; None for its defaults.
        cache_mb: of the encoder's cache of windows; a head that keeps what it made of them takes a part of that
            besides.

    Raises:
        CheckpointError: the weights are not those that the head needs.
    """
    if HEADS[name].kind == EMBEDDING:
        return EmbedHead(sentence_pooling(folder, str(folder)), options or EmbedOptions())
    description = own_head(folder, name)
    if description is None:
        return token_head(folder, tokenizer, device, options or TokenOptions())
    about = read_json(description)
    weights = {key: value.to(device) for key, value in load_file(description.with_suffix(".safetensors")).items()}
    if not all(bool(weight.isfinite().all()) for weight in weights.values() if weight.is_floating_point()):
        raise CheckpointError(f"head {name!r} of the checkpoint holds weights that are not numbers: it is damaged")
    labels = [str(label) for label in about["labels"]]
    kind = HEADS[name].kind
    try:
        if kind == TOKEN_CLASSIFICATION:
            options = options or TokenOptions()
            if options.decoding == "auto":
                options = replace(options, decoding="path")
            return TokenHead(labels, weights["weight"], weights["bias"], options.reader(tokenizer), options)
        if kind == LABEL_ATTENTION:
            first, second, third = (weights[f"{layer}.weight"].to(dtype) for layer in ("first", "second", "third"))
            attention = LabelAttention(first, second, third, weights["third.bias"])
            options = options or CodingOptions()
            scoring = WindowAttention(attention, StateCache(cache_mb * PARTIALS))
            return IcdHead(labels, scoring, float(about["threshold"]), options, CodeTable.shipped())
        return ChunkHead(weights["weight"], weights["bias"], _calibration(name, about.get("calibration")))
    except KeyError as error:
        raise CheckpointError(f"head {name!r} of the checkpoint lacks {error}: train it again") from error


def _calibration(head: str, content: Any) -> Calibration | None:
    if content is None:
        return None
    try:
        return Calibration.from_json(content)
    except ValueError as error:
        raise CheckpointError(f"head {head!r} of the checkpoint: {error}") from error
