"""Linear layers in bfloat16 on a CPU whose weights are laid out once as oneDNN wants them.

PyTorch's own linear layers leave that to each call, which costs about a tenth of the time. The
operators are those that `torch.compile` puts into the programs that it makes for CPUs
(torch/_inductor/fx_passes/mkldnn_fusion.py).
"""

from __future__ import annotations

from typing import Any, Final

import torch
from transformers.activations import GELUActivation

_ROWS: Final = 1024
"""Of the inputs that the layout is chosen for; the numbers are the same for others."""


class PrepackedLinear(torch.nn.Module):
    """A linear layer, and the exact GELU behind it if wanted.

    Args:
        linear: whose weights are taken.
        gelu: apply it to the sums, before they are rounded.
    """

    def __init__(self, linear: torch.nn.Linear, *, gelu: bool = False) -> None:
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _ROWS)
        self._bias = None if linear.bias is None else linear.bias.detach()
        self._after: tuple[str, list[float], str] = ("gelu", [], "none") if gelu else ("none", [], "")

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Shape (..., outputs) for values of shape (..., inputs)."""
        result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(values, self._weight, self._bias, *self._after)
        return result


def prepack(model: Any) -> None:
    """Puts `PrepackedLinear` in the place of the model's linear layers, where the processor has bfloat16."""
    weight = next(model.parameters())
    ready = weight.dtype is torch.bfloat16 and weight.device.type == "cpu"
    there = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not (ready and there and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        return
    for module in list(model.modules()):
        dense = getattr(module, "dense", None)
        if isinstance(dense, torch.nn.Linear) and is_gelu(getattr(module, "intermediate_act_fn", None)):
            module.dense = PrepackedLinear(dense, gelu=True)
            module.intermediate_act_fn = torch.nn.Identity()
        for name, child in module.named_children():
            if type(child) is torch.nn.Linear:
                setattr(module, name, PrepackedLinear(child))


def is_gelu(function: Any) -> bool:
    """Whether this is the exact GELU of transformers, by PyTorch's function."""
    return isinstance(function, GELUActivation) and function.act is torch.nn.functional.gelu
