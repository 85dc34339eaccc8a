"""Where evidence that is marked in a Spanish text stands in its English translation.

CodiEsp's evidence has offsets in Spanish; its English texts are machine translations. Sentences are paired by dynamic
programming over lengths and shared word beginnings (after Gale and Church 1993), words by IBM Model 1 in both
directions (Brown et al. 1993), with two priors: words at like places of their sentences, and words that look alike, for
the language of medicine is Latin in both. Evidence is then the stretch of English words that its Spanish words chose.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

_WORD: Final = re.compile(r"[^\W_]+")
_SENTENCE: Final = re.compile(r"(?<=[.!?;])\s+(?=[A-ZÁÉÍÓÚÑ¿(\d-])|\n+")
_STOP: Final = frozenset(
    [
        *(
            "the",
            "a",
            "an",
            "of",
            "in",
            "on",
            "at",
            "and",
            "or",
            "with",
            "to",
            "for",
            "by",
            "from",
            "as",
            "that",
            "which",
        ),
        *("was", "were", "is", "are", "be", "been", "his", "her", "its", "this", "these", "it", "he", "she", "patient"),
        *("no", "not", "without", "that", "which"),
    ]
)
_STEPS: Final = ((1, 1), (1, 2), (2, 1), (1, 0), (0, 1), (1, 3), (3, 1), (2, 2))
_DRIFT: Final = 0.35  # of a text's length: sentences farther apart are no pair
_LONGEST: Final = 150  # words of a pair of sentences that are aligned
_ROUNDS: Final = 8
_ALIKE: Final = 0.45  # likeness from which two words may be cognates
_CHOSEN: Final = 0.35  # share of an English word's choice from which it belongs to the evidence
_SPELLING: Final = (
    ("ph", "f"), ("th", "t"), ("y", "i"), ("ch", "c"), ("k", "c"), ("qu", "c"), ("cc", "c"), ("ll", "l"), ("mm", "m"),
    ("ff", "f"),
)  # fmt: skip

Floats = npt.NDArray[np.float64]


class Word(NamedTuple):
    text: str
    start: int
    end: int


class Evidence(NamedTuple):
    """A code, and where its evidence stands in the English text."""

    code: str
    start: int
    end: int


@dataclass
class Pair:
    """Sentences that translate one another; of each English word (row) and Spanish word (column) how they chose."""

    document: int
    spanish: list[Word]
    english: list[Word]
    english_chose: Floats
    spanish_chose: Floats


def evidence(documents: Sequence[Mapping[str, Any]]) -> list[list[Evidence]]:
    """The evidence of each document in its English text, as far as it is found.

    Args:
        documents: `text_es`, `text_en`, and `evidence_es`: code, text, start, end.
    """
    found: list[list[Evidence]] = [[] for _ in documents]
    by_document: dict[int, list[Pair]] = {}
    for pair in _aligned(documents):
        by_document.setdefault(pair.document, []).append(pair)
    for number, pairs in by_document.items():
        for marked in documents[number]["evidence_es"]:
            spans = (_english_span(pair, marked) for pair in pairs)
            span = next((span for span in spans if span is not None), None)
            if span is not None:
                found[number].append(Evidence(marked["code"], *span))
    return found


def _english_span(pair: Pair, marked: Mapping[str, Any]) -> tuple[int, int] | None:
    texts = {word.lower() for word in _WORD.findall(marked["text"])}
    own = [
        place
        for place, word in enumerate(pair.spanish)
        if word.start >= marked["start"] and word.end <= marked["end"] and word.text in texts
    ]
    if not own:
        return None
    chosen = (pair.english_chose[:, own].sum(axis=1) + pair.spanish_chose[:, own].max(axis=1)) / 2
    first, last = _heaviest(chosen - _CHOSEN)
    while first < last and pair.english[first].text in _STOP:
        first += 1
    while last > first and pair.english[last - 1].text in _STOP:
        last -= 1
    if first == last or last - first > len(own) + 3 or chosen[first:last].mean() < 0.5:
        return None
    content = [place for place in own if len(pair.spanish[place].text) > 3] or own
    if np.mean([pair.spanish_chose[first:last, place].sum() for place in content]) < 0.5:
        return None
    return pair.english[first].start, pair.english[last - 1].end


def _heaviest(gain: Floats) -> tuple[int, int]:
    """The stretch of greatest sum, half open (Kadane's algorithm)."""
    best, span, running, start = 0.0, (0, 0), 0.0, 0
    for place, value in enumerate(gain.tolist()):
        if running <= 0:
            running, start = 0.0, place
        running += value
        if running > best:
            best, span = running, (start, place + 1)
    return span


def _aligned(documents: Sequence[Mapping[str, Any]]) -> Iterator[Pair]:
    pairs = [
        (number, spanish, english)
        for number, document in enumerate(documents)
        for spanish, english in _sentence_pairs(document["text_es"], document["text_en"])
        if len(spanish) < _LONGEST and len(english) < _LONGEST
    ]
    if not pairs:
        return
    ids: tuple[dict[str, int], dict[str, int]] = ({}, {})
    spanish_ids = [_ids(ids[0], spanish) for _, spanish, _ in pairs]
    english_ids = [_ids(ids[1], english) for _, _, english in pairs]
    width = len(ids[0])
    links = np.concatenate([(e[:, None] * width + s).ravel() for s, e in zip(spanish_ids, english_ids, strict=True)])
    kinds, kind_of = np.unique(links, return_inverse=True)
    spanish_of, english_of = kinds % width, kinds // width
    beginnings = [[_bigrams(word) for word in words] for words in ids]
    words_of = zip(spanish_of.tolist(), english_of.tolist(), strict=True)
    alike = np.array([_likeness(beginnings[0][s], beginnings[1][e]) for s, e in words_of])
    cognate = np.where(alike > _ALIKE, np.exp(6 * (alike - 0.3)), 1.0)
    near = np.concatenate([_near(len(s), len(e)) for s, e in zip(spanish_ids, english_ids, strict=True)])
    rows, columns = [], []
    at_english = at_spanish = 0
    for s, e in zip(spanish_ids, english_ids, strict=True):
        rows.append(at_english + np.repeat(np.arange(len(e)), len(s)))
        columns.append(at_spanish + np.tile(np.arange(len(s)), len(e)))
        at_english, at_spanish = at_english + len(e), at_spanish + len(s)
    by_english = _model_1(kind_of, cognate, near, np.concatenate(rows), spanish_of)
    by_spanish = _model_1(kind_of, cognate, near, np.concatenate(columns), english_of)
    at = 0
    for number, spanish, english in pairs:
        shape, end = (len(english), len(spanish)), at + len(english) * len(spanish)
        yield Pair(number, spanish, english, by_english[at:end].reshape(shape), by_spanish[at:end].reshape(shape))
        at = end


def _model_1(
    kind_of: npt.NDArray[np.int64],
    cognate: Floats,
    near: Floats,
    chooser: npt.NDArray[np.int64],
    source: npt.NDArray[np.int64],
) -> Floats:
    """For each link the probability that the word which chooses chose it.

    Args:
        kind_of: of each link its kind, a pair of words.
        cognate: of each kind how much it is favoured at first.
        near: of each link how near the two words stand.
        chooser: of each link the word, of all texts, that chooses.
        source: of each kind the word that is chosen.
    """
    table = cognate / np.bincount(source, cognate)[source]
    for _ in range(_ROUNDS):
        counts = np.bincount(kind_of, _choices(table[kind_of] * near, chooser), len(cognate))
        counts += np.where(cognate > 1, cognate / 1000, 0)
        table = counts / (np.bincount(source, counts) + 0.5)[source]
    return _choices(table[kind_of] * near, chooser)


def _choices(weights: Floats, chooser: npt.NDArray[np.int64]) -> Floats:
    chosen: Floats = weights / (np.bincount(chooser, weights) + 1e-300)[chooser]
    return chosen


def _near(spanish: int, english: int) -> Floats:
    places = (np.arange(spanish) + 0.5) / spanish - ((np.arange(english) + 0.5) / english)[:, None]
    weights = np.exp(-6 * np.abs(places))
    near: Floats = (weights / weights.sum(axis=1, keepdims=True)).ravel()
    return near


def _ids(known: dict[str, int], words: Sequence[Word]) -> npt.NDArray[np.int64]:
    return np.array([known.setdefault(word.text, len(known)) for word in words], dtype=np.int64)


def _bigrams(word: str) -> frozenset[str]:
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", word) if not unicodedata.combining(letter))
    for spelling, sound in _SPELLING:
        plain = plain.replace(spelling, sound)
    plain = f"^{plain}"
    return frozenset(plain[at : at + 2] for at in range(len(plain) - 1))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other))


