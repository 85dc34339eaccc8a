"""Reads what a DATE span says, field by field, so that it can be told again with another date in the same form.

Every character must be accounted for: as a field, as a time of day, or as a word or mark that only joins. Where one
is not (`Easter`, `30 February`, a stray number), the span is not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from transforms.deid.fold import lower
from transforms.deid.replacement.words import words

MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september", "october"),
    *("november", "december"),
)
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ORDINALS: Final = words("numbers", "ordinals")
"""Of the days of a month, from the first on."""

_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_EARLIEST: Final = 1940
"""Two digits without anything else to go by are a year from 1940 to 2039."""

Kind = Literal["year", "short_year", "month", "month_name", "day", "suffix", "day_word", "weekday", "holiday"]


class Field(NamedTuple):
    """`raw[start:end]` is a part of a date; `month_name` and `weekday` in any case, `suffix` as in `4th`."""

    start: int
    end: int
    kind: Kind


class Date(NamedTuple):
    """One date, or several days that share a month (`March 4-7`), or a weekday.

    Attributes:
        fields: in the order of the text.
        days: days of the month; empty for a month, a year or a weekday by itself.
        month: 1 to 12; 0 for a year, a weekday or a day by itself.
        year: as written; None where none is.
        short: whether `year` has two digits only.
    """

    fields: tuple[Field, ...]
    days: tuple[int, ...] = ()
    month: int = 0
    year: int | None = None
    short: bool = False

    @property
    def is_year_doubtful(self) -> bool:
        """Whether the two digits read as the day may be the year as well, and those of the year the day.

        `21-03-04` is 21 March 2004, or 4 March 2021. Where the month can stand first (`03-04-21`), it does.
        """
        kinds = [field.kind for field in self.fields]
        if kinds != ["day", "month", "short_year"] or self.year is None:
            return False
        return self.fields[0].end - self.fields[0].start == len("21") and is_day(self.month, self.year)

    def full_year(self, latest: int | None) -> int | None:
        """The year with its century: the last such year that is not over one year after `latest`."""
        if self.year is None or not self.short:
            return self.year
        first = _EARLIEST if latest is None else latest - 98
        return first + (self.year - first) % 100


def _alternatives(names: Iterable[str]) -> str:
    return "|".join(sorted(names, key=len, reverse=True))


_Y: Final = r"(?:1[5-9]|2[0-2])\d\d"
_NAME: Final = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?)(?![a-z])"
)
_WORD: Final = rf"(?P<word>{_alternatives(ORDINALS).replace('-', '[- ]')})(?![a-z])"
_TH: Final = r"(?:st|nd|rd|th)(?![a-z])"
_DAY: Final = rf"\d\d?(?:{_TH})?(?![\d:])"
_MORE_DAYS: Final = (
    rf"(?:\s?(?:-|to|through|thru|and|&)\s?(?:the\s)?{_DAY}(?![/.]\d|-\d)"
    rf"|,\s?(?:and\s)?(?:the\s)?(?:\d\d?{_TH}|\d(?!\d)))"
)
_DAYS_BEFORE: Final = rf"(?P<days>{_DAY}{_MORE_DAYS}*)"
_DAYS_AFTER: Final = rf"(?P<days>{_DAY}(?:{_MORE_DAYS}(?!\s?{_NAME}))*)"
_TAIL: Final = (
    rf"(?:[\s,./-]{{0,3}}(?:of\s)?(?:(?P<year>{_Y})(?!\s?h)|(?<!\d)'?(?P<short>\d\d)(?![ -]?{_NAME}))"
    rf"(?!\d|:|/\d|\.\d))"
)
_HOLIDAY: Final = {
    name.replace("_", " "): (int(month), int(day))
    for name, _, date in (entry.partition("=") for entry in words("numbers", "holidays"))
    for month, day in (date.split("/"),)
}
_NUMERIC_YEAR: Final = rf"(?:(?P<year>{_Y})|'?(?P<short>\d\d))"

_FROM_DIGIT: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<year>{_Y})(?P<c>[-/.])(?P<month>\d\d?)(?:(?P=c)(?P<day>\d\d?))?(?![\d/-]|\.\d)",
        rf"(?P<year>{_Y})(?P<month>\d\d)(?P<day>\d\d)(?:t?\d{{4}}(?:\d\d)?(?:\.\d+)?z?)?(?!\w)",
        rf"(?P<a>\d\d)(?P<b>\d\d){_NUMERIC_YEAR}(?!\w)",
        rf"(?P<year>{_Y})[ ,./-]{{1,2}}(?P<name>{_NAME})(?:\.?[ ,./-]{{1,3}}(?P<days>{_DAY}))?(?![\d/-]|\.\d)",
        rf"{_DAYS_BEFORE}(?:\sday)?[\s./-]{{0,2}}(?:of\s)?(?:the\s)?(?P<name>{_NAME})\.?{_TAIL}?",
        rf"(?P<a>\d\d?)\s?(?P<c>[/\\.-])\s?(?P<b>\d\d?)\s?(?P=c)\s?{_NUMERIC_YEAR}(?!\d|\s?(?P=c)\s?\d)",
        rf"(?P<month>\d\d?)\s?[/-]\s?(?P<year>{_Y})(?!\d)",
        r"(?P<a>\d\d?)[/-](?P<b>\d\d?)(?P<more>(?:\s?(?:-|to|through|thru|and|&)\s?\d\d?(?![\w/:-]|\.\d))*)(?!\d)",
        rf"(?P<year>{_Y})(?!\d)",
        rf"(?P<days>\d\d?{_TH})",
    )
)
_FROM_LETTER: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<name>{_NAME})(?P<c>[-/.])(?P<days>\d\d?)(?P=c){_NUMERIC_YEAR}(?!\d)",
        rf"(?P<name>{_NAME})\.?[\s,./-]{{0,3}}(?:the\s)?(?:{_DAYS_AFTER}|{_WORD}){_TAIL}?",
        rf"(?P<name>{_NAME})\.?{_TAIL}?",
        rf"{_WORD}(?:\sday)?\s(?:of\s)?(?:the\s)?(?P<name>{_NAME})\.?{_TAIL}?",
        r"(?P<weekday>mon(?:day)?|tue(?:s(?:day)?)?|wed(?:s|nesday)?|thu(?:rs?(?:day)?)?|fri(?:day)?|sat(?:urday)?"
        r"|sun(?:day)?)(?![a-z])",
        rf"(?P<holiday>{_alternatives(_HOLIDAY)})(?![a-z]){_TAIL}?",
        _WORD,
    )
)
_TIME: Final = re.compile(
    r"(?:\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?:\s?[ap]\.?m\b\.?|\s?z\b|\s?(?:hrs?|hours|h)\b|\s?[+-]\d\d:?\d\d)?"
    r"|\d{1,2}\s?[ap]\.?m\b\.?|\d{4}\s?(?:hrs?|hours|h)\b)(?!\d)"
)
_JOINING: Final = re.compile(
    r"[\s,;.:/&()\[\]'~@-]|t(?=\d\d:?\d\d)|(?:the|of|on|in|to|through|thru|and|or|at|from|until|till|til|between|day"
    r"|night|evening|morning|afternoon|early|late|mid|since|for|by|last|next|this|week|month|a|date|dated|both"
    r"|about|around|approximately|noon|midnight|w|[ecmp][sd]?t|utc|gmt)(?![a-z])"
)
_BIRTH_BEFORE: Final = re.compile(r"\b(?:d\.?o\.?b|birth|birthday|birth ?date|born)\b[^\d\n]{0,12}\Z", re.IGNORECASE)
_BIRTH_REACH: Final = 24
_INTEGER: Final = re.compile(r"\d\d?")
_SUFFIX: Final = re.compile(_TH)
_ANY_YEAR: Final = re.compile(rf"(?<![\w./-]){_Y}(?![\w/-]|\.\d)")


@lru_cache(maxsize=8192)
def read(raw: str) -> tuple[Date, ...] | None:
    """The dates of a span; None unless all of it is understood."""
    lowered = lower(raw)
    found: list[Date] = []
    at = 0
    while at < len(lowered):
        match = _TIME.match(lowered, at)
        if match is None:
            date = _date_at(lowered, at)
            if date is not None:
                found.append(date[0])
                at = date[1]
                continue
            match = _JOINING.match(lowered, at)
        if match is None:
            return None
        at = match.end()
    return tuple(found) or None


def years_named(raw: str) -> tuple[int, ...]:
    """The full years that stand by themselves in a span that is not read (`Easter 2019`)."""
    return tuple(int(year) for year in _ANY_YEAR.findall(lower(raw)))


def is_day(month: int, day: int) -> bool:
    """Whether the month of some year has this day."""
    return 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]


def _date_at(lowered: str, at: int) -> tuple[Date, int] | None:
    """The date that begins at `at`, and where it ends."""
    patterns = _FROM_DIGIT if lowered[at].isdigit() else _FROM_LETTER
    for pattern in patterns:
        match = pattern.match(lowered, at)
        date = _of(match) if match else None
        if match and date:
            return date, match.end()
    return None


def _of(match: re.Match[str]) -> Date | None:
    """The date of a match; None for one that no calendar has."""
    groups = match.groupdict()
    if groups.get("weekday"):
        return Date((Field(*match.span("weekday"), "weekday"),))
    fields: list[Field] = []
    year, short = groups.get("year"), groups.get("short")
    if year:
        fields.append(Field(*match.span("year"), "year"))
    elif short:
        fields.append(Field(*match.span("short"), "short_year"))
    days: list[int] = []
    month = 0
    if groups.get("a"):
        return _in_order(match, fields)
    if groups.get("name"):
        month = next(number for number, name in enumerate(MONTHS, 1) if name.startswith(groups["name"][:3]))
        fields.append(Field(*match.span("name"), "month_name"))
    elif groups.get("month"):
        month = int(groups["month"])
        fields.append(Field(*match.span("month"), "month"))
    elif groups.get("holiday"):
        month, day = _HOLIDAY[groups["holiday"]]
        days.append(day)
        fields.append(Field(*match.span("holiday"), "holiday"))
    for group in ("day", "days"):
        if groups.get(group):
            days += _read_days(match.string, *match.span(group), fields)
    if groups.get("word"):
        days.append(ORDINALS.index(groups["word"].replace(" ", "-")) + 1)
        fields.append(Field(*match.span("word"), "day_word"))
    return _checked(fields, days, month, year, short)


def _in_order(match: re.Match[str], fields: list[Field]) -> Date | None:
    """Two numbers: month and day, or the other way where only that can be, or a month and a year's last digits."""
    first, second = int(match["a"]), int(match["b"])
    groups = match.groupdict()
    if not is_day(first, second) and is_day(second, first):
        fields += (Field(*match.span("a"), "day"), Field(*match.span("b"), "month"))
        first, second = second, first
    elif not is_day(first, second) and not fields and not groups["more"] and match.end("b") - match.start("b") == 2:
        fields += (Field(*match.span("a"), "month"), Field(*match.span("b"), "short_year"))
        return _checked(fields, [], first, None, match["b"])
    else:
        fields += (Field(*match.span("a"), "month"), Field(*match.span("b"), "day"))
    days = [second]
    if groups.get("more"):
        days += _read_days(match.string, *match.span("more"), fields)
    return _checked(fields, days, first, groups.get("year"), groups.get("short"))


