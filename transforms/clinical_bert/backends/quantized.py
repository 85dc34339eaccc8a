"""Linear layers on a CPU with 8-bit products (VNNI, AMX) between float32 values.

Weights are quantised once, symmetrically for each output; what is multiplied with them when it comes, symmetrically
for each token, by the greatest of its own values. So no token's numbers depend on its neighbours, unlike with a range
for the whole tensor, as ONNX Runtime's dynamic quantisation takes it. Sums of products are exact 32-bit integers. The
product is the operator that `torch.compile` puts into the programs that it makes for CPUs
(torch/_inductor/fx_passes/quantization.py).
"""

from __future__ import annotations

from typing import Any, Final

import torch

from transforms.clinical_bert.backends.prepacked import is_gelu

ROWS: Final = 128
"""Tokens that are quantised, multiplied and scaled at a time: their numbers stay in the cache between these steps."""
_GREATEST: Final = 127
_ZERO: Final = 128
"""What stands for 0: the operator is fast for unsigned inputs alone."""
_LEAST_RANGE: Final = 1e-12
"""So that a token of zeros is not divided by 0."""


class QuantizedLinear(torch.nn.Module):
    """A linear layer, and the exact GELU behind it if wanted.

    Args:
        linear: whose weights are taken, in float32.
        gelu: apply it to the sums.
    """

    def __init__(self, linear: torch.nn.Linear, *, gelu: bool = False) -> None:
        super().__init__()
        weight = linear.weight.detach()
        self._scales = weight.abs().amax(dim=1).clamp(min=_LEAST_RANGE) / _GREATEST
        rounded = torch.round(weight / self._scales[:, None]).to(torch.int8)
        self._weight = torch.ops.onednn.qlinear_prepack(rounded, [ROWS, linear.in_features])
        self._zeros = torch.zeros(linear.out_features, dtype=torch.int32)
        self._bias = None if linear.bias is None else linear.bias.detach()
        self._gelu = gelu

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Shape (..., outputs), float32, for values of shape (..., inputs)."""
        rows = values.flatten(0, -2)
        result = torch.empty((len(rows), len(self._scales)), dtype=torch.float32)
        for some, out in zip(torch.split(rows, ROWS), torch.split(result, ROWS), strict=True):
            quantized, scales = _quantize(some.float())
            product = torch.ops.onednn.qlinear_pointwise(
                *(quantized, 1.0, _ZERO, self._weight, self._scales, self._zeros, None),
                *(1.0, 0, torch.float32, "none", [], ""),
            )
            if self._bias is None:
                torch.mul(product, scales, out=out)
            else:
                torch.addcmul(self._bias, product, scales, out=out)
            if self._gelu:
                torch.ops.aten.gelu.out(out, out=out)
        return result.view(*values.shape[:-1], -1)


def quantize(model: Any, *, by_rows: bool = False) -> None:
    """Puts `QuantizedLinear` in the place of the model's linear layers.

    Args:
        model: in float32, on a CPU that `support.check` found fit.
        by_rows: run feed-forward layers over `ROWS` tokens at a time where the family can (`chunk_size_feed_forward`
            of transformers), so that their wide states never leave the cache; batches must then be of whole `ROWS`.
    """
    for module in list(model.modules()):
        if by_rows and hasattr(module, "chunk_size_feed_forward"):
            module.chunk_size_feed_forward = ROWS
        dense = getattr(module, "dense", None)
        if type(dense) is torch.nn.Linear and is_gelu(getattr(module, "intermediate_act_fn", None)):
            module.dense = QuantizedLinear(dense, gelu=True)
            module.intermediate_act_fn = torch.nn.Identity()
        for name, child in module.named_children():
            if type(child) is torch.nn.Linear:
                setattr(module, name, QuantizedLinear(child))


def _quantize(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows as uint8 around `_ZERO`, and the scale of each, shape (rows, 1)."""
    greatest = rows.abs().amax(dim=1, keepdim=True).clamp_(min=_LEAST_RANGE)
    # By way of int8, since PyTorch's conversion of float32 to uint8 takes seven times as long.
    signed = torch.mul(rows, _GREATEST / greatest).round_().to(torch.int8)
    return signed.view(torch.uint8).bitwise_xor_(_ZERO), greatest.div_(_GREATEST)
