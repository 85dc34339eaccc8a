"""How many floating-point operations a pass takes, and how many a second the hardware does at best.

Operations are counted from the model's shape and the windows that were really run, padding and repeats left out, so
that the share of the peak (model FLOPs utilisation, Chowdhery et al.: PaLM, 2022, appendix B) rewards no waste:

    2 x weights of all linear layers           for each token of a window, special ones included
    4 x width x layers                         for each pair of tokens of a window: QK^T, and the weighted sum of V

A product of matrices counts two operations, multiply and add, for each pair of factors. Embeddings, normalisation,
activations and softmax are not counted. Attention is counted as full, which is too much for models whose attention
is local (Longformer, ModernBERT) once windows are longer than theirs.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from transformers import AutoConfig, AutoModelForTokenClassification

FORMULA: Final = "2 x linear weights x tokens + 4 x width x layers x sum over windows of tokens^2"

_SIZES: Final = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192)}
"""Sides of the square matrices: where products no longer gain from being larger."""


@dataclass(frozen=True)
class Shape:
    """What the operations of a token classifier follow from.

    Attributes:
        parameters: all weights.
        linear: weights of its linear layers.
        layers: of the encoder.
        width: of its states.
    """

    parameters: int
    linear: int
    layers: int
    width: int

    @classmethod
    def of(cls, folder: Path) -> Shape:
        """Of the token classifier in a folder; no weight is read."""
        config: Any = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            model = AutoModelForTokenClassification.from_config(config, trust_remote_code=False)
        linear = sum(part.weight.numel() for part in model.modules() if isinstance(part, torch.nn.Linear))
        parameters = sum(weight.numel() for weight in model.parameters())
        return cls(parameters, linear, int(config.num_hidden_layers), int(config.hidden_size))

    def operations(self, tokens: int, pairs: int) -> int:
        """Floating-point operations of so many tokens in windows, and so many pairs of tokens of one window."""
        return 2 * self.linear * tokens + 4 * self.width * self.layers * pairs

    def operations_of(self, lengths: Iterable[int]) -> int:
        """Of windows of these lengths, special tokens included."""
        lengths = tuple(lengths)
        return self.operations(sum(lengths), sum(length**2 for length in lengths))


def matmul_peak(dtype: torch.dtype, device: torch.device, seconds: float = 1.0) -> float:
    """Operations per second of PyTorch's product of square matrices: the best of several sizes and many repeats.

    Args:
        dtype: of both factors; of 8-bit ones the product is in 32 bits.
        device: where; on a CPU with the threads that PyTorch has.
        seconds: for all sizes together.
    """
    sizes = _SIZES[device.type]
    return max(_matmul_rate(size, dtype, device, seconds / len(sizes)) for size in sizes)


def _matmul_rate(size: int, dtype: torch.dtype, device: torch.device, seconds: float) -> float:
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    whole = dtype == torch.int8
    out = torch.empty_like(left, dtype=torch.int32 if whole else dtype)
    multiply = torch._int_mm if whole else torch.matmul
    best = float("inf")
    multiply(left, right, out=out)
    # On a GPU a single product is too short for the host's clock.
    repeats = 1 if device.type == "cpu" else 20
    until = time.perf_counter() + seconds
    while True:
        wait_for(device)
        began = time.perf_counter()
        for _ in range(repeats):
            multiply(left, right, out=out)
        wait_for(device)
        best = min(best, (time.perf_counter() - began) / repeats)
        if time.perf_counter() > until:
            return 2 * size**3 / best


def wait_for(device: torch.device) -> None:
    """Lets the device finish what it was given, so that the clock shows it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
