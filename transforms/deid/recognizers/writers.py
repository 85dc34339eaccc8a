"""Initials of those who wrote a note, where notes end, by the clock, and beside another's (`Ann Roe / AKR:TLB`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from transforms.deid.lexicon import Lexicon
from transforms.deid.recognizers.base import ClinicalRecognizer, Found, Note, occurrences, table
from transforms.deid.recognizers.name_reader import DEGREES

_TABLE: Final = table("names.toml")
_NO_INITIALS: Final = frozenset((*_TABLE["no_initials"].split(), *_TABLE["no_writers"].split())) | DEGREES
_DATE: Final = r"(?:\d{1,2}[/.-]\d{1,2}(?:[/.-]\d{2,4})?|\d{1,2}[ -]?[A-Z][A-Za-z]{2}[ -]?\d{2,4})(?: \d\d:?\d\d)?"
_LAST_LINE: Final = re.compile(
    rf"\n[ \t]*-?(?P<one>[A-Z]{{2,3}})(?:[/:](?P<other>[A-Z]{{2,3}}))?"
    rf"(?:[ \t]+(?:{_DATE}|[a-z][a-z_.]{{3,20}}\d{{0,4}}))?\s*\Z"
)
"""What ends a note: `AKR`, `AKR 3/4`, `AKR roeann`, `AKR/TLB`."""
_CLOSING: Final = re.compile(r"[.!?)] (?P<one>[A-Z]{3})[ \t]*(?=\n--|\n\n|\s*\Z)")
"""`ok, refill. AKR`, and the thread goes on."""
_PAIR: Final = re.compile(
    rf"(?<![\w/:.-])(?P<one>[A-Z]{{2,3}})[/:](?P<other>[A-Z]{{2,3}})(?=[ \t]+{_DATE}|[ \t]*(?:\n|\Z))"
)
"""Who dictated and who typed, at a line's end; a word for a writer, or a name, stands before."""
_PAIR_BEFORE: Final = re.compile(
    r"(?:[A-Za-z] / |\b(?:MD|DO|NP|PA|PA-C|RN|CNM|CRNA|PhD|DPM|DDS|M\.D|D\.O)[.,]? |(?:\A|\n)[ \t]*)\Z"
)
_TYPED: Final = re.compile(
    r"(?<![\w/])(?:MD|DO|NP|PA-C|CNM|CRNA|DPM|DDS|M\.D\.|D\.O\.)[/:](?P<one>[A-Z]{2,3})(?=\s*(?:\n|\Z))"
)
_ON_SHIFT: Final = re.compile(r"(?<!\d)(?:[01]\d|2[0-3]):?[0-5]\d (?:on|off|by|per) (?P<one>[A-Z]{3})(?=[.,;])")
"""Who puts on or takes off: `0635 on AKR. Heparin 2000`."""
_TAIL: Final = 64
"""No last line with initials is longer, in characters."""


class Writers(ClinicalRecognizer):
    """Writers, typists and nurses by their initials alone."""

    labels: ClassVar[tuple[str, ...]] = ("DOCTOR",)
    title: ClassVar[str] = "writers"

    def __init__(self) -> None:
        self._lexicon = Lexicon.shipped()
        super().__init__()

    def find(self, note: Note) -> Iterator[Found]:
        text = note.text
        last = _LAST_LINE.search(text, max(0, len(text.rstrip()) - _TAIL)) if note.mixed else None
        if last:
            yield from self._initials(last, sure=bool(last["other"]))
        for closing in _CLOSING.finditer(text) if note.mixed else ():
            yield from self._initials(closing, sure=False)
        for mark in ("/", ":"):
            for at in occurrences(text, mark):
                if not text[at - 1 : at].isupper() and text[at - 1 : at] != ".":
                    continue
                if not text[at + 1 : at + 2].isupper():
                    continue
                pair = _PAIR.search(text, max(0, at - 4), at + 24)
                if pair and pair.start("other") == at + 1 and _PAIR_BEFORE.search(text, max(0, at - 12), pair.start()):
                    yield from self._initials(pair, sure=False)
                typist = _TYPED.search(text, max(0, at - 5), at + 16)
                if typist and typist.start("one") == at + 1:
                    yield from self._initials(typist, sure=True)
        for shift in _ON_SHIFT.finditer(text) if not note.words.isdisjoint(("on", "off")) and note.mixed else ():
            yield from self._initials(shift, sure=False)

    def _initials(self, match: re.Match[str], *, sure: bool) -> Iterator[Found]:
        """Both initials of a match, unless one is no person's; two letters that abbreviate are none unless `sure`."""
        names = [name for name in ("one", "other") if match.groupdict().get(name)]
        for name in names:
            word = match[name].lower()
            if word in _NO_INITIALS or (len(word) < 3 and not sure and self._lexicon.abbreviates(match[name])):
                return
        for name in names:
            yield Found(*match.span(name), "DOCTOR", 0.7)
