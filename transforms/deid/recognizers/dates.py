"""Dates as typed in notes, and nothing that only looks like one.

Safe Harbor lets the year stay, so a bare year is no find but where it may tell an age over 89: behind words of birth,
and from 1850 to 1936 behind a word that says it is a year (how old someone is hangs on the note's time, which is not
known here: the replacement decides). A date that holds more than the year is found whole.
What makes it hard is that `3/4` is a date, a fraction, a muscle strength, a murmur and a count of bottles: a bare
month/day needs a date's company (a preposition, a test, brackets, a range) or a day that no score has, and
must stand apart from the words that go with scores. Lone weekdays are not elements of a date and stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from transforms.deid.recognizers.base import ClinicalRecognizer, Found, Note, is_word_char, table
from transforms.deid.recognizers.calendar_words import calendar_words
from transforms.deid.recognizers.month_day import MONTH_DAY, Bare, dates_among, is_day, judge

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
    rf"({_YEAR})([-/.])(\d\d?)(?:\2(\d\d?))?(?:t\d\d:?\d\d[\d:.]*(?:z|[+-]\d\d:?\d\d)?)?(?!\d|/\d)"
)
_COMPACT: Final = re.compile(rf"({_YEAR})(\d\d)(\d\d)(?:\d{{4}}|\d{{6}}|t\d{{4,6}}z?)?(?!\w)")
_MDY: Final = re.compile(rf"(\d\d?)(?: ?(/) ?|([-.\\]))(\d\d?)(?: ?/ ?|[-.\\])({_YEAR}|'?\d\d)(?![\d_/\\]|\.\d)")
_SPACED: Final = re.compile(
    rf"(?:(\d\d?) {{0,2}}([-/–]) {{0,2}}(\d\d?) {{0,2}}\2 {{0,2}}{_YEAR}"
    rf"|(\d\d) - (\d\d) - \d\d(?! ?(?:mg|mcg|ml|units?|meq|gm?|cm|mm)\b))(?![\w/]|\.\d|(?: ?-){{1,2}} ?\d)"
)
"""`03 - 04 - 2021`. With two digits of a year, only where all are filled up: `3 - 4 - 10` may count anything."""
_SPACED_ISO: Final = re.compile(rf"{_YEAR} {{0,2}}([-/–]) {{0,2}}(\d\d?) {{0,2}}\1 {{0,2}}(\d\d?)(?![\w/]|\.\d)")
_GLUED_BEFORE: Final = re.compile(r"(?<![a-z\d_])[a-z]{2,12}\Z")
"""`on3/4/21`; a single letter is a vertebra or a catalog number (`L3/4/10`)."""
_GLUED_UNIT: Final = re.compile(
    r"(?:m[gmlcs]|mcg|mmhg|mmol|min|mins|units?|meq|gm?|[cdk]?g|cm|lbs?|hrs?|h|d|days?|wks?|weeks?|mos?|months?|yo|yrs?|y"
    r"|x|k|[ui]|iu|ths?|st|nd|rd|cc|l|oz|ft|in|fr|t|bpm|ppm|ppd|pm|am|puffs?|tabs?|caps?)(?![a-z])"
)
_DASHED_RANGE: Final = re.compile(r"(\d\d?)-(\d\d?)-(\d\d?)-(\d\d?)(?![\w/-]|\.\d)")
_DOSE_AFTER: Final = re.compile(r" ?(?:mg|mcg|ml|units?|meq|gm?|cm|mm)\b")
_MONTH_YEAR: Final = re.compile(rf"(\d\d?)[/-]({_YEAR})(?![\w/])")
_DOB_DIGITS: Final = re.compile(r"\d{6}(?:\d\d)?(?!\w)")
_DOB_BEFORE: Final = re.compile(r"(?:d\.?o\.?b|birth ?date|date of birth|born)\b[\s.:(]*\Z")
_BIRTH_YEAR: Final = re.compile(
    rf"{_YEAR}(?:\s?(?:,|or|and|/|-)\s?{_YEAR}){{0,9}}(?:'?s)?(?!\w|\s?(?:g|gms?|grams?|ml|cc|h|hrs?|hours?)\b)"
    r"|(?<=')\d\d(?!\w)"
)
_BIRTH_BEFORE: Final = re.compile(
    r"(?:\b(?:d\.?\s?o\.?\s?b|y\.?\s?o\.?\s?b|(?:date|year|yr) of birth|birth ?(?:date|year|day))\b\D{0,12}"
    r"|\bbirths?\b\W{0,3}(?:in\s)?|\bb\.\s?"
    # `born in St. Louis in 1931`, but `born at 1930` is an hour.
    r"|\bborn\b(?:[^\d.;]|\b(?:st|mt|ft)\.|\bc(?:a|irca)?\.){0,48}(?<!\bat )(?<!@ )(?<!@))'?\Z"
)
_BIRTH_REACH: Final = 64
_BIRTH_WORDS: Final = frozenset(("dob", "yob", "b", "birth", "births", "birthdate", "birthyear", "birthday", "born"))
"""One of them is in every note where `_BIRTH_BEFORE` fits; `b` is of `d.o.b.` and `b. 1931`."""

_EARLY_YEAR: Final = re.compile(
    rf"(?:18[5-9]\d|19[0-3]\d|194[0-4])(?:\s?(?:,|or|and|to|/|-|–)\s?{_YEAR}|[-–/]\d\d(?!\d)){{0,9}}(?:'?s)?"
    r"(?!\w|[.,:/-]\d|%"
    r"|[ -]?(?:m?g|gms?|grams?|mcg|kg|lbs?|pounds|ml|cc|l|liters?|k?cal|calories|units?|u|iu|meq|cells?|copies|steps"
    r"|feet|ft|m|cm|mm|beats|rads?|cgy|gy|x|h|hr|hrs|hours?|pm|p\.m|am|est|edt)\b"
    r"|\s?(?:tonight|today|yesterday|tomorrow|last (?:night|evening)|this|on \d|(?:and |, )?out\b|/|x\d|dose|shift))"
)
"""A year that may tell an age over 89 in a note of our time, as a year and not as an hour or a quantity."""
_YEAR_BEFORE: Final = re.compile(
    r"(?:\b(?:in|during|circa|ca?\.|c|early|late|mid|year|yr|class of|fall of|(?:spring|summer|autumn|winter|year|end"
    r"|beginning|start|middle|epidemic|pandemic|flu|depression|war|crash|back)(?: of| in)?"
    r"|[a-z]{3,24}(?:ectomy|plasty)"
    r"|(?:immigrated|emigrated|graduated|married|widowed|retired|divorced|naturalized|enlisted|drafted)(?: in)?)"
    r"[\s,:(-]{1,3}(?:the\s)?(?:(?:early|late|mid|spring|summer|fall|autumn|winter)[\s-](?:of\s)?)?"
    r"|\bof\s(?:the\s)?(?:early|late|mid)[\s-])\Z"
)
_HOUR_BEFORE: Final = re.compile(
    r"\b(?:since|from|until|til|till|before|after|by|around|about|approximately|between|to|through|thru|of"
    r"|repair|fracture|fx|tah|operation|surgery)[,:]?"
    r"\s(?:about\s|the\s)?\Z"
)
"""Behind them `1900` may be an hour."""
_OPERATION_AFTER: Final = re.compile(r"[\s:,-]{1,3}(?:[a-z]{1,24}\s)?[a-z]{3,24}(?:ectomy|plasty)\b")
_HISTORY_BEFORE: Final = re.compile(
    r"\b(?:smok(?:e[ds]?|er|ing)|tobacco|drank|drinker|liv(?:ed|ing)|married|widow(?:ed|er)?|work(?:ed|ing)|retired|divorced"
    r"|employed|resided?|country|america|usa?|veteran|army|navy|dates|diagnosed|deaf|blind)\b[^.;\n\d]{0,24}\Z"
)
_HISTORY_REACH: Final = 48
_LAST_EARLY_YEAR: Final = 1936
_SCHOOL: Final = ("class of ", "graduated in ", "graduated ")
"""Who left a school then was born long before, so these years count up to the last that is never told
(`safe_harbor.may_tell_year`)."""
_EARLY_REACH: Final = 40
_MINUTES_OF_A_ROUND, _MINUTES_OF_AN_HOUR = 5, 60

# Read around the name of a month.
_MONTH_NAME: Final = re.compile(rf"(?:{_MONTH})(?![a-z])")
_DAY_TAIL: Final = re.compile(
    rf"\.?{_SEP}(?:the )?(?P<day>\d\d?(?P<th>st|nd|rd|th)?|(?P<word>{_ORDINAL})\b)(?![\d%]|:\d|/\d|\.\d|[a-z])"
    rf"(?!-(?:{_MONTH})-)"
    r"(?: ?(?:-|–|—|to|through|thru) ?(?:the )?\d\d?(?:st|nd|rd|th)?(?![\w/:.%]\d|\w)"
    r"|(?:,| and| &) ?(?:the )?\d\d?(?:st|nd|rd|th)\b){0,4}"
    rf"(?P<year>,?[ \t\-,./]{{0,2}}\s?(?:of )?(?:(?:{_YEAR}|'\d\d)(?!\d)|(?<=[-/.])\d\d(?![\d./-])"
    rf"|(?<=, )\d\d(?=[\s,.;)]|\Z)))?"
)
_WRAPPED_DAY_TAIL: Final = re.compile(
    rf"\.?\s{{1,3}}(?P<day>\d\d?)(?P<th>st|nd|rd|th)?(?![\w/:%]|\.\d)(?P<year>,?\s{{1,3}}{_YEAR}(?!\d))?"
)
_YEAR_TAIL: Final = re.compile(rf"\.?[\s,\-/.]{{0,3}}(?:of\s)?(?:{_YEAR}|'\d\d)(?![\d/])")
_SHORT_YEAR_TAIL: Final = re.compile(r"[-/. ]?'?\d\d(?![\w/]|:\d|\.\d)")
_DAY_BEFORE: Final = re.compile(
    rf"(?:(?:(?<![\w./])|(?<=\bon))(?P<day>\d\d?)(?P<th>st|nd|rd|th)?(?: day)?[ \t\n\-./]{{0,2}}(?P<of>of\s)?(?:the )?"
    rf"|\b(?P<word>{_ORDINAL})(?: day)?\s(?P<wof>of\s)?|(?<!\d)(?P<year>{_YEAR})[ \-,./]{{1,2}})\Z"
)
_LONE_BEFORE: Final = re.compile(
    r"\b(?:in|since|until|till|til|by|of|from|to|through|thru|during|before|after|around|between|early|late|mid"
    r"|middle of"
    r"|last|this|next|every|each|past|previous|prior to|beginning|end|and|or|last [a-z]+|admitted|discharged"
    r"|diagnosed|dx|seen|started|[a-z]+ectomy|replacement|repair|surgery)[ \n-]+(?:the )?\Z"
)
_SURE_BEFORE: Final = re.compile(r"\b(?:in|since|until|till|last|this past|next|by|early|late|mid|of)[ \n-]+\Z")
_WEEKDAY_BEFORE: Final = re.compile(
    r"\b(?:mon|tue|tues|wed|weds|thu|thur|thurs|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
    r"\.?,?\s{1,2}(?:the )?\Z"
)
_PLAIN_MONTHS: Final = frozenset(
    ["january", "february", "april", "june", "july", "august", "september", "october", "november", "december"]
)
"""Full names that mean nothing else, or only a given name."""
_WORDS_TOO: Final = frozenset(("may", "march"))
"""Words of their own: in lower case (`may 2 tablets`) they need a date's company."""
_DATE_BEFORE: Final = re.compile(
    r"(?:\b(?:on|since|until|till|due|by|for|from|before|after|through|dated?|procedure|available|last|as of|admitted"
    r"|discharged|seen|dx|in|of)\s|[(:]\s?|[-–])\Z"
)
_DATE_AFTER: Final = re.compile(r"\s*(?:[,;.:)\n]|\Z)")
_FULL_LINE: Final = 55
"""A line of at least this many characters was broken by the editor: a date may go on in the next."""
_MONTH_WORDS: Final = frozenset(table("calendar_words.toml")["month_words"].split())


