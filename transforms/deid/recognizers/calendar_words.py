"""Dates without a month: weekdays, holidays, `the 5th`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from transforms.deid.recognizers.base import Found, Note, is_word_char, table

_TABLE: Final = table("calendar_words.toml")

_WEEKDAYS: Final = frozenset(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))
_CLEAR: Final = frozenset(("tue", "tues", "weds", "thu", "thur", "thurs", "fri"))
_SHORT: Final = _CLEAR | {"mon", "wed", "sat", "sun"}
"""The last are words too: `sat 92%`, `sun exposure`."""
_DAY_BEFORE: Final = re.compile(
    r"(?:\b(?:on|since|until|till|til|by|next|last|this|onset|due|thru|through|prior|before|after|dose(?: of)?(?:"
    r" [a-z]+)?|f/u"
    r"|appt|likely|out|dc|d/c|started|seen|called|start|and|or|for)|[(,/&-])\s?\Z"
)
_DAY_AFTER: Final = re.compile(
    r" (?:am|pm|a\.m|p\.m|morning|night|noc|eve|evening|afternoon|@|\d\d?/\d)|[/&-](?:mon|tue|wed|thu|fri|sat|sun)"
)
_NO_DAY_AFTER: Final = re.compile(
    r" (?:at|up|down|on|in|out|hats?|protection|damage|exposure|burn|screen|protect"
    r"|light|\d\d ?%?|>|<|of)|\.[a-z]|[a-z']"
)

_ANY_DAY: Final = r"(?:mon|tue|tues|wed|weds|thu|thur|thurs|fri|sat|sun)"
_SCHEDULE_AFTER: Final = re.compile(rf"/{_ANY_DAY}\b")
_SCHEDULE_BEFORE: Final = re.compile(rf"\b{_ANY_DAY}/\Z")

WEEKDAY: Final = re.compile(
    r"(?:mon|tue(?:s)?|wed(?:s|nes)?|thu(?:r|rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?", re.IGNORECASE
)
"""A weekday by itself."""

_HOLIDAY: Final = re.compile(
    r"(?:christmas(?: eve| day)?|x-?mas(?: eve| day)?|thanksgiving(?: day| weekend)?|new year'?s?(?: eve| day)?(?!"
    r" old)|easter(?: sunday| monday)?|halloween"
    r"|valentine'?s(?: day)?|(?:memorial|labor|mother'?s|father'?s|independence|veterans?'?|columbus|president'?s'?"
    r"|mlk|martin luther king(?: jr\.?)?"
    r"|st\.? patrick'?s|groundhog|election|boxing|flag|indigenous peoples'?|earth|canada|bastille|patriots?'?"
    r"|inauguration|all saints'?|all souls'?)"
    r" day(?: weekend)?|fourth of july|july (?:4th|fourth)|ash wednesday|good friday|palm sunday|black friday|cyber"
    r" monday"
    r"|mardi gras|super ?bowl(?: sunday)?|yom kippur|rosh hashanah|passover|pesach|hanukkah|chanukah|purim|sukkot"
    r"|ramadan|eid(?: al-(?:fitr|adha))?|diwali"
    r"|holi|kwanzaa|cinco de mayo|juneteenth|lunar new year|chinese new year|d[ií]a de (?:los )?muertos|pentecost"
    r"|lent|advent|tet|nowruz|oktoberfest"
    r"|summer solstice|winter solstice|spring break|daylight savings?)(?![a-z])"
)
_FIRST_WORDS: Final = frozenset(_TABLE["first_words"].split())
_SECOND_WORDS: Final = frozenset(_TABLE["second_words"].split())
_ALONE: Final = frozenset(_TABLE["alone"].split())
_WITH_CAPITAL: Final = frozenset(("lent", "advent", "tet", "holi", "eid"))

_WEEKDAY_BEFORE_NTH: Final = re.compile(
    r"\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,?(?:\sthe)?|(?:mon|tues?|wed|thu(?:rs)?|fri|sat|sun)\.?,?\sthe)\s\Z"
)
_BEFORE_NTH: Final = re.compile(
    r"(?:\b(?:on|since|until|till|til|through|thru|by|before|after|from|of|to|around|between|starting|beginning|due"
    r"|and|again|ending|for|was)\s(?:about\s)?the"
    r"|\b(?:on|since|until|till|through|thru))\s\Z"
)
_NTH: Final = re.compile(
    r"(\d\d?(?:st|nd|rd|th))(?![\w/%-]| (?:time|percentile|day|week|month|quarter|half|year|grade|rib|digit|toe|finger"
    r"|intercostal|ics|metatarsal|metacarpal"
    r"|cranial|nerve|ventricle|century|floor|dose|cycle|line|street|st\b|ave|avenue|hospital|visit|trimester"
    r"|birthday|portion|degree|stage|generation"
    r"|episode|child|pregnancy|delivery|ray|mtp|left|right|lumbar|thoracic|cervical|interspace|post|pod|heart"
    r"|opinion|choice|part|attempt|one|hour))"
)
_ORDINALS: Final = ("st", "nd", "rd", "th")


def calendar_words(note: Note) -> Iterator[Found]:
    """Weekdays, holidays and days of a month that is not named."""
    yield from _weekdays(note)
    if not note.words.isdisjoint(_FIRST_WORDS):
        for _, at in note.starts(_FIRST_WORDS if not note.words.isdisjoint(_SECOND_WORDS) else _ALONE):
            holiday = _HOLIDAY.match(note.lowered, at)
            if holiday is None or is_word_char(note.lowered, holiday.end()):
                continue
            start, end = holiday.span()
            if holiday.group() not in _WITH_CAPITAL or (note.text[start].isupper() and note.mixed):
                yield Found(start, end, "DATE", 0.8)
    if not note.words.isdisjoint(_ORDINALS):
        for start, end in note.numbers:
            nth = _NTH.match(note.lowered, start) if end - start < 3 else None
            if nth is None or not 1 <= int(note.lowered[start:end]) <= 31:
                continue
            if weekday := _WEEKDAY_BEFORE_NTH.search(note.lowered, max(0, start - 24), start):
                yield Found(weekday.start(), nth.end(1), "DATE", 0.8)
            elif _BEFORE_NTH.search(note.lowered, max(0, start - 24), start):
                yield Found(*nth.span(1), "DATE", 0.7)


def _weekdays(note: Note) -> Iterator[Found]:
    lowered = note.lowered
    for word, at in note.starts(_WEEKDAYS):
        end = at + len(word)
        if not is_word_char(lowered, end):
            yield Found(at, end, "DATE", 0.7)
    for word, at in note.starts(_SHORT):
        end = at + len(word)
        if is_word_char(lowered, end) or _is_of_schedule(lowered, at, end):
            continue
        written = note.text[at:end]
        if written.isupper() and note.mixed:
            continue
        if word in _CLEAR or _is_day(
            lowered, at, end, capital=note.mixed and written[0].isupper() and word in ("mon", "wed")
        ):
            yield Found(at, end, "DATE", 0.7)


def _is_of_schedule(lowered: str, at: int, end: int) -> bool:
    """Whether a weekday is of a weekly schedule: `mon/wed/fri`, `7.5 tues/thurs, 5 others`."""
    return (
        _SCHEDULE_AFTER.match(lowered, end) is not None
        or _SCHEDULE_BEFORE.search(lowered, max(0, at - 6), at) is not None
    )


def _is_day(lowered: str, at: int, end: int, *, capital: bool) -> bool:
    if _NO_DAY_AFTER.match(lowered, end):
        return False
    return (
        capital
        or _DAY_AFTER.match(lowered, end) is not None
        or _DAY_BEFORE.search(lowered, max(0, at - 24), at) is not None
    )
