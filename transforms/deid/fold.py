"""A text in lower case without accents, with the way back to its offsets.

Names and triggers are typed in any case, and names with or without their accents. Searching is done on the
folded text, which for nearly all notes has the offsets of the raw one.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=4096)
def _fold_char(char: str) -> str:
    """Lower case, no accent, plain apostrophe and hyphen; one character, or none for a combining mark."""
    if unicodedata.category(char) == "Mn":
        return ""
    if char in "’‘ʼ´":
        return "'"
    if char in "‐‑‒–":
        return "-"
    decomposed = unicodedata.normalize("NFD", char)
    base = decomposed[0]
    if not all(unicodedata.category(mark) == "Mn" for mark in decomposed[1:]):
        base = char  # Hangul and the like take apart into letters, not into a letter and its accents
    return _lower_char(base)


def _lower_char(char: str) -> str:
    lowered = char.lower()
    return lowered if len(lowered) == 1 else char


def lower(text: str) -> str:
    """`text` in lower case with every offset kept: a letter whose lower case is longer stays."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(map(_lower_char, text))


class Folded:
    """Attributes: text: the folded text."""

    __slots__ = ("_positions", "_raw_length", "text")

    def __init__(self, raw: str) -> None:
        self._raw_length = len(raw)
        self._positions: list[int] | None = None
        if raw.isascii():
            self.text = raw.lower()
            return
        folded = [_fold_char(char) for char in raw]
        self.text = "".join(folded)
        if len(self.text) != len(raw):
            self._positions = [position for position, char in enumerate(folded) if char]

    def raw(self, start: int, end: int) -> tuple[int, int]:
        """The raw offsets of `text[start:end]`, with the combining marks that follow its last character."""
        if self._positions is None:
            return start, end
        positions = self._positions
        raw_start = positions[start] if start < len(positions) else self._raw_length
        raw_end = positions[end] if end < len(positions) else self._raw_length
        if start == end:
            return raw_start, raw_start
        return raw_start, raw_end


def fold(text: str) -> str:
    """`text` folded; see `Folded`."""
    return Folded(text).text