class Dates(ClinicalRecognizer):
    """Dates that hold more than a year, years of birth, and years so early that they tell an age."""

    labels: ClassVar[tuple[str, ...]] = ("DATE",)
    title: ClassVar[str] = "dates"

    def find(self, note: Note) -> Iterator[Found]:
        named = list(_named(note))
        yield from named
        yield from _numeric(note, [(found.start, found.end) for found in named])
        yield from calendar_words(note)
        if not note.words.isdisjoint(_BIRTH_WORDS):
            yield from _birth_years(note)
        yield from _early_years(note)


def _birth_years(note: Note) -> Iterator[Found]:
    """Years without month and day behind words of birth."""
    lowered = note.lowered
    for start, stop in note.numbers:
        year = _BIRTH_YEAR.match(lowered, start) if stop - start in (2, 4) else None
        if year and _BIRTH_BEFORE.search(lowered, max(0, start - _BIRTH_REACH), start):
            yield Found(start - (stop - start == 2), year.end(), "DATE", 0.8)


def _early_years(note: Note) -> Iterator[Found]:
    """Years from 1850 to 1936 without month and day."""
    lowered = note.lowered
    for start, stop in note.numbers:
        if stop - start != 4 or not lowered.startswith(("18", "19"), start) or is_word_char(lowered, start - 1):
            continue
        year = _EARLY_YEAR.match(lowered, start)
        if year and int(lowered[start:stop]) > _LAST_EARLY_YEAR:
            year = year if lowered.endswith(_SCHOOL, 0, start) else None
        if year is None:
            continue
        begin = max(0, start - _EARLY_REACH)
        surely = _YEAR_BEFORE.search(lowered, begin, start) or _OPERATION_AFTER.match(lowered, year.end())
        if surely or (_HOUR_BEFORE.search(lowered, begin, start) and _is_no_hour(lowered, start, year)):
            yield Found(start, year.end(), "DATE", 0.75)


