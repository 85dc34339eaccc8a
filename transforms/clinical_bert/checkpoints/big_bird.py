"""BigBird whose states depend on the window alone.

transformers' own model chooses between sparse and full attention by the length of its first short input, and then
stays with full attention for ever. And its sparse attention lets every token see the last block of the batch, so what
a batch is padded to changes the states. Here each window is computed as a model just loaded computes it alone: full
attention where sparse attention is not possible, else windows with the same number of blocks together.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import BigBirdForSequenceClassification, BigBirdModel
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions


class BigBird(BigBirdModel):  # type: ignore[misc]  # transformers has no types
    """The encoder."""

    def __init__(self, config: Any, add_pooling_layer: bool = True) -> None:
        super().__init__(config, add_pooling_layer=add_pooling_layer)
        self._sparse = config.attention_type == "block_sparse"
        self._block: int = config.block_size
        # As in `BigBirdModel.forward`: so many tokens at most are attended to in full.
        self._longest_full: int = (5 + 2 * config.num_random_blocks) * config.block_size

    def set_attention_type(self, value: str) -> None:
        """As transformers' own, but quick: the new modules' weights are replaced by the old ones', so none are made."""
        with torch.device("meta"):
            super().set_attention_type(value)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        **options: Any,
    ) -> Any:
        """As transformers' own, for windows that are padded at their ends.

        Args:
            input_ids: shape (windows, tokens).
            attention_mask: the same shape, 0 over padding; None where there is none.
            token_type_ids: the same shape; None for zeros.
            options: what transformers' callers hand on; position ids and embeddings must be None.

        Returns:
            An output whose `last_hidden_state` has the shape (windows, tokens, width), zeros over padding that no
            window of its kind needs.
        """
        if any(options.pop(name, None) is not None for name in ("position_ids", "inputs_embeds")):
            raise ValueError("position_ids and inputs_embeds are not taken")
        windows, size = input_ids.shape
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        lengths = mask.sum(dim=1)
        blocks = -(-lengths // self._block)
        kinds = torch.where(lengths > self._longest_full, blocks, 0) if self._sparse else torch.zeros_like(blocks)
        states: torch.Tensor | None = None
        for kind in sorted(set(kinds.tolist())):
            rows = torch.nonzero(kinds == kind)[:, 0]
            width = min(size, kind * self._block or int(lengths[rows].max()))
            self.set_attention_type("block_sparse" if kind else "original_full")
            types = None if token_type_ids is None else token_type_ids[rows, :width]
            # The pooler is applied below, to all windows at once.
            found = super().forward(input_ids[rows, :width], mask[rows, :width], types, **options)[0]
            if states is None:
                states = found.new_zeros((windows, size, found.shape[-1]))
            states[rows, :width] = found
        if states is None:
            raise ValueError("there is no window")
        pooled = None if self.pooler is None else self.activation(self.pooler(states[:, 0]))
        return BaseModelOutputWithPoolingAndCrossAttentions(last_hidden_state=states, pooler_output=pooled)


class BigBirdClassifier(BigBirdForSequenceClassification):  # type: ignore[misc]
    """The sequence classifier over that encoder."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.bert = BigBird(config)
        self.post_init()
