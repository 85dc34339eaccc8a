"""What a tagger says is checked against what is known of PHI before it counts.

A tagger reads by likeness: `Mallory-Weiss` looks like a person, `185` behind a date like another one, `1987` like a
date. Where a rule tells them apart the rule decides; where none does, a tagger that is sure is believed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from transforms.deid.fold import fold
from transforms.deid.lexicon import Lexicon
from transforms.deid.lists import NameLists
from transforms.deid.lookalikes import Lookalikes, is_role
from transforms.deid.recognizers.month_day import is_growth
from transforms.deid.recognizers.name_reader import acts
from transforms.deid.recognizers.places import is_larger_than_city
from transforms.deid.spans import PhiSpan

SURE: Final = 0.9
"""From this score on a tagger is believed where the words alone would not tell."""

_RATHER_SURE: Final = 0.6

_NAMES: Final = frozenset(("PATIENT", "DOCTOR"))
_PLACES: Final = frozenset(("CITY", "HOSPITAL", "ORGANIZATION", "LOCATION-OTHER", "DEPARTMENT"))
_PARTED: Final = _NAMES | _PLACES | {"DATE"}
_LOOSE_DATE_END: Final = re.compile(
    r"(?:[.,;:]?\s+(?:the|at|on|in|an?|of|to|and|by|with|for|from|is|was|he|she|dinner|lunch|party)|,\s+first|[.;]\s+\d{1,2})+\s*\Z"
)
"""Of a tagger's date what belongs to the sentence after it: `January. 2`, `18 November the`."""
_PARTS: Final = re.compile(r"['’-]")
_LONGEST_COMPANY: Final = 24
_COMPANY_BEFORE: Final = re.compile(
    r"(?:\b(?:dr|drs|mr|mrs|ms|miss|prof|nurse|rn|pt|patient|by|per|from|with|and|called|named|name|is|told|asked|attn|cc|dear"
    r"|hi|hello|thanks|thank you"
    r"|wife|husband|son|daughter|mother|father|sister|brother|niece|nephew|aunt|uncle|cousin|friend|neighbor|sitter|dtr|mom|dad)"
    r"\b[.:,]? ?\(?|(?:\A|\n)[ \t]*|[/@&] ?|--? ?)\Z",
    re.IGNORECASE,
)
_ALPHANUMERIC: Final = re.compile(r"[^\W_]")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_GAP: Final = re.compile(r"\s*\n[ \t]*\n\s*|[ \t]{2,}")
_SPELL_AT_END: Final = re.compile(r",?\s+\d{1,3}\Z")
_SPELL_AFTER: Final = re.compile(r"\s?(?:min|minutes|hours?|hrs?|h|mg|ml)\b")
"""`July 2nd, 25 min`: how long, and no part of the date."""
_CODE_ENDS: Final = re.compile(r"\.\s+|[ \t]{2,}|/(?=\d{2,3}\Z)(?<=\d{4}/)|\s*\n\s*\n\s*")
"""Where a number ends that a tagger runs together with the patient's age behind it: `1076092. 74`, `07683854/46`."""
_URL_ENDS: Final = re.compile(r"[.,;]?(?:\s|\Z)")
_NUMBER: Final = re.compile(r"\d+")
_DIGIT: Final = re.compile(r"\d")
_YEAR_ONLY: Final = re.compile(r"(?:in |since |from )?'?(?:1[89]|2[0-2])\d\d(?:'?s)?")
_OLD_WORD: Final = re.compile(r"nine(?:ty|ties)|hundred|nonagenarian|centenarian", re.IGNORECASE)
_DATE_WORDS: Final = re.compile(
    r"\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?|(?:mon|tues?|wed(?:s|nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?)(?![a-z])"
    r"|[^\W\d_]{4,} (?:day|eve)|[^\W\d_]+'?s day|christmas|easter|thanksgiving|halloween|new year"
    r"|\d+\s*[-/.]\s*\d+\s*[-/.]\s*'?\d{2}|\d(?:st|nd|rd|th)\b",
    re.IGNORECASE,
)
_WORDS_TOO: Final = re.compile(r"sat|sun|oct|mar|SAT|SUN|OCT|MAR|Sat|Sun")
_TOMOGRAPHY: Final = re.compile(r"OCT|MAR")
"""The tomography, or the record of what was given, where no day or year is beside it."""
_NO_DAY_AFTER: Final = re.compile(r"[ \n](?:[<>(]|\d\d ?%|of \d|scan|hat|exposure|damage|RNFL)")
"""`keep sat >90`, `OCT (macula)`: an oxygen saturation, a tomography."""
_MONTH_AND_YEAR: Final = re.compile(r"(?:0?[1-9]|1[0-2]) ?[-/.] ?(?:19|20)\d\d")
_SCALE_BEFORE: Final = re.compile(
    r"(?:iddsi|cincinnati|sln|dp|gds|gcs|epds|audit-c|audit|distress|later|bipap|cpap|cogwheeling|curb-65|match(?:ed)?|grip|biceps|triceps|quads|dtrs?|phq-?\d?|gad-?\d?|mmse|moca|pain|sleep|appetite|energy|mood|strength|scores?|scale|murmur|berg|tinetti|apgars?"
    r"|waddell|reflexes|motor|power|va|vision|acuity)(?: is| of| was| at|:)? *\Z",
    re.IGNORECASE,
)
_MONTH_AND_DAY: Final = re.compile(r"(\d{1,2}) ?[-/.] ?(\d{1,2})")
_JOINED_DATE: Final = re.compile(r"\d{6}|\d{8}")
_FEWEST_DIGITS: Final = MappingProxyType(
    {"PHONE": 4, "FAX": 5, "ZIP": 5, "SSN": 4, "MEDICALRECORD": 4, "HEALTHPLAN": 4, "ACCOUNT": 4, "LICENSE": 4}
    | {"VEHICLE": 3, "DEVICE": 3, "IDNUM": 4, "BIOID": 2}
)
"""A number must hold this many digits; patterns know the shorter ones by what stands before them."""
_FEWEST_OF_ROOM: Final = 3
"""`bed 14` tells nobody anything: every ward has one."""
_CODES: Final = frozenset((*_FEWEST_DIGITS, "USERNAME", "PHOTO", "URL", "EMAIL", "IPADDR"))
_ADDRESSES: Final = _PLACES | {"STREET", "ZIP"}
_NAME_ENDS: Final = re.compile(r"(?<=[^\W\d_]{3})\.\s+(?=[^\W\d_]{3})")
_PLACE_ENDS: Final = re.compile(r"(?<=\d\d)\.\s+(?=\d|[^\W\d_]{3})")
"""Where a sentence ends: not behind an initial (`J. Smith`), nor behind what an address shortens (`Rd. Apt 4`)."""
_WORD_BEFORE: Final = re.compile(r"[^\W\d_]+\Z")
_LONGEST_TITLE: Final = 12
_ABBREVIATED: Final = frozenset(
    ("drs", "prof", "rev", "mrs", "miss", "hon", "sgt", "capt", "esq", "phd", "attn", "msgr", "supt", "det", "asst")
)
"""Titles that end with a full stop; those of two letters need no list."""
_INSIDE_CODES: Final = ("", "-", ".", "_", ":", "/", "@")
_NO_PART_BEFORE: Final = re.compile(
    r"(?:(?:dr|mr|mrs|ms|miss|prof|trooper|officer|deputy)\b\.?\s*|[,;:/]\s*)+", re.IGNORECASE
)
_ROLE_GAP: Final = re.compile(r"[\s,;:/.-]*")
_NO_PART_AFTER: Final = re.compile(
    r"(?:[\s,;:/]*\b(?:m\.?d|d\.?o|r\.?n|n\.?p|pa-?c?|ph\.?d|lpn|lic|cwocn|mph|facs|md)\b\.?)+\s*\Z", re.IGNORECASE
)


