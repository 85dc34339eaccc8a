"""The encoder in PyTorch: transformers' own model code, without padding where its attention allows that."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from transforms.clinical_bert.backends import attention
from transforms.clinical_bert.backends.base import Backend
from transforms.clinical_bert.backends.padding import padding_of
from transforms.clinical_bert.backends.prepacked import prepack
from transforms.clinical_bert.backends.quantized import ROWS, quantize
from transforms.clinical_bert.checkpoints.configs import first_position
from transforms.clinical_bert.packed import Packed

PACKED_FAMILIES: Final = frozenset(
    (
        *("albert", "bert", "camembert", "data2vec-text", "distilbert", "electra", "ernie", "modernbert"),
        *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl"),
    )
)
"""Model types whose tokens meet in attention only, and whose attention goes through transformers' interface."""

_ROW_STEP: Final = 16
"""Rows of a packed batch are a multiple of this, so that no kernel ends in the middle of a vector, where some
functions (gelu) are computed in another way."""
_ROWS_PER_THREAD: Final = 8
"""With fewer rows than this for each thread of a CPU, a product of float32 matrices is summed in another order."""


def open_pytorch(model: Any, *, compiled: bool = False, quantized: bool = False) -> Backend:
    """A backend around a model in memory.

    Args:
        model: an encoder of transformers in evaluation mode, on its device, in its precision; its layers are exchanged
            for faster ones where there are such.
        compiled: run it through `torch.compile`; the first batches then take minutes.
        quantized: compute its linear layers, in float32 on a CPU, with 8-bit products.
    """
    packed = model.config.model_type in PACKED_FAMILIES
    if quantized:
        quantize(model, by_rows=packed)
    if packed:
        # Between 8-bit products, attention in float32 would take the most time.
        lower = quantized and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        return PackedEncoder(
            model,
            compiled=compiled,
            step=ROWS if quantized else _ROW_STEP,
            attention_dtype=torch.bfloat16 if lower else None,
        )
    return PaddedEncoder(model, compiled=compiled)


class _Encoder:
    def __init__(self, model: Any, *, compiled: bool) -> None:
        weight = next(model.parameters())
        self.device: torch.device = weight.device
        self.dtype: torch.dtype = weight.dtype
        self.width = int(model.config.hidden_size)
        if not compiled:  # which lays out the weights itself
            prepack(model)
        self._model = torch.compile(model, dynamic=True) if compiled else model


class PackedEncoder(_Encoder):
    """Runs all windows of a batch as one row, without padding.

    Args:
        model: of a family in `PACKED_FAMILIES`.
        compiled: as of `open_pytorch`.
        step: rows of a batch are made a multiple of this.
        attention_dtype: in which attention is computed; None for that of the weights.
    """

    def __init__(
        self, model: Any, *, compiled: bool = False, step: int = _ROW_STEP, attention_dtype: torch.dtype | None = None
    ) -> None:
        model.set_attn_implementation(attention.NAME)
        super().__init__(model, compiled=compiled)
        self._first = first_position(model.config.to_dict())
        self._step = step
        self._attention_dtype = attention_dtype

    @torch.inference_mode()
    def __call__(self, batch: Packed) -> torch.Tensor:
        tokens = len(batch.ids)
        # Windows of one length lie together, so that they are attended to as one batch of matrices.
        order = sorted(range(len(batch.lengths)), key=batch.lengths.__getitem__)
        lengths = [batch.lengths[i] for i in order]
        places = np.concatenate([np.arange(length) for length in lengths])
        starts = np.cumsum(batch.lengths) - batch.lengths
        rows = np.repeat([starts[i] for i in order], lengths) + places
        rows_needed = max(tokens, _least_rows(self.device))
        extra = -(-rows_needed // self._step) * self._step - tokens
        inputs = {
            "input_ids": self._row(batch.ids[rows], extra),
            "position_ids": self._row(places + self._first, extra),
        }
        if batch.types is not None:
            inputs["token_type_ids"] = self._row(batch.types[rows], extra)
        layout = attention.Layout.of(lengths, self.device, self._attention_dtype)
        states: torch.Tensor = self._model(**inputs, windows=layout).last_hidden_state[0, :tokens]
        if order == list(range(len(order))):
            return states
        result = torch.empty_like(states)
        result[torch.from_numpy(rows).to(self.device)] = states
        return result

    def computed(self, length: int) -> int:
        """Nothing is padded."""
        return length

    def _row(self, values: npt.NDArray[np.int64], extra: int) -> torch.Tensor:
        row = torch.from_numpy(np.pad(values, (0, extra), mode="edge")[None])
        return row.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else row


class PaddedEncoder(_Encoder):
    """Runs the windows of a batch padded, those of one padded length together.

    Args:
        model: any encoder of transformers.
        compiled: as of `open_pytorch`.
    """

    def __init__(self, model: Any, *, compiled: bool = False) -> None:
        super().__init__(model, compiled=compiled)
        self._padding = padding_of(model.config.to_dict())

    @torch.inference_mode()
    def __call__(self, batch: Packed) -> torch.Tensor:
        result = torch.empty((len(batch.ids), self.width), dtype=self.dtype, device=self.device)
        for part in self._padding.batches(batch, least=_least_rows(self.device)):
            inputs = {"input_ids": part.ids, "attention_mask": part.mask, "token_type_ids": part.types}
            given = {n: torch.from_numpy(v).to(self.device) for n, v in inputs.items() if v is not None}
            states = self._model(**given).last_hidden_state.flatten(0, 1)
            at, rows = (torch.from_numpy(indices).to(self.device) for indices in (part.tokens, part.rows))
            result[rows] = states[at]
        return result

    def computed(self, length: int) -> int:
        """The padded length."""
        return self._padding.length(length)


def _least_rows(device: torch.device) -> int:
    return 0 if device.type == "cuda" else _ROWS_PER_THREAD * torch.get_num_threads()
