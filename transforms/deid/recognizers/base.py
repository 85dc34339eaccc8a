"""What our recognizers share: a plain `find` on a string, in the coat of a Presidio recognizer.

Presidio's own `PatternRecognizer` runs each pattern with an explanation and two validations for each match,
and it logs and skips a pattern that times out. Ours are leaner and raise.
"""

from __future__ import annotations

import re
import string
import tomllib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence, Set
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar, Final, NamedTuple

from presidio_analyzer import EntityRecognizer, RecognizerResult

from transforms.deid.fold import lower

_CAPITALS: Final = string.ascii_uppercase.encode()
_SMALL: Final = string.ascii_lowercase.encode()
_DIGITS: Final = re.compile(r"\d+")
_LETTERS: Final = re.compile(r"[a-z]+")


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
        words: every run of the letters a to z in `lowered`. To ask it is much quicker than to search the note for a
            word that is not there, and of all the words that recognizers go by, hardly any are in one note.
        numbers: start and end of every run of digits.
        mixed: whether the note has capitals and small letters as prose has them, so that a capital says something.
    """

    __slots__ = ("lowered", "mixed", "numbers", "text", "words")

    def __init__(self, text: str) -> None:
        self.text = text
        self.lowered = lower(text)
        self.words = frozenset(_LETTERS.findall(self.lowered))
        self.numbers = [run.span() for run in _DIGITS.finditer(self.lowered)]
        letters = text.encode("ascii", "ignore")
        capitals = len(letters) - len(letters.translate(None, _CAPITALS))
        small = len(letters) - len(letters.translate(None, _SMALL))
        self.mixed = small > capitals and 100 * capitals > small

    def starts(self, words: Set[str]) -> Iterator[tuple[str, int]]:
        """Each of `words` with every index at which it begins, alone or at the head of a longer word."""
        for word in self.words & words:
            at = self.lowered.find(word)
            while at >= 0:
                if not at or not (self.lowered[at - 1].isalnum() or self.lowered[at - 1] == "_"):
                    yield word, at
                at = self.lowered.find(word, at + 1)


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
