"""Initials where nothing else can stand: of hospitals, people, typists; a town's house for veterans (`Tilden VA`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from transforms.deid.lexicon import Lexicon
from transforms.deid.recognizers.base import ClinicalRecognizer, Found, Note, is_word_char, table
from transforms.deid.recognizers.facility_words import FacilityWords
from transforms.deid.recognizers.name_reader import DEGREES

_SIGNED_BEFORE: Final = re.compile(r"\b(?:M\.?D|D\.?O)\.?,? ?[ \n]\Z")
_SIGNED_AFTER: Final = re.compile(r",? \d{3}|\s*(?:\n|\Z)")
_DOCTOR_BEFORE: Final = re.compile(r"\bDr\. [A-Z][a-z'-]+(?: [A-Z][a-z'-]+)? \(\Z")
_RECORD_BEFORE: Final = re.compile(r"\d{5}, \Z")
_RECORD_AFTER: Final = re.compile(r"[.;]\s|\s*\n")
_WARD_AFTER: Final = re.compile(r" \d{1,2} ?(?:NORTH|SOUTH|EAST|WEST|North|South|East|West|[NSEW])(?!\w)")
_VETERANS: Final = re.compile(r"(?<=[ (\n])([A-Z][a-z]{3,20}) VA(?= (?:clinic|hospital|ED|ER)|[.,;:)\n])")
_PERSON: Final = re.compile(r"\b(?:[Ss]ubject |[Pp]atient )?[Ii]nitials:? {1,2}([A-Z]{2,3})(?!\w)")
_TYPIST: Final = re.compile(r"\b(?:MD|DO|M\.D\.|D\.O\.)[/:]([a-z]{2,3})(?=\s*(?:\n|\Z))")
"""Who typed, behind the degree of the one who dictated: `Ann Roe, MD/abq`."""
_TYPED: Final = ("D/", "D:", "O/", "O:", "./", ".:")
_NO_ACRONYM: Final = frozenset(table("places.toml")["facility"]["no_acronyms"].split())
_SHORTEST: Final = 3
_LONGEST: Final = 6
_REACH: Final = 48


class Initials(ClinicalRecognizer):
    """Hospitals and people by their initials alone, where no abbreviation of clinical prose could be meant."""

    labels: ClassVar[tuple[str, ...]] = ("HOSPITAL", "PATIENT", "DOCTOR")
    title: ClassVar[str] = "initials"

    def __init__(self) -> None:
        self._lexicon = Lexicon.shipped()
        self._words = FacilityWords(self._lexicon)
        super().__init__()

    def find(self, note: Note) -> Iterator[Found]:
        if not note.mixed:
            return
        odd = note.odd - self._lexicon.acronyms - DEGREES
        for word, at in note.starts({word for word in odd if _SHORTEST <= len(word) <= _LONGEST}):
            if self._is_hospital(note.text, at, word.upper()):
                yield Found(at, at + len(word), "HOSPITAL", 0.6)
        for person in _PERSON.finditer(note.text) if "initials" in note.words else ():
            yield Found(*person.span(1), "PATIENT", 0.7)
        for typist in _TYPIST.finditer(note.text) if any(hint in note.text for hint in _TYPED) else ():
            yield Found(*typist.span(1), "DOCTOR", 0.6)
        for house in _VETERANS.finditer(note.text) if "va" in note.words else ():
            town = house[1].lower()
            if not self._words.is_generic(town) and not self._lexicon.is_ordinary(town):
                yield Found(*house.span(), "HOSPITAL", 0.6)

    @staticmethod
    def _is_hospital(text: str, at: int, capitals: str) -> bool:
        """Whether a word of a note is written in `capitals` and stands where only a hospital's initials can."""
        end = at + len(capitals)
        if not text.startswith(capitals, at) or is_word_char(text, end) or capitals in _NO_ACRONYM:
            return False
        begin = max(0, at - _REACH)
        signed = (
            not capitals.startswith("F")  # fellows: `FSCAI`
            and _SIGNED_AFTER.match(text, end)
            and _SIGNED_BEFORE.search(text, begin, at)
        )
        named = text.startswith(")", end) and _DOCTOR_BEFORE.search(text, begin, at)
        filed = _RECORD_AFTER.match(text, end) and _RECORD_BEFORE.search(text, begin, at)
        return bool(signed or named or filed or _WARD_AFTER.match(text, end))
