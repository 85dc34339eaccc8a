"""PHI in the forms in which it is typed: names, dates, numbers, addresses.

The lists are what the wording splits (see `wording`); a form early in its list is drawn more often.
"""

from __future__ import annotations

import datetime as dt
import functools
import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from jobs.synthetic.wording import Wording, share

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_SHORT: Final = tuple(month[:3] for month in MONTHS)
_DIGITS: Final = string.digits
_CAPITALS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"

T = TypeVar("T")
DateForm = Callable[[dt.date], str]


def ordinal(number: int) -> str:
    """1 to 31 as `1st`, `2nd`, ..."""
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


DATES: Final[tuple[DateForm, ...]] = (
    lambda d: f"{d.month}/{d.day}/{d.year % 100:02}",
    lambda d: f"{d.month:02}/{d.day:02}/{d.year}",
    lambda d: f"{MONTHS[d.month - 1]} {d.day}, {d.year}",
    lambda d: f"{d.month}-{d.day}-{d.year % 100:02}",
    lambda d: f"{d.month}/{d.day}/{d.year}",
    lambda d: f"{d.year}-{d.month:02}-{d.day:02}",
    lambda d: f"{d.month:02}/{d.day:02}/{d.year % 100:02}",
    lambda d: f"{d.day} {_SHORT[d.month - 1]} {d.year}",
    lambda d: f"{_SHORT[d.month - 1]} {d.day}, {d.year}",
    lambda d: f"{d.month:02}-{d.day:02}-{d.year}",
    lambda d: f"{d.day:02}-{_SHORT[d.month - 1].upper()}-{d.year % 100:02}",
    lambda d: f"{d.day} {MONTHS[d.month - 1]} {d.year}",
    lambda d: f"{MONTHS[d.month - 1]} {ordinal(d.day)}, {d.year}",
    lambda d: f"{d.day:02}-{_SHORT[d.month - 1]}-{d.year}",
    lambda d: f"{d.month}.{d.day}.{d.year % 100:02}",
    lambda d: f"{d.day:02}{_SHORT[d.month - 1].upper()}{d.year}",
    lambda d: f"{_SHORT[d.month - 1]} {d.day} {d.year}",
    lambda d: f"{d.year}/{d.month:02}/{d.day:02}",
    lambda d: f"the {ordinal(d.day)} of {MONTHS[d.month - 1]}, {d.year}"[4:],
    lambda d: f"{MONTHS[d.month - 1]} {d.day} {d.year}",
)
"""A day with its year."""

DAYS: Final[tuple[DateForm, ...]] = (
    lambda d: f"{d.month}/{d.day}",
    lambda d: f"{MONTHS[d.month - 1]} {d.day}",
    lambda d: f"{d.month:02}/{d.day:02}",
    lambda d: f"{d.day} {_SHORT[d.month - 1]}",
    lambda d: f"{_SHORT[d.month - 1]} {d.day}",
    lambda d: f"{MONTHS[d.month - 1]} {ordinal(d.day)}",
    lambda d: f"{d.month}/{d.day}",
    lambda d: f"{ordinal(d.day)} of {MONTHS[d.month - 1]}",
    lambda d: f"{d.month}-{d.day}",
)
"""A day without its year."""

MONTH_FORMS: Final[tuple[DateForm, ...]] = (
    lambda d: f"{MONTHS[d.month - 1]} {d.year}",
    lambda d: f"{d.month}/{d.year}",
    lambda d: f"{MONTHS[d.month - 1]} of {d.year}",
    lambda d: f"{d.month:02}/{d.year}",
    lambda d: f"{_SHORT[d.month - 1]} {d.year}",
    lambda d: f"{MONTHS[d.month - 1]}",
    lambda d: f"{MONTHS[d.month - 1]}, {d.year}",
    lambda d: f"{d.month}/{d.year % 100:02}",
)
"""A month: every element of a date but the year is PHI (45 CFR 164.514(b)(2)(i)(C))."""

PHONES: Final = (
    "({a}) {b}-{c}", "{a}-{b}-{c}", "{a}.{b}.{c}", "({a}){b}-{c}", "{a} {b} {c}", "{b}-{c}", "1-{a}-{b}-{c}",
    "{a}/{b}-{c}", "({a}) {b}-{c} x{x}", "{a}-{b}-{c} ext. {x}", "{a}{b}{c}", "+1 {a} {b} {c}", "x{x}", "({a}) {b} {c}",
)  # fmt: skip
PAGERS: Final = ("{x}", "{p}", "{a}-{b}-{c}", "#{x}", "{b}-{c}", "p{p}", "x{x}")
MRNS: Final = (
    "#######",
    "########",
    "###-##-##",
    "#####-##",
    "######",
    "A######",
    "####-##-#",
    "#########",
    "AA#######",
    "A##-####-#",
    "### ## ##",
)
ACCOUNTS: Final = ("##########", "#########", "A#########", "####-######", "########-##", "###########", "AA########")
PLANS: Final = (
    "AAA#########",
    "#########A",
    "#AA#-AA#-AA##",
    "A########",
    "###########",
    "####-####-##",
    "AA#######",
    "#AA#AA#AA##",
)
ACCESSIONS: Final = (
    "########",
    "A##-#####",
    "#######",
    "AA##-####",
    "A########",
    "##-###-#####",
    "AA-##-#####",
    "###-AA-######",
)
SERIALS: Final = ("AAA######", "AAA######A", "########", "AA#####", "#######A", "A#####-##", "SN######", "##A###A#")
LICENSES: Final = ("A######", "AA#######", "########", "AA######", "A##-###-###", "##-######", "######")
PLATES: Final = ("AAA-####", "#AAA###", "AAA ####", "AA####", "###-AAA", "### AAA", "AAA####")
SSNS: Final = ("{a}-{b}-{c}", "{a} {b} {c}", "{a}-{b}-{c}", "{a}{b}{c}")
BIOMETRICS: Final = ("FP-######", "A##-####-##", "BIO######", "VP######")
MAIL_HOSTS: Final = (
    "gmail.com",
    "yahoo.com",
    "hotmail.com",
    "aol.com",
    "comcast.net",
    "outlook.com",
    "verizon.net",
    "icloud.com",
)


