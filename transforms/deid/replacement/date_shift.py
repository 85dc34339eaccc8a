"""Moves the dates of a patient by one offset, and tells each in the form in which it was written.

The offsets are the days from 30 to 335, forwards or backwards, that are no multiple of seven: 526 of them. So no form
of a date can come out as it went in. A multiple of seven would leave every weekday, one near zero or near a year a
month by itself: the middle of a month, moved by 17 to 348 days, always lies in a month of another name. A month and a
day come round only after 365 or 366 days. A year by itself goes to the next or the last one, as the offset points.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from transforms.deid.fold import lower
from transforms.deid.replacement.dates import MONTHS, ORDINALS, WEEKDAYS, Date, Field, read
from transforms.deid.replacement.draws import PatientDraws
from transforms.deid.replacement.forms import like, ordinal_suffix

_SPAN: Final = [days for days in range(30, 336) if days % 7]
OFFSETS: Final = (*(-days for days in reversed(_SPAN)), *_SPAN)
"""The admissible shifts in days."""

_OF_A_SPELL: Final = re.compile(r"\s(?:week|month|quarter|day)")
"""Behind an ordinal without a month: `3rd week of April` counts weeks, it names no day."""
_MID_MONTH: Final = 15
_DAYS_AHEAD: Final = 3
_YEAR_OF_NONE: Final = 2003
"""The year of a date without one in a note that tells none: any will do that is no leap year, nor beside one."""


def offset(draws: PatientDraws) -> int:
    """The patient's shift in days."""
    return draws.choice(OFFSETS, "date offset")


def shifted(raw: str, days: int, note_year: int | None = None, written: dt.date | None = None) -> str | None:
    """`raw` with every date in it moved by `days`; times of day and what joins stay.

    Args:
        raw: the text of a DATE span.
        days: one of `OFFSETS`.
        note_year: the year when the note was written; None where nothing tells.
        written: the day when it was written, which a day without a month (`the 5th`) is one before; None where
            nothing tells.

    Returns:
        The new text; None where `raw` is not understood or names a day that no calendar has.
    """
    dates = [date for date in read(raw) or () if not _counts_spells(raw, date)]
    if not dates:
        return None
    default = next((date.full_year(note_year) for date in dates if date.year is not None), None) or note_year
    bare = any(f.end - f.start == 1 for date in dates for f in date.fields if f.kind in ("month", "day"))
    pieces: list[tuple[Field, str]] = []
    for date in dates:
        told = _told(raw, date, days, _When(date.full_year(note_year), default or _YEAR_OF_NONE, written), bare)
        if told is None:
            return None
        pieces += told
    out: list[str] = []
    at = 0
    for field, new in pieces:
        out += (raw[at : field.start], new)
        at = field.end
    return "".join((*out, raw[at:]))


def _counts_spells(raw: str, date: Date) -> bool:
    """Whether what reads like a day without a month is the number of a week, a month or a day of something."""
    alone = bool(date.days) and not date.month
    return alone and _OF_A_SPELL.match(lower(raw), date.fields[-1].end) is not None


class _When(NamedTuple):
    """The year of a date, if it tells one; the year for one that does not; the day when the note was written."""

    year: int | None
    default: int
    written: dt.date | None


def _told(raw: str, date: Date, days: int, when: _When, bare: bool) -> list[tuple[Field, str]] | None:
    """The new text of each field; None for a day that no calendar has, or that nothing tells."""
    first = date.fields[0]
    old = raw[first.start : first.end]
    if first.kind == "weekday":
        return [(first, _weekday(old, days))]
    if not date.month and not date.days:
        assert when.year is not None
        return [(first, str(when.year + (1 if days > 0 else -1)))]
    try:
        meant = _calendar_days(date, when) if date.month else _last_day(date.days[0], when.written)
        moved = [day + dt.timedelta(days) for day in meant]
    except (ValueError, OverflowError):
        return None
    if not date.month and [day.day for day in moved] == [date.days[0]]:
        return None
    return _Teller(raw, date, moved, bare).fields()


