"""Hospitals, organizations and other places, by their form (`Mercy General Hospital`)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import ClassVar, Final, NamedTuple

from transforms.deid.fold import lower
from transforms.deid.lexicon import Lexicon
from transforms.deid.lists import NameLists
from transforms.deid.recognizers.base import (
    ClinicalRecognizer,
    Found,
    Note,
    is_word_char,
    longest_first,
    table,
)
from transforms.deid.recognizers.facility_words import FacilityWords
from transforms.deid.recognizers.name_reader import DEGREES
from transforms.deid.recognizers.places import LARGER

_TABLE: Final = table("places.toml")["facility"]
_CONNECTORS: Final = frozenset(("of", "the", "and", "&", "at", "for", "de", "la", "on", "del", "du", "-"))
_STOP: Final = frozenset(_TABLE["stop"].split())
_LONGEST_HEAD: Final = 70
_MOST_WORDS: Final = 7
_FULL_LINE: Final = 60
"""A line of at least this many characters was broken by the editor, so a name may go on in the next."""


class _Kind(NamedTuple):
    """The last words of a name (`Medical Center`), by their first. `weak`: counts in a note with capitals alone."""

    pattern: re.Pattern[str]
    label: str
    weak: bool


def _kinds() -> dict[str, list[_Kind]]:
    phrases: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for key, label, weak in (
        ("kinds", "HOSPITAL", False),
        ("specialties", "HOSPITAL", False),
        ("weak_kinds", "HOSPITAL", True),
        ("organizations", "ORGANIZATION", True),
        ("areas", "LOCATION-OTHER", False),
        ("weak_areas", "LOCATION-OTHER", True),
    ):
        for phrase in _TABLE[key]:
            phrases[re.findall("[a-z]+", phrase)[0], label, weak].append(phrase)
    kinds: dict[str, list[_Kind]] = defaultdict(list)
    for (word, label, weak), forms in phrases.items():
        pattern = longest_first(forms).replace("\\ ", "\\s")
        kinds[word].append(_Kind(re.compile(rf"(?:{pattern})(?![\w])(?! (?:{_NO_KIND_AFTER})\b)"), label, weak))
    return dict(kinds)


_SPECIALTIES: Final = frozenset(_TABLE["specialties"])
_LEARNED: Final = frozenset(("society", "association", "league", "alliance"))
_SCHOLARLY: Final = frozenset(_TABLE["scholarly"].split())
"""Words of the names of learned societies, by which classes and guidelines are called."""
_SURE: Final = frozenset(_TABLE["sure"].split())
_NO_PERSON: Final = frozenset(("our", "lady", "st", "saint", "sisters", "daughters", "temple", "order", "sacred"))
_NO_KIND_AFTER: Final = (
    "day|course|stay|appearance|follow|discharge|bed|admission|records?|screens?|screening|abuse|use|levels?|interactions?|allerg(?:y|ies)"
    "|reactions?|eluting|monitoring|distress|failure|rate|status|effort|arrest|acidosis|alkalosis|class|guidelines?|saturation"
    "|tests?|guidance|recommendations?|criteria|scores?|staging|stages?|consensus|grades?|definition|statement|functional"
)
_KINDS: Final = _kinds()
_TAIL: Final = re.compile(r"(?: (?:of|at|-|in) |,? - | )((?:St\. )?[A-Z][\w']+(?: [A-Z][\w']+){0,2})")
_ANY_TAIL: Final = re.compile(r"(?: (?:of|at|-|in) |,? - | )([a-z][\w']+(?: [a-z][\w']+){0,2})", re.IGNORECASE)
_BRANCH: Final = re.compile(
    r" (?:North|South|East|West|Main|Central|Downtown|Campus|NORTH|SOUTH|EAST|WEST|CAMPUS)\b(?: Campus)?"
)
_WORD: Final = re.compile(r"[^\s,;:()|]+")
_BREAK: Final = re.compile(r"[,;:()|\n]|\s{2,}|\.\s")

_EMPLOYERS: Final = ("employer", "school", "church", "organization")
_FIELD: Final = re.compile(
    r"(?:facility|hospital|institution|campus|location|site|clinic|practice|pharmacy|school|church|employer"
    r"|organization|shelter"
    r"|lab|laboratory|performing lab|from)(?: name)?:[ \t]*\n?[ \t]*"
)
_FIELD_WORDS: Final = frozenset(_TABLE["field_words"].split())
_FIELD_VALUE: Final = re.compile(r"[^\W\d_][^\n|;:,()\t]{2,60}?(?=\s*(?:\Z|\n|\||;|,|\(|\t|  | - ))")

_MEASURED: Final = re.compile(r"\d/\d|\d ?%")
"""No house: `Clinic: Snellen 20/40`, `Laboratory: A1c 6.1%`."""

_SAINT: Final = re.compile(
    r"(?<![\w.])(?:St\.?|Saint|Mt\.|Mount|Our Lady of(?: the)?|Holy|Sacred) (?:[A-Z][a-z]+(?:'s)?|[A-Z]'s)"
    r"(?:[ -][A-Z][a-z]+){0,2}"
)
_SAINT_LETTER: Final = re.compile(r"(?<![\w.])(?:[Ss][Tt]\.?|Saint) [A-Z]['’][sS](?![\w])")
"""`St. E's`, as staff call St. Elizabeth's: nothing else is written so."""
_SAINT_BEFORE: Final = re.compile(r"\b(?:at|to|from|and|of|by|in|via|with)\s\Z")
_NO_SAINT: Final = re.compile(r"(?:St\.? Jude(?: Medical)?(?: [a-z]|\b)|St\.? John'?s [Ww]ort|St\.? George)")
_HEADS: Final = {
    **dict.fromkeys(_TABLE["heads"]["hospitals"].split(), "HOSPITAL"),
    **dict.fromkeys(_TABLE["heads"]["organizations"].split(), "ORGANIZATION"),
}
"""Kinds that head a name: `Center for Digestive Health`, `Bank of Utica`."""
_GOVERNMENT: Final = frozenset(_TABLE["heads"]["government"].split())
_CLOSE_HEADS: Final = frozenset(("center", "clinic", "institute", "associates"))
"""Behind these even ordinary words in capitals name a house; `Department of Surgery` is any hospital's."""
_HEADED_BY: Final = re.compile(
    r"(?:[A-Z][\w']+ )?(?:of|for|del?|at) (?:the |la )?"
    r"(?P<tail>[A-Z][a-z'-][\w'-]*(?:(?:,? and|,? &|,|) [A-Z][\w'-]+){0,3})"
)
_TOWARDS: Final = frozenset(("at", "from", "to", "via"))
_ACRONYM: Final = re.compile(r"[A-Z]{1,3}(?:H|MC|GH|VAMC|MCH)(?=[\s,.;:)])")
_NO_ACRONYM: Final = frozenset(_TABLE["no_acronyms"].split())


