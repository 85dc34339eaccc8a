"""Names that the census lists, by what else speaks for them.

A list alone is no evidence: half of the census's surnames are words, drugs or devices somewhere. What counts is a
given name with a surname (`Jane Kowalski`, `KOWALSKI, Jane`), or a listed name with a capital where a person does
something (`Yolanda states`, `Leilani (daughter)`, `per Kendall`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from transforms.deid.lexicon import Lexicon
from transforms.deid.lists import NameLists
from transforms.deid.recognizers.base import ClinicalRecognizer, Found, Note, is_word_char, table
from transforms.deid.recognizers.name_reader import DEGREES, NO_NAMES, WORD, acts
from transforms.deid.recognizers.places import LARGER

_TABLE: Final = table("names.toml")
_PARTICLES: Final = _TABLE["particles"].split()
_INITIAL: Final = r"(?:[A-Za-z]\.? ){0,2}"
_GAP_AFTER: Final = re.compile(rf"[ \t]{{1,2}}{_INITIAL}(?:(?:{'|'.join(_PARTICLES)}) ){{0,2}}|\n", re.IGNORECASE)
_COMMA_BEFORE: Final = re.compile(r"([^\W\d_]+(?:['-][^\W\d_]+)*(?: (?:jr|sr|ii|iii|iv)\.?)?),[ \t]?\Z", re.IGNORECASE)
_MIDDLE_AFTER: Final = re.compile(r" [A-Z](?:\.(?=\W|\Z)|(?![\w.'/-]))")
_SUFFIX_AFTER: Final = re.compile(r",? (?:jr|sr|ii|iii|iv)\b\.?", re.IGNORECASE)
_BEFORE_ANYONE: Final = re.compile(r"(?:\b(?:to|for|and|with|met|saw|see|is|or)|w/) \Z")
_BEFORE_PERSON: Final = re.compile(
    r"(?:\b(?:by|per|told|asked|called|name is|named|pt|patient|contact(?:ed)?|notified|informed|paged|updated|spoke to"
    r"|thank you|thanks|hi|hello|dear|sincerely|regards|bless|love|signed|attn|cc|--)[:,]?[ \t\n]{1,3}|\n--?|//|--)\Z"
)
_NO_PERSON_BEFORE: Final = re.compile(
    r"(?:\b(?:st|saint|mt|mount|lake|fort|port|ft|new|san|santa|los|las|el|cape|camp|point)\.? |[-/_@.])\Z"
)
_NO_PERSON_AFTER: Final = re.compile(
    r"(?:'s|s)?[ -](?:county|parish|street|st\b|ave|road|rd\b|drive|lane|blvd|hospital|clinic|medical|health"
    r"|university|college|school"
    r"|center|general|memorial|regional|park|beach|city|springs|falls|island|river|lake)|[-_@/]\w|\.\w"
)
_TITLES: Final = frozenset(_TABLE["honorifics"].split()) | frozenset(_TABLE["labels"].split())
_FULL_LINE: Final = 60
"""A line of at least this many characters was broken by the editor, so a name may go on in the next."""
_CONTEXT: Final = 28
_LONGEST: Final = 48
"""No compound goes further back. Without a bound, a note of one run of hyphens takes quadratic time."""
_PARTS_BEFORE: Final = re.compile(r"(?:(?<![^\W\d_])[^\W\d_]{1,24}-){1,4}\Z")
_PARTS_AFTER: Final = re.compile(r"(?:-[^\W\d_]{1,24}){1,4}(?![^\W\d_])")


class ListedNames(ClinicalRecognizer):
    """Names of people in the census's lists, with other evidence."""

    labels: ClassVar[tuple[str, ...]] = ("PATIENT", "DOCTOR")
    title: ClassVar[str] = "listed_names"

    def __init__(self) -> None:
        self._lexicon = lexicon = Lexicon.shipped()
        self._lists = lists = NameLists.shipped()

        def clear(names: frozenset[str]) -> frozenset[str]:
            names = names - lexicon.ordinary - lexicon.eponyms - lexicon.placeholders - DEGREES - LARGER
            return frozenset(name for name in names if len(name) > 2)

        self._given = clear(lists.given)
        self._surnames = clear(lists.surnames) - self._given
        self._frequent = clear(lists.frequent_given)
        self._weak_given = ((lists.given) & lexicon.ordinary) - NO_NAMES
        super().__init__()

    def find(self, note: Note) -> Iterator[Found]:
        for word, at in note.starts(note.odd & self._given):
            found = self._around(note, at, at + len(word), given=True)
            if found:
                yield found
        for word, at in note.starts(note.odd & self._surnames):
            found = self._around(note, at, at + len(word), given=False)
            if found:
                yield found
        for word, at in note.starts(self._weak_given) if note.mixed else ():
            found = self._weak(note, at, at + len(word))
            if found:
                yield found

    def _around(self, note: Note, at: int, end: int, *, given: bool) -> Found | None:
        """The name around a listed word that is nothing but a name."""
        text, lowered = note.text, note.lowered
        if is_word_char(text, end):
            return None
        if text[at - 1 : at] == "-" or text[end : end + 1] == "-":
            at, end = _compound(text, at, end)  # `Jo-Ann`
        if not text[at].isupper() and note.mixed:
            return None
        before = lowered[max(0, at - _CONTEXT) : at]
        if _NO_PERSON_BEFORE.search(before) or _NO_PERSON_AFTER.match(lowered, end):
            return None
        if self._lexicon.is_used_as_eponym(text, end):
            return None
        shouts = text[at:end].isupper() and note.mixed
        if given:
            surname = self._surname_after(note, end)
            if surname and not (shouts and (end - at < 4 or not text[end + 1 : surname].isupper())):
                return Found(at, self._with_suffix(note, surname), "DOCTOR", 0.8)
            comma = _COMMA_BEFORE.search(text, max(0, at - _CONTEXT), at)
            both = comma and not (shouts and (len(comma[1]) < 4 or end - at < 4))
            if (
                comma
                and both
                and self._may_be_surname(note, comma.start(1), comma[1])
                and self._heads(text, comma.start(1))
            ):
                middle = _MIDDLE_AFTER.match(text, end)
                return Found(comma.start(1), middle.end() if middle else end, "PATIENT", 0.8)
        first = self._given_before(note, at)
        if first is not None and not given:
            return Found(first, self._with_suffix(note, end), "DOCTOR", 0.7)
        if text[at:end].isupper() and note.mixed:
            return None  # an abbreviation, if anything
        if acts(lowered, end):
            return Found(at, end, "PATIENT", 0.7)
        frequent = lowered[at:end] in self._frequent
        if _BEFORE_PERSON.search(before) and (frequent or (note.mixed and self._ends(lowered, end))):
            return Found(at, end, "PATIENT", 0.6)
        if note.mixed and frequent and _BEFORE_ANYONE.search(before) and self._ends(lowered, end):
            return Found(at, end, "PATIENT", 0.6)
        return None

    def _weak(self, note: Note, at: int, end: int) -> Found | None:
        """A given name that is a word too (`Rose`, `Mark`): with a capital, and a surname or a deed behind it."""
        text, lowered = note.text, note.lowered
        if not text[at].isupper() or text[at + 1 : end] != lowered[at + 1 : end]:
            return None
        if is_word_char(text, end) or self._lexicon.is_used_as_eponym(text, end):
            return None
        before = lowered[max(0, at - _CONTEXT) : at]
        if _NO_PERSON_BEFORE.search(before) or _NO_PERSON_AFTER.match(lowered, end):
            return None
        surname = self._surname_after(note, end)
        if surname and lowered[end + 1 : surname] not in self._lexicon.ordinary:
            return Found(at, self._with_suffix(note, surname), "DOCTOR", 0.7)
        comma = _COMMA_BEFORE.search(text, max(0, at - _CONTEXT), at)
        if comma and self._may_be_surname(note, comma.start(1), comma[1]) and self._heads(text, comma.start(1)):
            return Found(comma.start(1), end, "PATIENT", 0.7)
        return (
            Found(at, end, "PATIENT", 0.6) if acts(lowered, end) and not lowered.startswith(" will be", end) else None
        )

    def _surname_after(self, note: Note, end: int) -> int | None:
        """Where the surname behind a given name ends."""
        gap = _GAP_AFTER.match(note.text, end)
        word = WORD.match(note.text, gap.end()) if gap else None
        if gap is None or word is None:
            return None
        if gap.group() == "\n" and (
            not note.mixed or note.text.rfind("\n", max(0, end - _FULL_LINE + 1), end) >= 0 or end < _FULL_LINE - 1
        ):
            return None
        if word.group().isupper() and len(word.group()) > 1 and not note.text[end - 1].isupper() and note.mixed:
            return None  # the abbreviation or the heading behind a name
        return word.end() if self._may_be_surname(note, word.start(), word.group()) else None

    def _may_be_surname(self, note: Note, at: int, written: str) -> bool:
        word = written.lower()
        if len(word) < 2 or word in DEGREES or word in NO_NAMES or self._lexicon.is_placeholder(word):
            return False
        if note.mixed and not note.text[at].isupper():
            return False
        if self._lexicon.is_eponym(word) or self._lexicon.is_used_as_eponym(note.text, at + len(written)):
            return False
        if self._lexicon.is_ordinary(word):
            # In capitals or without any, an ordinary word may go on with the sentence.
            clear = note.mixed or self._ends(note.lowered, at + len(written))
            return clear and word in self._lists.surnames and self._lexicon.is_name_too(word)
        return note.mixed or all(
            part in self._lists.surnames or part in self._lists.given for part in re.split("['-]", word)
        )

    def _given_before(self, note: Note, at: int) -> int | None:
        """Where the given name before a surname begins."""
        line = max(0, at - 24)
        words = list(WORD.finditer(note.text, line, at))
        while words and len(words[-1].group()) == 1 and words[-1].group().isupper():
            words.pop()
        if not words or note.text[words[-1].end() : at].strip(" .ABCDEFGHIJKLMNOPQRSTUVWXYZ") or words[-1].end() == at:
            return None
        word = words[-1]
        if is_word_char(note.text, word.start() - 1) or (note.mixed and not word.group()[0].isupper()):
            return None
        lowered = word.group().lower()
        if lowered in self._lists.given and lowered not in NO_NAMES:
            return word.start()
        # `Sven Pham`: a word that is nothing else, with a capital, before a frequent surname.
        strange = (
            note.mixed and len(lowered) > 2 and word.group()[1:].islower() and not self._lexicon.is_ordinary(lowered)
        )
        frequent = strange and WORD.match(note.lowered, at)
        if frequent and frequent.group() in self._lists.frequent_surnames and lowered not in self._lexicon.eponyms:
            return None if lowered in _TITLES or lowered in DEGREES else word.start()
        return None

    @staticmethod
    def _with_suffix(note: Note, end: int) -> int:
        suffix = _SUFFIX_AFTER.match(note.text, end)
        return suffix.end() if suffix else end

    @staticmethod
    def _ends(lowered: str, end: int) -> bool:
        return re.compile(r"[ \t]*(?:[.,;:()\n/-]|\d|\Z)| (?:md|rn|np|pa|do)\b|  ").match(lowered, end) is not None

    @staticmethod
    def _heads(text: str, at: int) -> bool:
        """Whether `LAST, First` may begin at `at`: not in the middle of a sentence."""
        before = text[max(0, at - 12) : at]
        stripped = before.rstrip(" \t")
        return (
            not stripped
            or stripped[-1] in "\n:;|(\"'-*#/>,"
            or before.endswith(("  ", "\t"))
            or stripped.lower().endswith(
                (
                    " by",
                    " to",
                    " for",
                    " dr.",
                    " dr",
                    " pt",
                    " with",
                    " per",
                    " and",
                    "patient",
                    "\nby",
                    "name",
                    " mr.",
                    " mrs.",
                    " ms.",
                )
            )
        )


def _compound(text: str, at: int, end: int) -> tuple[int, int]:
    """The word with the parts that hyphens join to it, four at most at either side."""
    before = _PARTS_BEFORE.search(text, max(0, at - _LONGEST), at)
    after = _PARTS_AFTER.match(text, end)
    return before.start() if before else at, after.end() if after else end
