"""Windows of nearly one length as padded batches, for encoders that take no windows end to end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from transforms.clinical_bert.checkpoints.configs import model_type, positions
from transforms.clinical_bert.packed import Packed

BUCKET: Final = 16
"""Tokens; short steps waste under 5% on real notes, and are what vector units like."""

_UNPADDED_FAMILIES: Final = frozenset(("convbert", "mobilebert"))
"""Model types that read a token's neighbours outside of attention too, where no mask keeps the padding away."""


class Batch(NamedTuple):
    """Windows of one padded length.

    Attributes:
        ids: shape (windows, length), int64; there may be more rows than windows, which mean nothing.
        mask: 1 for a token, 0 for padding, same shape; None where no window is padded.
        types: token type ids, same shape; None where the encoder is given none.
        rows: where each token's state goes in the packed order, shape (tokens,), int64.
        tokens: which positions of the flattened batch are tokens, shape (tokens,), int64.
    """

    ids: npt.NDArray[np.int64]
    mask: npt.NDArray[np.int64] | None
    types: npt.NDArray[np.int64] | None
    rows: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Padding:
    """How windows are padded: to a length that depends on their own alone, so that neighbours do not matter.

    Attributes:
        pad: vocabulary id of the padding.
        limit: most positions that the encoder takes.
        step: lengths are rounded up to its multiples; 1 pads nothing.
    """

    pad: int
    limit: int
    step: int = BUCKET

    def length(self, tokens: int) -> int:
        """The padded length of a window of so many tokens."""
        return max(tokens, min(-(-tokens // self.step) * self.step, self.limit))

    def batches(self, packed: Packed, *, least: int = 0) -> Iterator[Batch]:
        """The windows, parted by padded length, each part as one batch.

        Attention runs without a mask where nothing is padded, which is another kernel. So windows that fill their
        length are kept apart, or the kernel that they meet would depend on their neighbours.

        Args:
            packed: the windows.
            least: positions that a batch holds at least, if need be in further windows that mean nothing.
        """
        parts: dict[tuple[int, bool], list[int]] = defaultdict(list)
        for number, tokens in enumerate(packed.lengths):
            length = self.length(tokens)
            parts[length, tokens == length].append(number)
        starts = np.concatenate([[0], np.cumsum(packed.lengths, dtype=np.int64)])
        for (length, full), numbers in parts.items():
            ids = np.full((max(len(numbers), -(-least // length)), length), self.pad, dtype=np.int64)
            ids[len(numbers) :] = packed.ids[0]
            types = None if packed.types is None else np.zeros_like(ids)
            mask = None if full else np.zeros_like(ids)
            if mask is not None:
                mask[len(numbers) :] = 1  # attention over nothing would be no number
            for row, number in enumerate(numbers):
                of_window, tokens = slice(starts[number], starts[number + 1]), packed.lengths[number]
                ids[row, :tokens] = packed.ids[of_window]
                if types is not None and packed.types is not None:
                    types[row, :tokens] = packed.types[of_window]
                if mask is not None:
                    mask[row, :tokens] = 1
            rows = np.concatenate([np.arange(starts[n], starts[n + 1]) for n in numbers])
            at = np.concatenate([row * length + np.arange(packed.lengths[n]) for row, n in enumerate(numbers)])
            yield Batch(ids, mask, types, rows, at)


def padding_of(config: dict[str, Any], step: int = BUCKET) -> Padding:
    """How windows of this encoder may be padded.

    Args:
        config: the content of its config.json.
        step: as of `Padding`, where the family can be padded.

    Raises:
        CheckpointError: the config names no number of positions.
    """
    # DeBERTa has a convolution where its config gives it a kernel.
    unpadded = model_type(config) in _UNPADDED_FAMILIES or bool(config.get("conv_kernel_size"))
    return Padding(config.get("pad_token_id") or 0, positions(config), 1 if unpadded else step)