class Facilities(ClinicalRecognizer):
    """Facilities with a name (`Mercy General Hospital`), not those without one (`the pain clinic`)."""

    labels: ClassVar[tuple[str, ...]] = ("HOSPITAL", "ORGANIZATION", "LOCATION-OTHER")
    title: ClassVar[str] = "facilities"

    def __init__(self) -> None:
        self._lexicon = Lexicon.shipped()
        self._words = FacilityWords(self._lexicon)
        self._lists = NameLists.shipped()
        super().__init__()

    def find(self, note: Note) -> Iterator[Found]:
        named = [*self._by_field(note), *self._by_kind(note)]
        yield from named
        if note.mixed:
            yield from self._listed(note)
            yield from self._by_head(note)
            if not note.words.isdisjoint(("st", "saint", "mt", "mount", "lady", "holy", "sacred")):
                for saint in _SAINT.finditer(note.text):
                    if _SAINT_BEFORE.search(
                        note.text, max(0, saint.start() - 8), saint.start()
                    ) and not _NO_SAINT.match(saint.group()):
                        yield Found(*saint.span(), "HOSPITAL", 0.6)
        for saint in _SAINT_LETTER.finditer(note.text) if not note.words.isdisjoint(("st", "saint")) else ():
            yield Found(*saint.span(), "HOSPITAL", 0.85)
        yield from _acronyms(note, named)

    def _by_head(self, note: Note) -> Iterator[Found]:
        for head, at in note.starts(_HEADS.keys()):
            if not note.text[at].isupper():
                continue
            match = _HEADED_BY.match(note.text, at + len(head) + 1)
            if match is None or note.text[at + len(head)] != " ":
                continue
            words = match["tail"].replace(",", " ").split()
            named = any(self._words.tells(word, True) or word.lower() in _GOVERNMENT for word in words)
            if named or head in _CLOSE_HEADS:
                yield Found(at, match.end(), _HEADS[head], 0.7)

    def _by_field(self, note: Note) -> Iterator[Found]:
        if note.words.isdisjoint(_FIELD_WORDS) or ":" not in note.text:
            return
        for _, at in note.starts(_FIELD_WORDS):
            field = _FIELD.match(note.lowered, at)
            if field is None or not _heads_field(note.lowered, at):
                continue
            value = _FIELD_VALUE.match(note.text, field.end())
            if (
                value
                and not _MEASURED.search(value.group())
                and any(
                    self._words.tells(word, True)
                    for word in value.group().split()
                    if word[0].isupper() or not note.mixed
                )
            ):
                label = "ORGANIZATION" if field.group().startswith(_EMPLOYERS) else "HOSPITAL"
                yield Found(*value.span(), label, 0.75)

    def _by_kind(self, note: Note) -> Iterator[Found]:
        for word, at in note.starts(_KINDS.keys()):
            if (note.mixed and not note.text[at].isupper()) or note.lowered[at - 1 : at] == "'":
                continue
            for kind in _KINDS[word]:
                match = kind.pattern.match(note.lowered, at) if note.mixed or not kind.weak else None
                if match is None:
                    continue
                start = self._start(note, at, kind, match.group())
                if start is not None:
                    yield Found(start, self._end(note, match.end()), kind.label, 0.8)

    def _start(self, note: Note, at: int, kind: _Kind, form: str) -> int | None:
        """Where the name begins; None when no word before the kind of facility names one."""
        first = max(0, at - _LONGEST_HEAD)
        line = note.text.rfind("\n", first, max(first, at - 1)) + 1  # the kind may be broken off its name
        if line and line - note.text.rfind("\n", 0, line - 1) > _FULL_LINE:
            line = first  # so may its name be, at the end of a full line
        breaks = [
            one.end()
            for one in _BREAK.finditer(note.text, max(first, line), at)
            if not (_abbreviates(note.text, one) or _wraps(note.text, one))
        ]
        begin = breaks[-1] if breaks else max(first, line)
        words = list(_WORD.finditer(note.text, begin, at))[-_MOST_WORDS:]
        head: list[re.Match[str]] = []
        for word in reversed(words):
            if not self._belongs(note, word.group(), shouting=note.text[at : at + 2].isupper()):
                break
            head.insert(0, word)
        for count in range(len(head) - 2, 0, -1):
            if head[count].group().lower() == "of" and any(self._is_given(word.group()) for word in head[:2]):
                del head[: count + 1]  # `Jean Austin of Valley Oak Urgent Care`
                break
        stops = [
            count for count, word in enumerate(head) if word.group().lower() in _STOP and not self._linked(head, count)
        ]
        del head[: stops[-1] + 1 if stops else 0]
        while head and head[0].group().lower().replace(".", "") in DEGREES:
            head.pop(0)
        shouting = note.text[at : at + 2].isupper()
        while head and self._goes_before(head[0].group(), shouting=shouting):
            head.pop(0)
        for count in range(len(head) - 1, 0, -1):
            if head[count].group() == "the" and head[count - 1].group().lower() not in _CONNECTORS:
                del head[: count + 1]  # `Attends the Larkspur League`
                break
        names = [
            word.group()
            for word in head
            if not self._words.is_generic(word.group()) and word.group().lower() not in _CONNECTORS
        ]
        if kind.weak and len(names) == 1 and names[0].lower() in self._lists.given and form in self._lists.surnames:
            return None  # `Destiny Park`, `Grace House`
        forms_name = form in ("hospital", "medical center", "health system") or kind.label != "HOSPITAL"
        if form in _SPECIALTIES and head and head[-1].group().lower() in ("hospital", "center", "centre", "clinic"):
            return None  # `General Hospital OPHTHALMOLOGY`: the house is found by itself
        if form in _LEARNED and not _SCHOLARLY.isdisjoint(name.lower() for name in names):
            return None  # `New York Heart Association III`
        if kind.label == "ORGANIZATION" and not shouting:
            names = [name for name in names if not self._abbreviates(name)]
        sure = bool(names) and note.mixed and not shouting and form.split()[-1] in _SURE
        if sure or any(self._words.tells(name, forms_name) for name in names):
            return head[0].start()
        return None

    def _abbreviates(self, word: str) -> bool:
        """Whether a word in capitals is an abbreviation, or ordinary, in a heading: `ROS`, `LAB`, `ETOH/Drugs`."""
        plain = word.strip(".,").partition("/")[0]
        return plain.isupper() and (self._lexicon.abbreviates(plain) or self._lexicon.is_ordinary(plain.lower()))

    def _is_given(self, word: str) -> bool:
        """Whether a word is a given name or the title before a name."""
        word = word.lower().rstrip(".")
        return word in ("dr", "mr", "mrs", "ms") or (word in self._lists.given and word not in _NO_PERSON)

    def _linked(self, head: list[re.Match[str]], count: int) -> bool:
        """Whether `and` stands within a name: `Grace and Hope Hospital`, but not `A Clinic and B Hospital`."""
        return (
            head[count].group() == "and"
            and count == 1
            and not head[0].group().lower().endswith(("center", "hospital", "clinic", "home", "snf"))
        )

    def _belongs(self, note: Note, word: str, *, shouting: bool) -> bool:
        lowered = word.lower()
        if lowered in _CONNECTORS:
            return True
        if note.mixed and not shouting:
            return word[0].isupper()
        if any(char.isdigit() for char in word):
            return False
        return self._words.may_belong(word)

    def _end(self, note: Note, end: int) -> int:
        """With what says which of its branches it is: `Medical Center Fargo`, `Hospital South`."""
        branch = _BRANCH.match(note.text, end)
        if branch:
            return branch.end()
        tail = (_TAIL if note.mixed else _ANY_TAIL).match(note.text, end)
        if tail:
            words = tail[1].split(" ")
            for count in range(len(words), 0, -1):
                name = " ".join(words[:count])
                if name.lower() in self._lists.cities and not self._lexicon.is_ordinary(name.lower()):
                    return tail.start(1) + len(name)
        return end

    def _listed(self, note: Note) -> Iterator[Found]:
        """`transferred from Northfield General`: the head of a hospital's name behind a preposition."""
        for _, start in note.before_capitals(_TOWARDS):
            acronym = _ACRONYM.match(note.text, start)
            if acronym and acronym.group() not in _NO_ACRONYM:
                yield Found(*acronym.span(), "HOSPITAL", 0.6)
                continue
            words = list(islice(_WORD.finditer(note.text, start, start + 40), 4))
            for count in range(len(words), 0, -1):
                name = note.text[words[0].start() : words[count - 1].end()].rstrip(".")
                lowered = " ".join(name.lower().replace(".", "").split())
                if lowered in self._lists.hospitals and lowered not in LARGER and self._is_telling(lowered):
                    yield Found(words[0].start(), self._end(note, words[0].start() + len(name)), "HOSPITAL", 0.6)
                    break

    def _is_telling(self, name: str) -> bool:
        words = name.split()
        odd = [word for word in words if not self._lexicon.is_ordinary(word) and word not in self._lexicon.eponyms]
        return bool(odd) if len(words) > 1 else bool(odd) and len(name) > 4

    def _goes_before(self, word: str, *, shouting: bool) -> bool:
        """Whether the first of the words before a kind is not yet its name."""
        if self._words.is_generic(word) or word.lower() in _CONNECTORS:
            return True
        return word.isupper() and not shouting and self._is_heading(word.lower())

    def _is_heading(self, word: str) -> bool:
        """Whether a word in capitals before a name that is not in capitals belongs to what stands over it."""
        return self._lexicon.abbreviates(word) or (
            self._lexicon.is_ordinary(word) and not self._lexicon.is_name_too(word)
        )


