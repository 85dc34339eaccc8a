"""Replace spans of a text, and map offsets between the raw and the replaced text.

Outside the spans both texts are equal, character by character. `OffsetMap` knows only numbers, so that it can
be kept, logged or pickled without holding PHI.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from transforms.deid.spans import PhiSpan


class ReplacementError(Exception):
    """Raw and replaced text do not fit together. The message holds offsets only."""


class Edit(NamedTuple):
    """`raw[raw_start:raw_end]` stands as `replaced[start:end]`."""

    raw_start: int
    raw_end: int
    start: int
    end: int


@dataclass(frozen=True)
class OffsetMap:
    """Offsets of a raw text and of the text that came of it.

    Attributes:
        edits: the replaced spans, sorted and disjoint in both texts.
        raw_length: characters of the raw text.
        length: characters of the replaced text.
    """

    edits: tuple[Edit, ...]
    raw_length: int
    length: int

    def to_raw(self, start: int, end: int) -> tuple[int, int]:
        """The raw span that `[start, end)` of the replaced text came from.

        An offset inside a replacement stands for the whole of it: a start goes to the start of the raw span,
        an end to its end.

        Raises:
            IndexError: not `0 <= start <= end <= length`.
        """
        self._check(start, end, self.length)
        at = [edit.start for edit in self.edits]
        return self._move(start, at, 2, False), self._move(end, at, 2, True)

    def from_raw(self, start: int, end: int) -> tuple[int, int]:
        """The span of the replaced text that `[start, end)` of the raw text became; as `to_raw`, the other way.

        Raises:
            IndexError: not `0 <= start <= end <= raw_length`.
        """
        self._check(start, end, self.raw_length)
        at = [edit.raw_start for edit in self.edits]
        return self._move(start, at, 0, False), self._move(end, at, 0, True)

    @staticmethod
    def _check(start: int, end: int, length: int) -> None:
        if not 0 <= start <= end <= length:
            raise IndexError(f"span [{start}, {end}) is not in a text of {length} characters")

    def _move(self, offset: int, starts: Sequence[int], side: int, is_end: bool) -> int:
        """Moves one offset from the side whose fields begin at `side` of `Edit` (0 raw, 2 replaced) to the other."""
        other = 2 - side
        before = bisect_right(starts, offset) - 1
        if before < 0:
            return offset
        edit = self.edits[before]
        if offset == edit[side]:
            return edit[other]
        if offset < edit[side + 1]:
            return edit[other + 1] if is_end else edit[other]
        return edit[other + 1] + offset - edit[side + 1]

    def verify(self, raw: str, replaced: str) -> None:
        """Checks that `replaced` is `raw` but for the edits.

        Raises:
            ReplacementError: an edit is out of order or out of the text, or the texts differ outside the edits.
        """
        if (len(raw), len(replaced)) != (self.raw_length, self.length):
            raise ReplacementError(f"lengths {len(raw)}, {len(replaced)} are not {self.raw_length}, {self.length}")
        raw_at = at = 0
        for edit in (*self.edits, Edit(len(raw), len(raw), len(replaced), len(replaced))):
            if not (raw_at <= edit.raw_start <= edit.raw_end and at <= edit.start <= edit.end):
                raise ReplacementError(f"the edit of raw characters {edit.raw_start} to {edit.raw_end} is out of order")
            if raw[raw_at : edit.raw_start] != replaced[at : edit.start]:
                raise ReplacementError(f"the texts differ between raw characters {raw_at} and {edit.raw_start}")
            raw_at, at = edit.raw_end, edit.end


def replace(text: str, spans: Sequence[PhiSpan], by: Sequence[str]) -> tuple[str, OffsetMap]:
    """Puts its replacement in the place of each span.

    Args:
        text: raw text.
        spans: sorted and disjoint.
        by: one replacement per span.

    Returns:
        The replaced text and the map between both, already verified.

    Raises:
        ReplacementError: `spans` are not sorted, not disjoint, empty or outside `text`, or have not one replacement
            each.
    """
    pieces: list[str] = []
    edits: list[Edit] = []
    raw_at = at = 0
    if len(by) != len(spans):
        raise ReplacementError(f"{len(by)} replacements are not one for each of {len(spans)} spans")
    for span, new in zip(spans, by, strict=True):
        if not raw_at <= span.start < span.end <= len(text):
            raise ReplacementError(f"span [{span.start}, {span.end}) is out of order or out of the text")
        start = at + span.start - raw_at
        pieces += (text[raw_at : span.start], new)
        raw_at, at = span.end, start + len(new)
        edits.append(Edit(span.start, span.end, start, at))
    pieces.append(text[raw_at:])
    replaced = "".join(pieces)
    offsets = OffsetMap(tuple(edits), len(text), len(replaced))
    offsets.verify(text, replaced)
    return replaced, offsets