def join_pieces(text: str, spans: Sequence[PhiSpan]) -> list[PhiSpan]:
    """Spans of a tagger, with the pieces of one number or address put together and sentences taken apart.

    A tagger labels word by word, and to it `IRIS-37-5E49` is five of them, which it may call by different names. The
    label is that of the longest piece.

    Args:
        text: the note.
        spans: sorted, disjoint.
    """
    joined: list[PhiSpan] = []
    longest = 0
    for span in (sentence for whole in spans for sentence in _sentences(text, whole)):
        before = joined[-1] if joined else None
        gap = text[before.end : span.start] if before else " "
        if before and gap in _INSIDE_CODES and _CODES.issuperset((before.label, span.label)):
            label = span.label if span.end - span.start > longest else before.label
            joined[-1] = PhiSpan(before.start, span.end, label, max(before.score, span.score), span.recognizer)
        else:
            joined.append(span)
            longest = 0
        longest = max(longest, span.end - span.start)
    return joined


def _sentences(text: str, span: PhiSpan) -> list[PhiSpan]:
    """A tagger's span, cut where a sentence ends in it: it knows words only, so names in a row run together."""
    end = _NAME_ENDS if span.label in _NAMES else _PLACE_ENDS if span.label in _ADDRESSES else None
    cuts = []
    for stop in end.finditer(text, span.start, span.end) if end else ():
        word = _WORD_BEFORE.search(text, max(0, stop.start() - _LONGEST_TITLE), stop.start())
        if word is None or word[0].lower() not in _ABBREVIATED:
            cuts.append(stop)
    starts = [span.start, *(stop.end() for stop in cuts)]
    ends = [*(stop.start() for stop in cuts), span.end]
    return [span._replace(start=start, end=stop) for start, stop in zip(starts, ends, strict=True) if start < stop]