def kind_follows(text: str, end: int) -> int | None:
    """Where the kind of facility that stands right behind `end` ends: ` Physical Therapy`; None when none does.

    Written as the name before it: in small letters only behind small letters.
    """
    broken = text.startswith("\n", end) and end - (text.rfind("\n", 0, end) + 1) >= _FULL_LINE
    if not broken and not text.startswith(" ", end):
        return None
    word = _LETTERS.match(text, end + 1)
    if word is None or word[0][0].isupper() != _last_word(text, end)[:1].isupper():
        return None
    lowered = lower(text[end + 1 : end + 1 + _LONGEST_KIND])
    ends = [
        match.end()
        for kind in _KINDS.get(word[0].lower(), ())
        if kind.label != "LOCATION-OTHER" and (match := kind.pattern.match(lowered))
    ]
    return end + 1 + max(ends) if ends else None


def _last_word(text: str, end: int) -> str:
    return re.split(r"[^\w'&.]", text[max(0, end - 24) : end])[-1]


_LETTERS: Final = re.compile(r"[A-Za-z]+")
_LONGEST_KIND: Final = 40


def _acronyms(note: Note, named: list[Found]) -> Iterator[Found]:
    """Initials of the hospitals that the note names: `Queen Anne Women's Hospital`, then `at QAWH`."""
    initials: dict[str, None] = {}
    for found in named:
        if found.label == "HOSPITAL":
            words = re.findall(r"[A-Za-z][\w']*", note.lowered[found.start : found.end])
            for letters in (
                "".join(word[0] for word in words if word not in _CONNECTORS),
                "".join(word[0] for word in words),
            ):
                if 3 <= len(letters) <= 6 and letters in note.words and letters.upper() not in _NO_ACRONYM:
                    initials[letters] = None
    for letters, at in note.starts(initials.keys()):
        end = at + len(letters)
        if not is_word_char(note.lowered, end) and (note.text[at:end].isupper() or not note.mixed):
            yield Found(at, end, "HOSPITAL", 0.7)


def _wraps(text: str, stop: re.Match[str]) -> bool:
    """Whether the line ends where an editor broke it, within a sentence."""
    if stop.group() != "\n" or not text[stop.start() - 1 : stop.start()].isalpha():
        return False
    return stop.start() - (text.rfind("\n", 0, stop.start()) + 1) >= _FULL_LINE


def _abbreviates(text: str, stop: re.Match[str]) -> bool:
    """Whether a full stop ends no sentence: `St. Luke's`, `Mt. Sinai`."""
    if not stop.group().startswith("."):
        return False
    word = text[max(0, stop.start() - 4) : stop.start()].split()
    return (bool(word) and word[-1].lower() in ("st", "mt", "ft", "dr", "jr", "bros", "co")) or (
        bool(word) and len(word[-1]) == 1
    )


def _heads_field(lowered: str, at: int) -> bool:
    """Whether a field may begin at `at`: after a line's start, a bar or a wide gap (`course in hospital:` is none)."""
    before = lowered[max(0, at - 12) : at].rstrip(" \t")
    return (
        not before
        or before[-1] in "\n|;"
        or before.endswith("occupation/")
        or lowered[at - 2 : at] == "  "
        or lowered[at - 1] == "\t"
    )
