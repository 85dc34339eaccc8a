"""Organizations that everybody knows by name (`organizations.toml`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

from transforms.deid.recognizers.base import (
    ClinicalRecognizer,
    Found,
    Note,
    is_word_char,
    occurrences,
    table,
)

_TABLE: Final = table("organizations.toml")
_LETTERS: Final = re.compile(r"[a-z]+")
_PLACE_BEFORE: Final = re.compile(
    r"\b(?:at|for|from|with|w|by|via|to|of|as|retired|works?|worked|employed|employer:?|job:?)\s(?:the\s)?\Z"
)
"""Before a name that is a word too (`target INR`, `Delta waves`)."""

_BRANCH: Final = re.compile(
    r" (?:on|at) (?:[NSEW]\.? )?"
    r"(?!(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\b)"
    r"[A-Z][a-z]{2,}(?=[.,;)]| and | \()"
)
"""Which of its shops: `Walgreens on Elm`."""
_SUPPLIERS: Final = frozenset(_TABLE["supplier_kinds"])
_SUPPLIER: Final = re.compile(r"(?:\b(?:from|by|via|with|through)|\d,|:) ([A-Z][a-z]{2,}) \Z")
_SUPPLIER_ENDS: Final = re.compile(r"[.,;)\n]|\Z")
"""Who supplies the home: `2 L from Harbor Oxygen`."""
_NO_SUPPLIER: Final = frozenset(_TABLE["no_supplier"])


def _by_longest_word(names: list[str]) -> dict[str, list[tuple[str, frozenset[str]]]]:
    """The names and all their words, by their longest word: few notes hold one, and only those are searched."""
    index: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for name in names:
        words = _LETTERS.findall(name)
        index.setdefault(max(words, key=len), []).append((name, frozenset(words)))
    return index


_CLEAR: Final = _by_longest_word(_TABLE["clear"])
_WORDED: Final = _by_longest_word(_TABLE["worded"])


class Organizations(ClinicalRecognizer):
    """Employers, shops, carriers, agencies, clubs."""

    labels: ClassVar[tuple[str, ...]] = ("ORGANIZATION",)
    title: ClassVar[str] = "organizations"

    def find(self, note: Note) -> Iterator[Found]:
        for start, end in _mentions(note, _CLEAR):
            branch = _BRANCH.match(note.text, end)
            yield Found(start, branch.end() if branch else end, "ORGANIZATION", 0.8)
        if note.mixed and not note.words.isdisjoint(_SUPPLIERS):
            for kind, at in note.starts(_SUPPLIERS):
                end = at + len(kind)
                name = _SUPPLIER.search(note.text, max(0, at - 32), at) if note.text[at].isupper() else None
                if name and name[1].lower() not in _NO_SUPPLIER and _SUPPLIER_ENDS.match(note.text, end):
                    yield Found(name.start(1), end, "ORGANIZATION", 0.6)
        for start, end in _mentions(note, _WORDED) if note.mixed else ():
            if note.text[start].isupper() and _PLACE_BEFORE.search(note.lowered, max(0, start - 16), start):
                yield Found(start, end, "ORGANIZATION", 0.75)


def _mentions(note: Note, names: Mapping[str, list[tuple[str, frozenset[str]]]]) -> Iterator[tuple[int, int]]:
    lowered = note.lowered
    for key in note.words & names.keys():
        for name, words in names[key]:
            if words <= note.words:
                for at in occurrences(lowered, name):
                    end = at + len(name)
                    if not is_word_char(lowered, at - 1) and not is_word_char(lowered, end):
                        yield at, end
