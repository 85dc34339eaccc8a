"""What a tagger takes for a name or a place, and what is round it tells to be none: money, cars, devices.

Such finds are right by their form (`gray Corolla`, `Foley`): a word list or a model alone cannot tell
them from people and towns, the neighbours can (`Joerns, serial 42`, `28 to 32 dollars`).
"""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import Final

from transforms.deid.fold import fold, lower
from transforms.deid.lexicon import Lexicon
from transforms.deid.lists import NameLists
from transforms.deid.recognizers.base import longest_first, table
from transforms.deid.recognizers.facility_words import FacilityWords
from transforms.deid.recognizers.name_reader import DEGREES
from transforms.deid.spans import PhiSpan

_TABLE: Final = tomllib.loads((files("transforms.deid") / "lookalikes.toml").read_text(encoding="utf-8"))
_NAMES: Final = frozenset(("PATIENT", "DOCTOR"))
_HOUSES: Final = frozenset(("HOSPITAL", "ORGANIZATION", "DEPARTMENT"))
_PLACES: Final = _HOUSES | {"CITY", "LOCATION-OTHER", "STREET"}
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")

_REACH: Final = 32

_MONEY: Final = re.compile(r"\b(?:dollars?|cents|bucks)\b")
_CLOCK: Final = r"(?:[01]\d|2[0-3])[0-5]\d"
_CLOCKS: Final = re.compile(rf"-?{_CLOCK}|{_CLOCK} ?[-–] ?{_CLOCK}")
_CLOCK_RANGE: Final = re.compile(rf"{_CLOCK} ?[-–] ?{_CLOCK}")
_SPENT_BEFORE: Final = re.compile(
    r"(?:\b(?:sleeps?|slept|bed|times?|from|session|shift|seen|worked|hours|hrs|duration|visit|tourniquet|naps?)"
    r"[: ]{1,2}| {2})\Z"
)
"""How long something took: `sleep 2200-0500`, a column of its own."""
_HALF_CLOCKS: Final = re.compile(r"(?:1[0-2]|[1-9])[ap] ?[-–] ?(?:1[0-2]|[1-9])[ap]")
"""A shift: `7p-7a`."""
_BILLED: Final = re.compile(r"99[2-4]\d\d(?:[-, ]+(?:2[2-9]|5\d|9[359]|gc|ge|gt|gq))*|cms-\d{3,4}[a-z]?")
"""A visit's level in Current Procedural Terminology with its modifiers: `99213-95`; a form of Medicare's."""
_PROCEDURE: Final = re.compile(r"9[0-7]\d{3}")
_BIRTHS: Final = re.compile(r"g\d{1,2} ?p\d{1,8}(?:-\d-\d-\d)?")
"""Pregnancies and births: `G3P1011`."""
_COUNTED: Final = frozenset(
    (
        "IDNUM",
        "ACCOUNT",
        "PHONE",
        "FAX",
        "ROOM",
        "LICENSE",
        "MEDICALRECORD",
        "HEALTHPLAN",
        "SSN",
        "BIOID",
        "ZIP",
        "DEVICE",
    )
)
_DAY_BEFORE: Final = re.compile(r"(?:(?:19|20)\d\d|\d/\d\d(?:\d\d)?),? (?:\d{4})?\Z")
_CODE_COUNT: Final = re.compile(r"\bx ?\d{1,2} \(\Z")
"""`debrided x8 (11721)`: how often, and the procedure's code."""

