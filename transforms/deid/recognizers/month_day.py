"""Whether a bare `3/4` or `3-4` is a date, told by the words around it (`month_day.toml`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from transforms.deid.recognizers.base import table

_TABLE: Final = table("month_day.toml")


def _any(name: str) -> str:
    return "|".join(_TABLE[name]).replace(" ", r"\s")  # a phrase may go over the end of a line


MONTH_DAY: Final = re.compile(r"(\d\d?)(?:(/)|-)(\d\d?)(?![\w/%]|\.\d|'\d)")
"""A month and a day (or a month and the year's last two digits) without more."""

_REACH: Final = 60
_GAP: Final = r"\.?[\s:,(@~]{1,3}(?:the )?"
_DATES_OWN: Final = re.compile(rf"(?:\b(?:{_any('dates_own')}){_GAP}|[@~])\Z")
_DATES_SURELY: Final = re.compile(rf"\b(?:{_any('dates_surely')})[\s:(]+\Z")
_DATES_OFTEN: Final = re.compile(
    rf"(?:\b(?:{_any('dates_often')}){_GAP}|[(\[;]\s?|(?:^|\n)[ \t]*(?:[-*•>#]\s*|\d\d?[.)] )?)\Z"
)
_SCORES_BEFORE: Final = re.compile(rf"\b(?:{_any('scores_before')})\b[^.;\n]*\Z")
_SCORES_BEFORE_WRAP: Final = re.compile(rf"\b(?:{_any('scores_before')})(?:\s{{1,2}}(?:of|is|was|at|to))?\s{{0,2}}\Z")
_SCORES_AFTER: Final = re.compile(rf"(?:[ -]{{0,2}}|\n)(?:{_any('scores_after')})")
_DASH_AFTER: Final = re.compile(
    r"\s*(?:[.,;:()]|\Z|\n)|\s(?:by|with|at|and|for|showed?|w/|per|dr|from|revealed|was|he|she|as|when|where|after"
    r"|who|which|that|but|then)\b"
)
_TEST_AFTER: Final = re.compile(rf"(?:\s[a-z]+){{0,2}}\s(?:{_any('tests')})\b")
_TEST_BEFORE: Final = re.compile(rf"\b(?:{_any('tests')})(?: [a-z/]+){{0,3}} \(?\Z")
_TEST_JUST_BEFORE: Final = re.compile(rf"\b(?:{_any('tests')})[\s:,]{{1,2}}\Z")
_CLOCK_AFTER: Final = re.compile(r"\s{1,3}(?:[01]\d|2[0-3]):?[0-5]\d(?![\d/%-]| ?(?:mg|ml|cc|cal|kcal|units?|iu|g)\b)")
_LINE_BEFORE: Final = re.compile(r"(?:\A|\n)[ \t]*(?:[-*•>#]\s*|\d\d?[.)] )?\Z")
_EVENT_AFTER: Final = re.compile(r"\s(?:after|while|when|during|following)\b")
_ASIDE_BEFORE: Final = re.compile(r"[a-z]\.?, \Z")
_GROWTH_AFTER: Final = re.compile(rf"\s(?:{_any('growth')})")
"""What grew in blood cultures, of which so many of so many bottles are positive: `BCx 4/4 MRSA`."""
_ENTRY_BEFORE: Final = re.compile(r"(?:(?:\A|\n)[ \t]*|[.;]\s)\Z")
_ENTRY_AFTER: Final = re.compile(rf"\s(?:{_any('entries')})\b")
"""What an entry by date begins with: `1/4 spoke to Ann`, `; 1/10 fall at home`."""
_HALF_DAY_AFTER: Final = re.compile(r"\s?[ap]m\b")
_MONTH_YEAR_BEFORE: Final = re.compile(r"\b(?:in|since|until|last|from|of|on|dated?|between|early|late|mid)\s\Z")
_MEASURE_BEFORE: Final = re.compile(r"\b(?:mm|cm|nodule|lesion|mass|cyst|lobe|node)\b[^.\n]{0,40}\(\Z")
_FRACTIONS: Final = frozenset(
    ((1, 2), (1, 3), (2, 3), (1, 4), (3, 4), (1, 5), (1, 8), (1, 10), (5, 5), (4, 5), (2, 2), (2, 6), (3, 6))
)
_JOINED: Final = re.compile(r"\s?(?:-|–|—|/|,|&|\+|to|through|thru|until|and|or)\s?(?:on )?")
_BOTTLES: Final = re.compile(r"([1-4])/([1-4])")
_LONGEST_JOIN: Final = 12
_SLASHED_END: Final = re.compile(r"-\d\d?/\d\d?(?![\w/]|\s(?:weeks?|days?|months?|years?|hours?|inch|cm|tab))")
_DAY_RANGE: Final = re.compile(r"[-–](\d\d?)(?![\w/.%-])")

_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_day(month: int, day: int) -> bool:
    """Whether the month of some year has this day."""
    return 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]


def is_growth(text: str, figures: str, end: int) -> bool:
    """Whether `figures`, which end at `end`, say how many of how many bottles grew what stands behind them."""
    bottles = _BOTTLES.fullmatch(figures)
    return (
        bottles is not None
        and bottles[1] <= bottles[2]
        and _GROWTH_AFTER.match(text[end : end + 16].lower()) is not None
    )


class Bare(NamedTuple):
    """A month/day without a year. `verdict`: True a date, False a score, None what its neighbours are."""

    start: int
    end: int
    verdict: bool | None


