"""A backend that nobody can doubt: each window by itself through the model, as transformers runs it."""

from __future__ import annotations

from typing import Any

import torch

from transforms.clinical_bert.packed import Packed


class OneByOne:
    """Args: model: of transformers, whose output has `last_hidden_state`."""

    def __init__(self, model: Any) -> None:
        self.model = model.eval()
        self.device = model.device
        self.dtype = model.dtype
        self.width = int(model.config.hidden_size)
        self.batches: list[tuple[int, ...]] = []
        """Lengths of the windows of each batch that was computed."""

    def __call__(self, batch: Packed) -> torch.Tensor:
        self.batches.append(batch.lengths)
        states = []
        at = 0
        for length in batch.lengths:
            inputs = {"input_ids": torch.from_numpy(batch.ids[at : at + length])[None]}
            if batch.types is not None:
                inputs["token_type_ids"] = torch.from_numpy(batch.types[at : at + length])[None]
            states.append(self.model(**inputs).last_hidden_state[0])
            at += length
        return torch.cat(states)

    def computed(self, length: int) -> int:
        return length
