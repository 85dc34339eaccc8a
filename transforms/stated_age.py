"""The age that a note states of its patient.

Ages of relatives, and ages at which something happened long ago ("menarche at age 12"), are passed over. Ages over 89
stand in de-identified notes as `90+`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_YEARS: Final = r"(?:years?|yrs?|y)"
_PATTERNS: Final = re.compile(
    rf"""
    (?<![\d.,/:-])(?:
        (?P<years>\d{{1,3}})\+?[\s-]{{0,2}}(?:{_YEARS}[\s./-]{{0,2}}(?:old|o\b|of\ age)|yo[mf]?\b|y/o\b)
      | (?P<months>\d{{1,3}})[\s-]{{0,2}}(?:days?|d|weeks?|wks?|w|months?|mos?|m)[\s-]{{1,2}}old\b
      | (?P<sexed>\d{{2,3}})\+?\s?-?(?:
            (?:m|f)\b(?=,|\ (?:with|w/|who|presents|presenting|admitted|s/p|h/o|hx))
          | \ (?:male|female|man|woman|gentleman|lady)\b)
    )
  | (?:^|[\n;|,(])[\ \t]*(?:patient\ )?age\b[\ \t]*(?:\(years\))?[\ \t]*[:=]?[\ \t]*(?P<field>\d{{1,3}})\b(?![\d./-])
  | \baged\ (?P<aged>\d{{1,3}})\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_KIN: Final = (
    r"\b(?:mothers?|fathers?|mom|mum|dad|sisters?|brothers?|siblings?|sons?|daughters?|child(?:ren)?|wife|husband|spouse"
    r"|partner|aunts?|uncles?|cousins?|nephews?|nieces?|grand(?:mother|father|parents?|son|daughter|ma|pa)s?|twins?)\b"
)
_KIN_BEFORE: Final = re.compile(rf"{_KIN}[^.;:\n]{{0,30}}\Z", re.IGNORECASE)
_KIN_AFTER: Final = re.compile(rf"[\s,-]{{0,3}}(?:\w+\ ){{0,2}}?{_KIN}", re.IGNORECASE)
_PAST_BEFORE: Final = re.compile(r"\b(?:at|since|until|till|when|by)\s(?:the\s)?(?:age\s)?(?:of\s)?\Z", re.IGNORECASE)
_REACH: Final = 60
_OLDEST: Final = 130


class StatedAge(NamedTuple):
    """An age in whole years, of infants 0, and where the note states it."""

    years: int
    start: int
    end: int


def stated_age(text: str) -> StatedAge | None:
    """The first age that a note states of its patient; None where it states none."""
    for found in _PATTERNS.finditer(text):
        start, end = found.span()
        start += len(found[0]) - len(found[0].lstrip("\n;|,( \t"))
        before = text[max(0, start - _REACH) : start]
        if _KIN_BEFORE.search(before) or _PAST_BEFORE.search(before) or _KIN_AFTER.match(text, end, end + _REACH):
            continue
        if found["months"] is not None:
            return StatedAge(0, start, end)
        years = int(next(filter(None, found.groups())))
        if years <= _OLDEST:
            return StatedAge(years, start, end)
    return None
