"""Ages over 89; all other ages may stay (45 CFR 164.514(b)(2)(i)(C))."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from transforms.deid.recognizers.base import ClinicalRecognizer, Found, Note, is_word_char

_OLD: Final = r"(?:0?9\d|1[0-3]\d)"
"""A registration form fills up with a nought: `AGE: 097Y`."""
_AGED: Final = re.compile(
    rf"{_OLD}\+?(?:\s?-?\s?(?:years?|yrs?|yr)(?:\.|\b)[\s\-/]{{0,2}}"
    r"(?:old|o\b|of age|young|female|male|f\b|m\b|woman|man|gentleman|lady)"
    r"|\s?-\s[mf]\s-|\s?-?\s?y[./]?\s?o\b|\s?-?\s?yo[mf]?\b|\s?-?\s?y\.o\.|\s?yr\b|\s?y/o"
    r"|\s?-?y(?:rs?)?[ /]?[mf]\b|\s?[mf] (?:with|w/|who|presents|presenting|admitted|s/p|h/o|hx|found|from|p/w|-|in)"
    r"|[ -](?:male|female|man|woman|gentleman|lady|y[ /-]?o)\b|(?:st|nd|rd|th) birthday\b|\s?[mf]/"
    r"|\s?-?y[a-z]{2,4}[ -]old\b|\s[mf]\)"
    r"|[mf]\b (?:a\+?[ox&]|aa?ox|nad|pt\b|dob|crcl)"
    r"|\s(?:y|yrs?|years?)(?:\s*\Z|\s*\n|\s{2,}|\s*[|;])"
    r"|\s?\(\s?(?:d\.?o\.?b|born|b\.))"
)
_APPOSITION: Final = re.compile(rf"(?<=[a-z], ){_OLD}, [a-z]")
"""`Jane Roe, 95, known to our service`."""
_YEARS: Final = re.compile(
    rf"{_OLD}\+?\s?-?\s?(?:years?|yrs?)\b(?!\.?[\s-]{{1,2}}(?:ago|since|later|prior|earlier|before|after|pack|smok|tob"
    r"|history|hx|anniv|flood|war|risk|surviv|of (?!age)))"
)
"""Hardly anything else than an age takes so many years: `97 yrs, lives alone`."""
_SPELL_BEFORE: Final = re.compile(
    r"(?:\b(?:for|over|past|last|next|every|first|within|the|x|than)\s|[<>~]\s?|\d\s?[-–]\s?)\Z"
)
_SEX: Final = re.compile(rf"{_OLD}\s?[MF](?=[),;\s/]|\.(?!\w)|\Z)")
"""Of the raw text: `(90 F)`, `97 M w/ CHF`, `HPI: 97M.`; but `temp 98 F`."""
_TEMPERATURE_BEFORE: Final = re.compile(
    r"(?:\b(?:t|temps?|tmax|tm|tc|temperatures?|tcurrent|fevers?|febrile|spiked?|max|high|low|oral|rectal|axillary"
    r"|vitals?|vs|to|of|at|was|is)[\s:=]{0,3}|[<>~]\s?|\d\s?[-–]\s?)\Z"
)
_READING: Final = (
    r"\b(?:sats?|satt?ing|saturation|spo2|o2|hr|heart rate|pulse|bp|pressure|temp|temperature|fever|sugars?"
    r"|glucose|bg|weighs?|weight|rate|score|scored"
    r"|percentile|percent|level|peak|dose|speed|mph|ekg|rr)\b"
)
_AGE_BEFORE: Final = re.compile(
    r"(?:\bage[ds]?|\bpatient age|\bturned|\bturning)(?: in years| \(?years\)?| of| is| was|/sex"
    r"| at death)?[\s:=(–-]{1,3}\Z"
    r"|\b(?:lived|lives|survived) (?:un)?(?:to|til|till)(?: be| age)?\s\Z|\b(?:in|into|to|until|till) "
    r"(?:his|her|their|my) (?:early |mid |mid-|late )?\Z"
    r"|\b[mp]g[mf] \Z|\((?:d|dec|died|deceased)\.? (?:at |@ ?)?\Z"
    r"|\bat (?:the )?age(?: of)? \Z|\b(?:alive|died|dead|deceased|passed away|expired|living|well)\s(?:(?:at"
    r"|@)\s)?(?:age\s)?\Z"
    r"|\b(?:alive|dead|deceased|living),\s(?:age\s)?\Z"
    r"|\b(?:mother|father|sister|brother|wife|husband|aunt|uncle|spouse|mom|dad|[mp]?g[mf]"
    r"|grand(?:mother|father|ma|pa)),?\s"
    r"(?:d|dec)\.?\s(?:at\s|@\s?)?\Z"
    r"|\b(?:mother|father|sister|brother|wife|husband|she|he|aunt|uncle|grandmother|grandfather|spouse|grandma"
    r"|grandpa|mom|dad"
    r"|great-?(?:aunt|uncle|grandmother|grandfather))(?:,? \(| at |, (?=\d+\s*(?:\n|\Z))|(?: is|'s| was) (?:now )?)\Z"
    r"|\b(?:drove|driving|farmed|farming|work(?:ed|ing)|practic(?:ed|ing)|taught|golfed|danced|played|walked|gardened|swam|ran"
    r"|sewed|cooked|lived|living|survived|smoked|independent|healthy|active|alone|well) (?:un)?(?:til|till)"
    r" (?:age |she was |he was |they were )?\Z"
    r"|\b(?:lived|lives|survived|worked|drove|made it|live|living)(?: (?:well|on|far))? (?:past|beyond|to be|to see)"
    r" (?:age )?\Z"
    r"|\b(?:turns|pushing) \Z|\bmade it to (?:age )?\Z"
    r"|\bwho (?:is|was) (?:now )?\Z|\breached \Z"
    r"|\b(?:cancer|stroke|dementia|disease|mi|chf|cva|leukemia|lymphoma|failure) at \Z"
    r"|\b(?:dob|d\.o\.b\.?|born|birth ?date):? {0,2}"
    r"(?:[\d/.-]{6,10}|\d{1,2}[ -]?[a-z]{3}[ -]?\d{2,4}|[a-z]{3,9} \d{1,2}, \d{4}),?\s{0,3}\(?\Z"
)
_FAMILY: Final = (
    r"\b(?:mother|father|sister|brother|wife|husband|aunt|uncle|spouse|mom|mum|dad|gran|granny|nana|nan|papa|[mp]?g[mf]"
    r"|grand(?:mother|father|ma|pa|mom|dad)|great-?grand(?:mother|father|ma|pa))\b"
)
_KIN_UNTIL: Final = re.compile(rf"(?:{_FAMILY}|\b(?:she|he)\b)[^.;:\n\d]{{0,40}} (?:un)?til(?:l)? (?:age )?\Z")
_KIN_AT: Final = re.compile(rf"{_FAMILY}(?![^.;\n]*{_READING})[^.;:\n\d]{{0,40}} at (?:age )?\Z")
_KIN_JUST_BEFORE: Final = re.compile(rf"{_FAMILY} \Z")
_AGE_ENDS: Final = re.compile(r"[.,;)](?!\d)|\s*\n|\s*\Z")
_STILL_AFTER: Final = re.compile(
    r" (?:still|now|lives|living|alive|who|and (?:still|well|lives|alive|healthy|independent))\b"
)
"""`His aunt drove until 95`, `Grandma still has her teeth at 101.`, `sister 102 still walks`."""
_PATIENT_BEFORE: Final = re.compile(r"\b(?:patient|pt)(?:\sis|'s|\swas)\s(?:now\s)?\Z")
_PT_JUST_BEFORE: Final = re.compile(r"\bpt\s\Z")
"""`pt 92, SBO`."""
_PATIENT_AFTER: Final = re.compile(
    r"\s?(?:[;)]|,(?!\d)|\.(?!\d)|\Z|\n)|\s(?:now|today|yet|but|who|with|w/|lives|living|and\s(?!regular|stable|sat|on\b))"
)
"""`Patient is 97 and lives alone`, `pt is 93 now`; but `pt is 97 on RA`."""
_WITH_MONTHS: Final = re.compile(
    rf"{_OLD}[\s-]?(?:years?|yrs?|y)\b[\s,-]{{0,2}}(?:and\s)?\d{{1,2}}[\s-]?(?:months?|mos?|m)\b"
    r"(?:[\s-](?:old|of age)\b)?"
)
_ROW_BEFORE: Final = re.compile(r"\d[\d/.-]*\d[ \t]{1,3}(?:[a-z]{0,3}-?\d{4,}[ \t]{1,3})?\Z")
_ROW_AFTER: Final = re.compile(r"[ \t]?[mf](?=[ \t]*(?:\n|\Z|,|;))")
"""A row of name, birth, number, age and sex at the head of a note in small letters: `5/2/1921 e104477 94 f`."""
_LIST_AFTER: Final = re.compile(r",\s(?:\d{5,}|[a-z]{0,3}-?\d{4,}|mrn\b|#)")
_LIST_BEFORE: Final = re.compile(r"[A-Z][a-z'-]+,\s\Z")
"""`Ann Roe, 94, 338768`: the patient's line, with a number behind the age."""
_COLUMN_BEFORE: Final = re.compile(r"(?:\A|\n)[A-Z][\w'-]+(?: [A-Z][\w'.-]*){1,3} {2,}\Z")
_COLUMN_AFTER: Final = re.compile(r" {2,}\d{2,}[\d-]{4,}(?!\w)")
"""`Ann Roe   94   012763516`: the patient's line in columns."""
_REACH: Final = 40
_KIN_REACH: Final = 64
_DECADE: Final = re.compile(r"'?s\b")
_NUMBER: Final = re.compile(_OLD)
_UNIT_AFTER: Final = re.compile(
    r"\s?(?:%|mg|ml|mm|cm|bpm|/\d|days?|weeks?|months?|hours?|percent|degrees?|deg\b|and unlabored|and regular"
    r"|feet|ft\b|steps|yards|miles|meters|minutes|min\b|breaths|beats|lbs?\b|pounds|kg"
    r"|on (?:ra\b|room|nc\b|o2|\d))|\.\d"
)
_GAP: Final = r"[\s–-]{1,4}"
"""Between the words of a number, which a line may break: `ninety-  three`."""
_NUMBER_WORDS: Final = (
    rf"\b(?:ninety(?:{_GAP}(?:one|two|three|four|five|six|seven|eight|nine)\b)?"
    rf"|(?:(?:one|a){_GAP})?hundred(?:(?:{_GAP}and)?{_GAP}(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen)\b)?)"
)
_WORDS: Final = re.compile(rf"{_NUMBER_WORDS}(?={_GAP}(?:years?|yrs?)\b(?!\.?\s(?:ago|since))|\s?y[./]?\s?o\b)")
_WORDS_ALONE: Final = re.compile(rf"(?:{_NUMBER_WORDS}|\bnineties)\b(?! ?%| percent)")
_OLD_NAMES: Final = frozenset(
    ("nonagenarian", "centenarian", "supercentenarian", "nonagenarians", "centenarians", "supercentenarians")
)


