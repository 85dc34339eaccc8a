"""What encoders that run as ONNX graphs on the CPU have in common: windows of one padded length in a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from transforms.clinical_bert.backends.graphs import INPUTS
from transforms.clinical_bert.backends.padding import Batch, Padding, padding_of
from transforms.clinical_bert.checkpoints.files import read_json
from transforms.clinical_bert.packed import Packed
from transforms.clinical_bert.shapes import uses_shapes


class ExportedEncoder(ABC):
    """A backend around a graph; `_infer` runs it.

    Args:
        folder: the checkpoint that the graph was made of.
        alone: run each window by itself and unpadded, for graphs whose numbers depend on the whole batch.
    """

    def __init__(self, folder: Path, *, alone: bool = False) -> None:
        config = read_json(folder / "config.json")
        self.device = torch.device("cpu")
        self.dtype = torch.float32
        self.width = int(config.get("hidden_size") or config["dim"])
        self._shapes = uses_shapes(config)
        self._alone = alone
        self._padding: Padding = padding_of(config, step=1) if alone else padding_of(config)

    def __call__(self, batch: Packed) -> torch.Tensor:
        """The states of every token: shape (tokens, width)."""
        result = np.empty((len(batch.ids), self.width), dtype=np.float32)
        for part in self._padding.batches(batch):
            for ids, mask, types, tokens, rows in self._runs(part):
                given = dict(zip(INPUTS, (ids, mask, types), strict=True))
                if not self._shapes:
                    del given["token_type_ids"]
                result[rows] = self._infer(given).reshape(-1, self.width)[tokens]
        return torch.from_numpy(result)

    def computed(self, length: int) -> int:
        """The padded length."""
        return self._padding.length(length)

    @abstractmethod
    def _infer(self, given: dict[str, npt.NDArray[np.int64]]) -> npt.NDArray[np.float32]:
        """States of shape (windows, length, width) for the graph's inputs by name."""

    def _runs(self, part: Batch) -> Iterator[tuple[npt.NDArray[np.int64], ...]]:
        mask = np.ones_like(part.ids) if part.mask is None else part.mask
        types = np.zeros_like(part.ids) if part.types is None else part.types
        if not self._alone:
            yield part.ids, mask, types, part.tokens, part.rows
            return
        length = part.ids.shape[1]
        for i in range(len(part.ids)):
            window = slice(i, i + 1)
            tokens = slice(i * length, (i + 1) * length)
            yield part.ids[window], mask[window], types[window], np.arange(length), part.rows[tokens]
