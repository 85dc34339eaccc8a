"""What the encoder did: the account that a run's manifest gives of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from transforms.stage import NoteError


@dataclass
class Counts:
    """Sums over all windows of all notes so far.

    Attributes:
        tokens: of the notes, without special tokens; a token in two windows counts once.
        windows: that cover them.
        repeated_windows: of these, not run, because the same window had been or was being run.
        positions: that went through the encoder, with special tokens, tokens in two windows and padding.
        padding: of these, the ones that only fill up a batch.
        pairs: of positions of one window that run through attention: the sum of the windows' squared lengths, padding
            and repeated windows left out.
        repeated_positions: that did not go through it, for they are those of repeated windows.
        truncated_tokens: of the notes, that no window owned or that the tokenizer cut off, so that no head saw them. A
            note with any is refused (`TruncatedError`); the manifest counts them all the same.
    """

    tokens: int = 0
    windows: int = 0
    repeated_windows: int = 0
    positions: int = 0
    padding: int = 0
    pairs: int = 0
    repeated_positions: int = 0
    truncated_tokens: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))

    def __sub__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, item.name) - getattr(other, item.name) for item in fields(self)))


class TruncatedError(NoteError):
    """Tokens of a note were not encoded. Nothing that the encoder gave of such a note is used: it is refused.

    Attributes:
        counts: what was counted of the notes of the call, `truncated_tokens` above all.
    """

    def __init__(self, counts: Counts) -> None:
        super().__init__(f"{counts.truncated_tokens} of the note's tokens were not encoded")
        self.counts = counts

    def __reduce__(self) -> tuple[type[TruncatedError], tuple[Counts]]:
        return type(self), (self.counts,)


def refuse_truncated(counts: Iterable[Counts]) -> None:
    """Raises TruncatedError: tokens of one of these notes were not encoded."""
    if (total := sum(counts, Counts())).truncated_tokens:
        raise TruncatedError(total)
