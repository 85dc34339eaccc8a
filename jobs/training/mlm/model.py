"""An encoder with a masked language modelling head, as transformers knows it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional
from transformers import AutoModelForMaskedLM

from jobs.training.backbone import config_of, reading, shrink
from jobs.training.mlm.masking import Batch
from pipelines.errors import RequestError

_OF_TOKENS: Final = 1.0  # added to how often a token is seen, so that one never seen is merely unlikely


def load(
    folder: Path, layers: int | None = None, feed_forward: int | None = None, word_shapes: bool = False
) -> tuple[Any, bool]:
    """A model for masked language modelling in float32.

    Args:
        folder: of an encoder, with such a head or without.
        layers, feed_forward, word_shapes: as of `jobs.training.backbone.shrink`.

    Returns:
        The model, and whether its head is new; the words of a new head are the encoder's own (tied).

    Raises:
        RequestError: it cannot be loaded, or transformers has no such head for it.
    """
    with reading(folder):
        model, found = AutoModelForMaskedLM.from_pretrained(
            folder,
            config=config_of(folder),
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    prefix = f"{model.base_model_prefix}."
    missing = set(found["missing_keys"])
    if any(name.startswith(prefix) for name in missing):
        raise RequestError(f"cannot load the base {str(folder)!r}: weights of the encoder are missing")
    shrink(model.base_model, layers, feed_forward, word_shapes)
    return model, bool(missing)


def expect_frequencies(model: Any, counts: npt.NDArray[np.int64]) -> None:
    """Has a new head expect each token as often as it is seen: else its first steps learn no more than that.

    Args:
        model: with a head that has a bias for each token; another one stays as it is.
        counts: how often each id is seen, shape (vocabulary,).
    """
    bias = getattr(model.get_output_embeddings(), "bias", None)
    if bias is not None:
        expected = np.log(counts + _OF_TOKENS) - np.log(counts + _OF_TOKENS).mean()
        with torch.no_grad():
            bias.copy_(torch.from_numpy(expected))


def keep_pieces(model: Any, kept: npt.NDArray[np.int64]) -> Any:
    """The model with a smaller vocabulary.

    Args:
        model: whose encoder's own embeddings are cut already (`jobs.training.vocabulary.prune`).
        kept: the old id of each piece.
    """
    before = len(model.get_output_embeddings().weight)
    rows = torch.from_numpy(kept)
    prefix = f"{model.base_model_prefix}."
    smaller = AutoModelForMaskedLM.from_config(model.config)
    state = {
        name: weight if name.startswith(prefix) or len(weight) != before else weight[rows]
        for name, weight in model.state_dict().items()
    }
    smaller.load_state_dict(state)
    smaller.tie_weights()
    return smaller


class MaskedModel(nn.Module):
    """Computes the head at masked positions alone: it is most of the work of a small encoder.

    Args:
        model: of transformers, whose head reads the encoder's last states.
        types: whether the encoder is given token types (word shapes).
    """

    def __init__(self, model: Any, *, types: bool) -> None:
        super().__init__()
        self.model = model
        self._types = types
        self._places: torch.Tensor | None = None
        # BigBird's sparse attention scatters float32 into bfloat16 under autocast (transformers 5.23).
        self._whole = model.config.model_type == "big_bird"
        model.base_model.register_forward_hook(self._pick)

    def forward(self, batch: Batch) -> torch.Tensor:
        """The loss of each masked token, shape (masked,)."""
        self._places = batch.places
        inputs = {"input_ids": batch.ids, "attention_mask": batch.attention}
        if self._types:
            inputs["token_type_ids"] = batch.types
        with torch.autocast(batch.ids.device.type, enabled=False) if self._whole else nullcontext():
            logits = self.model(**inputs).logits[0]
        return functional.cross_entropy(logits.float(), batch.targets, reduction="none")

    def _pick(self, _module: nn.Module, _inputs: Any, output: Any) -> Any:
        output.last_hidden_state = output.last_hidden_state.flatten(0, 1)[self._places][None]
        return output
