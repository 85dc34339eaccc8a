"""An encoder of transformers whose layers are computed by `layers.cpp`.

Embeddings stay transformers' own. Weights are bfloat16, or 8-bit whole numbers with a scale for each output; what is
multiplied with the latter is quantised over the range of its own token, so no token's numbers depend on its
neighbours. Sums, what is added up from layer to layer, and norms are float32; states come out in bfloat16.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import torch
from torch.nn.functional import pad
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions as Output

from transforms.clinical_bert.backends.attention import Layout
from transforms.clinical_bert.backends.native import library
from transforms.clinical_bert.backends.precision import BackendError
from transforms.clinical_bert.backends.pytorch import PackedEncoder

_COLUMNS: Final = 64
"""Outputs in a panel of packed weights: `kColumns` of layers.cpp."""
_GREATEST: Final = 127
_LEAST_RANGE: Final = 1e-12
"""So that an output whose weights are zeros is not divided by 0."""


class NativeEncoder(PackedEncoder):
    """Runs all windows of a batch as one row, without padding.

    Args:
        model: in float32, on the CPU, with layers like BERT's (`native.unfit`); they are exchanged.
        quantized: multiply 8-bit numbers, not bfloat16.

    Raises:
        BackendError: the layers cannot be compiled here.
    """

    def __init__(self, model: Any, *, quantized: bool) -> None:
        if problem := library.problem():
            raise BackendError(f"backend 'native' {problem}")
        model.encoder = NativeLayers(model, quantized=quantized)
        super().__init__(model, step=1)
        self.dtype = torch.bfloat16


class NativeLayers(torch.nn.Module):
    """Takes the place of a model's layers.

    Args:
        model: whose weights are taken.
        quantized: as of `NativeEncoder`.
    """

    def __init__(self, model: Any, *, quantized: bool) -> None:
        super().__init__()
        self._heads = int(model.config.num_attention_heads)
        self._eps = float(model.config.layer_norm_eps)
        self._tensors = [tensor for layer in model.encoder.layer for tensor in _packed_layer(layer, quantized)]

    def forward(self, hidden_states: torch.Tensor, *_: Any, windows: Layout, **__: Any) -> Output:
        """The last states, shape (1, tokens, width), bfloat16, for embeddings of that shape."""
        states = hidden_states[0].contiguous()
        torch.ops.notemill_native.encode(states, windows.groups, self._tensors, self._heads, self._eps)
        return Output(last_hidden_state=states[None].bfloat16())


@torch.inference_mode()
def _packed_layer(layer: Any, quantized: bool) -> Iterator[torch.Tensor]:
    """The tensors of one layer, as `encode` in layers.cpp takes them."""
    attention, output = layer.attention.self, layer.attention.output
    scale = attention.scaling  # of the scores, which is as well one of the queries
    parts = (attention.query, attention.key, attention.value)
    weight = torch.cat([part.weight for part in parts])
    bias = torch.cat([part.bias for part in parts])
    weight[: len(weight) // 3] *= scale
    bias[: len(bias) // 3] *= scale
    yield from _packed(weight, bias, quantized)
    for linear in (output.dense, layer.intermediate.dense, layer.output.dense):
        yield from _packed(linear.weight, linear.bias, quantized)
    for norm in (output.LayerNorm, layer.output.LayerNorm):
        yield norm.weight.detach().clone()
        yield norm.bias.detach().clone()


def _packed(weight: torch.Tensor, bias: torch.Tensor, quantized: bool) -> Iterator[torch.Tensor]:
    """Weight, bias, and the scale and the sum of each output's weights (both empty in bfloat16).

    Args:
        weight: shape (outputs, inputs).
        bias: shape (outputs,).
        quantized: as of `NativeEncoder`.
    """
    if not quantized:
        yield _panels(weight.bfloat16(), 2)
        yield bias.detach().clone()
        yield from (torch.empty(0), torch.empty(0))
        return
    scales = weight.abs().amax(dim=1).clamp(min=_LEAST_RANGE) / _GREATEST
    rounded = torch.round(weight / scales[:, None])
    yield _panels(rounded.to(torch.int8), 4)
    yield bias.detach().clone()
    yield scales
    yield rounded.sum(dim=1)


def _panels(weight: torch.Tensor, together: int) -> torch.Tensor:
    """Shape (panels, inputs / together, `_COLUMNS`, together): neighbouring inputs of an output lie side by side."""
    outputs, inputs = weight.shape
    filled = pad(weight, (0, 0, 0, -outputs % _COLUMNS))
    return filled.view(-1, _COLUMNS, inputs // together, together).permute(0, 2, 1, 3).contiguous()
