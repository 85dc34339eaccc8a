"""PHI that the row itself gives: the patient's name and ids, wherever the note repeats them.

A name is looked for part by part, so order, commas, middle initials and titles do not matter. A part that is an
ordinary English word (Young, Will, May) counts only with a capital; every other part counts in any case. Typing
errors of one letter and nicknames count with a capital. Numbers, dates and addresses: see `known_values`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from transforms.deid.fold import Folded, fold, letters_alone
from transforms.deid.known_values import (
    NUMBERS,
    PHRASES,
    compact,
    find_date,
    find_number,
    find_phrase,
    find_street,
    number_keys,
    parse_date,
)
from transforms.deid.labels import SAFE_HARBOR
from transforms.deid.lexicon import Lexicon
from transforms.deid.lists import NameLists
from transforms.deid.recognizers.base import is_word_char, occurrences
from transforms.deid.recognizers.name_reader import acts
from transforms.deid.spans import PhiSpan

RECOGNIZER: Final = "known"
_PART: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_TITLES: Final = frozenset(
    ["mr", "mrs", "ms", "miss", "dr", "md", "jr", "sr", "ii", "iii", "iv", "phd", "rn", "esq", "prof", "rev"]
)
_BETWEEN: Final = re.compile(r"[\s,.\-]{0,3}(?:[^\W\d_]\.?[\s,.]{1,2}){0,2}")
_WORD_ENDS: Final = re.compile(r"[^\W\d_]{3}\Z")
_INITIAL_AFTER: Final = re.compile(r",? [^\W\d_]\.?(?!\.?\w|/\w)")
"""Not the first letter of `c/o` or `s/p`."""
_INITIAL_BEFORE: Final = re.compile(r"(?<![\w.'])(?:[^\W\d_]\. ?){1,2}\Z")
_SUFFIX_AFTER: Final = re.compile(r",? (?:Jr|Sr|JR|SR|II|III|IV)\b\.?")
_TITLE_BEFORE: Final = re.compile(r"\b(?:pt|patient|mr|mrs|ms|miss|dr|name)[.:]?[ \t]{1,3}\Z")
"""In a note all in lower case these make a name of an ordinary word (`pt church resting`)."""
_VALUE_AFTER: Final = re.compile(r"[ :=\-]{0,3}\d")
_SHORTEST_ID: Final = 5
_SHORTEST_MISSPELT: Final = 5
_NAMES: Final = frozenset(("PATIENT", "DOCTOR"))
_ELSEWHERE: Final = frozenset(("DATE", "STREET"))
"""Labels whose values are not searched for as they are."""
_WORDS_TOO: Final = frozenset(("CITY", "HOSPITAL", "ORGANIZATION", "LOCATION-OTHER", "DEPARTMENT"))
_LETTER_RUN: Final = re.compile(r"[^\W\d_]+")
_COMPOUND: Final = re.compile(
    r"(?:[^\W\d_]+[-'])+[^\W\d_]+|\b(?:de la|de los|del|van der|van den|van|von|de|di|da|st\.?|mac|mc|o) [^\W\d_]+"
)
_CALLED_BEFORE: Final = re.compile(
    r"(?:\b(?:pt|patient|mr|mrs|ms|called|prefers|named|w/|with|by|per|told|dear"
    r"|hi|hello|thanks|spoke to|and)[.,:]? |\")\Z"
)
_GAPS: Final = frozenset((" ", ",", ", ", "  "))


@dataclass(frozen=True)
class KnownPhi:
    """What is known of one note.

    Attributes:
        parts: folded parts of names, of two letters or more, each with its label; the longest first.
        nicknames: short forms of the parts (`bill` of `william`).
        ids: pairs of a value and its label, found as they are, as tokens of their own.
        numbers: pairs of the letters and digits of a number and its label.
        dates: days, found with their year.
        places: pairs of an address or a phrase and its label.
    """

    parts: tuple[tuple[str, str], ...] = ()
    nicknames: tuple[str, ...] = ()
    ids: tuple[tuple[str, str], ...] = ()
    numbers: tuple[tuple[str, str], ...] = ()
    dates: tuple[dt.date, ...] = ()
    places: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, names: Iterable[str | None] = (), ids: Iterable[tuple[str | None, str]] = ()) -> KnownPhi:
        """Takes what a row tells apart.

        Args:
            names: of the patient: `First Last`, `LAST, FIRST M` or single parts.
            ids: pairs of a value and the label of its spans: names (PATIENT, DOCTOR), numbers, dates, addresses,
                anything else. A value of less than five characters is left out (a name of less than two), since it
                would match a dose.

        Raises:
            ValueError: a label is no i2b2-2014 label.
        """
        pairs = [(value.strip(), label) for value, label in ids if value and value.strip()]
        if unknown := [label for _, label in pairs if label not in SAFE_HARBOR]:
            raise ValueError(f"{unknown[0]!r} is no label of PHI")
        parts: dict[str, str] = {}
        called = [(name, "PATIENT") for name in names if name] + [pair for pair in pairs if pair[1] in _NAMES]
        for name, label in called:
            for part in _parts(name):
                parts.setdefault(part, label)
        shorts = NameLists.shipped().nicknames
        short = {other for part, label in parts.items() if label == "PATIENT" for other in shorts.get(part, ())}
        rest = [pair for pair in pairs if pair[1] not in _NAMES]
        numbers = [(key, label) for value, label in rest if label in NUMBERS for key in number_keys(value, label)]
        days = [parse_date(value) for value, label in rest if label == "DATE"]
        return cls(
            parts=tuple(sorted(parts.items(), key=lambda item: (-len(item[0]), item))),
            nicknames=tuple(sorted(short - parts.keys())),
            ids=tuple(pair for pair in rest if len(pair[0]) >= _SHORTEST_ID and pair[1] not in _ELSEWHERE),
            numbers=tuple(dict.fromkeys(numbers)),
            dates=tuple(dict.fromkeys(day for day in days if day is not None)),
            places=tuple(pair for pair in rest if pair[1] == "STREET" or (pair[1] in PHRASES and len(pair[0]) > 3)),
        )

    def find(self, text: str, lexicon: Lexicon) -> list[PhiSpan]:
        """Every mention of what is known in `text`; parts of one mention of a name are one span."""
        spans = [
            PhiSpan(at, at + len(value), label, 1.0, RECOGNIZER)
            for value, label in self.ids
            for at in occurrences(text, value)
            if not is_word_char(text, at - 1) and not is_word_char(text, at + len(value))
        ]
        if not (self.parts or self.numbers or self.dates or self.places):
            return spans
        folded = Folded(text)
        spans += self._values(text, folded, lexicon)
        for label in sorted({label for _, label in self.parts}):
            of_label = [part for part, its in self.parts if its == label]
            places = list(mentions(text, folded, of_label, lexicon))
            if label == "PATIENT":
                places += mentions(text, folded, self._variants(folded.text, lexicon), lexicon, capital=True)
                places += self._shortened(text, folded, lexicon)
                places += _beside(text, folded, places, of_label)
            else:
                places += mentions(text, folded, _misspelt(folded.text, of_label, lexicon), lexicon, capital=True)
            spans += join(text, places, label, RECOGNIZER, 1.0)
        return list(dict.fromkeys(spans))

    def _values(self, text: str, folded: Folded, lexicon: Lexicon) -> Iterator[PhiSpan]:
        lowered = folded.text
        compacted = compact(lowered) if self.numbers else ""
        for key, label in self.numbers:
            for span in find_number(key, lowered, compacted):
                yield PhiSpan(*folded.raw(*span), label, 1.0, RECOGNIZER)
        for day in self.dates:
            for span in find_date(day, lowered):
                yield PhiSpan(*folded.raw(*span), "DATE", 1.0, RECOGNIZER)
        for value, label in self.places:
            needs_capital = label in _WORDS_TOO and lexicon.is_ordinary(value.lower())
            for start, end in (find_street if label == "STREET" else find_phrase)(fold(value), lowered):
                raw = folded.raw(start, end)
                if not needs_capital or text[raw[0]].isupper():
                    yield PhiSpan(*raw, label, 1.0, RECOGNIZER)

    def _variants(self, lowered: str, lexicon: Lexicon) -> list[str]:
        return _misspelt(lowered, [part for part, label in self.parts if label == "PATIENT"], lexicon)

    def _shortened(self, text: str, folded: Folded, lexicon: Lexicon) -> list[tuple[int, int]]:
        """Nicknames with a capital; one that is a word too only where a person acts or is called (`Bill states`)."""
        return [
            (start, end)
            for start, end in mentions(text, folded, self.nicknames, lexicon, capital=True)
            if not lexicon.is_ordinary(fold(text[start:end]))
            or acts(text, end)
            or _CALLED_BEFORE.search(text[max(0, start - 16) : start].lower())
        ]


def _parts(name: str) -> Iterator[str]:
    """The folded parts of a name, with the forms that leave out its apostrophes, hyphens and inner blanks."""
    words = [word for word in _PART.findall(fold(name)) if word not in _TITLES]
    for word in words:
        forms = (word, word.replace("'", ""), *word.split("'")) if "'" in word else (word,)
        for form in forms:
            if len(form) >= 2 and form not in _TITLES:
                yield form
    for compound in _COMPOUND.findall(fold(name)):
        joined = re.sub(r"[^a-z]", "", compound)
        if len(joined) > 5:
            yield joined


def _misspelt(lowered: str, parts: Iterable[str], lexicon: Lexicon) -> list[str]:
    """Words of the note that are one letter off a part of five letters or more and are no words of their own."""
    long = [part for part in parts if len(part) >= _SHORTEST_MISSPELT and not lexicon.is_ordinary(part)]
    if not long:
        return []
    heads, tails = {part[:2] for part in long}, {part[-2:] for part in long}
    words = set(letters_alone(lowered).split() if lowered.isascii() else _LETTER_RUN.findall(lowered))
    near = [word for word in words if word[:2] in heads or word[-2:] in tails]  # one change leaves one end as it is
    return sorted(
        word
        for word in near
        if any(is_one_edit(part, word) for part in long)
        and not lexicon.is_ordinary(word)
        and word not in lexicon.eponyms
    )


def is_one_edit(one: str, other: str) -> bool:
    """Whether one letter put in, left out or changed, or two neighbours swapped, make `other` of `one`."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    head = 0
    while head < min(len(one), len(other)) and one[head] == other[head]:
        head += 1
    if one[head + 1 :] == other[head + 1 :] or one[head:] == other[head + 1 :] or one[head + 1 :] == other[head:]:
        return True
    return one[head : head + 2] == other[head : head + 2][::-1] and one[head + 2 :] == other[head + 2 :]


