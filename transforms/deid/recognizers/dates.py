"""Dates as typed in notes, and nothing that only looks like one.

Safe Harbor lets the year stay, so a bare year is no find; a date that holds more than the year is found whole.
What makes it hard is that `3/4` is a date, a fraction, a muscle strength, a murmur and a count of bottles: a bare
month/day needs a date's company (a preposition, a test, brackets, a range) or a day that no score has, and
must stand apart from the words that go with scores. Lone weekdays are not elements of a date and stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final, NamedTuple

from transforms.deid.recognizers.base import ClinicalRecognizer, Found, is_word_char

_YEAR: Final = r"(?:1[89]|2[0-2])\d\d"
"""1800 to 2299: MIMIC's shifted years lie up to 2211."""

_MONTH: Final = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
_ORDINAL: Final = (
    "twenty[- ](?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|thirty[- ]first|twentieth|thirtieth"
    "|first"
    "|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth"
    "|sixteenth|seventeenth|eighteenth|nineteenth"
)
_SEP: Final = r"[ \t\-,./]{0,3}"

# Read at the start of a run of digits.
_ISO: Final = re.compile(
    rf"({_YEAR})([-/.])(\d\d?)(?:\2(\d\d?))?(?:t\d\d:?\d\d[\d:.]*(?:z|[+-]\d\d:?\d\d)?)?(?![\d/]|-\d)"
)
_COMPACT: Final = re.compile(rf"({_YEAR})(\d\d)(\d\d)(?:\d{{4}}|\d{{6}}|t\d{{4,6}}z?)?(?!\w)")
_MDY: Final = re.compile(rf"(\d\d?)(?: ?(/) ?|([-.]))(\d\d?)(?: ?/ ?|[-.])({_YEAR}|'?\d\d)(?![\w/]|[-.]\d)")
_DOSE_AFTER: Final = re.compile(r"\s?(?:mg|mcg|ml|units?|meq|gm?|cm|mm)\b")
_MONTH_YEAR: Final = re.compile(rf"(\d\d?)[/-]({_YEAR})(?![\w/]|-\d)")
_MONTH_DAY: Final = re.compile(r"(\d\d?)/(\d\d?)(?![\w/%]|\.\d|'\d)")
_DOB_DIGITS: Final = re.compile(r"\d{6}(?:\d\d)?(?!\w)")
_DOB_BEFORE: Final = re.compile(r"(?:d\.?o\.?b|birth ?date|date of birth|born)\b[\s.:(]*$")