def _is_no_hour(lowered: str, start: int, year: re.Match[str]) -> bool:
    """Whether `since 1929` cannot well mean 19:29: staff write down rounds, and `since 1930` may be an hour."""
    minutes = int(lowered[start + 2 : start + 4])
    of = lowered.startswith("of", max(0, start - 3))
    if year.group().endswith("s") or (minutes >= _MINUTES_OF_AN_HOUR and not of):
        return True
    if minutes % _MINUTES_OF_A_ROUND and not of:
        return True
    return _HISTORY_BEFORE.search(lowered, max(0, start - _HISTORY_REACH), start) is not None


def _numeric(note: Note, named: list[tuple[int, int]]) -> Iterator[Found]:
    """Dates in figures. `named`: the dates with a month's name, which a range may join to one in figures."""
    lowered = note.lowered
    full: list[tuple[int, int]] = []
    bare: list[Bare] = []
    done = 0
    for start, stop in note.numbers:
        if start < done:
            continue
        if not _may_begin_date(lowered, start):
            glued = _glued_date(lowered, start, stop)
            if glued:
                full.append(glued)
                done = glued[1]
            continue
        date = _full_date(lowered, start, stop)
        if date:
            full.append(date)
            done = date[1]
            continue
        month_day = MONTH_DAY.match(lowered, start)
        candidate = judge(lowered, month_day) if month_day else None
        if candidate:
            bare.append(candidate)
            done = candidate.end
    for start, end in full:
        yield Found(_with_weekday(lowered, start), end, "DATE", 0.95)
    for start, end in dates_among(lowered, bare, [*named, *full]):
        yield Found(_with_weekday(lowered, start), end, "DATE", 0.7)