_SEX_BEFORE: Final = re.compile(r"(?<![\w/])[mf]/\Z")
_NO_RATIO_AFTER: Final = re.compile(r"(?![/%]|[.,]\d)")
"""`F/93 with CHF`, as well as `93/F`."""


class Ages(ClinicalRecognizer):
    """The number of an age over 89, in digits or words, and the words for people of such an age."""

    labels: ClassVar[tuple[str, ...]] = ("AGE",)
    title: ClassVar[str] = "ages"

    def find(self, note: Note) -> Iterator[Found]:
        text, lowered = note.text, note.lowered
        for start, end in note.numbers:
            if not _NUMBER.fullmatch(lowered, start, end):
                continue
            before = lowered[start - 1 : start]
            if _SEX_BEFORE.search(lowered, max(0, start - 3), start) and _NO_RATIO_AFTER.match(lowered, end):
                yield Found(start, end, "AGE", 0.85)
                continue
            if is_word_char(lowered, start - 1) or before in (".", "/") or lowered[end : end + 1].isdigit():
                continue
            if _DECADE.match(lowered, end):
                if _AGE_BEFORE.search(lowered, max(0, start - _REACH), start):
                    yield Found(start, end + 1, "AGE", 0.85)
                continue
            if phrase := _WITH_MONTHS.match(lowered, start):
                yield Found(*phrase.span(), "AGE", 0.9)
                continue
            stop = end + lowered.startswith("+", end)  # `90+ year old`
            if _AGED.match(lowered, start) or _APPOSITION.match(lowered, start) or _is_sexed(text, lowered, start):
                yield Found(start, stop, "AGE", 0.9)
            elif (
                _is_in_years(lowered, start)
                or _is_in_row(text, lowered, start, end)
                or _is_the_patients(lowered, start, end)
                or _is_of_kin(lowered, start, end)
                or (not _UNIT_AFTER.match(lowered, end) and _AGE_BEFORE.search(lowered, max(0, start - _REACH), start))
            ):
                yield Found(start, stop, "AGE", 0.85)
        for name, at in note.starts(_OLD_NAMES):
            if not is_word_char(lowered, at + len(name)):
                yield Found(at, at + len(name), "AGE", 0.85)
        if not note.words.isdisjoint(("ninety", "nineties", "hundred")):
            for words in _WORDS.finditer(lowered):
                yield Found(*words.span(), "AGE", 0.85)
            for words in _WORDS_ALONE.finditer(lowered):
                if _AGE_BEFORE.search(lowered, max(0, words.start() - _REACH), words.start()):
                    yield Found(*words.span(), "AGE", 0.8)


