"""The text of a note while it is written, with its gold spans.

Every piece of text is put down once, together with what it is, so an offset is never searched for. The finish
(line wrapping, typing errors, letter case) never changes the length of the text: the spans stay right.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, NamedTuple


class Assertion(NamedTuple):
    """What a note says about an entity. `experiencer` is `patient` or `family`."""

    negated: bool = False
    uncertain: bool = False
    historical: bool = False
    hypothetical: bool = False
    experiencer: str = "patient"


PRESENT: Final = Assertion()


class PhiSpan(NamedTuple):
    label: str
    start: int
    end: int


class EntitySpan(NamedTuple):
    label: str
    start: int
    end: int
    assertion: Assertion


class SectionSpan(NamedTuple):
    category: str
    level: int
    start: int
    title_end: int
    body_start: int


@dataclass(frozen=True, slots=True)
class Fragment:
    """A stretch of finished text that later notes may copy forward, with spans relative to its start."""

    text: str
    phi: tuple[PhiSpan, ...]
    entities: tuple[EntitySpan, ...]
    codes: tuple[str, ...]


class Draft:
    """Text that grows at its end, and the spans in it.

    Attributes:
        codes: each code with the places where the text says so.
        closing: where the sections end and the signature and the like begin; None where that was not said.
    """

    __slots__ = ("_parts", "closing", "codes", "entities", "length", "phi", "sections")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.length = 0
        self.phi: list[PhiSpan] = []
        self.entities: list[EntitySpan] = []
        self.sections: list[SectionSpan] = []
        self.codes: dict[str, list[int]] = {}
        self.closing: int | None = None

    def put(self, text: str) -> None:
        """Writes text that is neither PHI nor an entity."""
        if not text:
            return
        self._parts.append(text)
        self.length += len(text)

    def put_phi(self, label: str, text: str) -> None:
        """Writes one piece of PHI."""
        start = self.length
        self._parts.append(text)
        self.length = start + len(text)
        self.phi.append(PhiSpan(label, start, self.length))

    def put_entity(self, label: str, text: str, assertion: Assertion = PRESENT) -> None:
        """Writes the mention of one clinical entity."""
        start = self.length
        self._parts.append(text)
        self.length = start + len(text)
        self.entities.append(EntitySpan(label, start, self.length, assertion))

    def put_heading(self, category: str, title: str, before: str, after: str, level: int = 1) -> None:
        """Writes a heading: `before` belongs to it (a number, a dash), `after` leads to the body."""
        start = self.length
        self.put(before + title)
        title_end = self.length
        self.put(after)
        self.sections.append(SectionSpan(category, level, start + len(before), title_end, self.length))

    def add_code(self, code: str) -> None:
        """Notes that the text says the patient has, or had, what `code` (ICD-10-CM) stands for."""
        self.codes.setdefault(code, []).append(max(0, self.length - 1))

    def end_line(self) -> None:
        """Starts a new line, unless the text stands at the beginning of one."""
        if self.text_ends_inline():
            self.put("\n")

    def text_ends_inline(self) -> bool:
        """Whether something stands on the last line."""
        return bool(self._parts) and not self._parts[-1].endswith("\n")

    def ends_sentence(self) -> bool:
        """Whether the next word begins a sentence or a line."""
        tail = self._parts[-1].rstrip(" ")[-1:] if self._parts else ""
        return tail in ("", ".", "\n", ":")

    def paste(self, fragment: Fragment) -> None:
        """Copies a fragment with its gold."""
        at = self.length
        self.put(fragment.text)
        self.phi.extend(PhiSpan(label, start + at, end + at) for label, start, end in fragment.phi)
        self.entities.extend(EntitySpan(label, start + at, end + at, a) for label, start, end, a in fragment.entities)
        for code in fragment.codes:
            self.codes.setdefault(code, []).append(at)

    def text(self) -> str:
        """What has been written so far."""
        return "".join(self._parts)

    def fragment(self) -> Fragment:
        """The draft so far as something to paste. Sections do not travel."""
        return Fragment(self.text(), tuple(self.phi), tuple(self.entities), tuple(self.codes))


def wrap(text: str, width: int) -> str:
    """Breaks lines longer than `width` at spaces; the text keeps its length."""
    lines = []
    for line in text.split("\n"):
        at = 0
        pieces = []
        while len(line) - at > width:
            cut = line.rfind(" ", at + 1, at + width + 1)
            if cut < 0:
                break
            pieces.append(line[at:cut])
            at = cut + 1
        pieces.append(line[at:])
        lines.append("\n".join(pieces))
    return "\n".join(lines)


def recase(text: str, upper: bool) -> str:
    """The text in capitals or in small letters, as some systems keep it; unchanged where the length would change."""
    changed = text.upper() if upper else text.lower()
    return changed if len(changed) == len(text) else text


def mistype(text: str, draft: Draft, rng: random.Random, errors: int) -> str:
    """Swaps two neighbouring letters of plain words, `errors` times at most, never inside a span or a heading."""
    letters = list(text)
    for _ in range(errors):
        at = rng.randrange(1, max(2, len(text) - 3))
        around = text[at - 1 : at + 3]
        if not (around.isalpha() and around.islower()) or _protected(draft, at - 1, at + 3):
            continue
        letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)


def _protected(draft: Draft, start: int, end: int) -> bool:
    spans = [(span.start, span.end) for span in draft.phi]
    spans += [(span.start, span.end) for span in draft.entities]
    spans += [(span.start, span.body_start) for span in draft.sections]
    return any(begin < end and start < stop for begin, stop in spans)
