"""What makes training bearable on a processor without a GPU: attention and dropout that cost little there.

PyTorch's own are made for GPUs. On a CPU the backward pass of its fused attention takes as long as all matrix products
of a small BERT, whose heads of 32 are too thin for it, and dropout draws its mask on one core. Here attention is six
batched products with the weights kept (windows are short: 128 x 128 a head), and dropout draws eight values at a time.
A step of all-MiniLM-L6 over 2,048 tokens then takes 0.7 of the time (two cores with AVX512-BF16, torch 2.13).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from torch import nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

_NAME: Final = "notemill_training"
_LEVELS: Final = 256  # of a random byte, so that probabilities are multiples of 1/256


def suit_processor(backbone: Any) -> None:
    """Takes cheaper attention and dropout, in place; on a GPU, and in encoders of other attention, nothing changes."""
    if backbone.device.type != "cpu":
        return
    if getattr(backbone.config, "_attn_implementation", None) == "sdpa":
        backbone.set_attn_implementation(_NAME)
    for module in list(backbone.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Dropout and child.p > 0:
                setattr(module, name, ByteDropout(child.p))


class ByteDropout(nn.Module):
    """Dropout whose mask is made of random bytes; it depends on PyTorch's generator alone.

    Args:
        p: share that is set to 0, rounded to 1/256; the rest grows so that the mean stays.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self._dropped = min(max(round(p * _LEVELS), 1), _LEVELS - 1)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return states
        seed = int(torch.randint(2**62, ()))
        words = np.random.SFC64(seed).random_raw((states.numel() + 7) // 8)
        kept = torch.from_numpy(words.view(np.uint8)[: states.numel()] >= self._dropped).view(states.shape)
        return states * kept.to(states.dtype).mul_(_LEVELS / (_LEVELS - self._dropped))


class _Attention(torch.autograd.Function):
    """softmax(scaling Q K' + bias) V for arrays of shape (windows, heads, tokens, head width)."""

    @staticmethod
    def forward(
        context: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        bias: torch.Tensor | None,
        scaling: float,
    ) -> torch.Tensor:
        windows, heads, tokens, _ = query.shape
        query, key, value = (states.flatten(0, 1) for states in (query * scaling, key, value))
        scores = torch.bmm(query, key.transpose(1, 2))
        if bias is not None:
            scores.view(windows, heads, tokens, -1).add_(bias)
        weights = torch.softmax(scores, dim=-1)
        output = torch.bmm(weights, value)
        context.save_for_backward(query, key, value, weights, output)
        context.scaling, context.heads = scaling, heads
        return output.view(windows, heads, tokens, -1)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, weights, output = context.saved_tensors
        gradient = gradients[0].reshape(output.shape)
        of_value = torch.bmm(weights.transpose(1, 2), gradient)
        of_scores = torch.bmm(gradient, value.transpose(1, 2))
        of_scores.sub_((gradient * output).sum(dim=-1, keepdim=True)).mul_(weights)
        of_query = torch.bmm(of_scores, key).mul_(context.scaling)
        of_key = torch.bmm(of_scores.transpose(1, 2), query)
        of_all = (part.view(-1, context.heads, *part.shape[1:]) for part in (of_query, of_key, of_value))
        return *of_all, None, None


def _attend(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """What `AttentionInterface` calls; whatever is more than plain attention is left to PyTorch's own."""
    more = {name: given for name, given in kwargs.items() if name in ("position_bias", "cache") and given is not None}
    plain = not (more or dropout or getattr(module, "is_causal", False)) and query.shape == key.shape
    if not (plain and torch.is_grad_enabled()):
        output: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
        return output
    bias = attention_mask
    if bias is not None and bias.dtype == torch.bool:
        bias = torch.zeros_like(bias, dtype=query.dtype).masked_fill_(~bias, -torch.inf)
    states: torch.Tensor = _Attention.apply(  # type: ignore[no-untyped-call]
        query, key, value, bias, query.shape[-1] ** -0.5 if scaling is None else scaling
    )
    return states.transpose(1, 2).contiguous(), None


AttentionInterface.register(_NAME, _attend)
AttentionMaskInterface.register(_NAME, sdpa_mask)
