"""Places below the state: ZIP codes, street addresses, cities.

A state is no Safe Harbor identifier and stays, also within an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import ClassVar, Final

from transforms.deid.lexicon import Lexicon
from transforms.deid.lists import NameLists
from transforms.deid.recognizers.base import (
    ClinicalRecognizer,
    Found,
    Note,
    is_word_char,
    longest_first,
    occurrences,
    table,
)
from transforms.deid.recognizers.name_reader import DEGREES

_TABLE: Final = table("places.toml")
_STATES: Final = longest_first(_TABLE["states"])
_POSTAL: Final = longest_first(f"{_TABLE['postal_clear']} {_TABLE['postal_unclear']}".split())
_CLEAR_POSTAL: Final = longest_first([*_TABLE["postal_clear"].split(), "D.C."])
LARGER: Final = frozenset(_TABLE["countries"].split()) | {
    word.lower() for name in _TABLE["states"] for word in name.split()
}
_CITY_HEADS: Final = frozenset(_TABLE["city_heads"].split())

_ZIP: Final = re.compile(r"\d{5}(?:[-–]\d{4})?(?![\w]|[-.]\d)")
_STATE_BEFORE: Final = re.compile(rf"(?<![\w])(?:{_POSTAL}|{_STATES})[.,]?\s{{1,3}}\Z")
_LOWER_STATE_BEFORE: Final = re.compile(rf"(?P<comma>,)?\s(?:{_POSTAL.lower()}|{_STATES.lower()})[.,]?\s{{1,3}}\Z")
_LONGEST_STATE: Final = 24
_ZIP_WORD_BEFORE: Final = re.compile(r"\bzip(?:s|[ -]?codes?)?(?: is| are| on file)?[\s:#]{0,3}\Z")
_ZIP_GAP: Final = re.compile(r"(?:,|;|/| &| and| or|, and|, or) ?")
"""Between the ZIP codes of a list."""
_ENDS_LINE: Final = re.compile(r"\s*(?:\n|\Z|\||;|,|\.|  )")

UNIT: Final = re.compile(
    r",?\s{1,2}(?:(?:apt|apartment|suite|ste|unit|floor|fl|rm|room|bldg|building|lot|spc|space|trlr|trailer|#)\.?\s?#?\s?"
    r"[\w-]{1,6}|(?:\d{1,2}(?:st|nd|rd|th)|first|second|third|fourth|top|ground) floor|#\s?\w{1,5})(?!\w)"
)
"""Which part of a house: `, Apt 4`, ` 2nd floor`; in lower case."""
_UNIT: Final = rf"(?:{UNIT.pattern})?"
_COMPASS: Final = r"(?: (?:n|s|e|w|ne|nw|se|sw|north|south|east|west)\b\.?)?"
_WORD: Final = r"(?:[^\W\d_][\w'’.\-]*|\d{1,3}(?:st|nd|rd|th)?)"
_NUMBER: Final = re.compile(r"\d(?<![\w./:-]\d)\d{0,5}(?:-\d{1,4})?[a-d]?(?=[ \n][^\W_])")
_SUFFIX: Final = (
    rf"(?:(?P<strong>{longest_first(_TABLE['street_strong'].split())})"
    rf"|(?P<weak>{longest_first(_TABLE['street_weak'].split())}))\b\.?{_COMPASS}{_UNIT}"
)
_STREETS: Final = tuple(
    re.compile(rf"[ \n](?P<name>{'[ NL]'.join([_WORD] * count).replace('NL', chr(10))})[ \n]{_SUFFIX}")
    for count in (1, 2, 3, 4)
)
"""One for each number of words before `Street` and its like."""
_ENDS_ADDRESS: Final = re.compile(r"\s*(?:,|\n|\Z|\||;|/|\t|  |\()| [^\W\d_][\w .]{2,24}(?:,? [A-Za-z]{2},?)? \d{5}")
_NO_STREET: Final = frozenset(_TABLE["no_street"].split())
_SHORT_SUFFIXES: Final = frozenset(("dr", "st", "ct", "pl", "ter", "av"))
_BOX: Final = re.compile(r"(?:p\.? ?o\.? ?|post office )?box \d{1,6}")
_RURAL: Final = re.compile(r"(?:r\.?r\.?|rural (?:route|rte)|star route|hc|hcr) ?#?\d{1,4},? box \d{1,6}[a-z]?\b")
_ADDRESSED: Final = re.compile(
    r"(?:address(?: (?:on file|is|was))*|resides at|lives at|living at|residing at|moved to|mail(?:ed)? to)[\s:]{1,3}\Z"
)
_AFTER_STREET: Final = re.compile(
    r",?\s{1,3}(?P<city>[A-Za-z][A-Za-z.'-]*(?:[ \n][A-Za-z][A-Za-z.'-]*){0,3}?)(?:,?\s{1,3}(?P<state>[A-Za-z]{2}"
    r"|[A-Z][a-z]+(?: [A-Z][a-z]+)?)[.,]?)?"
    r"(?:,?\s{1,4}(?P<zip>\d{5}(?:-\d{4})?)(?!\w)|(?=\s*(?:[.;)(\n|]|\Z| {2}|,)))"
)

_CITY_NAME: Final = r"(?:(?:St|Ste|Ft|Mt)\. )?[A-Z][a-zA-Z'’\-]+(?:[ -](?:of|de|la|del|on|the|[A-Z][a-zA-Z'’\-]+)){0,3}"
_COMMA_STATE: Final = re.compile(rf", (?=[A-Z])(?:{_STATES}|{_CLEAR_POSTAL})\b")
_CITY_BEFORE: Final = re.compile(rf"(?<![\w'’-]){_CITY_NAME}\Z")
_CITY_STATE_BEFORE: Final = re.compile(rf"({_CITY_NAME}),? (?:{_POSTAL}|{_STATES})\.?,?\s{{1,3}}\Z")
_LONGEST_CITY: Final = 48
_CITY_TRIGGER: Final = re.compile(
    r"(?:live[sd]?|living|resid(?:es|ed|ing)|resident|born|raised|grew up|moved|relocated|native|travell?ed|travels"
    r"|works|worked|vacation|trip)(?: (?:alone|with [a-z ]{3,24}|back|here|there))? (?:in|of|from|to|at|near|outside)"
    r"(?: the (?:city|town) of)?\s"
    r"|(?:hometown|city|town)(?: is |: | of )"
)
_CITY_WORDS: Final = frozenset(
    (
        *(
            "live",
            "lives",
            "lived",
            "living",
            "resides",
            "resided",
            "residing",
            "resident",
            "born",
            "raised",
            "grew",
            "moved",
        ),
        *("relocated", "native", "traveled", "travelled", "travels", "works", "worked", "vacation", "trip"),
        *("hometown", "city", "town"),
    )
)
_IN_BRACKETS: Final = re.compile(r"\(([A-Z][a-z']+(?: (?:[A-Z][a-z']+|du|de|la|of|or)){0,2})(?=\)|, ?[(\d])")
_STRONG_PREPOSITIONS: Final = frozenset(("in", "near", "outside", "from"))
_PREPOSITIONS: Final = _STRONG_PREPOSITIONS | {"of", "to", "at"}
_PREPOSITION: Final = re.compile(rf"[ \n]({'|'.join(_PREPOSITIONS)})[ \n]")
_CITY_WORD: Final = re.compile(r"(?:(?:St|Ste|Ft|Mt|st|ste|ft|mt)\. )?[A-Za-z][A-Za-z'-]*")
_STATE_CODES: Final = frozenset(f"{_TABLE['postal_clear']} {_TABLE['postal_unclear']}".lower().split()) - {"pr"}
"""Without Puerto Rico's: where PR stands in a note it is an interval of the ECG."""
_STATE_CODE: Final = re.compile(r"[A-Z]{2}(?= \d{5}|[.;)\n]| {2}|\Z)")
_MARKS: Final = frozenset(",;(")
_NO_CITY_AFTER: Final = re.compile(
    r"(?:'s|-| (?:disease|syndrome|test|score|scale|coma|criteria|classification|virus|fever|protocol|stage|grade"
    r"|disorder)\b)"
)
_ENDS_PHRASE: Final = re.compile(
    r"[ \t]*(?:[.,;:()\n]|\Z|  )| (?:with|w/|for|and|by|on|since|until|where|who|c/o|after|when|\d)"
)
_SUFFIX_WORDS: Final = frozenset(word for key in ("street_strong", "street_weak") for word in _TABLE[key].split())
_CITY_AT: Final = re.compile(_CITY_NAME)