class Plausible:
    """The rules.

    Args:
        lexicon: ordinary words, eponyms, placeholders.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        lists = NameLists.shipped()
        self._cities = lists.cities
        self._listed = lists.given | lists.surnames | frozenset(lists.nicknames)
        self._is_lookalike = Lookalikes(lexicon)

    def parts(self, text: str, span: PhiSpan) -> list[PhiSpan]:
        """What of a tagger's span is PHI: the span, parts of it, or nothing."""
        if span.label == "URL" and (stop := _URL_ENDS.search(text, span.start, span.end)):
            span = span._replace(end=stop.start())
        if span.label not in _PARTED:
            return [part for part in _numbers(text, span) if self._stands(text, part)]
        kept = []
        start = span.start
        for gap in [*_GAP.finditer(text, span.start, span.end), None]:
            part = span._replace(start=start, end=gap.start() if gap else span.end)
            start = gap.end() if gap else span.end
            if span.label == "DATE":
                loose = _LOOSE_DATE_END.search(text, part.start, part.end)
                part = part._replace(end=loose.start() if loose else part.end)
                if _SPELL_AFTER.match(text, part.end) and (spell := _SPELL_AT_END.search(text, part.start, part.end)):
                    part = part._replace(end=spell.start())
            else:
                part = self._without_small_words(text, part)
            if span.label in _NAMES:
                part = _without_titles(text, part)
            if part.start < part.end and self._stands(text, part):
                kept.append(part)
        return kept

    def _without_small_words(self, text: str, span: PhiSpan) -> PhiSpan:
        """Without the ordinary words in lower case at either end of what has a capital in it."""
        words = list(_WORD.finditer(text, span.start, span.end))
        if not any(word[0][0].isupper() for word in words):
            return span
        small = [word[0].islower() and self._lexicon.is_ordinary(fold(word[0])) for word in words]
        if not any(small) or all(small):
            return span
        first, last = small.index(False), len(small) - 1 - small[::-1].index(False)
        start = span.start if first == 0 else words[first].start()
        end = span.end if last == len(small) - 1 else words[last].end()
        return span._replace(start=start, end=end)

    def _stands(self, text: str, span: PhiSpan) -> bool:
        content = text[span.start : span.end].strip(" .,;:()")
        if not _ALPHANUMERIC.search(content) or self._is_lookalike(text, span):
            return False
        if span.label == "DATE":
            if _WORDS_TOO.fullmatch(content) and _NO_DAY_AFTER.match(text, span.end):
                return False
            if _TOMOGRAPHY.fullmatch(content) and not _DIGIT.search(text, max(0, span.start - 4), span.end + 4):
                return False
            if _SCALE_BEFORE.search(text, max(0, span.start - 20), span.start) or is_growth(text, content, span.end):
                return False
            return _is_date(content, span.score)
        if span.label == "AGE":
            return (
                any(90 <= int(number) <= 130 for number in _NUMBER.findall(content))
                or _OLD_WORD.search(content) is not None
            )
        if span.label == "ROOM":
            return len(_DIGIT.findall(content)) >= _FEWEST_OF_ROOM
        if span.label in _FEWEST_DIGITS:
            return len(_DIGIT.findall(content)) >= _FEWEST_DIGITS[span.label]
        if span.label == "PHOTO":
            return any(char.isdigit() or char in "._" for char in content)
        if span.label == "URL":
            return any(char in "./" for char in content)
        if span.label == "IPADDR":
            return "." in content or ":" in content
        words = _WORD.findall(content)
        if span.label in _NAMES:
            return self._is_name(text, span, words)
        if span.label in _PLACES:
            return self._is_place(text, span, words)
        return True

    def _is_name(self, text: str, span: PhiSpan, words: list[str]) -> bool:
        folded = [fold(word) for word in words if len(word) > 1]
        if not folded:
            return len(words) > 1 and span.score >= SURE  # `Dr. X` hides a name, `J.M.` may be one
        if len(folded) > 1 and self._lexicon.is_eponym("-".join(folded)):
            return False
        if all(self._lexicon.is_eponym(word) or self._lexicon.is_placeholder(word) for word in folded):
            return len(words) > 1 and span.score >= SURE and not self._lexicon.is_placeholder(folded[0])
        if len(words) == 1 and self._lexicon.is_used_as_eponym(text, span.end):
            return False
        if len(folded) == 1 and span.score < SURE and self._lexicon.abbreviates(words[-1]):
            return False
        if any(not self._lexicon.is_ordinary(word) for word in folded):
            return len(words) > 1 or span.score >= _RATHER_SURE or self._may_be_named(text, span, words[0])
        capital = [fold(word) for word in words if len(word) > 1 and word[0].isupper()]
        sure = span.score >= SURE and (capital or any(self._lexicon.is_name_too(word) for word in folded))
        return bool(sure) or any(self._lexicon.is_name_too(word) for word in capital)

    def _may_be_named(self, text: str, span: PhiSpan, word: str) -> bool:
        """Whether a lone word of which a tagger is not sure is a known name, or stands where people do.

        Drugs and devices (`Glidesheath (`) are formed as names are; hardly anybody's name is on no list.
        """
        if not word.istitle() or all(part in self._listed for part in _PARTS.split(fold(word)) if part):
            return True
        begin = max(0, span.start - _LONGEST_COMPANY)
        return _COMPANY_BEFORE.search(text, begin, span.start) is not None or (
            text.startswith(":", span.end) or acts(text, span.end)
        )

    def _is_place(self, text: str, span: PhiSpan, words: list[str]) -> bool:
        folded = [fold(word) for word in words]
        listed = " ".join(folded) in self._cities
        if span.label == "CITY":
            acronym = span.end - span.start <= 4 and text[span.start : span.end].isupper() and not listed
            if acronym or self._lexicon.is_used_as_eponym(text, span.end) or is_larger_than_city(folded):
                return False
        if len(folded) == 1 and self._lexicon.is_eponym(folded[0]):
            return False
        if all(self._lexicon.is_placeholder(word) for word in folded):
            return False
        if len(folded) == 1 and span.score < SURE and span.label != "HOSPITAL" and self._lexicon.abbreviates(words[0]):
            return False
        if any(not self._lexicon.is_ordinary(word) for word in folded):
            return True
        titled = all(word[0].isupper() for word in words if len(word) > 3)
        return span.score >= (_RATHER_SURE if listed or (titled and len(words) > 1) else SURE)