def _calendar_days(date: Date, when: _When) -> list[dt.date]:
    """The days meant; the middle of the month for one without days.

    Raises:
        ValueError: the month has no such day.
    """
    assumed = when.default if when.year is None else when.year
    if when.year is None and (date.month, 29) == (2, max(date.days, default=0)):
        while not calendar.isleap(assumed):
            assumed -= 1
    found: list[dt.date] = []
    month = date.month
    for day in date.days or (_MID_MONTH,):
        if found and day < found[-1].day:  # `March 29-2`
            month += 1
        found.append(dt.date(assumed + (month - 1) // 12, (month - 1) % 12 + 1, day))
    return found


def _last_day(day: int, written: dt.date | None) -> list[dt.date]:
    """The last such day of a month until a few days after the note.

    Raises:
        ValueError: nothing tells when the note was written.
    """
    if written is None:
        raise ValueError("a day without a month needs the note's time")
    latest = written + dt.timedelta(_DAYS_AHEAD)
    while latest.day != day:
        latest -= dt.timedelta(1)
    return [latest]


class _Teller:
    """Tells moved days in the fields of the date they came from.

    Args:
        raw: the text of the span.
        date: one date of it.
        moved: its days, moved.
        bare: whether a number of the span has one digit, so that none was filled up with a zero.
    """

    def __init__(self, raw: str, date: Date, moved: Sequence[dt.date], bare: bool) -> None:
        self._raw = raw
        self._date = date
        self._moved = moved
        kinds = [field.kind for field in date.fields]
        self._month_at = next((at for at, kind in enumerate(kinds) if kind in ("month", "month_name")), None)
        self._day_at = next((at for at, kind in enumerate(kinds) if kind in ("day", "day_word")), None)
        day_first = self._day_at is not None and self._month_at is not None and self._day_at < self._month_at
        # The month stands beside the first day (`March 4-7`) or the last (`4-7 March`), the year after the last.
        self._named = moved[-1] if day_first else moved[0]
        # `03-MAY-19` and `03MAY19`, but not `3 May`, keep two digits.
        self._tight = "month_name" not in kinds or (len(self._between()) <= 1 and not self._between().isspace())
        self._bare = bare or "suffix" in kinds

    def _between(self) -> str:
        """What stands between the month and the day beside it."""
        if self._month_at is None or self._day_at is None:
            return ""
        fields, second = self._date.fields, max(self._month_at, self._day_at)
        return self._raw[fields[second - 1].end : fields[second].start]

    def fields(self) -> list[tuple[Field, str]]:
        told = []
        days = iter(self._moved)
        day = self._moved[0]
        for field in self._date.fields:
            old = self._raw[field.start : field.end]
            if field.kind == "year":
                new = f"{self._moved[-1].year:04d}"
            elif field.kind == "short_year":
                new = f"{self._moved[-1].year % 100:02d}"
            elif field.kind in ("month", "month_name"):
                new = self._month(field, self._named)
            elif field.kind == "suffix":
                new = like(old, ordinal_suffix(day.day))
            elif field.kind == "holiday":
                new = like(old, f"{MONTHS[day.month - 1]} {day.day}")
            else:
                day = next(days)
                new = self._day(field, day)
            told.append((field, new))
        return told

    def _month(self, field: Field, day: dt.date) -> str:
        old = self._raw[field.start : field.end]
        if field.kind == "month":
            return self._padded(field, day.month)
        name = MONTHS[day.month - 1]
        short = len(old) <= 3 or lower(old) == "sept"
        if lower(old) == "may":  # the one name that is its own short form
            short = self._tight and self._day_at is not None
        return like(old, name[:3] if short else name)

    def _day(self, field: Field, day: dt.date) -> str:
        old = self._raw[field.start : field.end]
        if field.kind == "day_word":
            word = ORDINALS[day.day - 1]
            new = like(old, word.replace("-", " ") if " " in old else word)
        else:
            new = self._padded(field, day.day)
        if (day.year, day.month) == (self._named.year, self._named.month) or None in (self._day_at, self._month_at):
            return new
        # The days have come to lie in two months, and only one is named.
        assert self._day_at is not None
        assert self._month_at is not None
        month = self._month(self._date.fields[self._month_at], day)
        parts = (new, month) if self._day_at < self._month_at else (month, new)
        return self._between().join(parts)

    def _padded(self, field: Field, value: int) -> str:
        """With a leading zero where the date was written with two digits throughout."""
        if field.end - field.start == 1:
            return str(value)
        wide = lower(self._raw[field.start]) == "0" or (self._tight and not self._bare)
        return f"{value:02d}" if wide else str(value)


def _weekday(old: str, days: int) -> str:
    number = next(at for at, name in enumerate(WEEKDAYS) if name.startswith(lower(old)[:3]))
    name = WEEKDAYS[(number + days) % 7]
    return like(old, name if len(old) >= 6 else name[:3])
