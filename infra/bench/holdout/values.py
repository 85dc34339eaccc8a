"""How notes write dates and numbers."""

from __future__ import annotations

import string
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from infra.bench.holdout.words import Words


def date(day: datetime, formats: Sequence[str], rng: Random) -> str:
    """A day in one of these formats."""
    th = "th" if 10 < day.day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    weekday = day.strftime("%A")
    return rng.choice(formats).format(
        Y=day.year, y=f"{day:%y}", m=day.month, d=day.day, B=f"{day:%B}", b=f"{day:%b}", B3=f"{day:%b}".upper(),
        A=weekday, a=weekday[:3], A4={"Tuesday": "Tues", "Thursday": "Thurs"}.get(weekday, weekday[:3]), th=th,
    )  # fmt: skip


def month_range(first: datetime, days: int) -> str:
    """`March 4-7`, or `March 30 - April 2` over a month's end."""
    last = first + timedelta(days=days)
    if first.month == last.month:
        return f"{first:%B} {first.day}-{last.day}"
    return f"{first:%B} {first.day} - {last:%B} {last.day}"


ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def spelled(age: int) -> str:
    """An age from 20 to 111 in words."""
    if age >= 100:
        return "one hundred" if age == 100 else f"one hundred {ONES[age - 100]}"
    tens = TENS[age // 10 - 2]
    return tens if age % 10 == 0 else f"{tens}-{ONES[age % 10]}"


def digits(rng: Random, count: int) -> str:
    """Digits, the first not zero."""
    return str(rng.randrange(10 ** (count - 1), 10**count))


def letters(rng: Random, count: int) -> str:
    return "".join(rng.choices("ABCDEFGHJKLMNPRSTUVWXYZ", k=count))


def shaped(shape: str, rng: Random) -> str:
    """A number of a shape: `9` is a digit, `A` a letter, `X` either, the rest stands for itself."""
    pick = {"9": string.digits, "A": "ABCDEFGHJKLMNPRSTUVWXYZ", "X": "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"}
    return "".join(rng.choice(pick[letter]) if letter in pick else letter for letter in shape)


def phone_number(rng: Random) -> str:
    return f"{rng.randrange(201, 990)}{rng.randrange(200, 1000)}{rng.randrange(10000):04}"


def phone(number: str, kind: str, words: Words, rng: Random) -> str:
    """Ten digits as a telephone number; `ext` adds an extension, `local` leaves the area code out."""
    a, b, c = number[:3], number[3:6], number[6:]
    if kind == "local":
        return f"{b}-{c}"
    text = rng.choice(words.formats("phones")).format(a=a, b=b, c=c)
    if kind == "ext":
        text += rng.choice(words.formats("extensions")).format(digits(rng, 3))
    return text
