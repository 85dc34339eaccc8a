"""Dates and numbers of people, in the many formats in which US records write them.

In a pattern `#` is a digit, `%` a digit from 2 to 9, `@` a capital letter, `^` a small letter, `?` a capital letter or
a digit and `*` a hexadecimal digit. A format early in its list is drawn more often (see `phi.early`).
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Final

from jobs.synthetic.inject.grammar import data
from jobs.synthetic.phi import MONTHS, ordinal

DateForm = Callable[[dt.date], str]
SHORT: Final = tuple(month[:3] for month in MONTHS)
SHORT_DOT: Final = ("Jan.", "Feb.", "Mar.", "Apr.", "May", "June", "July", "Aug.", "Sept.", "Oct.", "Nov.", "Dec.")
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WEEKDAYS_SHORT: Final = (
    ("Mon", "Mon.", "mon"), ("Tue", "Tues", "Tues."), ("Wed", "Wed.", "Weds"), ("Thu", "Thurs", "Thur."),
    ("Fri", "Fri.", "fri"), ("Sat", "Sat.", "Sat"), ("Sun", "Sun.", "Sun"),
)  # fmt: skip
HOLIDAYS: Final = (
    "Christmas", "Thanksgiving", "Easter", "Labor Day", "Memorial Day", "New Year's Eve", "New Year's Day", "Halloween",
    "the Fourth of July", "4th of July", "July 4th", "Mother's Day", "Father's Day", "Christmas Eve", "Christmas Day",
    "Valentine's Day", "Veterans Day", "Columbus Day", "Presidents' Day", "Martin Luther King Day", "MLK day",
    "St. Patrick's Day", "New Year's", "Easter Sunday", "Good Friday", "Independence Day", "Black Friday", "Passover",
    "Yom Kippur", "Rosh Hashanah", "Ash Wednesday", "Palm Sunday", "Super Bowl Sunday", "Hanukkah", "Juneteenth",
    "Cinco de Mayo", "Thanksgiving Day", "XMAS", "Xmas", "Mardi Gras",
)  # fmt: skip


def _m(day: dt.date) -> str:
    return MONTHS[day.month - 1]


def _s(day: dt.date) -> str:
    return SHORT[day.month - 1]


FULL: Final[tuple[DateForm, ...]] = (
    lambda d: f"{d.month:02}/{d.day:02}/{d.year}",
    lambda d: f"{d.month}/{d.day}/{d.year % 100:02}",
    lambda d: f"{d.month}/{d.day}/{d.year}",
    lambda d: f"{_m(d)} {d.day}, {d.year}",
    lambda d: f"{d.month:02}/{d.day:02}/{d.year % 100:02}",
    lambda d: f"{d.year}-{d.month:02}-{d.day:02}",
    lambda d: f"{d.month}-{d.day}-{d.year % 100:02}",
    lambda d: f"{d.month:02}-{d.day:02}-{d.year}",
    lambda d: f"{d.day:02}-{_s(d).upper()}-{d.year}",
    lambda d: f"{_s(d)} {d.day}, {d.year}",
    lambda d: f"{d.day} {_s(d)} {d.year}",
    lambda d: f"{d.day} {_m(d)} {d.year}",
    lambda d: f"{d.day:02}-{_s(d)}-{d.year % 100:02}",
    lambda d: f"{d.day:02}{_s(d).upper()}{d.year}",
    lambda d: f"{_m(d)} {ordinal(d.day)}, {d.year}",
    lambda d: f"{d.month}.{d.day}.{d.year % 100:02}",
    lambda d: f"{d.month}.{d.day}.{d.year}",
    lambda d: f"{d.month:02}.{d.day:02}.{d.year}",
    lambda d: f"{_s(d)} {d.day} {d.year}",
    lambda d: f"{_m(d)} {d.day} {d.year}",
    lambda d: f"{d.year}/{d.month:02}/{d.day:02}",
    lambda d: f"{d.year}{d.month:02}{d.day:02}",
    lambda d: f"{SHORT_DOT[d.month - 1]} {d.day}, {d.year}",
    lambda d: f"{ordinal(d.day)} of {_m(d)} {d.year}",
    lambda d: f"{ordinal(d.day)} {_m(d)} {d.year}",
    lambda d: f"{ordinal(d.day)} of {_m(d)}, {d.year}",
    lambda d: f"{d.day}/{_s(d)}/{d.year}",
    lambda d: f"{d.day:02}/{_s(d)}/{d.year % 100:02}",
    lambda d: f"{_s(d).upper()} {d.day:02}, {d.year}",
    lambda d: f"{_s(d)}-{d.day:02}-{d.year}",
    lambda d: f"{_s(d)} {ordinal(d.day)}, {d.year}",
    lambda d: f"{d.month}/{d.day}/'{d.year % 100:02}",
    lambda d: f"{d.month} / {d.day} / {d.year % 100:02}",
    lambda d: f"{d.day}{_s(d)}{d.year % 100:02}",
    lambda d: f"{_m(d)} {d.day}, '{d.year % 100:02}",
    lambda d: f"{d.month:02}{d.day:02}{d.year}",
    lambda d: f"{d.month:02}{d.day:02}{d.year % 100:02}",
    lambda d: f"{d.day}-{_m(d)}-{d.year}",
    lambda d: f"{d.day:02} {_s(d).upper()} {d.year % 100:02}",
    lambda d: f"{_m(d)},{d.day} {d.year}",
    lambda d: f"{_s(d).upper()}-{d.day:02}-{d.year}",
)
"""A day with its year."""

DAYS: Final[tuple[DateForm, ...]] = (
    lambda d: f"{d.month}/{d.day}",
    lambda d: f"{_m(d)} {d.day}",
    lambda d: f"{d.month:02}/{d.day:02}",
    lambda d: f"{_m(d)} {ordinal(d.day)}",
    lambda d: f"{_s(d)} {d.day}",
    lambda d: f"{d.day} {_s(d)}",
    lambda d: f"{ordinal(d.day)} of {_m(d)}",
    lambda d: f"{d.month}-{d.day}",
    lambda d: f"{_s(d)} {ordinal(d.day)}",
    lambda d: f"{d.day} {_m(d)}",
    lambda d: f"{SHORT_DOT[d.month - 1]} {d.day}",
    lambda d: f"{d.day:02}-{_s(d)}",
    lambda d: f"{d.day:02}{_s(d).upper()}",
    lambda d: f"{d.month}/{d.day:02}",
    lambda d: f"{_m(d)} the {ordinal(d.day)}",
)
"""A day without its year."""

MONTH_FORMS: Final[tuple[DateForm, ...]] = (
    lambda d: f"{_m(d)} {d.year}",
    lambda d: f"{_m(d)}",
    lambda d: f"{_m(d)} of {d.year}",
    lambda d: f"{d.month}/{d.year}",
    lambda d: f"{_s(d)} {d.year}",
    lambda d: f"{d.month:02}/{d.year}",
    lambda d: f"{_m(d)}, {d.year}",
    lambda d: f"{d.month}/{d.year % 100:02}",
    lambda d: f"{_s(d)}",
    lambda d: f"{SHORT_DOT[d.month - 1]} {d.year}",
    lambda d: f"{_s(d)} '{d.year % 100:02}",
    lambda d: f"{_s(d)}-{d.year}",
    lambda d: f"{_s(d)}-{d.year % 100:02}",
    lambda d: f"{d.year}-{d.month:02}",
    lambda d: f"{_m(d)} '{d.year % 100:02}",
)
"""A month. Every element of a date but the year is PHI (45 CFR 164.514(b)(2)(i)(C))."""

NUMERIC: Final = tuple(FULL[index] for index in (1, 1, 2, 4, 6)) + tuple(DAYS[index] for index in (0, 0, 0, 2, 7))
"""Short dates in figures."""


def _forms(kind: str, times: int = 1) -> tuple[str, ...]:
    """Formats of `formats.toml`: the usual ones so many times, then the rest."""
    forms: dict[str, list[str]] = data("formats.toml")[kind]
    return (*times * forms["usual"], *forms["further"])


PHONES: Final = _forms("phones", 3)
EXTENSIONS: Final = _forms("extensions", 2)
PAGERS: Final = _forms("pagers", 2)
MRNS: Final = _forms("mrns", 2)
ACCOUNTS: Final = _forms("accounts", 2)
PLANS: Final = _forms("plans", 2)
SSNS: Final = ("{a}-{b}-{c}", "{a}-{b}-{c}", "{a} {b} {c}", "{a}{b}{c}", "{a}.{b}.{c}", "{a}–{b}–{c}", "{a}- {b}- {c}")
LICENSES: Final = _forms("licenses")
PLATES: Final = _forms("plates")
SERIALS: Final = _forms("serials", 2)
BIOMETRICS: Final = _forms("biometrics")
NUMBERS: Final = _forms("numbers", 2)
"""Accession, case, order, document, badge, claim numbers: any other unique number."""
PHOTOS: Final = _forms("photos", 2)
MAC: Final = ("**:**:**:**:**:**", "**-**-**-**-**-**")
MAIL_HOSTS: Final = _forms("mail_hosts", 2)
HANDLES: Final = _forms("handles", 2)
USERS: Final = _forms("users", 2)
URLS: Final = _forms("urls", 2)

_DIGITS: Final = "0123456789"
_CAPITALS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"
_SMALL: Final = "abcdefghijklmnopqrstuvwxyz"
_CLASSES: Final = {
    "#": _DIGITS, "%": "23456789", "@": _CAPITALS, "^": _SMALL, "?": _DIGITS + _CAPITALS, "*": _DIGITS + "ABCDEF",
}  # fmt: skip


def fill(pattern: str, rng: random.Random) -> str:
    """A number in the pattern."""
    out = []
    for char in pattern:
        letters = _CLASSES.get(char)
        out.append(letters[int(rng.random() * len(letters))] if letters else char)
    return "".join(out)


def ip(rng: random.Random) -> str:
    """An IPv4 address, or one in ten an IPv6 one."""
    if rng.random() < 0.1:
        groups = [f"{rng.randrange(65536):x}" for _ in range(8)]
        cut = rng.choice((8, 8, 1, 2, 3, 4, 5))
        head = "fe80" if cut < 8 and rng.random() < 0.2 else ":".join(groups[:cut])
        return head if cut == 8 else f"{head}::{':'.join(groups[cut + 2 :])}"
    head = rng.choice(("10.", "192.168.", "172.16.", "203.0.", f"{rng.randrange(11, 223)}."))
    while head.count(".") < 4:
        head += f"{rng.randrange(256)}."
    return head[:-1]


def words(number: int) -> str:
    """An age of 90 to 109 in words."""
    ones = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    if number >= 100:
        rest = number - 100
        return "one hundred" if not rest else f"one hundred and {ones[rest]}" if rest < 10 else str(number)
    return f"ninety-{ones[number - 90]}" if number > 90 else "ninety"