def _may_begin_date(lowered: str, start: int) -> bool:
    """Whether no letter, digit or decimal point joins the digits at `start` to what is before them."""
    before = lowered[start - 1 : start]
    return not is_word_char(lowered, start - 1) and not (before in ("/", ".") and lowered[start - 2].isdigit())


def _glued_date(lowered: str, start: int, end: int) -> tuple[int, int] | None:
    """The date with month, day and year that a word is written together with: `on3/4/21`."""
    found = _MDY.match(lowered, start) if end - start < 3 else None
    if found is None or not _GLUED_BEFORE.search(lowered, max(0, start - 13), start):
        return None
    sure = "/" in found.group() or len(found[5]) == 4
    return found.span() if sure and _is_mdy(lowered, found) else None


def _full_date(lowered: str, start: int, end: int) -> tuple[int, int] | None:
    """The date with a year that begins with the run of digits `lowered[start:end]`."""
    length = end - start
    if length in (6, 8, 12, 14):
        found = _COMPACT.match(lowered, start)
        if found and is_day(int(found[2]), int(found[3])):
            return found.span()
        found = _DOB_DIGITS.match(lowered, start)
        return found.span() if found and _DOB_BEFORE.search(lowered, max(0, start - 20), start) else None
    if length == 4:
        found = _SPACED_ISO.match(lowered, start)
        if found and is_day(int(found[2]), int(found[3])):
            return found.span()
        found = _ISO.match(lowered, start)
        if found is None or not is_day(int(found[3]), int(found[4] or 1)):
            return None
        month_of_year = found[2] != "." and len(found[3]) == 2
        return found.span() if found[4] or month_of_year else None
    if length > 2:
        return None
    found = _MDY.match(lowered, start)
    if found and _is_mdy(lowered, found):
        return found.span()
    found = _SPACED.match(lowered, start)
    if found:
        first, second = int(found[1] or found[4]), int(found[3] or found[5])
        if is_day(first, second) or is_day(second, first):
            return found.span()
    found = _DASHED_RANGE.match(lowered, start)
    if found and is_day(int(found[1]), int(found[2])) and is_day(int(found[3]), int(found[4])):
        return found.span()
    found = _MONTH_YEAR.match(lowered, start)
    return found.span() if found and 1 <= int(found[1]) <= 12 and lowered[start - 1 : start] != "-" else None