_PLATES: Final = table("plates.toml")
_CARS: Final = frozenset(" ".join((_PLATES["vehicles"], _PLATES["makes"], _TABLE["more_vehicles"])).split())
_COLOURS: Final = frozenset(_TABLE["colours"].split())
_CAR_BEFORE: Final = re.compile(
    rf"(?:\b(?:brakes?|driv(?:es|ing)|drove|cars?|truck|van|suv|pickup|sedan|vehicle|{'|'.join(_COLOURS)}|(?:19|20)\d\d)"
    r"(?: an?| his| her| their| the| is an?)?[ ,:(]{1,2})\Z"
)
_LONGEST_MAKE: Final = 16
_PLATE_AFTER: Final = re.compile(
    r"[ ,(]{1,3}(?:(?:lic(?:ense)?\.? )?(?:plates?|tag|reg|vin)\b"
    r"|(?=[a-z\d -]{0,6}\d)[a-z\d]{2,4}[ -][a-z\d]{2,4}(?!\w)|(?=[a-z]{0,4}\d)[a-z\d]{6,7}(?!\w))"
)
_DEVICE_AFTER: Final = re.compile(
    rf"(?:'s)?[ (|\n]{{1,3}}(?:{longest_first(_TABLE['device_after'])})\b"
    rf"|, (?:{longest_first(_TABLE['device_numbers'])})\b"
    r"|[ |]{1,3}(?=[a-z\d-]*\d)(?=[a-z\d-]*[a-z])[a-z\d-]{6,}(?!\w)"
)
_DEVICE_BEFORE: Final = re.compile(rf"\b(?:{longest_first(_TABLE['device_before'])}):?[ \n]\Z")
_TITLE_BEFORE: Final = re.compile(r"\b(?:dr|mr|mrs|ms|miss|drs|nurse|rn|pt|patient|by|per|from)\.? \Z")
_BESIDE: Final = 200
_SIGNED_BEFORE: Final = re.compile(r"(?:[/:\n-]|\bby|\bper|\bw/|\d|  )\s*\Z")
_LINE_BEFORE: Final = re.compile(r"(?:[/:\n]|  )\s*\Z")
_SHORTEST_WORD, _LONGEST_ACRONYM = 4, 7
_NUMBER_WORDS: Final = frozenset(_TABLE["number_words"].split())
_MODEL_AFTER: Final = re.compile(r",? (?:ser|serial|s/n|lot|reuse|udi)\b")
"""Behind the model of a device, which many have, stands the number of this one: `CF-HQ190L ser 27550`."""
_CODE_AFTER: Final = re.compile(r"\s*(?:\n|\Z)| {2}")
_SMALL: Final = frozenset(("the", "a", "an", "at", "in", "on", "of", "to"))
_MOST_GENERIC: Final = 3
"""More words than these, each of them generic, name a house all the same: `Family First Community Health Center`."""

_SERVICES: Final = frozenset(_TABLE["services"].split())

_ROLES: Final = frozenset(_TABLE["roles"].split())
_SPECIALIST: Final = re.compile(r"[a-z]{3,}(?:ologist|iatrist|ographer|surgeon|therapist|intensivist|hospitalist)")


def is_role(word: str) -> bool:
    """Whether a word in lower case says what somebody is or does, and so is no part of the name behind it."""
    return word in _ROLES or _SPECIALIST.fullmatch(word) is not None