def judge(lowered: str, found: re.Match[str]) -> Bare | None:
    """What a match of `MONTH_DAY` is; None for what cannot be a date."""
    month, day = int(found[1]), int(found[3])
    if not 1 <= month <= 12:
        return None
    start, end = found.span()
    before = lowered[max(0, start - _REACH) : start]
    heads_test = _TEST_AFTER.match(lowered, end) and _LINE_BEFORE.search(before)
    follows_test = lowered.startswith((":", ")"), end) and _TEST_BEFORE.search(before)
    if is_day(month, day) and (heads_test or follows_test):
        return Bare(start, end, True)
    if is_growth(lowered, found.group(), end):
        return Bare(start, end, False)
    if is_day(month, day) and (month, day) != (2, 2) and _TEST_JUST_BEFORE.search(before):
        return Bare(start, end, True)  # `Echo 3-5 EF 60%`; but `CT 2/2 pain` is due to it
    score = _SCORES_AFTER.match(lowered, end) is not None
    if not is_day(month, day):
        is_date = found[2] is not None and len(found[3]) == 2 and not score and not _SCORES_BEFORE.search(before)
        return Bare(start, end, True) if is_date and _MONTH_YEAR_BEFORE.search(before) else None
    if is_day(month, day) and not score and _CLOCK_AFTER.match(lowered, end):
        return Bare(start, end, True)  # `12-16  1420`
    if found[2] is None:
        # `3-4` is a range nearly always: of what, says the word behind it.
        likely = _DATES_SURELY.search(before) or _DATES_OWN.search(before)
        sure = likely is not None or (day > 12 and _DATES_OFTEN.search(before) is not None)
        if sure and not score and _DASH_AFTER.match(lowered, end):
            return Bare(start, end, True)
        if _SLASHED_END.match(lowered, end):
            return Bare(start, end, True)  # `6-2-6/3`
        # The end of a range, if what it is joined to is a date.
        return Bare(start, end, None) if "-" in (lowered[end : end + 1], before[-1:]) else None
    return Bare(start, end, _verdict(lowered, found, before, score))


def _verdict(lowered: str, found: re.Match[str], before: str, score_after: bool) -> bool | None:
    start, end = found.span()
    day = (int(found[1]), int(found[3]))
    if start >= 2 and before[-1] in "-–" and before[-2].isdigit():
        return None  # the second end of a range
    if (found[1][0] == "0" and len(found[3]) == 2) or (found[3][0] == "0" and len(found[3]) == 2):
        return True  # no score is written with a nought before it
    if lowered[end : end + 1] == ":" and before.endswith(("(", ", ")):
        return True  # `weight 90 kg (10/2: 84 kg)`
    if _MEASURE_BEFORE.search(before):
        return None  # `a 9 mm nodule (3/19)`: series and image
    if score_after:
        return day not in _FRACTIONS and re.search(r"\b(?:on|since|dated|as of)\s\Z", before) is not None
    score_before = _SCORES_BEFORE.search(before) is not None or _SCORES_BEFORE_WRAP.search(before) is not None
    if _ENTRY_BEFORE.search(before) and _ENTRY_AFTER.match(lowered, end):
        return True
    if not score_before and _HALF_DAY_AFTER.match(lowered, end):
        return True  # `for repair 7/10 pm`
    if _EVENT_AFTER.match(lowered, end) and day[1] != 10:
        return True  # `chest pain 5/9 after a flight`
    if _DATES_OWN.search(before):
        return not score_before or _DATES_SURELY.search(before) is not None
    if score_before:
        return False
    if day[1] > 12:
        return True
    if before.endswith("(") and lowered[end : end + 1] == ")":
        return True
    if lowered.startswith((")", ";"), end) and _ASIDE_BEFORE.search(before):
        return True  # `(General Hospital, 6/10)`
    if day[1] == 10 and day[0] < 10 and not re.search(r"\bin\s\Z", before):
        return None  # `about 3/10` is pain, if anything
    if _DATES_OFTEN.search(before):
        ends = lowered[end : end + 1] in (":", ";", ".", ")") and re.search(r"\bin\s\Z|:\Z", before) is not None
        return True if ends or day not in _FRACTIONS or lowered.startswith(":", end) else None
    return True if day not in _FRACTIONS and (day[1] not in (5, 6) or lowered[end : end + 1] == ":") else None


def dates_among(lowered: str, bare: Iterable[Bare], full: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The bare ones that are dates, with those that a range or a list joins to a date.

    Args:
        lowered: the note in lower case.
        bare: in the note's order.
        full: spans of the dates that hold a year.
    """
    candidates = list(bare)
    found = {(item.start, item.end) for item in candidates if item.verdict}
    known = sorted([*full, *found])
    for _ in range(2):  # once to the right, once to the left
        for item in candidates:
            span = (item.start, item.end)
            if item.verdict is None and span not in found and any(_are_joined(lowered, span, date) for date in known):
                found.add(span)
                known.append(span)
    for start, end in sorted(found):
        day = _DAY_RANGE.match(lowered, end)
        yield start, day.end() if day and int(day[1]) <= 31 else end


def _are_joined(lowered: str, one: tuple[int, int], other: tuple[int, int]) -> bool:
    first, second = sorted((one, other))
    near = 0 <= second[0] - first[1] <= _LONGEST_JOIN
    return near and _JOINED.fullmatch(lowered, first[1], second[0]) is not None