def _is_mdy(lowered: str, found: re.Match[str]) -> bool:
    first, second = int(found[1]), int(found[4])
    if not (is_day(first, second) or is_day(second, first)):
        return False
    separators = {char for char in found.group() if char in "/-.\\"}
    if len(separators) > 1:
        return False
    if len(found[5]) == 4:
        return True
    if _DOSE_AFTER.match(lowered, found.end()):
        return False
    if not is_word_char(lowered, found.end()):
        return True
    return "/" in separators and _GLUED_UNIT.match(lowered, found.end()) is None


def _with_weekday(lowered: str, start: int) -> int:
    weekday = _WEEKDAY_BEFORE.search(lowered, max(0, start - 18), start)
    return weekday.start() if weekday else start


def _named(note: Note) -> Iterator[Found]:
    text, lowered = note.text, note.lowered
    for word in note.words & _MONTH_WORDS:
        for at in note.runs[word]:
            month = _MONTH_NAME.match(lowered, at)
            if month is None or (at and (lowered[at - 1].isalpha() or lowered[at - 1] == "_")):
                continue
            span = _with_month(text, lowered, month)
            if span:
                yield Found(_with_weekday(lowered, span[0]), span[1], "DATE", 0.9)


def _with_month(text: str, lowered: str, month: re.Match[str]) -> tuple[int, int] | None:
    """The date around the name of a month; None where it is a word or an abbreviation of its own."""
    start, end = month.span()
    tail, before, year = _tail(lowered, end), _before(lowered, start), _YEAR_TAIL.match(lowered, end)
    if before and before["day"] and tail and not tail["year"] and lowered[end : end + 1] in "-–":
        tail = None  # `27 Jul-29 Jul`
    if before and before["day"] and lowered[start - 1] not in " \n":
        short = _SHORT_YEAR_TAIL.match(lowered, end)
        if short:
            return before.start(), short.end()  # `03-APR-19`
    company = text[start].isupper() or month.group() not in _WORDS_TOO or lowered[start - 1 : start].isdigit()
    of = before is not None and bool(before["of"] or before["wof"])
    if tail and not (of and not tail["year"]) and not (before and year and not tail["year"]):
        begin = before.start() if before and before["year"] else start
        sure = company or tail["th"] or tail["year"] or _DATE_AFTER.match(lowered, tail.end())
        sure = sure or _DATE_BEFORE.search(lowered, max(0, start - 16), start)
        return (begin, tail.end()) if sure else None
    if before and not before["year"]:
        begin = before.start()
        sure = company or year or of or _DATE_BEFORE.search(lowered, max(0, begin - 16), begin)
        return (begin, year.end() if year else end) if sure else None
    if year:
        return start, year.end()
    if before and company:
        return before.start(), end
    return (start, end) if _is_lone_month(text, lowered, start, end) else None


