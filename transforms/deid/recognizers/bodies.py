"""Organizations that a form tells: public bodies (`Bureau of Labor`), locals and lodges, ambulance crews, agencies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from transforms.deid.lexicon import Lexicon
from transforms.deid.lists import NameLists
from transforms.deid.recognizers.base import (
    ClinicalRecognizer,
    Found,
    Note,
    longest_first,
    table,
)

_TABLE: Final = table("bodies.toml")
_OFFICES: Final = frozenset(_TABLE["offices"].split())
_BOARDS_ONLY: Final = frozenset(_TABLE["boards_only"])
_SUBJECT: Final = rf"(?:{longest_first(_TABLE['subjects'])})(?!\w)"
_OFFICE: Final = re.compile(
    r"(?P<office>[a-z]+)\.?[ \n](?:of|for|on|in)[ \n](?:the[ \n])?"
    rf"(?P<subject>{_SUBJECT})(?P<more>(?:,? and |, | & |, and the )(?:the )?{_SUBJECT}){{0,2}}"
    r"(?: (?:affairs|services|board|administration|office|agency))?(?!\w)"
)
_STATE_BEFORE: Final = re.compile(r"\b(?:state|county|city|federal|tribal|u\.?s\.?)[ \n]\Z")
_CLINICAL_OFFICES: Final = frozenset(("department", "departments", "dept", "division", "administration", "secretary"))
"""A hospital has these too, of nursing or of pharmacy."""

_UNITS: Final = frozenset(_TABLE["units"].split())
_MEMBERS: Final = frozenset(_TABLE["members"].split())
_MEASURED: Final = (
    r"(?![\w/.%-]*\d)"
    r"(?!\s?(?:mg|ml|mcg|cc|units?|hours?|hrs?|h|days?|d|weeks?|wks?|months?|mo|years?|times|x|min|am|pm)\b)"
)
_UNIT: Final = re.compile(rf"(?:{longest_first(_UNITS)})(?: union)?,?\s(?:no\.? ?|# ?|number )?\d{{1,5}}{_MEASURED}")
_CREWS: Final = frozenset(_TABLE["crews"].split())
_CREW_HEADS: Final = frozenset(_TABLE["crew_heads"].split())
_CREW: Final = re.compile(
    rf"(?:{longest_first(_CREWS)})\s(?:unit )?(?:no\.? ?|# ?)?"
    rf"(?:\d{{1,4}}{_MEASURED}|(?:one|two|three|four|five|six|seven|eight|nine|ten)\b(?! of\b))"
)
_WORD_BEFORE: Final = re.compile(r"(?<![\w.'-])([A-Za-z][\w'&-]*)[ \n]\Z")
_MOST_WORDS: Final = 4
_LONGEST_WORD: Final = 24
_FOUR_H: Final = re.compile(r"(?<![\w-])4-H\b(?: [Cc]lub)?(?! ?[(\d])")
_CITY_POLICE: Final = re.compile(r"(?<![\w.'-])([A-Z]{3,20} )?([A-Z]{3,20}) (?:PD|POLICE|SO|FD)(?![\w-])")


class Bodies(ClinicalRecognizer):
    """Public bodies, unions, lodges and crews."""

    labels: ClassVar[tuple[str, ...]] = ("ORGANIZATION",)
    title: ClassVar[str] = "bodies"

    def __init__(self) -> None:
        self._lexicon = Lexicon.shipped()
        self._cities = NameLists.shipped().cities
        super().__init__()

    def find(self, note: Note) -> Iterator[Found]:
        for word, at in note.starts(_OFFICES):
            office = _OFFICE.match(note.lowered, at)
            if office and office["office"] == word and self._is_public(note, office):
                state = _STATE_BEFORE.search(note.lowered, max(0, at - 9), at)
                yield Found(state.start() if state else at, office.end(), "ORGANIZATION", 0.75)
        if note.numbers:
            for _, at in note.starts(_UNITS):
                unit = _UNIT.match(note.lowered, at)
                start = self._head(note, at, _MEMBERS) if unit else at
                if unit and start < at:
                    yield Found(start, unit.end(), "ORGANIZATION", 0.75)
        for _, at in note.starts(_CREWS):
            crew = _CREW.match(note.lowered, at)
            if crew and (not note.mixed or note.text[at].isupper()):
                yield Found(self._head(note, at, _CREW_HEADS), crew.end(), "ORGANIZATION", 0.7)
        if "4-H" in note.text:
            for club in _FOUR_H.finditer(note.text):
                yield Found(*club.span(), "ORGANIZATION", 0.6)
        if not note.mixed and not note.words.isdisjoint(("pd", "police", "so", "fd")):
            for force in _CITY_POLICE.finditer(note.text):
                for start in (force.start(), force.start(2)):
                    city = note.lowered[start : force.end(2)]
                    if city in self._cities and not self._lexicon.is_ordinary(city):
                        yield Found(start, force.end(), "ORGANIZATION", 0.7)
                        break

    def _is_public(self, note: Note, office: re.Match[str]) -> bool:
        if office["more"] or office["office"] not in _CLINICAL_OFFICES or office["subject"] not in _BOARDS_ONLY:
            return True
        # `the Department of Health`, but the hospital's own: `department of medicine`.
        return office["subject"] not in ("nursing", "pharmacy", "medicine") and (
            not note.mixed or note.text[office.start()].isupper()
        )

    def _head(self, note: Note, at: int, known: frozenset[str]) -> int:
        """Where the name before `at` begins: with capitals in prose, else as far as `known` words and odd ones go."""
        start = at
        for _ in range(_MOST_WORDS):
            before = _WORD_BEFORE.search(note.text, max(0, start - _LONGEST_WORD), start)
            if before is None:
                break
            word = before[1].lower()
            if word == "of" and start < at:
                above = _WORD_BEFORE.search(note.text, max(0, before.start() - _LONGEST_WORD), before.start())
                if above is None or above[1].lower() not in known:
                    break  # `Steward of Carpenters Local 5`, but `Knights of Columbus Council 5`
                start = above.start()
                continue
            if word in known:
                start = before.start()
                continue
            if self._lexicon.is_ordinary(word) and not (note.mixed and before[1].istitle() and start < at):
                break
            if note.mixed and not before[1][0].isupper():
                break
            if not note.mixed and (len(word) < 4 or self._lexicon.abbreviates(before[1])):
                break
            start = before.start()
        return start
