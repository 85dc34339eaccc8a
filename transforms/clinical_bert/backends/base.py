"""What a backend is: one encoder, however it is computed."""

from __future__ import annotations

from typing import Protocol

import torch

from transforms.clinical_bert.packed import Packed


class Backend(Protocol):
    """Computes the last hidden states of windows.

    A window's states do not depend on the other windows of the batch, nor on their order.

    Attributes:
        device: where the states come out.
        dtype: of the states.
        width: of a state.
    """

    device: torch.device
    dtype: torch.dtype
    width: int

    def __call__(self, batch: Packed) -> torch.Tensor:
        """The states of every token, in the batch's order: shape (tokens, width)."""
        ...

    def computed(self, length: int) -> int:
        """Positions that are computed for a window of this length: more than `length` where windows are padded."""
        ...