def _tail(lowered: str, end: int) -> re.Match[str] | None:
    """The day (and year) behind a month that ends at `end`."""
    tail = _DAY_TAIL.match(lowered, end)
    if tail is None:
        tail = _WRAPPED_DAY_TAIL.match(lowered, end)
        # `MAY` at the end of a line, then the number of a list's item: only a full line was broken.
        if tail and not (tail["year"] or tail["th"] or _ends_full_line(lowered, end)):
            return None
    if tail is None or tail["day"][0].isalpha():
        return tail
    return tail if 1 <= int(tail["day"].rstrip("stndrh")) <= 31 else None


def _before(lowered: str, start: int) -> re.Match[str] | None:
    """The day (or year) before a month that begins at `start`."""
    before = _DAY_BEFORE.search(lowered, max(0, start - 28), start)
    if before is None or (before["day"] and not 1 <= int(before["day"]) <= 31):
        return None
    if before["of"] or before["wof"]:
        return before
    if before.group().endswith(". "):
        return None  # the number of a list's item
    broken = "\n" in before.group()
    return None if broken and not _ends_full_line(lowered, lowered.rfind("\n", 0, start)) else before


def _ends_full_line(lowered: str, end: int) -> bool:
    """Whether the line that ends at `end` (but for blanks) is as long as an editor's lines."""
    return lowered[end : end + 2].lstrip(" ")[:1] == "\n" and end - (lowered.rfind("\n", 0, end) + 1) >= _FULL_LINE


def _is_lone_month(text: str, lowered: str, start: int, end: int) -> bool:
    """Whether a month without day and year is one: `in March`, `COMPARISON: May`, but not `May be` or the MAR."""
    name, capital = lowered[start:end], text[start].isupper()
    if name in _PLAIN_MONTHS:
        return True
    if _is_acronym(text, start, end) or len(name) < 3:
        return False
    shouts = text[start:end].isupper() and text[max(0, start - 12) : end].isupper()
    if name in _WORDS_TOO and shouts:
        return _SURE_BEFORE.search(lowered, max(0, start - 32), start) is not None  # `WHO MAY SEE HIM`
    if _LONE_BEFORE.search(lowered, max(0, start - 32), start):
        if capital or name == "march":
            return True
        # `lost her job in may.`: nothing goes on that `may` could help.
        sure = _SURE_BEFORE.search(lowered, max(0, start - 32), start)
        return sure is not None and _DATE_AFTER.match(lowered, end) is not None
    ends_sentence = lowered[max(0, start - 3) : start].rstrip()[-1:] in (".", "!", "?", "")
    return name in _WORDS_TOO and capital and not ends_sentence and _DATE_AFTER.match(lowered, end) is not None


def _is_acronym(text: str, start: int, end: int) -> bool:
    """MAR (medication administration record), OCT (tomography): a lone ALL-CAPS abbreviation is no month."""
    return end - start == 3 and text[start:end].isupper() and text[start:end] != "MAY"