class Places(ClinicalRecognizer):
    """Addresses and cities."""

    labels: ClassVar[tuple[str, ...]] = ("ZIP", "STREET", "CITY")
    title: ClassVar[str] = "places"

    def __init__(self) -> None:
        self._lexicon = Lexicon.shipped()
        self._lists = NameLists.shipped()
        super().__init__()

    def find(self, note: Note) -> Iterator[Found]:
        text = note.text
        zips = list(_zips(note))
        yield from zips
        for street in self._streets(note):
            yield street
            yield from self._after_street(note, street.end)
        yield from self._cities_by_state(text, zips)
        if not note.words.isdisjoint(_CITY_WORDS):
            yield from self._cities_by_verb(note)
        yield from self._listed_cities(note)

    def _after_street(self, note: Note, end: int) -> Iterator[Found]:
        """City and ZIP code behind a street: `12 Oak Street, Hope 02139`."""
        match = _AFTER_STREET.match(note.text, end)
        if match is None:
            return
        city = match["city"].replace("\n", " ").lower()
        listed = city in self._lists.cities or city.replace("st.", "saint") in self._lists.cities
        if match["zip"] or (listed and (match["city"][0].isupper() or not note.mixed)):
            yield Found(*match.span("city"), "CITY", 0.85)
        if match["zip"]:
            yield Found(*match.span("zip"), "ZIP", 0.9)

    def _listed_cities(self, note: Note) -> Iterator[Found]:
        """`in Greensboro`, `from Walla Walla`: a preposition and a listed city that is no ordinary word."""
        for preposition, start in _behind_prepositions(note):
            end = self._city_at(note, start, strong=preposition in _STRONG_PREPOSITIONS)
            if end:
                yield Found(start, end, "CITY", 0.7)
        for match in _IN_BRACKETS.finditer(note.text) if note.mixed else ():
            city = match[1].lower()
            if city not in self._lists.cities or city in self._lists.given or self._lexicon.is_ordinary(city):
                continue
            if city not in self._lexicon.eponyms:
                yield Found(*match.span(1), "CITY", 0.6)
        for _, at in note.starts(_STATE_CODES):
            state = _STATE_CODE.match(note.text, at) if note.text[at].isupper() else None
            end = at - 1
            if state is None or note.text[end : end + 1] != " ":
                continue
            end -= note.text[end - 1 : end] == ","
            words = list(_CITY_WORD.finditer(note.text, max(0, end - 30), end))
            for count in (3, 2, 1):
                if len(words) >= count and words[-1].end() == end:
                    start = words[-count].start()
                    if state.group() in self._lists.cities.get(note.text[start:end].lower(), "").split(","):
                        yield Found(start, end, "CITY", 0.85)
                        break

    def _city_at(self, note: Note, start: int, *, strong: bool) -> int | None:
        """Where the listed city that begins at `start` ends."""
        text = note.text
        words = list(islice(_CITY_WORD.finditer(text, start, start + 40), 4))
        for count in range(min(4, len(words)), 0, -1):
            end = words[count - 1].end()
            if words[0].start() != start or not _MARKS.isdisjoint(text[start:end]):
                continue
            name = " ".join(text[start:end].lower().split())
            if name not in self._lists.cities:
                continue
            parts = name.split()
            if name in LARGER or is_larger_than_city(parts) or _NO_CITY_AFTER.match(text, end):
                return None
            if text[start:end].isupper() and note.mixed and len(name) < 6:
                return None
            proper = [
                part for part in parts if not self._lexicon.is_ordinary(part) and part not in self._lexicon.eponyms
            ]
            if not strong and (len(parts) == 1 and name in self._lists.given):
                return None  # `circle of Willis`, `knot of Henry`
            if proper and (strong or len(parts) > 1 or _ENDS_PHRASE.match(text, end)):
                return end
            if len(parts) > 1 and note.mixed and text[words[count - 1].start()].isupper():
                return end
        return None

    def _cities_by_state(self, text: str, zips: Iterable[Found]) -> Iterator[Found]:
        for found in zips:
            name = _CITY_STATE_BEFORE.search(text, max(0, found.start - _LONGEST_CITY), found.start)
            start, end = self._city(text, *name.span(1)) if name else (0, 0)
            if start < end:
                yield Found(start, end, "CITY", 0.85)
        for state in _COMMA_STATE.finditer(text):
            name = _CITY_BEFORE.search(text, max(0, state.start() - _LONGEST_CITY), state.start())
            start, end = self._city(text, *name.span()) if name else (0, 0)
            # `Medicine, Tennessee Heart Institute`: ordinary words need their ZIP code.
            words = text[start:end].lower().split()
            if not all(self._lexicon.is_ordinary(word) or word in DEGREES for word in words):
                yield Found(start, end, "CITY", 0.85)

    def _streets(self, note: Note) -> Iterator[Found]:
        text, lowered = note.text, note.lowered
        for at in occurrences(lowered, "box ") if "box" in note.words else ():
            box = _BOX.search(lowered, max(0, at - 12), at + 12)
            if box and not is_word_char(lowered, box.start() - 1) and not box.group().startswith("box"):
                yield Found(*box.span(), "STREET", 0.9)
            rural = _RURAL.search(lowered, max(0, at - 22), at + 12)
            if rural and not is_word_char(lowered, rural.start() - 1):
                yield Found(*rural.span(), "STREET", 0.9)
        if note.words.isdisjoint(_SUFFIX_WORDS):
            return
        done = 0
        for first, _ in note.numbers:
            number = _NUMBER.match(lowered, first) if first >= done else None
            if number is None:
                continue
            if len(number.group()) > 6 and "-" in number.group():
                continue  # the end of a phone number
            matches = [pattern.match(lowered, number.end()) for pattern in _STREETS]
            ends = [match.end() for match in matches if match and self._is_street(text, number, match)]
            if ends:
                done = max(ends)  # `Country Club Road` is more than `Country Club`
                yield Found(number.start(), done, "STREET", 0.85)

    def _is_street(self, text: str, number: re.Match[str], match: re.Match[str]) -> bool:
        words = text[match.start("name") : match.end("name")].split()
        if any(word.endswith(".") and len(word) > 3 for word in words):
            return False
        if any(word.lower().strip(".") in _NO_STREET for word in words):
            return False
        plain = [word for word in words if self._lexicon.is_ordinary(word.strip(".").lower())]
        proper = len(plain) < len(words)
        digits = len(number.group())
        ends = _ENDS_ADDRESS.match(text, match.end()) is not None
        suffix = match.start("strong") if match["strong"] else match.start("weak")
        if _ADDRESSED.search(text[max(0, number.start() - 24) : number.start()].lower()):
            return True
        if not text[suffix].isupper() or not all(word[0].isupper() or word[0].isdigit() for word in words):
            # A note in lower case: a number of an address, a proper word, a plain suffix.
            lower = not any(char.isupper() for char in match.group())
            return lower and ends and digits >= 3 and (proper or match["strong"] is not None)
        if match["weak"]:
            return digits >= 3 and (proper or ends)
        if match["strong"] in _SHORT_SUFFIXES:  # `10 Units Dr.` is no street
            return proper or (digits >= 2 and ends)
        return proper or digits >= 2 or len(words) == 1

    def _cities_by_verb(self, note: Note) -> Iterator[Found]:
        text = note.text
        for _, at in note.starts(_CITY_WORDS):
            trigger = _CITY_TRIGGER.match(note.lowered, at)
            name = _CITY_AT.match(text, trigger.end()) if trigger else None
            if name is None:
                continue
            start, end = self._city(text, *name.span())
            words = text[start:end].lower().split()
            acronym = end - start < 5 and text[start:end].isupper()
            if start == name.start() and start < end and not acronym and not is_larger_than_city(words):
                yield Found(start, end, "CITY", 0.75)

    def _city(self, text: str, start: int, end: int) -> tuple[int, int]:
        """The span without the ordinary words at its head (`Discharged Boston`); empty when nothing is left."""
        words = list(re.finditer(r"\S+", text[start:end]))
        while words:
            first = words[0].group().lower()
            if not self._lexicon.is_ordinary(first) or self._lexicon.is_name_too(first):
                break
            if len(words) > 1 and first in _CITY_HEADS:
                break
            words.pop(0)
        return (start + words[0].start(), end) if words else (end, end)


