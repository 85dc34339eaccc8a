"""What was found in pieces, or short of its end, is made whole.

Each layer stops where its own evidence ends: a list knows `Ridgeline`, a tagger labels word by word, a pattern reads
`Tuesday` and `7/2` one by one. What is left between and beside them tells as much as what was found, so pieces of one
thing are joined, and a name, number or place that goes on is followed to its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from transforms.deid.fold import lower
from transforms.deid.lexicon import Lexicon
from transforms.deid.lists import NameLists
from transforms.deid.recognizers.calendar_words import WEEKDAY
from transforms.deid.recognizers.contact import EXTENSION
from transforms.deid.recognizers.facilities import kind_follows
from transforms.deid.recognizers.name_reader import NO_NAMES, NameReader, closes_name
from transforms.deid.recognizers.places import UNIT
from transforms.deid.spans import TAGGER, PhiSpan

_NAMES: Final = frozenset(("PATIENT", "DOCTOR"))
_HOUSES: Final = frozenset(("HOSPITAL", "ORGANIZATION", "DEPARTMENT"))
_PLACES: Final = _HOUSES | {"CITY", "LOCATION-OTHER"}
_PHONES: Final = frozenset(("PHONE", "FAX"))
_CODES: Final = frozenset(
    ("MEDICALRECORD", "HEALTHPLAN", "ACCOUNT", "LICENSE", "VEHICLE", "DEVICE", "IDNUM", "BIOID", "SSN")
)

_SHORTENED: Final = re.compile(r"\b(?:St|Ste|Mt|Ft|ST|STE|MT|FT|st|ste|mt|ft)\Z")
"""Ends a piece whose full stop ends no sentence: `Port St. Lucie`."""
_DAY_GAP: Final = re.compile(r",?\s?\(?|,\s?")
_RANGE_GAP: Final = re.compile(r"\s?[-–—]\s?")
_HOUSE_GAP: Final = re.compile(r"[ \n](?:(?:of|at|de|del)(?: the)?|on the|de la|&)[ \n]")
_ALTERNATIVE_GAP: Final = re.compile(r"[ \n](?:or|de|du|of|the)[ \n]")
_NAME_GAP: Final = re.compile(r" |, ?|,\n|'|-")
_CODE_GAP: Final = re.compile(r" |\$\$?|/\$\$?| ?- ?|\(|\)|;")
_LONGEST_SHORT_GROUP: Final = 4
_LONGEST_UNIT: Final = 24
_LONGEST_GAP: Final = 9

_GROUP: Final = r"(?=[A-Za-z]{0,3}\d)[A-Za-z0-9]+"
_GROUPS_AFTER: Final = re.compile(
    rf"[-/.$#+]{{0,3}}{_GROUP}(?:[-/.$#+]{{1,3}}{_GROUP})*(?:-[A-Za-z]{{1,2}})?(?!\w)|-[A-Z](?!\w)"
)
_GROUPS_BEFORE: Final = re.compile(r"(?<![\w.-])(?:(?:[A-Za-z]{0,2}\d[\dA-Za-z]*[-./])+|\+)\Z")
_FIRST_THREE: Final = re.compile(r"(?<![\w./-])\d{3} \Z")
"""The first group of `264 6030`, where a pattern saw a number of four digits."""
_PLATE_BEFORE: Final = re.compile(r"(?<![\w-])(?:[A-Z]{1,3}|(?=\w*\d)[A-Z\d]{1,4})[ -]\Z")
_PLATE_AFTER: Final = re.compile(r"[ -](?:[A-Z]{1,3}|\d{1,4}[A-Z]?)(?![\w-])")
_SHORTEST_PLATE: Final = 5
_POSSESSIVE: Final = re.compile(r"['’][sS]\b")
_INITIAL_AFTER: Final = re.compile(r" [A-Z](?=[,\n]|  )")
_INITIAL_THEN_COMMA: Final = re.compile(r" [A-Z](?=, )")
"""`Roe T, POD #3`, where the line begins."""
_COUNTY: Final = re.compile(r"\b(?:County|Parish|Borough)(?: [A-Z][a-z]+)*\Z")
_BODY_AFTER: Final = re.compile(
    r"(?:[ \n](?:(?:and|of|&|for)[ \n])?(?:Health|Human|Social|Public|Mental|Behavioral|Family|Children|Child"
    r"|Aging|Services?|Department|Dept|Agency|Authority|Commission|District))+(?!\w)"
)
"""The rest of a public body's name: `Alder County Health and Human Services`."""
_SIDE_AFTER: Final = re.compile(r" (?:North|South|East|West|NORTH|SOUTH|EAST|WEST)(?![\w-]| [A-Z][a-z])")
"""Which of its houses: `Harbor Methodist West`."""
_COURT_AFTER: Final = re.compile(
    r" (?:Probate|District|Superior|Circuit|Juvenile|Family|Municipal|Surrogate's|Drug|Common Pleas)?"
    r" ?(?:Court|Clerk of Courts?|Courthouse|Jail|Coroner|Morgue|Sheriff)(?!\w)"
)
_LAST_INITIAL: Final = re.compile(r" [A-Z]\.(?=\s*(?:\n|\Z)|[,;)]| [A-Z][a-z]|\. )")
"""`sponsor Ida M.`"""
_INITIAL_BEFORE: Final = re.compile(r"(?<![\w.'-])[A-Z]\Z")
_WORD_AFTER: Final = re.compile(r"[ \n]([^\W\d_]+(?:['’-][^\W\d_]+)*)")
_WORD_BEFORE: Final = re.compile(r"(?<![\w.'’-])([^\W\d_]+(?:['’-][^\W\d_]+)*)(, ?| )\Z")
_CITY_WORD: Final = re.compile(r"(?<![\w'’-])[^\W\d_][\w'’-]*")
_CITY_BREAK: Final = re.compile(r"[,;:()|/\d]|\n\s*\n| {3}")
_SIGNED_FOR: Final = re.compile(r"[/:][a-z]{2,3}(?![\w/])")
"""The typist behind the one who dictated: `YUM/sib`."""
_SIGNED_BY: Final = re.compile(r"(?<![\w/])[A-Z]{2,3}[/:]\Z")
_SENTENCE_BEGINS: Final = re.compile(r"(?:\A|[.!?:;\n]\s*|\n\s*[-*•]\s*)\Z")
_ONE_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*(?: [A-Z]\.?)?")
_SURNAME: Final = re.compile(
    r"(?:(?:de|la|los|del|van|von|der|den|st|al|el|da|di|du|le|san|mac)\.? ){0,2}[^\W\d_]+(?:['’-][^\W\d_]+)*",
    re.IGNORECASE,
)
_PARTICLE_BEFORE: Final = re.compile(
    r"(?<![\w'’.-])(?:(?:[Dd][ei]l?|[Ll][ae]|[Ll]os|[Vv][ao]n|[Dd][ea][rn]|[Dd][au]|DE|LA|DEL|VAN|VON|DER|[OD]['’])"
    r" ?)+\Z"
)
_SECOND_HALF: Final = re.compile(r"['’-][A-Z][a-z]+(?! ?\d)")
_SHORTEST_SURNAME: Final = 5
_STAFF_AFTER: Final = re.compile(r", [A-Z][A-Za-z.-]{1,8}(?![a-z])")
_NUMBER_SIGN: Final = re.compile(r"(?<!\w)#\Z")
_SERIES: Final = re.compile(
    r"\b(?:prescription|claim|case|number|no\.?|run|file|job|order|kit|chain|confirmation|conf"
    r"|receipt|requisition|ticket|group|grp|reference|auth|rx),? +#?([A-Z]{2,3} )\Z",
    re.IGNORECASE,
)
"""The letters before a number, where they are part of it: `prescription RP 7385066`."""
_LETTERED: Final = re.compile(r"\d{5}-\d|(?!(?:0\d|1[0-2])-(?:19|20)\d\d)\d\d-\d{4}")
_TWO_LETTERS: Final = re.compile(r"(?<![\w.-])((?!IN|ON|AT|OF|IS|NO|TO|OR|BY|AS|ID|DL)[A-Z]{2} )\Z")
"""The letters of a number that is written `PK 46013-8`, `RW 87-5519`."""
_SPOT_AFTER: Final = re.compile(
    r" (?:boat (?:ramp|launch|dock)|bus (?:depot|station|stop)|train station|trail ?head|camp ?ground|parking lot"
    r"|rest area|beach|pier|marina|dock|trail|bridge|dam|playground|pool|lodge|resort|cemetery|overlook|campsite"
    r"|picnic area|visitor center)(?!\w)"
)
"""What kind of spot it is, in small letters behind its name: `Eagle Lake boat ramp`."""
_LICENSEE: Final = re.compile(
    r"(?:\blic(?:ense)?\.?(?: no\.?)?:?\s+|\()((?!NPI|DEA|LIC)[A-Z]{2,3}[ -]|(?:[A-Z]\.){2} )\Z", re.IGNORECASE
)
"""Who is licensed, where it is part of the number: `lic RN 06 2801`, `(EMT 847319)`."""