def _is_sexed(text: str, lowered: str, start: int) -> bool:
    if _SEX.match(text, start) is None:
        return False
    return _TEMPERATURE_BEFORE.search(lowered, max(0, start - 16), start) is None


def _is_of_kin(lowered: str, start: int, end: int) -> bool:
    """Whether the number is the age at which one of the family did, or does, something."""
    if _UNIT_AFTER.match(lowered, end):
        return False
    begin = max(0, start - _KIN_REACH)
    if _STILL_AFTER.match(lowered, end):
        return _KIN_JUST_BEFORE.search(lowered, begin, start) is not None
    if _AGE_ENDS.match(lowered, end) is None:
        return False
    return _KIN_UNTIL.search(lowered, begin, start) is not None or _KIN_AT.search(lowered, begin, start) is not None


def _is_in_years(lowered: str, start: int) -> bool:
    return _YEARS.match(lowered, start) is not None and not _SPELL_BEFORE.search(lowered, max(0, start - 16), start)


def _is_in_row(text: str, lowered: str, start: int, end: int) -> bool:
    """Whether the number stands in the line that says who the patient is."""
    begin = max(0, start - _REACH)
    if _LIST_AFTER.match(lowered, end) and _LIST_BEFORE.search(text, begin, start):
        return True
    if _COLUMN_AFTER.match(lowered, end) and _COLUMN_BEFORE.search(text, begin, start):
        return True
    return _ROW_AFTER.match(lowered, end) is not None and _ROW_BEFORE.search(lowered, begin, start) is not None


def _is_the_patients(lowered: str, start: int, end: int) -> bool:
    """Whether the patient himself, not a reading of his, is said to be this."""
    if _PATIENT_AFTER.match(lowered, end) is None:
        return False
    begin = max(0, start - _REACH)
    if lowered.startswith(", ", end) and _PT_JUST_BEFORE.search(lowered, begin, start):
        return True
    return _PATIENT_BEFORE.search(lowered, begin, start) is not None