# Read around the name of a month.
_MONTH_NAME: Final = re.compile(rf"(?:{_MONTH})(?![a-z])")
_DAY_TAIL: Final = re.compile(
    rf"\.?{_SEP}(?:the )?(?P<day>\d\d?(?P<th>st|nd|rd|th)?|(?P<word>{_ORDINAL})\b)(?![\d:%]|/\d|\.\d|[a-z]|-[a-z])"
    r"(?: ?(?:-|–|—|to|through|thru) ?(?:the )?\d\d?(?:st|nd|rd|th)?(?![\w/:.%]\d|\w)"
    r"|(?:,| and| &) ?(?:the )?\d\d?(?:st|nd|rd|th)\b){0,4}"
    rf"(?P<year>,?[ \t\-,./]{{0,2}}\s?(?:of )?(?:(?:{_YEAR}|'\d\d)(?!\d)|(?<=[-/.])\d\d(?![\d./-])"
    rf"|(?<=, )\d\d(?=[\s,.;)]|$)))?"
)
_WRAPPED_DAY_TAIL: Final = re.compile(
    rf"\.?\s{{1,3}}(?P<day>\d\d?)(?P<th>st|nd|rd|th)?,?\s{{1,3}}(?P<year>{_YEAR})(?!\d)"
)
_YEAR_TAIL: Final = re.compile(rf"\.?[\s,\-/.]{{0,3}}(?:of )?(?:{_YEAR}|'\d\d)(?![\d/])")
_SHORT_YEAR_TAIL: Final = re.compile(r"[-/. ]?'?\d\d(?![\d/:]|\.\d)")
_DAY_BEFORE: Final = re.compile(
    rf"(?:(?<![\w./-])(?P<day>\d\d?)(?P<th>st|nd|rd|th)?(?: day)?[ \t\-./]{{0,2}}(?P<of>of )?(?:the )?"
    rf"|\b(?P<word>{_ORDINAL})(?: day)? (?P<wof>of )?|(?<!\d)(?P<year>{_YEAR})[ \-,./]{{1,2}})$"
)
_LONE_BEFORE: Final = re.compile(
    r"\b(?:in|since|until|till|til|by|of|from|to|through|thru|during|before|after|around|between|early|late|mid"
    r"|middle of"
    r"|last|this|next|every|each|past|previous|prior to|beginning|end|and|or)[ \n-]+(?:the )?$"
)
_WEEKDAY_BEFORE: Final = re.compile(
    r"\b(?:mon|tue|tues|wed|weds|thu|thur|thurs|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
    r"\.?,?\s{1,2}(?:the )?$"
)
_PLAIN_MONTHS: Final = frozenset(
    ["january", "february", "april", "july", "september", "october", "november", "december"]
)
"""Full names that mean nothing else, or only a given name."""
_CAPITAL_MONTHS: Final = _PLAIN_MONTHS | {"june", "august"}
_WORDS_TOO: Final = frozenset(["may", "march", "mar", "dec", "sep", "oct", "jun", "jan"])
"""Lower-case words or abbreviations of their own: `may 2 tablets`, `dec 2 points`."""
_HOLIDAY: Final = re.compile(
    r"(?:christmas(?: eve| day)?|thanksgiving(?: day)?|new year'?s?(?: eve| day)|easter(?: sunday)?|halloween"
    r"|valentine'?s day"
    r"|memorial day|labor day|mother's day|father's day|independence day|fourth of july|ash wednesday"
    r"|good friday)(?![a-z])"
)
_HOLIDAY_HINTS: Final = ("christmas", "thanksgiving", "new year", "easter", "halloween", "day", "july", "friday")

