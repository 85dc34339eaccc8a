"""The heads, and how each is built from its weights.

A head is known to the rest of the replica by its entry in `catalogue.HEADS` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from transforms.clinical_bert.catalogue import HEADS, LABEL_ATTENTION, TOKEN_CLASSIFICATION
from transforms.clinical_bert.checkpoints import CheckpointError, own_head, read_json, weight_files
from transforms.clinical_bert.heads.base import Encoded, Head
from transforms.clinical_bert.heads.icd import IcdHead, LabelAttention
from transforms.clinical_bert.heads.readmission import ChunkHead
from transforms.clinical_bert.heads.tokens import TokenHead
from transforms.icd.coding import CodingOptions
from transforms.icd.table import CodeTable

__all__ = ["Encoded", "Head", "open_head"]


def open_head(name: str, folder: Path, dtype: torch.dtype, device: torch.device, options: Any = None) -> Head:
    """Builds a head that reads an encoder's token states.

    Args:
        name: a name of `catalogue.HEADS`.
        folder: a checkpoint that `checkpoints.resolve` found fit for the head.
        dtype: precision of the encoder's states.
        device: where the states are.
        options: what the head lets its user choose; None for its defaults.

    Raises:
        CheckpointError: the weights are not those that the head needs.
    """
    description = own_head(folder, name)
    if description is None:
        return _from_hugging_face(folder, device)
    about = read_json(description)
    weights = {key: value.to(device) for key, value in load_file(description.with_suffix(".safetensors")).items()}
    labels = [str(label) for label in about["labels"]]
    kind = HEADS[name].kind
    try:
        if kind == TOKEN_CLASSIFICATION:
            return TokenHead(labels, weights["weight"], weights["bias"])
        if kind == LABEL_ATTENTION:
            first, second, third = (weights[f"{layer}.weight"].to(dtype) for layer in ("first", "second", "third"))
            attention = LabelAttention(first, second, third, weights["third.bias"])
            options = options or CodingOptions()
            return IcdHead(labels, attention, float(about["threshold"]), options, CodeTable.shipped())
        return ChunkHead(weights["weight"], weights["bias"])
    except KeyError as error:
        raise CheckpointError(f"head {name!r} of the checkpoint lacks {error}: train it again") from error


def _from_hugging_face(folder: Path, device: torch.device) -> TokenHead:
    tensors: dict[str, torch.Tensor] = {}
    for path in weight_files(folder):
        with safe_open(path, framework="pt") as file:
            for key in ("classifier.weight", "classifier.bias"):
                if key in file.keys():  # noqa: SIM118  (a safetensors file is no mapping)
                    tensors[key] = file.get_tensor(key).to(device)
    labels = _labels(read_json(folder / "config.json")["id2label"])
    try:
        return TokenHead(labels, tensors["classifier.weight"], tensors["classifier.bias"])
    except KeyError as error:
        raise CheckpointError(f"the checkpoint's token classifier lacks {error}") from error


def _labels(id2label: Mapping[str, str]) -> list[str]:
    return [id2label[key] for key in sorted(id2label, key=int)]