def _is_date(content: str, score: float) -> bool:
    if _YEAR_ONLY.fullmatch(content):
        return False
    if _DATE_WORDS.search(content):
        return content.lower() != "may" or (content[0] == "M" and score >= SURE)
    if _MONTH_AND_YEAR.fullmatch(content):
        return True
    # Of other figures (`20/25`, `5/5`) the words around tell, which a tagger that is sure has read.
    if score < SURE:
        return False
    if pair := _MONTH_AND_DAY.fullmatch(content):
        first, second = sorted(map(int, pair.groups()))
        return 1 <= first <= 12 and second <= 31
    letters = sum(char.isalpha() for char in content)
    return _JOINED_DATE.fullmatch(content) is not None or letters > 3


def _numbers(text: str, span: PhiSpan) -> list[PhiSpan]:
    """A tagger's number, cut where another thing begins in it."""
    if span.label not in _FEWEST_DIGITS:
        return [span]
    cuts = [
        cut
        for cut in _CODE_ENDS.finditer(text, span.start, span.end)
        if _DIGIT.search(text, span.start, cut.start()) and _DIGIT.search(text, cut.end(), span.end)
    ]
    starts = [span.start, *(cut.end() for cut in cuts)]
    ends = [*(cut.start() for cut in cuts), span.end]
    return [span._replace(start=start, end=end) for start, end in zip(starts, ends, strict=True)]


def _without_titles(text: str, span: PhiSpan) -> PhiSpan:
    """The name without the titles and degrees around it: they are no PHI."""
    before = _NO_PART_BEFORE.match(text, span.start, span.end)
    start = before.end() if before else span.start
    while (word := _WORD.match(text, start, span.end)) and is_role(word[0].lower()):
        gap = _ROLE_GAP.match(text, word.end(), span.end)
        start = gap.end() if gap else word.end()
    after = _NO_PART_AFTER.search(text, start, span.end)
    return span._replace(start=start, end=after.start() if after else span.end)
