"""What our recognizers share: a plain `find` on a string, in the coat of a Presidio recognizer.

Presidio's own `PatternRecognizer` runs each pattern with an explanation and two validations for each match,
and it logs and skips a pattern that times out. Ours are leaner and raise.
"""

from __future__ import annotations

import re
import string
import tomllib
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cache
from importlib.resources import files
from itertools import accumulate, count
from operator import add
from typing import Any, ClassVar, Final, NamedTuple

from presidio_analyzer import EntityRecognizer, RecognizerResult

from transforms.deid.fold import letters_alone, lower
from transforms.deid.lexicon import Lexicon

_CAPITALS: Final = string.ascii_uppercase.encode()
_SMALL: Final = string.ascii_lowercase.encode()
_BLANKS: Final = (" ", "\n")
_DIGITS_AS_NOUGHTS: Final = bytes(ord("0" if chr(byte) in string.digits else " ") for byte in range(256))
_NOUGHTS: Final = re.compile(b"00*")
"""A pattern that begins with a literal is searched for several times as quickly as `\\d+`."""


class Found(NamedTuple):
    """PHI in a text: `text[start:end]`, its i2b2-2014 label and a confidence between 0 and 1."""

    start: int
    end: int
    label: str
    score: float


class Note:
    """A note as the recognizers read it.

    Attributes:
        text: the plain text (`fold.Plain`).
        lowered: the same in lower case with the same offsets (`fold.lower`). Patterns that need no case run on it, for
            `re.IGNORECASE` is several times slower.
        runs: every run of the letters a to z in `lowered`, with each index at which it begins. Of all the words that
            recognizers go by, hardly any are in one note, and to ask here is much quicker than to search it for each.
        words: those runs.
        odd: those of `words` that are no ordinary words of the language.
        numbers: start and end of every run of digits.
        mixed: whether the note has capitals and small letters as prose has them, so that a capital says something.
    """

    __slots__ = ("lowered", "mixed", "numbers", "odd", "runs", "text", "words")

    def __init__(self, text: str) -> None:
        self.text = text
        self.lowered = lower(text)
        self.runs = _runs(letters_alone(self.lowered))
        self.words = frozenset(self.runs)
        self.odd = self.words - Lexicon.shipped().ordinary
        digits = self.lowered.encode("ascii", "replace").translate(_DIGITS_AS_NOUGHTS)
        self.numbers = [run.span() for run in _NOUGHTS.finditer(digits)]
        letters = text.encode("ascii", "ignore")
        capitals = len(letters) - len(letters.translate(None, _CAPITALS))
        small = len(letters) - len(letters.translate(None, _SMALL))
        self.mixed = small > capitals and 100 * capitals > small

    def starts(self, words: Set[str]) -> Iterator[tuple[str, int]]:
        """Each of `words` with every index at which it begins: no letter, digit or underscore is joined to its head."""
        for word in self.words & words:
            for at in self.runs[word]:
                if not at or not (self.lowered[at - 1].isalnum() or self.lowered[at - 1] == "_"):
                    yield word, at

    def before_capitals(self, words: Set[str]) -> Iterator[tuple[str, int]]:
        """Each of `words` that stands between blanks in small letters, with the index of the capital behind it."""
        text = self.text
        for word in self.words & words:
            for at in self.runs[word]:
                end = at + len(word)
                if (
                    "A" <= text[end + 1 : end + 2] <= "Z"
                    and text[end] in _BLANKS
                    and text[at - 1 : at] in _BLANKS
                    and text[at:end] == word
                ):
                    yield word, end + 1


def _runs(letters: str) -> Mapping[str, Sequence[int]]:
    """Where each run of letters begins in a text of letters and blanks."""
    pieces = letters.split(" ")
    starts = map(add, accumulate(map(len, pieces), initial=0), count())  # one blank ends each piece
    runs: dict[str, list[int]] = defaultdict(list)
    for piece, start in zip(pieces, starts, strict=False):
        if piece:
            runs[piece].append(start)
    return runs


class ClinicalRecognizer(EntityRecognizer):  # type: ignore[misc]
    """A recognizer that is a function of the note: it knows no network, no state and no exception to hide.

    Presidio's loader looks its own recognizers up among all subclasses by their bare name, so ours must not bear
    one of its names (`PhoneRecognizer`, `DateRecognizer`).
    """

    labels: ClassVar[tuple[str, ...]]
    """The i2b2-2014 labels that `find` gives."""

    title: ClassVar[str]
    """The recognizer's name in the `phi` table."""

    def __init__(self) -> None:
        super().__init__(supported_entities=list(self.labels), name=self.title, version="1")

    def load(self) -> None:
        """Patterns are compiled when the module is imported."""

    @abstractmethod
    def find(self, note: Note) -> Iterator[Found]:
        """Finds PHI; offsets into `note.text`."""

    def analyze(self, text: str, entities: Sequence[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        """Presidio's entry point."""
        note = getattr(nlp_artifacts, "note", None) or Note(text)
        metadata = {
            RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
        }
        return [
            RecognizerResult(found.label, found.start, found.end, found.score, None, metadata)
            for found in self.find(note)
            if found.label in entities
        ]


def occurrences(text: str, literal: str) -> Iterator[int]:
    """Where `literal` stands in `text`; much quicker than a pattern for the usual answer, nowhere."""
    at = text.find(literal)
    while at >= 0:
        yield at
        at = text.find(literal, at + 1)


def is_word_char(text: str, at: int) -> bool:
    """Whether a letter, digit or underscore stands at `at`; False outside the text."""
    return 0 <= at < len(text) and (text[at].isalnum() or text[at] == "_")


@cache
def table(name: str) -> dict[str, Any]:
    """The word lists that stand beside this module in `name`, read once per process."""
    return tomllib.loads((files("transforms.deid.recognizers") / name).read_text(encoding="utf-8"))


def longest_first(words: Iterable[str]) -> str:
    """A pattern for any of `words`, which takes the longest that fits."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))