def _beside(
    text: str, folded: Folded, places: Iterable[tuple[int, int]], parts: Iterable[str]
) -> Iterator[tuple[int, int]]:
    """Parts that are words too, without a capital, next to a part that was found: `pt joy wise`."""
    found = [(start, end) for start, end in places if text[start:end].islower()]
    ends, starts = {end for _, end in found}, {start for start, _ in found}
    for part in parts:
        for at in occurrences(folded.text, part):
            end = at + len(part)
            if _joined(folded.text, at - 1) or _joined(folded.text, end):
                continue
            start, stop = folded.raw(at, end)
            if any(text[start - gap : start] in _GAPS and start - gap in ends for gap in (1, 2)) or any(
                text[stop : stop + gap] in _GAPS and stop + gap in starts for gap in (1, 2)
            ):
                yield start, stop


def mentions(
    text: str, folded: Folded, parts: Iterable[str], lexicon: Lexicon, *, capital: bool = False
) -> Iterator[tuple[int, int]]:
    """Raw spans of the words of `text` that are one of `parts` (folded).

    Args:
        text: the note.
        folded: the note folded.
        parts: folded name parts.
        lexicon: tells ordinary words.
        capital: whether every part, not only an ordinary word, needs a capital.
    """
    for part in parts:
        needs_capital = capital or lexicon.is_ordinary(part)
        for at in occurrences(folded.text, part):
            end = at + len(part)
            if _joined(folded.text, at - 1) or _joined(folded.text, end):
                continue
            if len(part) == 2 and _VALUE_AFTER.match(folded.text, end):
                continue  # `Na 138` of a patient named Na
            span = folded.raw(at, end)
            titled = not capital and _TITLE_BEFORE.search(folded.text, max(0, at - 12), at)
            if not needs_capital or text[span[0]].isupper() or titled:
                yield span