# What company says of a bare month/day.
_STRONG_BEFORE: Final = re.compile(
    r"(?:\b(?:on|since|dated?|as of|until|till|dos|dob|date of \w+|admitted|admission|adm|discharged|discharge"
    r"|d/c'?d?|appt|appointment"
    r"|scheduled|started|begun|began|last seen|lmp|edd|edc|seen|visit|f/u|drawn|collected|obtained|performed|done"
    r"|placed|removed"
    r"|resulted|resumed|stopped|held|signed|expired|ct|cta|mri|mra|cxr|kub|x-?ray|echo|tte|tee|ekg|ecg|ultrasound|egd"
    r"|colonoscopy|cath|bx|biopsy|mammogram|transferred|extubated|intubated|surgery|due|onset|hd|updated|note|mon|tue"
    r"|tues|wed|thu"
    r"|thurs|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|saturday|sunday)\.?[\s:,(@~]{1,3}(?:the )?|[@~])$"
)
_BEFORE: Final = re.compile(
    r"(?:\b(?:from|between|before|after|prior to|following|around|through|thru|by|for|next|last|this|and|to|in|at"
    r"|about|pod ?#?\d*"
    r"|cx|culture|cultures|ct|cta|mri|mra|cxr|kub|x-?ray|echo|tte|tee|ekg|ecg|u/?s|ultrasound|labs?|egd|colonoscopy"
    r"|cath|bx|biopsy|pet|eeg"
    r"|emg|ercp|or|films?|study|repeat|lumbar puncture|lp|bal|ua|stent|mammogram|dose|given|dc|consult|rounds|day"
    r"|night|am|pm|eve)"
    r"\.?[\s:,(@~]{1,3}(?:the )?|[(\[;]\s?|(?:^|\n)[ \t]*(?:[-*•>#]\s*|\d\d?[.)] )?)$"
)
_SCORE_BEFORE: Final = re.compile(
    r"\b(?:strength|motor|power|reflex|reflexes|dtrs?|pulses?|murmur|sem|hsm|grades?|graded|stage|pain|scale|scores?"
    r"|scored|scoring|rated|rates|rating|apgars?|gcs|glasgow"
    r"|mmse|moca|mini-mental|acuity|vision|bp|blood pressure|pressures?|pressors?|sensation|muscles?|biceps|triceps"
    r"|deltoids?|quad|quads|quadriceps"
    r"|hamstrings?|iliopsoas|grip|tone|bottles|tubes|oriented|orientation|recall|criteria|nodes|points|strengths"
    r"|flexors?|extensors?"
    r"|extension|flexion|abduction|adduction|dorsiflexion|plantarflexion|patellar|achilles|radial|dp|pt pulses"
    r"|waddell'?s?|severity|intensity|vitals|vs|fio2|i:e|ratio|peep"
    r"|beats?|x\s?[23]|phq|gad|ciwa|cage|nihss|ecog|ppd|bipap|cpap|lids|levels?|discs?|disks?|l\d|c\d|t\d|ribs?|toes?"
    r"|fingers?|digits?|interspace)\b[^.;\n]*$"
)
_SCORE_AFTER: Final = re.compile(
    r"[\s-]{0,2}(?:in (?:all|both|the|bilateral|upper|lower|right|left|ue|le|intensity|severity|strength|his|her|ble"
    r"|bue)|strengths?|motor|power|muscle"
    r"|throughout|bilat|murmur|systolic|diastolic|holosystolic|crescendo|sem|hsm|early|mid(?:dle)?\b|tab|tablet|pill"
    r"|cap|cup|inch|in\.|cm|mm|mg|ml|gm?\b|mcg|ns\b|normal|saline"
    r"|hours?|hrs?\b|days?\b|weeks?|wks?\b|months?|years?|yrs?\b|mile|packs?|ppd|of\b|bottle|sets?\b|pain|scale"
    r"|points?|pulses?|dp\b|patellar|teaspoon"
    r"|tsp|tbsp|tablespoon|bpm|width|thickness|way\b|full|recall|objects|proximal|distal|rue|lue|rle|lle|ue\b|le\b"
    r"|grip|biceps|triceps|deltoid|quad|hip|knee|ankle"
    r"|wrist|elbow|shoulder|flexion|extension|lymph|nodes|cores|positive|pos\b|negative|neg\b|with (?:normal|good)"
    r"|and symmetric|symmetric|equal|upper|lower"
    r"|strip|amp|dose|bilaterally|on the|to touch|vision|weakness|effort|liter|l\b|oz|pint|dextrose|d5|ring|rings"
    r"|criteria|ratio|digit|toes?|fingers?|ribs?|disc|disk|level|interspace|herniat|trocar|port\b|fr\b|french|gauge"
    r"|blade|suture|ratio)"
)
_FRACTIONS: Final = frozenset(
    {(1, 2), (1, 3), (2, 3), (1, 4), (3, 4), (1, 5), (1, 8), (1, 10), (5, 5), (4, 5), (2, 2), (2, 6), (3, 6)}
)
_JOINED: Final = re.compile(r"\s?(?:-|–|—|/|,|&|\+|to|through|thru|until|and|or)\s?(?:on )?")
_DAY_RANGE: Final = re.compile(r"[-–](\d\d?)(?![\w/.%-])")
_RUN: Final = re.compile(r"\d+")

_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _is_day(month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]


class _Bare(NamedTuple):
    """A month/day without a year. `verdict`: True a date, False a score, None not known."""

    start: int
    end: int
    verdict: bool | None


