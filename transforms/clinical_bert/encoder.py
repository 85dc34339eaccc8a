"""Run windows of whole notes through an encoder in batches, and hand back one state per token.

A window is padded to a size that depends on its own length alone, and goes into batches of that size only.
So the arithmetic done for a window does not depend on its neighbours: on a CPU its states are bit for bit the
same in any batch, which makes results independent of split size, order and engine.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import torch

from transforms.clinical_bert.windows import NoteTokenizer, Tokens, Window, plan

Precision = Literal["auto", "fp32", "bf16"]
PRECISIONS: Final = ("auto", "fp32", "bf16")

_log = logging.getLogger(__name__)

_BUCKET: Final = 16  # tokens; short steps waste under 5% on real notes, and are what vector units like
_BATCH_TOKENS: Final = {"cpu": 4096, "cuda": 65536}  # a start; halved when memory runs out


class Bucket(NamedTuple):
    """Windows that may share a batch: padded length, and whether each fills it to the end.

    Attention runs without a mask where nothing is padded, which is another kernel. Windows of the two kinds
    are kept apart, or the kernel that a full window meets would depend on its neighbours.
    """

    length: int
    full: bool


class Job(NamedTuple):
    """One window of one note; `note` is its index."""

    note: int
    window: Window


def pick_device(device: str) -> torch.device:
    """`auto` is the GPU where there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def pick_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16 where the processor or the GPU computes in it, else float32.

    Raises:
        ValueError: unknown precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is none of {', '.join(PRECISIONS)}")
    if precision != "auto":
        return torch.bfloat16 if precision == "bf16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    flags = torch.cpu.get_capabilities()
    return torch.bfloat16 if flags.get("avx512_bf16") or flags.get("amx_bf16") else torch.float32


class WindowRunner:
    """Runs windows of tokenised notes through a model, in batches of one padded length.

    Args:
        model: a model of transformers that takes `input_ids` and `attention_mask`.
        tokenizer: gives the special tokens at either end of a window, and the padding.
        window: most tokens in a window, the special ones included.
        read: takes from the model's output the tensor that is wanted, whose first axis is the batch.
    """

    def __init__(self, model: Any, tokenizer: NoteTokenizer, window: int, read: Callable[[Any], torch.Tensor]) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._window = window
        self._read = read
        self.device: torch.device = next(model.parameters()).device
        self._batch_tokens = _BATCH_TOKENS["cuda" if self.device.type == "cuda" else "cpu"]

    @property
    def room(self) -> int:
        """Most tokens of a note in a window: one special token stands at either end."""
        return self._window - 2

    def run(self, notes: Sequence[Tokens], jobs: Iterable[Job]) -> Iterator[tuple[Job, torch.Tensor]]:
        """Yields what `read` took for each job, in an order of its own.

        Raises:
            MemoryError, torch.OutOfMemoryError: a single window does not fit.
        """
        buckets: dict[Bucket, list[Job]] = defaultdict(list)
        for job in jobs:
            length = job.window.stop - job.window.start + 2
            padded = min(-(-length // _BUCKET) * _BUCKET, self._window)
            buckets[Bucket(padded, length == padded)].append(job)
        # The longest first: if memory is short, it shows at once.
        for bucket, waiting in sorted(buckets.items(), reverse=True):
            yield from self._run_bucket(notes, bucket, waiting)

    def _run_bucket(
        self, notes: Sequence[Tokens], bucket: Bucket, jobs: list[Job]
    ) -> Iterator[tuple[Job, torch.Tensor]]:
        at = 0
        while at < len(jobs):
            batch = jobs[at : at + max(1, self._batch_tokens // bucket.length)]
            try:
                output = self._forward(notes, bucket, batch)
            except (MemoryError, RuntimeError) as error:
                if not _out_of_memory(error) or len(batch) == 1:
                    raise
                self._batch_tokens = len(batch) // 2 * bucket.length
                _log.warning("out of memory: batches are now of %d tokens", self._batch_tokens)
            else:
                at += len(batch)
                yield from zip(batch, output, strict=True)
                continue
            if self.device.type == "cuda":  # after the handler, whose traceback held on to the batch's tensors
                torch.cuda.empty_cache()

    def _forward(self, notes: Sequence[Tokens], bucket: Bucket, batch: list[Job]) -> torch.Tensor:
        ids = np.full((len(batch), bucket.length), self._tokenizer.pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        types = np.zeros_like(ids)
        for row, (note, window) in enumerate(batch):
            n = window.stop - window.start
            if (of_note := notes[note].types) is not None:
                types[row, 1 : n + 1] = of_note[window.start : window.stop]
            ids[row, 0] = self._tokenizer.first
            ids[row, 1 : n + 1] = notes[note].ids[window.start : window.stop]
            ids[row, n + 1] = self._tokenizer.last
            mask[row, : n + 2] = 1
        inputs = {"input_ids": torch.from_numpy(ids).to(self.device)}
        if not bucket.full:
            inputs["attention_mask"] = torch.from_numpy(mask).to(self.device)
        if self._tokenizer.shapes:
            inputs["token_type_ids"] = torch.from_numpy(types).to(self.device)
        return self._read(self._model(**inputs))


class Encoder:
    """An encoder of transformers over whole notes: one state per token.

    Args:
        model: a model whose output has `last_hidden_state`.
        tokenizer: its tokenizer.
        window: most tokens in a window, the special ones included.
        overlap: tokens that neighbouring windows share; by default an eighth of the window.

    Raises:
        ValueError: `window` is too small for its overlap.
    """

    def __init__(self, model: Any, tokenizer: NoteTokenizer, *, window: int, overlap: int | None = None) -> None:
        self._runner = WindowRunner(model, tokenizer, window, lambda output: output.last_hidden_state)
        self._overlap = window // 8 if overlap is None else overlap
        self._dtype = next(model.parameters()).dtype
        self.width = int(model.config.hidden_size)
        plan(1, self._runner.room, self._overlap)

    @torch.inference_mode()
    def encode(self, notes: Sequence[Tokens]) -> list[torch.Tensor]:
        """Encodes whole notes.

        Returns:
            For each note a tensor of shape (tokens, width), in the model's precision, on its device.

        Raises:
            MemoryError, torch.OutOfMemoryError: a single window does not fit.
        """
        states = [torch.empty((len(note), self.width), dtype=self._dtype, device=self._runner.device) for note in notes]
        jobs = [Job(i, w) for i, note in enumerate(notes) for w in plan(len(note), self._runner.room, self._overlap)]
        covered = [0] * len(notes)
        for (note, window), output in self._runner.run(notes, jobs):
            # Position 0 of the output is the special token.
            kept = output[1 + window.own_start - window.start : 1 + window.own_stop - window.start]
            states[note][window.own_start : window.own_stop] = kept
            covered[note] += len(kept)
        if covered != [len(note) for note in notes]:
            raise AssertionError("the windows left tokens without a state")
        return states


def _out_of_memory(error: BaseException) -> bool:
    # PyTorch's allocator for the CPU raises a plain RuntimeError with this in its message.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "not enough memory" in str(error)
