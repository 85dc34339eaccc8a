"""Ages over 89; all other ages may stay (45 CFR 164.514(b)(2)(i)(C))."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from transforms.deid.recognizers.base import ClinicalRecognizer, Found, Note, is_word_char, occurrences

_OLD: Final = r"(?:9\d|1[0-3]\d)"
_AGED: Final = re.compile(
    rf"{_OLD}\+?(?:\s?-?\s?(?:years?|yrs?|yr)(?:\.|\b)[\s\-/]{{0,2}}"
    r"(?:old|o\b|of age|young|female|male|f\b|m\b|woman|man|gentleman|lady)"
    r"|\s?-?\s?y[./]?\s?o\b|\s?-?\s?yo[mf]?\b|\s?-?\s?y\.o\.|\s?yr\b|\s?y/o"
    r"|\s?-?y(?:rs?)?[ /]?[mf]\b|\s?[mf] (?:with|w/|who|presents|presenting|admitted|s/p|h/o|hx|found|from|p/w|-|in)"
    r"|[ -](?:male|female|man|woman|gentleman|lady|y[ /-]?o)\b|(?:st|nd|rd|th) birthday\b|\s?[mf]/"
    r"|\s?-?y[a-z]{2,4}[ -]old\b|\s[mf]\)"
    r"|[mf]\b (?:a\+?[ox&]|aa?ox|nad|pt\b|dob|crcl)"
    r"|\s(?:y|yrs?|years?)(?:\s*\Z|\s*\n|\s{2,}|\s*[|;]))"
)
_APPOSITION: Final = re.compile(rf"(?<=[a-z], ){_OLD}, [a-z]")
"""`Jane Roe, 95, known to our service`."""
_SEX: Final = re.compile(rf"{_OLD}\s?[MF](?=[),;\s/]|\Z)")
"""Of the raw text: `(90 F)`, `97 M w/ CHF`; but `temp 98 F`."""
_TEMPERATURE_BEFORE: Final = re.compile(r"\b(?:t|temp|tmax|tm|temperature|tcurrent|fever|to|of|at|was|is)[\s:=]{0,3}\Z")
_AGE_BEFORE: Final = re.compile(
    r"(?:\bage[ds]?|\bpatient age|\bturned|\bturning)(?: in years| \(?years\)?| of| is| was|/sex)?[\s:=]{1,3}\Z"
    r"|\b(?:lived|lives|survived) (?:un)?(?:to|til|till)(?: be| age)?\s\Z|\bin (?:his|her|their|my) (?:early |mid "
    r"|mid-|late )?\Z"
    r"|\bat (?:the )?age(?: of)? \Z|\b(?:alive|died|dead|deceased|passed away|expired|living|well)\s(?:(?:at"
    r"|@)\s)?(?:age\s)?\Z"
    r"|\b(?:mother|father|sister|brother|wife|husband|she|he|aunt|uncle|grandmother|grandfather|spouse|grandma"
    r"|grandpa|mom|dad"
    r"|great-?(?:aunt|uncle|grandmother|grandfather))(?:,? \(| at |, (?=\d+\s*(?:\n|\Z))|(?: is|'s| was) (?:now )?)\Z"
    r"|\bwho (?:is|was) (?:now )?\Z"
    r"|\b(?:dob|born):? ?[\d/.-]{6,10},?\s{0,3}\(?\Z"
)
_WITH_MONTHS: Final = re.compile(
    rf"{_OLD}[\s-]?(?:years?|yrs?|y)\b[\s,-]{{0,2}}(?:and\s)?\d{{1,2}}[\s-]?(?:months?|mos?|m)\b"
    r"(?:[\s-](?:old|of age)\b)?"
)
_DECADE: Final = re.compile(r"'?s\b")
_RUN: Final = re.compile(_OLD)
_UNIT_AFTER: Final = re.compile(
    r"\s?(?:%|mg|ml|mm|cm|bpm|/\d|days?|weeks?|months?|hours?|percent|degrees?|deg\b|and unlabored|breaths|beats)|\.\d"
)
_NUMBER_WORDS: Final = (
    r"\b(?:ninety(?:[\s-](?:one|two|three|four|five|six|seven|eight|nine)\b)?"
    r"|(?:(?:one|a)[\s-])?hundred(?:(?:[\s-]and)?[\s-](?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen)\b)?)"
)
_WORDS: Final = re.compile(rf"{_NUMBER_WORDS}(?=[\s-](?:years?|yrs?)\b(?!\.?\s(?:ago|since))|\s?y[./]?\s?o\b)")
_WORDS_ALONE: Final = re.compile(rf"(?:{_NUMBER_WORDS}|\bnineties)\b(?! ?%| percent)")
_OLD_NAMES: Final = frozenset(
    ("nonagenarian", "centenarian", "supercentenarian", "nonagenarians", "centenarians", "supercentenarians")
)


class Ages(ClinicalRecognizer):
    """The number of an age over 89, in digits or words, and the words for people of such an age."""

    labels: ClassVar[tuple[str, ...]] = ("AGE",)
    title: ClassVar[str] = "ages"

    def find(self, note: Note) -> Iterator[Found]:
        text, lowered = note.text, note.lowered
        for number in _RUN.finditer(lowered):
            start, end = number.span()
            before = lowered[start - 1 : start]
            if is_word_char(lowered, start - 1) or before in (".", "/") or lowered[end : end + 1].isdigit():
                continue
            if _DECADE.match(lowered, end):
                if _AGE_BEFORE.search(lowered, max(0, start - 24), start):
                    yield Found(start, end + 1, "AGE", 0.85)
                continue
            if phrase := _WITH_MONTHS.match(lowered, start):
                yield Found(*phrase.span(), "AGE", 0.9)
                continue
            stop = end + lowered.startswith("+", end)  # `90+ year old`
            if _AGED.match(lowered, start) or _APPOSITION.match(lowered, start) or _is_sexed(text, lowered, start):
                yield Found(start, stop, "AGE", 0.9)
            elif not _UNIT_AFTER.match(lowered, end) and _AGE_BEFORE.search(lowered, max(0, start - 24), start):
                yield Found(start, stop, "AGE", 0.85)
        for name in note.words & _OLD_NAMES:
            for at in occurrences(lowered, name):
                if not is_word_char(lowered, at - 1) and not is_word_char(lowered, at + len(name)):
                    yield Found(at, at + len(name), "AGE", 0.85)
        if not note.words.isdisjoint(("ninety", "nineties", "hundred")):
            for words in _WORDS.finditer(lowered):
                yield Found(*words.span(), "AGE", 0.85)
            for words in _WORDS_ALONE.finditer(lowered):
                if _AGE_BEFORE.search(lowered, max(0, words.start() - 24), words.start()):
                    yield Found(*words.span(), "AGE", 0.8)


def _is_sexed(text: str, lowered: str, start: int) -> bool:
    if _SEX.match(text, start) is None:
        return False
    return _TEMPERATURE_BEFORE.search(lowered, max(0, start - 16), start) is None
