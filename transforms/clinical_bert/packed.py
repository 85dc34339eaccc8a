"""Windows of tokens laid end to end, without padding: what an encoder backend takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from transforms.clinical_bert.windows import NoteTokenizer, Tokens, Window


class Job(NamedTuple):
    """One window of one note; `note` is its index."""

    note: int
    window: Window

    @property
    def positions(self) -> int:
        """Tokens that go through the encoder: the window's and one special token at either end."""
        return self.window.stop - self.window.start + 2


class Packed(NamedTuple):
    """Windows laid end to end.

    Attributes:
        ids: vocabulary ids, special tokens included, shape (tokens,).
        types: token type ids, shape (tokens,); None for an encoder that reads one text without types.
        lengths: tokens of each window, in order; they sum to the length of `ids`.
    """

    ids: npt.NDArray[np.int64]
    types: npt.NDArray[np.int64] | None
    lengths: tuple[int, ...]


def pack(notes: Sequence[Tokens], jobs: Sequence[Job], tokenizer: NoteTokenizer) -> Packed:
    """The windows of these jobs, one after another, each with its special tokens.

    Args:
        notes: the tokenised notes that the jobs number.
        jobs: at least one.
        tokenizer: gives the special tokens.
    """
    lengths = tuple(job.positions for job in jobs)
    ids = np.empty(sum(lengths), dtype=np.int64)
    types = np.zeros(len(ids), dtype=np.int64) if tokenizer.shapes else None
    at = 0
    for (note, window), length in zip(jobs, lengths, strict=True):
        ids[at] = tokenizer.first
        ids[at + 1 : at + length - 1] = notes[note].ids[window.start : window.stop]
        ids[at + length - 1] = tokenizer.last
        of_note = notes[note].types
        if types is not None and of_note is not None:
            types[at + 1 : at + length - 1] = of_note[window.start : window.stop]
        at += length
    return Packed(ids, types, lengths)
