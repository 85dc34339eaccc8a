"""The sequence classifier of a plain Hugging Face checkpoint, without its encoder.

The encoder's states come from a backend. What transformers' own class does with them (poolers, dense layers, which
tokens it reads) is left to that class: its encoder is exchanged for a stand-in that hands the states on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutputWithPooling

from transforms.clinical_bert.checkpoints.loading import load_classifier


class SequenceTail:
    """Logits of a window out of its states, in float32.

    Args:
        folder: a checkpoint that was found fit for sequence classification.
        device: where the states are.

    Raises:
        CheckpointError: weights of the classifier are missing or of another shape.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        self._model = load_classifier(folder, torch.float32, device)
        self._given = _Given(self._model.base_model)
        setattr(self._model, self._model.base_model_prefix, self._given)

    @torch.inference_mode()
    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Shape (labels,).

        Args:
            states: of one window, special tokens included: shape (tokens, width).
        """
        self._given.states = states[None].float()
        logits: torch.Tensor = self._model(torch.zeros((1, len(states)), dtype=torch.long, device=states.device)).logits
        return logits[0]


class _Output(BaseModelOutputWithPooling):  # type: ignore[misc]  # transformers has no types
    """What an encoder gives, with what a Longformer gives besides."""

    global_attentions = None


class _Given(torch.nn.Module):
    """Stands in the place of an encoder; its pooler, where it has one, stays."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.states: torch.Tensor | None = None
        self.pooler = getattr(encoder, "pooler", None)
        # Where the pooler is a bare linear layer, the encoder itself applies it to the first token.
        bare = isinstance(self.pooler, torch.nn.Linear)
        self._activation = (getattr(encoder, "pooler_activation", None) or encoder.activation) if bare else None

    def forward(self, *_: Any, **__: Any) -> Any:
        pooled = None
        if self.pooler is not None and self.states is not None:
            pooled = self.pooler(self.states) if self._activation is None else self._first(self.states)
        return _Output(last_hidden_state=self.states, pooler_output=pooled)

    def _first(self, states: torch.Tensor) -> torch.Tensor:
        pooled: torch.Tensor = self._activation(self.pooler(states[:, 0]))  # type: ignore[misc]
        return pooled
