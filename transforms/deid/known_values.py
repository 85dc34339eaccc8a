"""Known numbers, dates and phrases of a row, wherever and however the note writes them.

A number is compared by its letters and digits, whatever stands between them; a date in every usual format; a street
by its number and name.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from transforms.deid.recognizers.base import is_word_char, occurrences

NUMBERS: Final = frozenset(
    ("PHONE", "FAX", "SSN", "MEDICALRECORD", "HEALTHPLAN", "ACCOUNT", "LICENSE", "VEHICLE", "DEVICE", "IDNUM", "BIOID")
)
PHRASES: Final = frozenset(
    (
        "HOSPITAL",
        "ORGANIZATION",
        "CITY",
        "LOCATION-OTHER",
        "DEPARTMENT",
        "ROOM",
        "EMAIL",
        "URL",
        "USERNAME",
        "IPADDR",
        "PHOTO",
        "ZIP",
    )
)
_NOISE: Final = re.compile(r"[^a-z0-9]+")
_BETWEEN: Final = r"[\s().#/\-]{0,3}"
_SHORTEST: Final = 5
_DATE: Final = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)|(\d\d?)[/-](\d\d?)[/-](\d{4})|(\d{4})(\d\d)(\d\d)\Z")
_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november"),
    "december",
)
_STREET_TAIL: Final = re.compile(
    r"[ ,\n]{1,3}(?:[nsew]{1,2}\b\.?|north|south|east|west|street|st|avenue|ave|road|rd|drive|dr|lane"
    r"|ln|boulevard|blvd|court|ct|place|pl|way"
    r"|terrace|ter|circle|cir|parkway|pkwy|highway|hwy|trail|trl|square|sq"
    r"|(?:apt|apartment|unit|suite|ste|floor|fl|room|rm|#)\.? ?#? ?[\w-]{1,6}|#\s?\w{1,6})(?!\w)\.?"
)


def compact(lowered: str) -> str:
    """The letters and digits of a text in lower case."""
    return _NOISE.sub("", lowered)


def number_keys(value: str, label: str) -> tuple[str, ...]:
    """What a number is compared by; nothing when it is too short to be told from a dose."""
    key = compact(value.lower())
    if not any(char.isdigit() for char in key):
        return ()
    if label in ("PHONE", "FAX"):
        key = key[-10:] if len(key) in (11, 12, 13) and key.isdigit() and key[-11:-10] == "1" else key
        return (key,) if len(key) >= 7 else ()
    stripped = key.lstrip("0")
    return (stripped,) if len(stripped) >= _SHORTEST else (key,) if len(key) >= _SHORTEST else ()


@lru_cache(maxsize=1024)
def _number_pattern(key: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9])(?<!\d[-/.])(?:\+?1[\s.\-]?)?\(?0*{_BETWEEN.join(key)}(?![a-z0-9]|[-/.]\d)")


def find_number(key: str, lowered: str, compacted: str) -> Iterator[tuple[int, int]]:
    """Where `lowered` holds the letters and digits of `key` as a number of its own."""
    if key in compacted:
        for match in _number_pattern(key).finditer(lowered):
            yield match.span()
    if len(key) == 10 and key.isdigit() and key[3:] in compacted:
        local = key[3:6] + "-" + key[6:]
        for form in (local, local.replace("-", "."), local.replace("-", " ")):
            for at in occurrences(lowered, form):
                if not is_word_char(lowered, at - 1) and not is_word_char(lowered, at + len(form)):
                    yield at, at + len(form)


def parse_date(value: str) -> dt.date | None:
    """The day of `1950-01-02`, `1950-01-02 00:00:00`, `01/02/1950` (month first) or `19500102`; None for others."""
    match = _DATE.match(value.strip())
    if match is None:
        return None
    groups = [int(group) for group in match.groups() if group]
    year, month, day = (groups[2], groups[0], groups[1]) if match[4] else groups
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _date_forms(day: dt.date) -> tuple[str, ...]:
    """The date in lower case, in the usual formats with a year."""
    forms: dict[str, None] = {}
    months, days = {str(day.month), f"{day.month:02}"}, {str(day.day), f"{day.day:02}"}
    years = (str(day.year), f"{day.year % 100:02}")
    for month in sorted(months):
        for number in sorted(days):
            for mark in "/-.":
                for year in years:
                    forms[f"{month}{mark}{number}{mark}{year}"] = None
                    forms[f"{number}{mark}{month}{mark}{year}"] = None
                forms[f"{day.year}{mark}{month}{mark}{number}"] = None
    forms[f"{day.year}{day.month:02}{day.day:02}"] = None
    forms[f"{day.month:02}{day.day:02}{day.year}"] = None
    name = _MONTHS[day.month - 1]
    ordinal = "th" if 10 <= day.day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    for month in sorted({name, name[:3], name[:4] if name == "september" else name}):
        for number in sorted({*days, f"{day.day}{ordinal}"}):
            for year in (*years, f"'{years[1]}"):
                for form in (f"{month} {number}, {year}", f"{month} {number} {year}", f"{month}. {number}, {year}"):
                    forms[form] = None
                for form in (f"{number} {month} {year}", f"{number}-{month}-{year}", f"{number}{month}{year}"):
                    forms[form] = None
                forms[f"{number} {month}, {year}"] = None
                forms[f"{number} of {month} {year}"] = None
    return tuple(forms)


def find_date(day: dt.date, lowered: str) -> Iterator[tuple[int, int]]:
    """Where `lowered` gives the date with its year."""
    if f"{day.year % 100:02}" not in lowered:
        return
    for form in _date_forms(day):
        for at in occurrences(lowered, form):
            end = at + len(form)
            joined = lowered[end : end + 1] in ("/", "-") and lowered[end + 1 : end + 2].isdigit()
            if not is_word_char(lowered, at - 1) and not lowered[end : end + 1].isdigit() and not joined:
                yield at, end


def find_street(value: str, lowered: str) -> Iterator[tuple[int, int]]:
    """Where `lowered` begins with the number and the name of a street, to the end of what follows of the address."""
    words = re.findall(r"[\w']+", value.lower())
    if len(words) < 2 or not words[0][0].isdigit():
        yield from find_phrase(value, lowered)
        return
    name = next((word for word in words[1:] if len(word) > 2), words[1])
    rest = set(words[1:])
    for at in occurrences(lowered, words[0]):
        end = at + len(words[0])
        if is_word_char(lowered, at - 1) or is_word_char(lowered, end):
            continue
        reached = end
        named = False
        for word in re.compile(r"[\w']+").finditer(lowered, end, end + 60):
            if word.group() not in rest or word.start() - reached > 3:
                break
            named = named or word.group() == name
            reached = word.end()
        if not named:
            continue
        while tail := _STREET_TAIL.match(lowered, reached):
            reached = tail.end()
        yield at, reached


@lru_cache(maxsize=1024)
def _phrase_pattern(phrase: str) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)" + r"\s{1,2}".join(map(re.escape, phrase.split())) + r"(?!\w)")


def find_phrase(value: str, lowered: str) -> Iterator[tuple[int, int]]:
    """Where `lowered` holds the words of `value`, whatever the blanks between."""
    phrase = value.lower().strip()
    head = phrase.split()[:1]
    if len(phrase) >= 4 and head and head[0] in lowered:
        for match in _phrase_pattern(phrase).finditer(lowered):
            yield match.span()
