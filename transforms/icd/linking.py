"""From what a note mentions to the codes that it may mean: the road called `linking`.

Two kinds of mentions are looked at: stretches of the text whose words make a phrase of the dictionary (`phrases`), in
any order but with no other word between, and the entities that a model found. A stretch within a longer one that is
also a phrase is kept, but known to be nested: "pain" in "chest pain" is hardly ever meant by itself. An entity that is
no phrase by itself links to nothing; the phrases within it do.

Nearest neighbours for such entities, by words that are shared or by embeddings of the encoder, were measured and left
out: on CodiEsp's training part the nearest phrase at a cosine of 0.8 and more (all-MiniLM-L6-v2, mentions and titles)
was right in 100 of 346 cases, which a fitted threshold would not let out.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple

from transforms.icd.phrases import Sense, Senses
from transforms.icd.terms import LONGEST
from transforms.icd.wording import TOKEN, Key, Word, Wording

LINKED_LABELS: Final = frozenset(
    [
        *(
            "disease",
            "diseases",
            "disease_disorder",
            "disorder",
            "mental_disorder",
            "condition",
            "problem",
            "diagnosis",
        ),
        *("finding", "symptom", "sign", "sign_symptom", "sign_or_symptom", "injury", "neoplasm", "cancer"),
    ]
)
"""Labels of entities that name what a patient has, in small letters, whatever the model calls them."""

# Stop words that a reader wants to see with the word beside them: "type 2 diabetes mellitus".
_LEADING: Final = frozenset(["type", "stage", "grade", "class"])
_TRAILING: Final = frozenset(["mellitus"])
_BREAK: Final = re.compile(r"[\n.;:!?|]")


class Mention(NamedTuple):
    """A stretch of a note that is a phrase of the dictionary.

    Attributes:
        start, end: offsets, half open.
        senses: what it may mean.
        nested: it lies within a longer phrase.
        in_entity: it lies in an entity with one of `LINKED_LABELS`, or overlaps one.
    """

    start: int
    end: int
    senses: tuple[Sense, ...]
    nested: bool
    in_entity: bool


class Linker:
    """Finds the phrases of a dictionary in notes.

    Args:
        senses: the dictionary.
        wording: brings words into the normal form that the dictionary has.
    """

    def __init__(self, senses: Senses, wording: Wording) -> None:
        self._senses = senses
        self._wording = wording
        self._vocabulary = frozenset(word for key in senses for word in key)

    def mentions(self, text: str, entities: Sequence[Mapping[str, Any]]) -> list[Mention]:
        """The phrases in a note, in text order, a longer one before those within it.

        Args:
            text: the note.
            entities: as the column `entities` holds them.
        """
        found: dict[tuple[int, int], Key] = {}
        for run in self._runs(text):
            self._scan(run, found)
        told = [(e["start"], e["end"]) for e in entities if str(e["label"]).lower() in LINKED_LABELS]
        for start, end in told:
            if (start, end) not in found and (key := self._wording.key(text[start:end])) in self._senses:
                found[start, end] = key
        spans = sorted(found, key=lambda span: (span[0], -span[1]))
        inside = _overlapping(spans, told)
        mentions = []
        furthest = -1
        for span, in_entity in zip(spans, inside, strict=True):
            mentions.append(Mention(*span, self._senses[found[span]], span[1] <= furthest, in_entity))
            furthest = max(furthest, span[1])
        return mentions

    def _runs(self, text: str) -> Iterator[list[Word]]:
        """Stretches of words of the dictionary, without the stop words between them, each within a clause."""
        vocabulary, normal_of = self._vocabulary, self._wording.normal
        run: list[Word] = []
        last = 0
        leading: tuple[int, int] | None = None
        for match in TOKEN.finditer(text):
            normal = normal_of(match[0])
            start, end = match.span()
            if not normal:  # a stop word; what stands around it is looked at with the next word
                word = match[0].lower()
                leading = (start, end) if word in _LEADING else None
                if word in _TRAILING and run and text[last:start] == " ":
                    run[-1], last = run[-1]._replace(end=end), end
                continue
            if run and _BREAK.search(text, last, start):
                yield run
                run = []
            last = end
            if normal[0] in vocabulary:
                if leading is not None and text[leading[1] : start] in (" ", "-"):
                    start = leading[0]
                run.append(Word(normal, start, end))
            elif run:
                yield run
                run = []
            leading = None
        if run:
            yield run

    def _scan(self, run: Sequence[Word], found: dict[tuple[int, int], Key]) -> None:
        """Adds the longest phrase that begins at each word."""
        senses = self._senses
        for first in range(len(run)):
            words: set[str] = set()
            longest: tuple[int, Key] | None = None
            for word in run[first : first + LONGEST]:
                words.update(word.normal)
                key = tuple(sorted(words))
                if key in senses:
                    longest = word.end, key
            if longest is not None:
                found[run[first].start, longest[0]] = longest[1]


def _overlapping(spans: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> list[bool]:
    """Whether each span overlaps one of the others."""
    others = sorted(others)
    starts = [start for start, _ in others]
    furthest = list(accumulate((end for _, end in others), max))  # end up to each of them
    overlaps = []
    for start, end in spans:
        before = bisect_left(starts, end)  # that many begin before the span's end
        overlaps.append(before > 0 and furthest[before - 1] > start)
    return overlaps
