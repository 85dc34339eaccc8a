"""How notes write dates and numbers."""

from __future__ import annotations

import string
from datetime import datetime, timedelta
from random import Random

DATE_FORMATS: dict[str, tuple[str, ...]] = {
    "num": (
        "{m:02}/{d:02}/{Y}", "{m}/{d}/{Y}", "{m:02}/{d:02}/{y}", "{m}/{d}/{y}", "{m:02}-{d:02}-{Y}", "{m}-{d}-{y}",
        "{Y}-{m:02}-{d:02}", "{d:02}-{b}-{Y}", "{d:02}-{B3}-{y}", "{m}.{d}.{y}", "{Y}/{m:02}/{d:02}", "{d:02}{B3}{Y}",
    ),
    "slash": ("{m:02}/{d:02}/{Y}", "{m}/{d}/{Y}", "{m:02}/{d:02}/{y}", "{m}/{d}/{y}"),
    "text": (
        "{B} {d}, {Y}", "{b} {d}, {Y}", "{d} {B} {Y}", "{B} {d}{th}, {Y}", "{b}. {d}, {Y}", "{B} {d} {Y}",
        "{d} {b} {Y}", "{d}{th} of {B}, {Y}", "{b} {d} '{y}",
    ),
    "long": ("{A}, {B} {d}, {Y}", "{B} {d}, {Y}", "{B} {d}{th}, {Y}"),
    "md": ("{m}/{d}", "{m:02}/{d:02}"),
    "mdtext": ("{B} {d}", "{B} {d}{th}", "{d}{th} of {B}", "{b} {d}", "{d} {B}", "{b}. {d}{th}", "{b} {d}{th}"),
    "dow": ("{A}",),
    "dows": ("{a}", "{A4}"),
    "dowmd": ("{A} {m}/{d}", "{A}, {B} {d}", "{A4} {m}/{d}", "{a} {b} {d}", "{A} the {d}{th}"),
    "month": ("{B}",),
    "my": ("{B} {Y}", "{b} {Y}", "{B} of {Y}", "{m}/{Y}", "{m:02}/{Y}", "{b} '{y}"),
    "iso": ("{Y}-{m:02}-{d:02}",),
    "compact": ("{Y}{m:02}{d:02}",),
    "day": ("{d}{th}",),
    "mil": ("{d:02} {B3} {y}", "{d:02}{B3}{y}", "{d:02}-{B3}-{y}"),
}  # fmt: skip
DATE_FORMATS["any"] = DATE_FORMATS["num"] + DATE_FORMATS["slash"] + DATE_FORMATS["text"]


def date(day: datetime, kind: str, rng: Random) -> str:
    """A day in one of the formats of a kind."""
    th = "th" if 10 < day.day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    weekday = day.strftime("%A")
    return rng.choice(DATE_FORMATS[kind]).format(
        Y=day.year, y=f"{day:%y}", m=day.month, d=day.day, B=f"{day:%B}", b=f"{day:%b}", B3=f"{day:%b}".upper(),
        A=weekday, a=weekday[:3], A4={"Tuesday": "Tues", "Thursday": "Thurs"}.get(weekday, weekday[:3]), th=th,
    )  # fmt: skip


def month_range(first: datetime, days: int) -> str:
    """`March 4-7`, or `March 30 - April 2` over a month's end."""
    last = first + timedelta(days=days)
    if first.month == last.month:
        return f"{first:%B} {first.day}-{last.day}"
    return f"{first:%B} {first.day} - {last:%B} {last.day}"


HOLIDAYS = (
    "Thanksgiving", "Christmas", "Christmas Eve", "Labor Day", "Memorial Day", "New Year's Eve", "New Year's Day",
    "the Fourth of July", "Easter Sunday", "Halloween", "Valentine's Day", "Mother's Day", "MLK Day",
    "Super Bowl Sunday", "St. Patrick's Day", "Veterans Day", "Black Friday", "July 4th",
)  # fmt: skip

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


PHONES = (
    "({a}) {b}-{c}", "{a}-{b}-{c}", "{a}.{b}.{c}", "{a} {b} {c}", "{a}{b}{c}", "1-{a}-{b}-{c}", "+1 {a} {b} {c}",
    "({a}){b}-{c}", "({a}) {b}-{c}", "{a}-{b}-{c}", "{a}/{b}-{c}", "+1 ({a}) {b}-{c}",
)  # fmt: skip


def phone_number(rng: Random) -> str:
    return f"{rng.randrange(201, 990)}{rng.randrange(200, 1000)}{rng.randrange(10000):04}"


def phone(number: str, kind: str, rng: Random) -> str:
    """Ten digits as a telephone number; `ext` adds an extension, `local` leaves the area code out."""
    a, b, c = number[:3], number[3:6], number[6:]
    if kind == "local":
        return f"{b}-{c}"
    text = rng.choice(PHONES).format(a=a, b=b, c=c)
    if kind == "ext":
        text += rng.choice((" x{}", " ext. {}", " ext {}", "x{}", ", ext. {}", " Ext: {}")).format(digits(rng, 3))
    return text
