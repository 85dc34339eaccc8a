"""Attention within windows that lie end to end in one row, as an attention function of transformers.

The models of transformers whose attention goes through `AttentionInterface` take any function there, and hand it what
else their `forward` is given. So their own code runs over one row of all tokens, without padding, and only this
function knows where a window ends: https://huggingface.co/docs/transformers/attention_interface.

No window's numbers depend on its neighbours. On CUDA, variable-length flash attention goes through each window by
itself (its keys are not split, or the order of summation would depend on the longest window). Elsewhere windows of
one length are multiplied as one batch of matrices, each by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple, cast

import torch
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

NAME: Final = "within_windows"

_MATMUL_UP_TO: Final = 512
"""Longest window in bfloat16 on a CPU whose scores are made as a whole: plain products are up to twice as fast there as
the fused kernel, which is written for float32."""

_TOGETHER_UP_TO: Final = 384
"""Longest of them that go together. Of a longer window, scores of all heads would outgrow the caches."""

_HEADS: Final = 4
"""Of a longer window, that are attended to at a time."""

_MATMUL_FROM: Final = 4096
"""Products of fewer multiplications than this are left to another kernel by PyTorch, and the windows of a batch count
together there, so a window must reach it by itself (`checksize` in ATen/native/mkldnn/Matmul.cpp)."""

_FLASH_TYPES: Final = (torch.bfloat16, torch.float16)


class Layout(NamedTuple):
    """Where the windows of a row lie.

    Attributes:
        groups: runs of neighbouring windows of one length, on the CPU; shape (runs, 3), int64: first token, number of
            windows, tokens of each.
        bounds: of all windows, on the model's device; shape (windows + 1,), int32.
        longest: tokens of the longest window, rounded up, so that a compiled model meets few values.
        dtype: in which attention is computed; None for that of the states.
    """

    groups: torch.Tensor
    bounds: torch.Tensor
    longest: int
    dtype: torch.dtype | None = None

    @classmethod
    def of(cls, lengths: Sequence[int], device: torch.device, dtype: torch.dtype | None = None) -> Layout:
        """The layout of windows of these lengths, in their order."""
        groups, at = [], 0
        for length, run in groupby(lengths):
            count = len(list(run))
            groups.append((at, count, length))
            at += count * length
        bounds = torch.zeros(len(lengths) + 1, dtype=torch.int32)
        bounds[1:] = torch.cumsum(torch.tensor(lengths), 0)
        return cls(torch.tensor(groups), bounds.to(device, non_blocking=True), -(-max(lengths) // 128) * 128, dtype)


@torch.library.custom_op("notemill::attend_within", mutates_args=())
def attend_within(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    groups: torch.Tensor,
    bounds: torch.Tensor,
    longest: int,
    scale: float,
    reach: int,
) -> torch.Tensor:
    """Attention of every token over the tokens of its own window.

    An operator of its own, so that a compiled model is not compiled again for each layout.

    Args:
        query, key, value: shape (tokens, heads, head width).
        groups, bounds, longest: of `Layout`; tokens after the last window get zeros.
        scale: of the scores.
        reach: how far to either side a token attends; -1 for the whole window.

    Returns:
        Shape (tokens, heads, head width), contiguous.
    """
    if query.is_cuda and query.dtype in _FLASH_TYPES:
        splits = None if torch.version.hip else 1
        reaches = (reach, reach)
        return cast(
            "torch.Tensor",
            varlen_attn(
                *(query, key, value, bounds, bounds, longest, longest),
                scale=scale,
                window_size=reaches,
                num_splits=splits,
            ),
        )
    result = torch.zeros(query.shape, dtype=query.dtype, device=query.device)
    for start, count, length in groups.tolist():
        rows, shape = slice(start, start + count * length), (count, length, *query.shape[1:])
        q, k, v = (part[rows].view(shape).transpose(1, 2) for part in (query, key, value))
        attended = _attend(q, k, v, scale, reach if reach < length - 1 else -1)
        result[rows].view(shape).copy_(attended.transpose(1, 2))
    return result


@attend_within.register_fake
def _(query: torch.Tensor, *_: Any) -> torch.Tensor:
    return torch.empty(query.shape, dtype=query.dtype, device=query.device)


def _attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, reach: int) -> torch.Tensor:
    """Over windows of one length; all of shape (windows, heads, length, head width)."""
    _, heads, length, width = q.shape
    near = None
    if reach >= 0:
        places = torch.arange(length, device=q.device)
        near = (places[:, None] - places[None, :]).abs() <= reach
    whole = length <= _MATMUL_UP_TO and heads * length * length * width > _MATMUL_FROM
    if whole and q.dtype is torch.bfloat16 and q.device.type == "cpu":
        if length <= _TOGETHER_UP_TO:
            return _products(q, k, v, scale, near)
        result = torch.empty_like(q)
        for window in range(len(q)):
            for head in range(0, heads, _HEADS):
                part = (slice(window, window + 1), slice(head, head + _HEADS))
                result[part] = _products(q[part], k[part], v[part], scale, near)
        return result
    return scaled_dot_product_attention(q, k, v, attn_mask=near, scale=scale)


def _products(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, near: torch.Tensor | None
) -> torch.Tensor:
    scores = torch.matmul(q * scale, k.transpose(2, 3))
    if near is not None:
        scores.masked_fill_(~near, float("-inf"))
    return torch.matmul(torch.softmax(scores, dim=-1), v)


def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    *,
    windows: Layout,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """What `AttentionInterface` calls: states of shape (1, heads, tokens, head width)."""
    if attention_mask is not None or query.shape[0] != 1 or query.shape[1] != key.shape[1]:
        raise ValueError(f"{type(module).__name__} attends in a way that windows in one row do not allow")
    q, k, v = (part[0].transpose(0, 1).to(windows.dtype or part.dtype) for part in (query, key, value))
    scale = q.shape[-1] ** -0.5 if scaling is None else scaling
    # As transformers counts it, the token itself is one of a sliding window's.
    reach = -1 if sliding_window is None else sliding_window - 1
    attended = attend_within(q, k, v, windows.groups, windows.bounds, windows.longest, scale, reach)
    return attended[None].to(query.dtype), None


# Under a name without a mask function, transformers makes no mask.
AttentionInterface.register(NAME, _attention)