def _read_days(lowered: str, start: int, end: int, fields: list[Field]) -> list[int]:
    days = []
    for number in _INTEGER.finditer(lowered, start, end):
        days.append(int(number.group()))
        fields.append(Field(*number.span(), "day"))
        suffix = _SUFFIX.match(lowered, number.end(), end)
        if suffix:
            fields.append(Field(*suffix.span(), "suffix"))
    return days


def _checked(fields: list[Field], days: list[int], month: int, year: str | None, short: str | None) -> Date | None:
    if month > 12 or not all(1 <= day <= 31 for day in days) or (month == 0 and any(f.kind == "month" for f in fields)):
        return None
    number = int(year or short) if year or short else None  # type: ignore[arg-type]
    return Date(tuple(sorted(fields)), tuple(days), month, number, short is not None and not year)


def tells_birth(text: str, start: int) -> bool:
    """Whether the words before a date say that someone was born then."""
    return _BIRTH_BEFORE.search(text, max(0, start - _BIRTH_REACH), start) is not None


def latest_year(readings: Iterable[tuple[Date, ...] | None]) -> int | None:
    """The latest year that dates tell: of those in full, else of those in two digits; None where none does.

    Args:
        readings: the dates of a note but those of a birth.
    """
    dates = [date for reading in readings for date in reading or () if date.year is not None]
    full = [date for date in dates if not date.short] or dates
    return max((date.full_year(None) or 0 for date in full), default=None)