@dataclass(frozen=True)
class Forms:
    """The forms that a wording may use."""

    dates: list[DateForm]
    days: list[DateForm]
    months: list[DateForm]
    phones: list[str]
    pagers: list[str]
    mrns: list[str]
    accounts: list[str]
    plans: list[str]
    accessions: list[str]
    serials: list[str]
    licenses: list[str]
    plates: list[str]
    ssns: list[str]
    biometrics: list[str]
    faxes: list[str]

    @classmethod
    @functools.cache
    def load(cls, wording: Wording) -> Forms:
        """The forms of this wording, built once per process."""
        return cls(
            dates=share(DATES, wording),
            days=share(DAYS, wording),
            months=share(MONTH_FORMS, wording),
            phones=share(PHONES, wording),
            pagers=share(PAGERS, wording),
            mrns=share(MRNS, wording),
            accounts=share(ACCOUNTS, wording),
            plans=share(PLANS, wording),
            accessions=share(ACCESSIONS, wording),
            serials=share(SERIALS, wording),
            licenses=share(LICENSES, wording),
            plates=share(PLATES, wording),
            ssns=share(SSNS, wording),
            biometrics=share(BIOMETRICS, wording),
            # A fax has no extension.
            faxes=[form for form in share(PHONES, wording) if "{x}" not in form],
        )


def early(items: Sequence[T], rng: random.Random) -> T:
    """One of the items, the early ones more often."""
    return items[int(rng.random() ** 1.6 * len(items))]


def fill(pattern: str, rng: random.Random) -> str:
    """A number: `#` becomes a digit, `A` a capital letter."""
    out = []
    for char in pattern:
        if char == "#":
            out.append(_DIGITS[int(rng.random() * 10)])
        elif char == "A":
            out.append(_CAPITALS[int(rng.random() * len(_CAPITALS))])
        else:
            out.append(char)
    return "".join(out)


def number(low: int, high: int, rng: random.Random) -> int:
    """A whole number from `low` to `high`, both included; quicker than `randint`."""
    return low + int(rng.random() * (high - low + 1))


def phone(form: str, area: int, rng: random.Random) -> str:
    """A telephone number in one of the forms of `PHONES` or `PAGERS`."""
    extension = number(1000, 99999, rng) if rng.random() < 0.5 else number(100, 9999, rng)
    return form.format(
        a=area, b=number(200, 999, rng), c=f"{number(0, 9999, rng):04}", x=extension, p=number(10000, 99999, rng)
    )


def ssn(rng: random.Random) -> tuple[str, str, str]:
    """The three groups of a social security number. Area numbers 000, 666 and from 900 are never issued."""
    area = number(1, 898, rng)
    area += area >= 666
    return f"{area:03}", f"{number(1, 99, rng):02}", f"{number(1, 9999, rng):04}"


def npi(rng: random.Random) -> str:
    """A National Provider Identifier with its check digit (Luhn over the prefix 80840)."""
    body = f"1{number(0, 99999999, rng):08}"
    total = 24  # What the constant prefix 80840 adds.
    for index, digit in enumerate(reversed(body)):
        value = int(digit)
        if index % 2 == 0:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return f"{body}{-total % 10}"


def dea(surname: str, rng: random.Random) -> str:
    """A DEA registration number: two letters, the second the surname's, six digits, a check digit."""
    digits = [number(0, 9, rng) for _ in range(6)]
    check = (sum(digits[0::2]) + 2 * sum(digits[1::2])) % 10
    return f"{rng.choice('ABFM')}{surname[0].upper()}{''.join(map(str, digits))}{check}"


def vin(rng: random.Random) -> str:
    """A vehicle identification number: 17 characters without I, O and Q."""
    return "".join(rng.choice("0123456789ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(17))


def ip(rng: random.Random) -> str:
    """An IPv4 address of a private or a public network."""
    head = rng.choice(("10.", f"192.168.{number(0, 255, rng)}.", f"172.{number(16, 31, rng)}.", "203.0."))
    while head.count(".") < 3:
        head += f"{number(0, 255, rng)}."
    return f"{head}{number(1, 254, rng)}"