class Lookalikes:
    """The rules for what a tagger found.

    Args:
        lexicon: ordinary words, abbreviations.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._words = FacilityWords(lexicon)
        self._lists = NameLists.shipped()

    def __call__(self, text: str, span: PhiSpan) -> bool:
        """Whether a tagger's span is no PHI by what it is made of and what stands beside it."""
        content = lower(text[span.start : span.end])
        if _MONEY.search(content) or text[max(0, span.start - 2) : span.start].strip() == "$":
            return True
        words = _WORD.findall(content)
        if not words or span.label == "VEHICLE" or span.label in _COUNTED:
            return _is_count(text, span, content, words)
        if all(word in _NUMBER_WORDS for word in words):
            return True
        if span.label not in _NAMES and span.label not in _PLACES:
            return False
        after = lower(text[span.end : span.end + _REACH])
        before = lower(text[max(0, span.start - _REACH) : span.start])
        if self._is_car(words, before, after, label=span.label) or self._is_device(words, before, after):
            return True
        if span.label == "STREET":
            return len(words) == 1 and content.isalpha() and self._lexicon.is_ordinary(words[0])
        return (
            self._is_shorthand(text, span, words, before)
            or self._is_plain(text, span, words)
            or self._is_small(text, span, words, before)
        )

    def _is_car(self, words: list[str], before: str, after: str, *, label: str) -> bool:
        words = [word for word in words if word not in _SMALL]
        if not words or not all(word in _CARS or word in _COLOURS for word in words):
            return False
        if len(words) > 1 and not _COLOURS.isdisjoint(words):
            return True
        if words[0] in _COLOURS:
            following = _WORD.search(after[:_LONGEST_MAKE])
            return following is not None and following[0] in _CARS
        beside = _CAR_BEFORE.search(before) is not None or _PLATE_AFTER.match(after) is not None
        return beside and (label in _PLACES or _TITLE_BEFORE.search(before) is None)

    def _is_device(self, words: list[str], before: str, after: str) -> bool:
        if len(words) > 2 or any(word in self._lists.given for word in words) or _TITLE_BEFORE.search(before):
            return False
        if _DEVICE_AFTER.match(after):
            return True
        return len(words) == 1 and words[0] not in self._lists.surnames and _DEVICE_BEFORE.search(before) is not None

    def _is_shorthand(self, text: str, span: PhiSpan, words: list[str], before: str) -> bool:
        """Whether one word in capitals, in prose that is not, abbreviates: `dx by EBUS`, `(ADAURA)`, `Roe MD, FAAP`."""
        written = text[span.start : span.end].strip(" .,;:()")
        if all(word in DEGREES for word in words) and (written.isupper() or span.label not in _NAMES):
            return True
        if len(words) > 1 or not written.isalpha() or not written.isupper() or not _is_prose(text, span):
            return False
        if len(written) < _SHORTEST_WORD or span.label in _HOUSES:
            known = self._lexicon.abbreviates(written)
            return known and len(written) > 1 and not _SIGNED_BEFORE.search(before)
        listed = fold(written) in self._lists.surnames or fold(written) in self._lists.given
        return len(written) <= _LONGEST_ACRONYM and not listed and not _LINE_BEFORE.search(before)

    def _is_small(self, text: str, span: PhiSpan, words: list[str], before: str) -> bool:
        """Whether one word in small letters, in prose that writes names with capitals, is a word: `goal: dance at`."""
        if span.label not in _NAMES or len(words) > 1 or not text[span.start : span.end].strip(" .").islower():
            return False
        known = self._lexicon.is_ordinary(words[0]) or self._lexicon.abbreviates(words[0])
        return known and _TITLE_BEFORE.search(before) is None and _is_prose(text, span)

    def _is_plain(self, text: str, span: PhiSpan, words: list[str]) -> bool:
        """Whether a place is named by nothing but words of the language: in small letters, or as a kind of house is."""
        if span.label in _NAMES or not all(self._lexicon.is_ordinary(word) for word in words):
            return False
        written = text[span.start : span.end]
        if written.islower():
            # A model labels `the downtown bus depot` word by word, so that one word of a spot may be a part.
            alone = sum(word not in _SMALL for word in words) < 2 and span.label != "LOCATION-OTHER"
            return alone and _is_prose(text, span)
        return (
            span.label in _HOUSES
            and 1 < len(words) <= _MOST_GENERIC
            and all(self._words.is_generic(word) or word in _SERVICES for word in words)
        )


def _is_count(text: str, span: PhiSpan, content: str, words: list[str]) -> bool:
    """Whether figures are hours, a procedure's code, or the year of a car."""
    before = lower(text[max(0, span.start - _REACH) : span.start])
    if span.label == "VEHICLE":
        return bool(re.match(r"(?:19|20)\d\d\b", content)) and all(word in _CARS for word in words)
    if span.label in _COUNTED:
        if any(form.fullmatch(content) for form in (_BILLED, _BIRTHS, _HALF_CLOCKS)):
            return True
        if _CLOCK_RANGE.fullmatch(content) and _SPENT_BEFORE.search(before):
            return True
        if span.label == "DEVICE" and _MODEL_AFTER.match(lower(text[span.end : span.end + _REACH])):
            return True
        if _PROCEDURE.fullmatch(content) and span.label != "ZIP":
            return before.endswith("cpt ") or (before.endswith("  ") and _CODE_AFTER.match(text, span.end) is not None)
    if span.label in ("IDNUM", "ACCOUNT", "PHONE", "ROOM") and _CLOCKS.fullmatch(content):
        return _DAY_BEFORE.search(before) is not None
    return span.label == "PHONE" and _CODE_COUNT.search(before + ("(" if content.startswith("(") else "")) is not None


def _is_prose(text: str, span: PhiSpan) -> bool:
    """Whether capitals are the exception round a span, so that one says something."""
    beside = text[max(0, span.start - _BESIDE) : span.start] + text[span.end : span.end + _BESIDE]
    capitals = sum(char.isupper() for char in beside)
    return 3 < 3 * capitals < sum(char.islower() for char in beside)
