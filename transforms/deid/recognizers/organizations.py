"""Organizations that everybody knows by name (`organizations.toml`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from transforms.deid.recognizers.base import ClinicalRecognizer, Found, Note, is_word_char, longest_first, table

_TABLE: Final = table("organizations.toml")
_LETTERS: Final = re.compile(r"[a-z]+")
_CLEAR: Final = re.compile(longest_first(_TABLE["clear"]))
_WORDED: Final = re.compile(longest_first(_TABLE["worded"]))
_PLACE_BEFORE: Final = re.compile(
    r"\b(?:at|for|from|with|w|by|via|to|of|as|retired|works?|worked|employed|employer:?|job:?)\s(?:the\s)?\Z"
)
"""Before a name that is a word too (`target INR`, `Delta waves`)."""


def _heads(names: list[str]) -> frozenset[str]:
    return frozenset(found.group() for name in names if (found := _LETTERS.search(name)))


_CLEAR_HEADS: Final = _heads(_TABLE["clear"])
_WORDED_HEADS: Final = _heads(_TABLE["worded"])


class Organizations(ClinicalRecognizer):
    """Employers, shops, carriers, agencies, clubs."""

    labels: ClassVar[tuple[str, ...]] = ("ORGANIZATION",)
    title: ClassVar[str] = "organizations"

    def find(self, note: Note) -> Iterator[Found]:
        lowered = note.lowered
        for _, at in note.starts(_CLEAR_HEADS) if not note.words.isdisjoint(_CLEAR_HEADS) else ():
            name = _CLEAR.match(lowered, at)
            if name and not is_word_char(lowered, name.end()):
                yield Found(*name.span(), "ORGANIZATION", 0.8)
        if not note.mixed or note.words.isdisjoint(_WORDED_HEADS):
            return
        for _, at in note.starts(_WORDED_HEADS):
            name = _WORDED.match(lowered, at)
            if name is None or is_word_char(lowered, name.end()) or not note.text[at].isupper():
                continue
            if _PLACE_BEFORE.search(lowered, max(0, at - 16), at):
                yield Found(*name.span(), "ORGANIZATION", 0.75)