class DateRecognizer(ClinicalRecognizer):
    """Dates that hold more than a year."""

    labels: ClassVar[tuple[str, ...]] = ("DATE",)
    title: ClassVar[str] = "dates"

    def find(self, text: str, lowered: str) -> Iterator[Found]:
        yield from _numeric(lowered)
        yield from _named(text, lowered)
        yield from _holidays(text, lowered)


def _numeric(lowered: str) -> Iterator[Found]:
    full: list[tuple[int, int]] = []
    bare: list[_Bare] = []
    done = 0
    for run in _RUN.finditer(lowered):
        start, end = run.span()
        length = end - start
        if start < done or is_word_char(lowered, start - 1) or length > 14:
            continue
        if lowered[start - 1 : start] in ("/", ".") and lowered[max(0, start - 2) : start - 1].isdigit():
            continue
        if length >= 6:
            found = _COMPACT.match(lowered, start)
            if found and _is_day(int(found[2]), int(found[3])):
                full.append(found.span())
            elif (
                length in (6, 8)
                and _DOB_DIGITS.match(lowered, start)
                and _DOB_BEFORE.search(lowered, max(0, start - 20), start)
            ):
                full.append((start, end))
            continue
        if length == 4:
            found = _ISO.match(lowered, start)
            if (
                found
                and _is_day(int(found[3]), int(found[4] or 1))
                and (found[4] or (found[2] != "." and len(found[3]) == 2))
            ):
                full.append(found.span())
                done = found.end()
            continue
        if length > 2:
            continue
        found = _MDY.match(lowered, start)
        if found and _is_mdy(lowered, found):
            full.append(found.span())
            done = found.end()
            continue
        found = _MONTH_YEAR.match(lowered, start)
        if found and 1 <= int(found[1]) <= 12 and not lowered[max(0, start - 2) : start].endswith("-"):
            full.append(found.span())
            done = found.end()
            continue
        found = _MONTH_DAY.match(lowered, start)
        if found and _is_day(int(found[1]), int(found[2])):
            bare.append(_Bare(*found.span(), _judge(lowered, found)))
            done = found.end()
    for start, end in full:
        yield Found(_with_weekday(lowered, start), end, "DATE", 0.95)
    for start, end in _dates_among(lowered, bare, full):
        tail = _DAY_RANGE.match(lowered, end)
        yield Found(_with_weekday(lowered, start), tail.end() if tail and int(tail[1]) <= 31 else end, "DATE", 0.7)


def _is_mdy(lowered: str, found: re.Match[str]) -> bool:
    first, second = int(found[1]), int(found[4])
    if not (_is_day(first, second) or _is_day(second, first)):
        return False
    separators = {char for char in found.group() if char in "/-."}
    return len(separators) == 1 and not _DOSE_AFTER.match(lowered, found.end())


def _judge(lowered: str, found: re.Match[str]) -> bool | None:
    """Whether a month/day is a date, from the words around it."""
    start, end = found.span()
    month, day = int(found[1]), int(found[2])
    before = lowered[max(0, start - 60) : start]
    if start >= 2 and before[-1] in "-–" and before[-2].isdigit():
        return None  # the second end of a range: as its first end
    if _SCORE_AFTER.match(lowered, end):
        return (month, day) not in _FRACTIONS and re.search(r"\b(?:on|since|dated|as of) $", before) is not None
    score_talk = _SCORE_BEFORE.search(before) is not None
    if _STRONG_BEFORE.search(before):
        return not score_talk or re.search(r"\b(?:on|since|dated|as of)[\s:(]+$", before) is not None
    if score_talk:
        return False
    if (len(found[1]) == 2 and found[1][0] == "0") or found[2][0] == "0" or day > 12:
        return True
    if before.endswith("(") and lowered[end : end + 1] == ")":
        return True
    if _BEFORE.search(before):
        return (month, day) not in _FRACTIONS or lowered[end : end + 1] == ":" or None
    return True if lowered[end : end + 1] == ":" and (month, day) not in _FRACTIONS else None


