"""What Safe Harbor lets stay of an age, a ZIP code and a date: 45 CFR 164.514(b)(2)(i)(B) and (C)."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from transforms.deid.fold import lower
from transforms.deid.replacement.forms import like
from transforms.deid.replacement.words import words

OLDEST: Final = 89
"""The last age that may be told; all above are one category."""
_OLD: Final = "90+"
_EARLIEST_WITHOUT_NOTE: Final = 1945
"""Where no column tells when the note was written, an earlier year may be that of the birth of someone over 89.

It is fixed, not counted from the day of the run: the same note must come out the same in every run.
"""

_UNITS: Final = words("numbers", "units")
_TENS: Final = words("numbers", "tens")
_WORDS: Final = {
    **{word: number for number, word in enumerate(_UNITS)},
    **{word: 10 * number for number, word in enumerate(_TENS, start=2)},
    **{f"{word[:-1]}ies": 10 * number for number, word in enumerate(_TENS, start=2)},
}
_GAP: Final = r"[\s–-]{1,4}"
"""Between the words of a number, which a line may break: `ninety-  three`."""
_NUMBER_WORD: Final = re.compile(
    rf"\b(?:(?P<hundred>(?:(?:one|a){_GAP})?hundred)(?:(?:{_GAP}and)?{_GAP}(?P<rest>{'|'.join(_UNITS)}))?"
    rf"|(?P<tens>{'|'.join(_TENS)})(?:{_GAP}(?P<unit>{'|'.join(_UNITS[1:10])}))?"
    rf"|(?P<decade>{'|'.join(f'{tens[:-1]}ies' for tens in _TENS)})|(?P<single>{'|'.join(_UNITS)}))\b"
)
_OLD_NAME: Final = re.compile(r"\b(?:nonagenarian|(?:super)?centenarian)s?\b")
_NUMBER: Final = re.compile(r"(?<!\d)(?P<digits>\d{1,3})(?:\.\d+)?(?P<decade>'?s\b)?(?!\d)")
_ZIP: Final = re.compile(r"(?<!\d)(\d{3})\d\d(?:[- ]?\d{4})?(?!\d)")


class SparseZips(NamedTuple):
    """The list of sparse areas.

    Attributes:
        version: date of the list.
        source: who published it.
        prefixes: three digits each.
    """

    version: str
    source: str
    prefixes: frozenset[str]


@cache
def sparse_zips() -> SparseZips:
    """The list that comes with the package."""
    content = tomllib.loads((files("transforms.deid.replacement") / "sparse_zip3.toml").read_text(encoding="utf-8"))
    return SparseZips(content["version"], content["source"], frozenset(content["prefixes"].split()))


def zip3(raw: str) -> str | None:
    """The first three digits of a ZIP code, 000 for a sparse area; None where `raw` holds no ZIP code."""
    found = _ZIP.search(lower(raw))
    if found is None:
        return None
    return "000" if found[1] in sparse_zips().prefixes else found[1]


class Age(NamedTuple):
    """An age in a text: `raw[start:end]` says `years`, in words or not, of a decade of them (`80s`) or not."""

    start: int
    end: int
    years: int
    in_words: bool
    is_decade: bool


def read_age(raw: str) -> Age | None:
    """The first number of `raw`, in figures or in words (`93`, `ninety-three`, `90s`); None where there is none."""
    lowered = lower(raw)
    figures = _NUMBER.search(lowered)
    if figures:
        return Age(*figures.span(), int(figures["digits"]), False, figures["decade"] is not None)
    found = _NUMBER_WORD.search(lowered)
    if found is None:
        return None
    if found["hundred"]:
        years = 100 + _WORDS[found["rest"] or "zero"]
    elif found["tens"]:
        years = _WORDS[found["tens"]] + _WORDS[found["unit"] or "zero"]
    else:
        years = _WORDS[found["decade"] or found["single"]]
    return Age(*found.span(), years, True, found["decade"] is not None)


def aggregated(raw: str) -> str | None:
    """`raw` with an age over 89 told as `90+`; None where it holds no such age.

    The words around it stay (`93-year-old` becomes `90+-year-old`) unless there are more figures among them.
    """
    age = read_age(raw)
    if age is None:
        return _OLD if _OLD_NAME.search(lower(raw)) else None
    if age.years <= OLDEST:
        return None
    if raw.startswith("+", age.end):  # `90+` is not to become `90++`
        age = age._replace(end=age.end + 1)
    return _in_its_place(raw, age, _OLD) or _OLD


def younger_or_older(raw: str, years: int) -> str | None:
    """`raw` with its age moved by so many years, the other way where only that leaves 0 to 89.

    Args:
        raw: the text of a span with one age, of 89 at most.
        years: not 0; the tens move for a decade.

    Returns:
        The new text; None where `raw` has not exactly one age.
    """
    age = read_age(raw)
    if age is None or age.years > OLDEST or (age.is_decade and age.in_words):
        return None
    step = 10 if age.is_decade and years > 0 else -10 if age.is_decade else years
    moved = age.years + step if 0 <= age.years + step <= OLDEST else age.years - step
    old = raw[age.start : age.end]
    new = like(old, _in_words(moved)) if age.in_words else f"{moved}s" if age.is_decade else str(moved)
    return _in_its_place(raw, age, new)


def _in_its_place(raw: str, age: Age, new: str) -> str | None:
    """`new` with the words around the age; None where there is another number among them."""
    before, after = raw[: age.start], raw[age.end :]
    if read_age(f"{before} {after}") is not None or any(char.isnumeric() for char in before + after):
        return None
    return before + new + after


def _in_words(number: int) -> str:
    if number < len(_UNITS):
        return _UNITS[number]
    tens, units = _TENS[number // 10 - 2], number % 10
    return f"{tens}-{_UNITS[units]}" if units else tens


def may_tell_year(year: int, note_year: int | None, latest: int | None = None) -> bool:
    """Whether a year tells no age over 89.

    Someone born in the 90th year before the note's was 89 for a part of it; that part is not told from the rest.

    Args:
        year: a year that the note names.
        note_year: when it was written; None where no column tells.
        latest: the latest year that the note names, None where it names none. It only counts where `note_year` is
            None, and only forbids more: a note may name nothing later than what happened decades before it.
    """
    if note_year is not None:
        return year > note_year - (OLDEST + 1)
    return year >= _EARLIEST_WITHOUT_NOTE and (latest is None or year > latest - (OLDEST + 1))


def year_of(time: dt.datetime | None) -> dt.datetime | None:
    """The first moment of the year: all that Safe Harbor lets stay of a date."""
    return None if time is None else dt.datetime(time.year, 1, 1)