def _joined(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isalpha()


def join(text: str, parts: Iterable[tuple[int, int]], label: str, recognizer: str, score: float) -> list[PhiSpan]:
    """Joins neighbouring name parts, with the initials between and after them, into spans."""
    spans: list[PhiSpan] = []
    for start, end in sorted(set(parts)):
        if spans and start <= spans[-1].end:
            spans[-1] = spans[-1]._replace(end=max(end, spans[-1].end))
        elif spans and start - spans[-1].end <= 10 and _are_one(text, spans[-1].end, start):
            spans[-1] = spans[-1]._replace(end=end)
        else:
            spans.append(PhiSpan(start, end, label, score, recognizer))
    return [_with_initial(text, span) for span in spans]


def _are_one(text: str, end: int, start: int) -> bool:
    """Whether only what stands within names is between; a full stop behind a word ends the sentence."""
    if (
        text.startswith(".", end)
        and text[end + 1 : end + 2].isspace()
        and _WORD_ENDS.search(text, max(0, end - 4), end)
    ):
        return False
    return _BETWEEN.fullmatch(text, end, start) is not None


def _with_initial(text: str, span: PhiSpan) -> PhiSpan:
    """`SMITH, JOHN A.`, `John Smith Jr`: what follows a name of several parts belongs to it."""
    suffix = _SUFFIX_AFTER.match(text, span.end)
    if suffix:
        return span._replace(end=suffix.end())
    initial = _INITIAL_AFTER.match(text, span.end)
    several = any(char in " ," for char in text[span.start : span.end])
    letter = initial.group().strip(" .,") if initial else ""
    shy = text[span.start : span.end].islower() and letter not in ("a", "i")
    article = initial is not None and initial.group().startswith(",") and letter in ("A", "a")
    if initial and several and not article and letter != "I" and (letter.isupper() or shy):
        span = span._replace(end=initial.end())
    before = _INITIAL_BEFORE.search(text, max(0, span.start - 8), span.start)
    return span._replace(start=before.start()) if before else span
