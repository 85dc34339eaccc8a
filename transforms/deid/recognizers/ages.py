"""Ages over 89; all other ages may stay (45 CFR 164.514(b)(2)(i)(C))."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from transforms.deid.recognizers.base import ClinicalRecognizer, Found, is_word_char

_OLD: Final = r"(?:9\d|1[0-3]\d)"
_AGED: Final = re.compile(
    rf"({_OLD})(?:\s?-?\s?(?:years?|yrs?|yr)(?:\.|\b)[\s\-/]{{0,2}}(?:old|o\b|of age|young|female|male|f\b|m\b|woman"
    rf"|man|gentleman|lady)"
    rf"|\s?-?\s?y[./]?\s?o\b|\s?-?\s?yo[mf]?\b|\s?-?\s?y\.o\.|\s?yr\b|\s?y/o|\s?(?:[mf] (?:with|w/|who|presents"
    rf"|presenting|admitted|s/p|h/o|hx|found|from|p/w)\b)"
    rf"|[ -](?:male|female|man|woman|gentleman|lady|y[ /-]?o)\b|(?:st|nd|rd|th) birthday\b|\s?(?:m|f)/)"
)
_AGE_BEFORE: Final = re.compile(
    r"(?:\bage[ds]?|\bpatient age|\bturned|\bturning)(?: in years| \(?years\)?| of| is| was|/sex)?[\s:=]{1,3}$"
    r"|\bat (?:the )?age(?: of)? $"
)
_RUN: Final = re.compile(_OLD)
_UNIT_AFTER: Final = re.compile(r"\s?(?:%|mg|ml|mm|cm|bpm|/\d|days?|weeks?|months?|hours?|percent|degrees?|deg\b)|\.\d")
_WORDS: Final = re.compile(
    r"(?:ninety(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?|(?:one|a) hundred(?:(?: and)?[ -](?:one|two"
    r"|three|four|five|six|seven|eight|nine|ten))?)"
    r"(?=[ -]years?[ -](?:old|of age)|[ -]year[ -]old| y/?o\b)"
)


class AgeRecognizer(ClinicalRecognizer):
    """The number of an age over 89, in digits or words."""

    labels: ClassVar[tuple[str, ...]] = ("AGE",)
    title: ClassVar[str] = "ages"

    def find(self, text: str, lowered: str) -> Iterator[Found]:  # noqa: ARG002
        for number in _RUN.finditer(lowered):
            start, end = number.span()
            before = lowered[start - 1 : start]
            if is_word_char(lowered, start - 1) or before in (".", "/") or lowered[end : end + 1].isdigit():
                continue
            if _AGED.match(lowered, start):
                yield Found(start, end, "AGE", 0.9)
            elif not _UNIT_AFTER.match(lowered, end) and _AGE_BEFORE.search(lowered, max(0, start - 24), start):
                yield Found(start, end, "AGE", 0.85)
        if "ninety" in lowered or "hundred" in lowered:
            for words in _WORDS.finditer(lowered):
                yield Found(*words.span(), "AGE", 0.85)