def _dates_among(lowered: str, bare: list[_Bare], full: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The bare ones that are dates, with those that a range or a list joins to a date."""
    found = {(item.start, item.end) for item in bare if item.verdict}
    known = sorted([*full, *found])
    for _ in range(2):  # once to the right, once to the left
        for item in bare:
            span = (item.start, item.end)
            if item.verdict is False or span in found:
                continue
            joined = any(
                (other[1] <= item.start <= other[1] + 12 and _JOINED.fullmatch(lowered, other[1], item.start))
                or (item.end <= other[0] <= item.end + 12 and _JOINED.fullmatch(lowered, item.end, other[0]))
                for other in known
            )
            if joined:
                found.add(span)
                known.append(span)
    yield from sorted(found)


def _with_weekday(lowered: str, start: int) -> int:
    weekday = _WEEKDAY_BEFORE.search(lowered, max(0, start - 18), start)
    return weekday.start() if weekday else start


def _named(text: str, lowered: str) -> Iterator[Found]:
    for month in _MONTH_NAME.finditer(lowered):
        start, end = month.span()
        if start and (lowered[start - 1].isalpha() or lowered[start - 1] == "_"):
            continue
        name = month.group()
        plain = text[start].isupper() or name not in _WORDS_TOO
        tail = _DAY_TAIL.match(lowered, end) or _WRAPPED_DAY_TAIL.match(lowered, end)
        if tail and not tail.groupdict().get("word") and not 1 <= int(tail["day"].rstrip("stndrh")) <= 31:
            tail = None
        if tail and not plain and not (tail["th"] or tail["year"] or tail.groupdict().get("word")):
            tail = None
        before = _DAY_BEFORE.search(lowered, max(0, start - 28), start)
        if before and before["day"] and not 1 <= int(before["day"]) <= 31:
            before = None
        year = _YEAR_TAIL.match(lowered, end)
        short = _SHORT_YEAR_TAIL.match(lowered, end) if before and before["day"] and lowered[start - 1] != " " else None
        if before and short:
            yield Found(_with_weekday(lowered, before.start()), short.end(), "DATE", 0.95)
            continue
        if before and (before["of"] or before["wof"]) and not (tail and tail["year"]):
            tail = None
        if tail and not (before and year and not tail["year"]):
            if before and before["year"]:
                start = before.start()
            yield Found(_with_weekday(lowered, start), tail.end(), "DATE", 0.95)
        elif before and not before["year"] and (plain or year or before["of"] or before["wof"]):
            if year or before["th"] or before["of"] or before["wof"] or text[start].isupper():
                stop = year.end() if year else end
                yield Found(_with_weekday(lowered, before.start()), stop, "DATE", 0.9)
        elif year and (plain or name == "march"):
            yield Found(start, year.end(), "DATE", 0.95)
        elif before and before["year"] and text[start].isupper():
            yield Found(before.start(), end, "DATE", 0.8)
        elif name in _PLAIN_MONTHS or (name in _CAPITAL_MONTHS and text[start].isupper()):
            yield Found(start, end, "DATE", 0.8)
        elif (
            len(name) > 2
            and text[start].isupper()
            and _LONE_BEFORE.search(lowered, max(0, start - 16), start)
            and not _is_acronym(text, start, end)
        ):
            yield Found(start, end, "DATE", 0.75)


def _is_acronym(text: str, start: int, end: int) -> bool:
    """MAR (medication administration record), OCT (tomography): a lone ALL-CAPS abbreviation is no month."""
    return end - start == 3 and text[start:end].isupper()


def _holidays(text: str, lowered: str) -> Iterator[Found]:
    if any(hint in lowered for hint in _HOLIDAY_HINTS):
        for holiday in _HOLIDAY.finditer(lowered):
            start, end = holiday.span()
            if not is_word_char(lowered, start - 1) and text[start].isupper():
                yield Found(start, end, "DATE", 0.8)
