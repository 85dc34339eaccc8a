"""How many tokens go into a batch: found by measuring on a GPU, where too many fail and too few leave it idle."""

from __future__ import annotations

import logging
from typing import Final

import numpy as np
import torch

from transforms.clinical_bert.backends.base import Backend
from transforms.clinical_bert.packed import Packed
from transforms.clinical_bert.windows import NoteTokenizer

_log = logging.getLogger(__name__)

CPU_TOKENS: Final = 4096
"""On a CPU more rows make no matrix product faster, and their intermediate results leave the cache."""

_MOST: Final = 131_072  # tokens: a GPU is long since busy, and the first results would only come later
_PROBE: Final = 8192  # tokens of the batch that is measured
_SHARE: Final = 0.4  # of the memory that is free now: another replica may be measuring on the same GPU


def batch_tokens(backend: Backend, tokenizer: NoteTokenizer, window: int) -> int:
    """The tokens of a batch for this encoder on this device: one window at least.

    On a GPU the memory that a batch of known size takes is measured, and the budget is what fits into two fifths of
    what is free.

    Raises:
        torch.OutOfMemoryError: not even one window fits.
    """
    if backend.device.type != "cuda":
        return max(CPU_TOKENS, window)
    probe = max(_PROBE, window)
    while True:
        try:
            taken = _bytes_of(backend, tokenizer, window, probe // window)
            break
        except torch.OutOfMemoryError:
            if probe == window:
                raise
            probe = max(window, probe // 2)
        torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(backend.device)
    fits = int(free * _SHARE / max(1.0, taken / (probe // window * window)))
    budget = min(max(fits, window), _MOST)
    _log.info("batches are of %d tokens: one takes %.0f kB", budget, taken / (probe // window * window) / 1000)
    return budget


def _bytes_of(backend: Backend, tokenizer: NoteTokenizer, window: int, windows: int) -> int:
    """Memory that a batch of full windows takes at its peak, in bytes."""
    ids = np.full(windows * window, tokenizer.pad, dtype=np.int64)
    types = np.zeros_like(ids) if tokenizer.shapes else None
    batch = Packed(ids, types, (window,) * windows)
    backend(batch)  # compiles, and lets libraries take their own memory
    torch.cuda.synchronize(backend.device)
    torch.cuda.reset_peak_memory_stats(backend.device)
    before = torch.cuda.memory_allocated(backend.device)
    backend(batch)
    torch.cuda.synchronize(backend.device)
    return torch.cuda.max_memory_allocated(backend.device) - before


def out_of_memory(error: BaseException) -> bool:
    """Whether a smaller batch may pass."""
    # PyTorch's allocator for the CPU raises a plain RuntimeError with this in its message.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "not enough memory" in str(error)
