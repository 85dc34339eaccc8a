"""The text of a document while it is written, with its gold spans.

Each piece of text is put down once together with what it is, so an offset is never searched for. What is done to
the whole text afterwards (letter case, line breaks) never changes its length, so the spans stay right.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Span(NamedTuple):
    """A piece of PHI: half-open offsets into the text, and its label."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Injected:
    """A document with its gold.

    Attributes:
        text: what the model will read.
        entities: its PHI, in order, none overlapping another.
    """

    text: str
    entities: list[Span]


class Page:
    """Text that grows at its end, and the PHI in it."""

    __slots__ = ("_parts", "length", "spans")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.length = 0
        self.spans: list[Span] = []

    def put(self, text: str) -> None:
        """Writes text that is not PHI."""
        if text:
            self._parts.append(text)
            self.length += len(text)

    def put_phi(self, label: str, text: str) -> None:
        """Writes one piece of PHI."""
        assert text, "PHI is not empty"
        assert text == text.strip(), "PHI is not padded"
        start = self.length
        self.put(text)
        self.spans.append(Span(start, self.length, label))

    def add(self, other: Page) -> None:
        """Writes another page after this one."""
        at = self.length
        self._parts += other._parts
        self.spans += [Span(at + start, at + end, label) for start, end, label in other.spans]
        self.length += other.length

    def ends_with(self, end: str) -> bool:
        """Whether the text ends so; an empty page ends with anything."""
        return not self._parts or self._parts[-1].endswith(end)

    @property
    def text(self) -> str:
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def recast(self, change: Callable[[str], str]) -> None:
        """Replaces the whole text by one of the same length.

        Raises:
            ValueError: the length is another.
        """
        text = change(self.text)
        if len(text) != self.length:
            raise ValueError(f"a text of {self.length} characters became one of {len(text)}")
        self._parts = [text]

    def finish(self) -> Injected:
        """The document, without blanks at its ends."""
        text = self.text
        lead = len(text) - len(text.lstrip())
        text = text.strip()
        spans = [Span(start - lead, end - lead, label) for start, end, label in self.spans]
        at = 0
        for start, end, _ in spans:
            assert at <= start < end <= len(text), "spans are in order and apart"
            at = end
        return Injected(text, spans)


def lowered(text: str) -> str:
    """The text in small letters, at the same length (a few letters have no small form of one character)."""
    small = text.lower()
    return small if len(small) == len(text) else "".join(_single(char, char.lower()) for char in text)


def raised(text: str) -> str:
    """The text in capitals, at the same length (`ß` stays)."""
    large = text.upper()
    return large if len(large) == len(text) else "".join(_single(char, char.upper()) for char in text)


def _single(char: str, other: str) -> str:
    return other if len(other) == 1 else char


def wrapped(text: str, width: int) -> str:
    """The text with its lines broken at blanks so that none is longer than `width` (where it has blanks)."""
    out = []
    for line in text.split("\n"):
        begin = 0
        while len(line) - begin > width:
            cut = line.rfind(" ", begin + 1, begin + width + 1)
            if cut < 0:
                break
            line = f"{line[:cut]}\n{line[cut + 1 :]}"
            begin = cut + 1
        out.append(line)
    return "\n".join(out)


def mistyped(word: str, rng: random.Random) -> str:
    """The word with one letter left out, doubled or two of them swapped; a word of under four letters as it is."""
    if len(word) < 4:
        return word
    at = 1 + int(rng.random() * (len(word) - 2))
    if not (word[at].isalpha() and word[at + 1].isalpha()):
        return word
    chance = rng.random()
    if chance < 0.4:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if chance < 0.75:
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at] + word[at:]
