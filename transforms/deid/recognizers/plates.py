"""Number plates: told by their form and a vehicle near before them (`parked her car, CHZ-95K`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from transforms.deid.lexicon import Lexicon
from transforms.deid.recognizers.base import ClinicalRecognizer, Found, Note, is_word_char, occurrences, table

_TABLE: Final = table("plates.toml")
_MAKES: Final = frozenset(_TABLE["makes"].split())
_VEHICLES: Final = frozenset(_TABLE["vehicles"].split()) | _MAKES
_PLATES: Final = frozenset(("plate", "plates", "registration", "placard"))
_NO_LETTERS: Final = frozenset(_TABLE["no_letters"].split())

_REACH: Final = 44
"""How far behind the word for a vehicle its plate may stand, in characters."""
_PLATE: Final = re.compile(
    r"(?<![\w./#-])(?=[A-Z \-]*\d)(?=[\d \-]*[A-Z])"
    r"(?:[A-Z]{2} \d\d-\d\d|[A-Z0-9]{1,4}[ -][A-Z0-9]{2,5}|[A-Z0-9]{5,8})(?![\w/-])"
)
_MIXED: Final = re.compile(r"[A-Z]{2}\d[ -]?\d[A-Z]{2}|\d[A-Z]{3}\d{3}|[A-Z]{2,3}[ -]?\d[A-Z]{1,2}\d")
"""Forms that hardly anything but a plate has, whatever their letters abbreviate."""
_DASHED: Final = re.compile(r", (?:\d{3}-[A-Z]{3}|[A-Z]{3}-\d{3,4})(?!\w)")
"""`tan Buick, 251-SDH`."""
_SAID_BEFORE: Final = re.compile(
    r"[\w ]{0,12},? (?:lic(?:ense)?|plates?|tag|reg)[.:#]{0,2} \Z|[\w ]{0,12}\bticket #?[\w-]+,? \Z"
)
"""What says between a car and its plate that this is one: `her Jeep, lic 64F LV4`, `parking ticket 80164 DKA 284`."""
_BESIDE: Final = re.compile(r"[ \n]{1,2}\Z")
_GROUP: Final = re.compile(r"[A-Z]+")
_SENTENCE_ENDS: Final = re.compile(r"\.\s+[A-Z][a-z]|\n\s*\n")
_FEWEST: Final = 5
_MOST: Final = 8


class Plates(ClinicalRecognizer):
    """Number plates."""

    labels: ClassVar[tuple[str, ...]] = ("VEHICLE",)
    title: ClassVar[str] = "plates"

    def __init__(self) -> None:
        self._lexicon = Lexicon.shipped()
        super().__init__()

    def find(self, note: Note) -> Iterator[Found]:
        if not note.numbers or note.words.isdisjoint(_VEHICLES):
            return
        mentions = ((word, at) for word in note.words & _VEHICLES for at in occurrences(note.lowered, word))
        for word, at in mentions:  # also at the head of `cars` or `vans`
            if is_word_char(note.lowered, at - 1):
                continue
            begin = at + len(word)
            stop = min(len(note.text), begin + _REACH)
            ends = _SENTENCE_ENDS.search(note.text, begin, stop)
            for plate in _PLATE.finditer(note.text, begin, ends.start() if ends else stop):
                closed = note.text[plate.start() - 1] == "(" and note.text.startswith(")", plate.end())
                closed = closed or (plate.start() - begin == 2 and _DASHED.match(note.text, begin) is not None)
                between = note.lowered[begin : plate.start()]
                closed = closed or _SAID_BEFORE.fullmatch(between) is not None
                closed = closed or (word in _MAKES and _BESIDE.fullmatch(between) is not None)
                if self._is_plate(plate.group(), named=word in _PLATES or closed):
                    yield Found(*plate.span(), "VEHICLE", 0.7)

    def _is_plate(self, written: str, *, named: bool) -> bool:
        """Whether it has a plate's form; `named`: a word for a plate is before it, so any letters will do."""
        count = sum(char.isalnum() for char in written)
        digits = sum(char.isdigit() for char in written)
        if not (_FEWEST <= count <= _MOST and digits >= 2):
            return False
        return (
            named
            or _MIXED.fullmatch(written) is not None
            or all(self._may_stand(group) for group in _GROUP.findall(written))
        )

    def _may_stand(self, group: str) -> bool:
        """Whether letters may be a plate's: not `45 MPH`, nor `AT 1120`."""
        word = group.lower()
        return len(word) == 1 or not (
            word in _NO_LETTERS or self._lexicon.is_ordinary(word) or self._lexicon.abbreviates(word)
        )