def _behind_prepositions(note: Note) -> Iterator[tuple[str, int]]:
    """Where the name of a city may begin: in a note with small letters, with a capital."""
    if note.mixed:
        yield from note.before_capitals(_PREPOSITIONS)
    else:
        yield from ((match[1], match.end()) for match in _PREPOSITION.finditer(note.lowered))


def _zips(note: Note) -> Iterator[Found]:
    text, lowered = note.text, note.lowered
    zip_end = 0
    for first, last in note.numbers:
        match = _ZIP.match(lowered, first) if last - first == 5 else None
        if match is None:
            continue
        start, end = match.span()
        if is_word_char(lowered, start - 1) or lowered[start - 1 : start] in ("-", "."):
            continue
        begin = max(0, start - _LONGEST_STATE)
        if (
            end - start > 5
            or _STATE_BEFORE.search(text, begin, start)
            or _ZIP_WORD_BEFORE.search(lowered, begin, start)
            or (zip_end and _ZIP_GAP.fullmatch(lowered, zip_end, start))
        ):
            zip_end = end
            yield Found(start, end, "ZIP", 0.9)
            continue
        state = _LOWER_STATE_BEFORE.search(lowered, begin, start)
        # Without a comma `or 12795` is a state only at a line's end.
        if state and (state["comma"] or _ENDS_LINE.match(lowered, end)):
            yield Found(start, end, "ZIP", 0.85)


def is_larger_than_city(words: Iterable[str]) -> bool:
    """Whether lower-case words are only those of states and countries."""
    return LARGER.issuperset(words)