def _sentence_pairs(spanish: str, english: str) -> Iterator[tuple[list[Word], list[Word]]]:
    sentences = _sentences(spanish), _sentences(english)
    if not all(sentences):
        return
    for (first, last), (start, stop) in _path(*sentences):
        yield list(chain(*sentences[0][first:last])), list(chain(*sentences[1][start:stop]))


def _sentences(text: str) -> list[list[Word]]:
    edges = [0, *(found.end() for found in _SENTENCE.finditer(text)), len(text)]
    parts = [
        [
            Word(found[0].lower(), start + found.start(), start + found.end())
            for found in _WORD.finditer(text[start:end])
        ]
        for start, end in pairwise(edges)
    ]
    return [part for part in parts if part]


def _path(
    spanish: Sequence[Sequence[Word]], english: Sequence[Sequence[Word]]
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    marks = [
        [{word.text[:5] for word in sentence if len(word.text) > 3 or word.text.isdigit()} for sentence in sentences]
        for sentences in (spanish, english)
    ]
    lengths = [np.cumsum([0, *map(len, sentences)]) for sentences in (spanish, english)]
    rows, columns = len(spanish), len(english)

    def worth(i: int, down: int, j: int, right: int) -> float:
        if not down or not right:
            return -0.5
        ours, theirs = set().union(*marks[0][i : i + down]), set().union(*marks[1][j : j + right])
        shared = len(ours & theirs) / (min(len(ours), len(theirs)) + 1)
        long, other = lengths[0][i + down] - lengths[0][i], lengths[1][j + right] - lengths[1][j]
        each = 2 * shared - 0.6 * abs(float(np.log((long + 1) / (1.08 * other + 1)))) + 0.3
        return each * (1 if down + right == 2 else 0.95 * max(down, right))

    best = np.full((rows + 1, columns + 1), -np.inf)
    best[0, 0] = 0
    came: dict[tuple[int, int], tuple[int, int]] = {}
    for i in range(rows + 1):
        for j in range(columns + 1):
            if not np.isfinite(best[i, j]) or abs(i / rows - j / columns) > _DRIFT:
                continue
            for down, right in _STEPS:
                if i + down <= rows and j + right <= columns:
                    total = best[i, j] + worth(i, down, j, right)
                    if total > best[i + down, j + right]:
                        best[i + down, j + right] = total
                        came[i + down, j + right] = i, j
    path = []
    at = rows, columns
    while at in came:
        before = came[at]
        if before[0] < at[0] and before[1] < at[1]:
            path.append(((before[0], at[0]), (before[1], at[1])))
        at = before
    return path[::-1]