_ABBREVIATED: Final = re.compile(r",? [^\W\d_]\Z")
_REST_OF_IT: Final = re.compile(r"/[^\W\d_]")
"""`karen holt c/o`: the letter begins an abbreviation, it is no initial."""
_NUMBER_BEHIND: Final = re.compile(r"(?<=[^\W\d_])\.?[,\s]\s?\d{1,3}\Z")
_REST_OF_VALUE: Final = re.compile(r"\.\d\d?(?!\d)|\s?(?:%|(?:lbs?|kg|mg|g|mcg|ml|cm|mm|units?|pounds)\b)")
"""`10.2 in May, 11.4 in June`: the number belongs to a value, it is no day."""
_BARE_DAY: Final = re.compile(r"\d{1,2}/\d{1,2}(?!/)")
_RANGE_BEFORE: Final = re.compile(r"(?<![\w/.-])(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01]) ?[-–] ?\Z")
"""Where only the end of `3/4-3/9` was seen to be a date, the begin is one too."""


class Whole:
    """The rules.

    Args:
        lexicon: tells ordinary words and eponyms.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._reader = NameReader(lexicon)
        self._cities = NameLists.shipped().cities
        self._surnames = NameLists.shipped().surnames

    def __call__(self, text: str, spans: Iterable[PhiSpan]) -> list[PhiSpan]:
        """Spans, joined and widened; sorted and disjoint as they came.

        Args:
            text: the note.
            spans: sorted, disjoint.
        """
        found = list(spans)
        widened = []
        floor = 0
        for index, span in enumerate(found):
            ceiling = found[index + 1].start if index + 1 < len(found) else len(text)
            span = self._widened(text, span, floor, ceiling)
            widened.append(span)
            floor = span.end
        joined: list[PhiSpan] = []
        for span in widened:
            if joined and self._belong(text, joined[-1], span):
                joined[-1] = _one(joined[-1], span)
            else:
                joined.append(span)
        return [_bracketed(text, _without_next(text, span)) for span in joined]

    def _belong(self, text: str, one: PhiSpan, other: PhiSpan) -> bool:
        """Whether two spans, one after the other, are pieces of one thing."""
        if other.start - one.end > _LONGEST_GAP:
            return False
        gap = text[one.end : other.start]
        labels = {one.label, other.label}
        if gap in (".", "_") and labels <= _NAMES:
            return text[one.end - 1].islower() and text[other.start].islower()  # `ann.lee`
        if gap.strip() == "." and "\n\n" not in gap and (labels <= _PLACES or labels <= _NAMES):
            return _SHORTENED.search(text, max(0, one.end - 4), one.end) is not None
        if labels == {"DATE"}:
            if _RANGE_GAP.fullmatch(gap):
                return True
            if not _DAY_GAP.fullmatch(gap) or not WEEKDAY.fullmatch(text, one.start, one.end):
                return False
            return WEEKDAY.fullmatch(text, other.start, other.end) is None
        if labels <= _PLACES:
            if one.label in _HOUSES:
                return gap in (" ", "\n", "-", "'", "’") or _HOUSE_GAP.fullmatch(gap) is not None
            if labels <= {"CITY", "LOCATION-OTHER"}:
                return gap in (" ", "\n", "-") or _ALTERNATIVE_GAP.fullmatch(gap) is not None
            return gap in ("", " ") and other.label in _HOUSES
        if labels <= _NAMES:
            return _NAME_GAP.fullmatch(gap) is not None and self._is_one_name(text, one, gap, other)
        if gap == " " and labels <= _NAMES | _PLACES and TAGGER == one.recognizer == other.recognizer:
            return _alike(text[one.start : one.end], text[other.start : other.end])
        if labels <= _CODES | _PHONES and labels & _CODES:
            shorter = min(one.end - one.start, other.end - other.start)
            return _CODE_GAP.fullmatch(gap) is not None and (gap != " " or shorter <= _LONGEST_SHORT_GROUP)
        return False

    def _is_one_name(self, text: str, one: PhiSpan, gap: str, other: PhiSpan) -> bool:
        if "," not in gap:
            return True
        last, first = text[one.start : one.end], text[other.start : other.end]
        if not (_SURNAME.fullmatch(last) and _ONE_WORD.fullmatch(first)):
            return False
        # Names one after another (`Agnes, Thomas`) are seldom all in capitals; `KNIGHT, NOOR` is how one is filed.
        filed = last.isupper() or not self._reader.is_given(last.lower())
        given = first.partition(" ")[0].lower()
        return filed and (self._reader.is_given(given) or not self._reader.is_listed(given))

    def _widened(self, text: str, span: PhiSpan, floor: int, ceiling: int) -> PhiSpan:
        """The span with what goes on before and after it, within `floor` and `ceiling`."""
        start, end = span.start, span.end
        if span.label in _NAMES:
            start, end = self._name(text, start, end, floor, ceiling)
        elif span.label == "DATE":
            begin = _RANGE_BEFORE.search(text, max(floor, start - 8), start)
            start = begin.start() if begin and _BARE_DAY.match(text, start) else start
        elif span.label in _PHONES:
            sign = _NUMBER_SIGN.search(text, max(floor, start - 2), start)
            start = sign.start() if sign else start
            extension = EXTENSION.match(text, end, ceiling)
            end = extension.end() if extension else end
        elif span.label in _CODES:
            start, end = _code(text, start, end, floor, ceiling, plate=span.label == "VEHICLE")
            if _LETTERED.fullmatch(text, start, end) and (
                letters := _TWO_LETTERS.search(text, max(floor, start - 4), start)
            ):
                start = letters.start(1)
            if span.label in ("IDNUM", "HEALTHPLAN", "ACCOUNT") and (
                series := _SERIES.search(text, max(floor, start - 20), start)
            ):
                start = series.start(1)
            if span.label == "LICENSE" and (holder := _LICENSEE.search(text, max(floor, start - 16), start)):
                start = holder.start(1)
        elif span.label in ("CITY", "LOCATION-OTHER"):
            if span.label == "CITY":
                start, end = self._city(text, start, end, floor, ceiling)
            kind = _SPOT_AFTER.match(text, end, ceiling)
            end = kind.end() if kind else end
        elif span.label == "STREET":
            unit = UNIT.match(lower(text[end : min(ceiling, end + _LONGEST_UNIT)]))
            end += unit.end() if unit else 0
        elif span.label in ("HOSPITAL", "ORGANIZATION"):
            possessive = _POSSESSIVE.match(text, end, ceiling)
            end = possessive.end() if possessive else end
            end = min(kind_follows(text, end) or end, ceiling)
            side = _SIDE_AFTER.match(text, end, ceiling) if span.label == "HOSPITAL" else None
            end = side.end() if side else end
        if span.label in _PLACES and _COUNTY.search(text, max(start, end - 40), end):
            body = _BODY_AFTER.match(text, end, ceiling) or _COURT_AFTER.match(text, end, ceiling)
            end = body.end() if body else end
        return span._replace(start=start, end=end)

    def _name(self, text: str, start: int, end: int, floor: int, ceiling: int) -> tuple[int, int]:
        particle = _PARTICLE_BEFORE.search(text, max(floor, start - 12), start)
        start = particle.start() if particle else start
        half = _SECOND_HALF.match(text, end, ceiling)
        end = half.end() if half else end
        initial = _INITIAL_BEFORE.search(text, max(floor, start - 2), start)
        if initial and text.startswith(".", start):
            start = initial.start()
        if _ONE_WORD.fullmatch(text, start, end):
            start = self._name_before(text, start, end, floor)
            end = self._name_after(text, start, end, ceiling)
        word = text[start:end]
        if len(word) in (2, 3) and word.isupper() and (typist := _SIGNED_FOR.match(text, end, ceiling)):
            end = typist.end()
        elif (
            len(word) in (2, 3) and word.islower() and (author := _SIGNED_BY.search(text, max(floor, start - 5), start))
        ):
            start = author.start()
        if last := _LAST_INITIAL.match(text, end, ceiling):
            end = last.end()
        headed = start == 0 or text[start - 1] == "\n"
        if (
            headed
            and _ONE_WORD.fullmatch(text, start, end)
            and (letter := _INITIAL_THEN_COMMA.match(text, end, ceiling))
        ):
            end = letter.end()
        if "," in text[start:end] and (letter := _INITIAL_AFTER.match(text, end, ceiling)):
            end = letter.end()
        return start, end

    def _name_before(self, text: str, start: int, end: int, floor: int) -> int:
        """Where a name of which one word was found begins: `Rose` of `Rose Heart`, `Law` of `Law, Michael`."""
        before = _WORD_BEFORE.search(text, max(floor, start - 24), start)
        if before is None or before[1].islower() or not _alike(before[1], text[start:end]):
            return start
        word, found = before[1].lower(), text[start:end].lower()
        if not self._may_be_name(word) or len(word) < 2:
            return start
        if "," in before[2]:
            follows = self._reader.is_given(found) and closes_name(text, end) and self._reader.is_listed(word)
            return before.start() if follows and not self._reader.is_given(word) else start
        if not self._reader.is_given(word):
            return start
        unclear = word in NO_NAMES or self._lexicon.is_ordinary(word)
        return (
            start
            if unclear and _SENTENCE_BEGINS.search(text, max(0, before.start() - 4), before.start())
            else before.start()
        )

    def _name_after(self, text: str, start: int, end: int, ceiling: int) -> int:
        """Where a name of which the given name was found ends."""
        after = _WORD_AFTER.match(text, end, ceiling)
        if after is None or len(after[1]) < 2 or not _alike(after[1], text[start:end]):
            return end
        word = after[1].lower()
        if after[1].islower():
            return after.end() if self._is_surname_only(word) else end
        if not self._may_be_name(word):
            return end
        if not self._reader.is_given(text[start:end].lower()):
            return after.end() if text[end] == " " and self._names_staff(text, word, after.end()) else end
        if not self._reader.is_listed(word) or self._lexicon.is_used_as_eponym(text, after.end()):
            return end
        unclear = self._lexicon.is_ordinary(word) or text[end] == "\n" or after[1].isupper()
        return end if unclear and not closes_name(text, after.end()) else after.end()

    def _is_surname_only(self, word: str) -> bool:
        """Whether a word in small letters behind a name in small letters can be nothing but its surname."""
        if len(word) < _SHORTEST_SURNAME or word not in self._surnames or self._lexicon.is_ordinary(word):
            return False
        return word not in self._lexicon.eponyms and not self._lexicon.abbreviates(word)

    def _names_staff(self, text: str, word: str, end: int) -> bool:
        """Whether a surname, however short, stands before a degree or a comma: `Yusuf Ho, EDT`."""
        return (
            word in self._surnames and not self._lexicon.is_ordinary(word) and _STAFF_AFTER.match(text, end) is not None
        )

    def _city(self, text: str, start: int, end: int, floor: int, ceiling: int) -> tuple[int, int]:
        """The longest name on the list of cities that holds the word found: `Girardeau` of `Cape Girardeau`."""
        before = [word.start() for word in _CITY_WORD.finditer(text, max(floor, start - 24), start)]
        after = [word.end() for word in _CITY_WORD.finditer(text, end, min(ceiling, end + 24))]
        firsts = [start, *before[-1:-3:-1]]
        lasts = [end, *after[:2]]
        longest = sorted(((first, last) for first in firsts for last in lasts), key=lambda ends: ends[0] - ends[1])
        for first, last in longest[:-1]:
            words = text[first:last]
            if not _CITY_BREAK.search(words) and " ".join(lower(words).replace(".", "").split()) in self._cities:
                return first, last
        return start, end

    def _may_be_name(self, word: str) -> bool:
        if self._lexicon.is_placeholder(word) or self._reader.is_label(word):
            return False
        return not self._lexicon.is_ordinary(word) or self._lexicon.is_name_too(word)


def _alike(word: str, other: str) -> bool:
    """Whether two words are written alike: both in capitals, both with a capital, or both in small letters."""
    if word.islower():
        return other.islower()
    return word[0].isupper() and other[0].isupper() and word.isupper() == other.isupper()


def _code(text: str, start: int, end: int, floor: int, ceiling: int, *, plate: bool) -> tuple[int, int]:
    """A number with the groups that it is written with."""
    sign = _NUMBER_SIGN.search(text, max(floor, start - 2), start)
    start = sign.start() if sign else start
    after = _GROUPS_AFTER.match(text, end, ceiling)
    end = after.end() if after else end
    before = _GROUPS_BEFORE.search(text, max(floor, start - 24), start)
    start = before.start() if before else start
    if (
        text[start:end].isdigit()
        and 4 <= end - start <= 6
        and (first := _FIRST_THREE.search(text, max(floor, start - 5), start))
    ):
        start = first.start()
    if plate and end - start < _SHORTEST_PLATE:
        plate_after = _PLATE_AFTER.match(text, end, ceiling)
        if plate_after:
            return start, plate_after.end()
        plate_before = _PLATE_BEFORE.search(text, max(floor, start - 6), start)
        start = plate_before.start() if plate_before else start
    return start, end


def _one(one: PhiSpan, other: PhiSpan) -> PhiSpan:
    """Two pieces as one, under the label of the house before that of its town, of the longer before the shorter."""
    if (one.label in _NAMES) != (other.label in _NAMES) and one.label not in _HOUSES:
        return one._replace(end=other.end, score=max(one.score, other.score))
    houses = [piece for piece in (one, other) if piece.label in _HOUSES]
    named: Sequence[PhiSpan] = houses if len(houses) == 1 else (one, other)
    best = max(named, key=lambda piece: piece.end - piece.start)
    return best._replace(start=one.start, end=other.end, score=max(one.score, other.score))


def _without_next(text: str, span: PhiSpan) -> PhiSpan:
    """The span without the first piece of what comes behind it."""
    if span.label in _NAMES and _REST_OF_IT.match(text, span.end):
        taken = _ABBREVIATED.search(text, max(span.start + 1, span.end - 3), span.end)
    elif span.label == "DATE" and _REST_OF_VALUE.match(text, span.end):
        taken = _NUMBER_BEHIND.search(text, max(span.start, span.end - 8), span.end)
    else:
        return span
    return span._replace(end=taken.start()) if taken else span


def _bracketed(text: str, span: PhiSpan) -> PhiSpan:
    """The span with the bracket that closes what it opens."""
    inside = text[span.start : span.end]
    closes = text.startswith(")", span.end) and inside.count("(") > inside.count(")")
    return span._replace(end=span.end + 1) if closes else span
