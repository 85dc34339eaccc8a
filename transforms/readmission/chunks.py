"""From the scores of a patient's chunks of notes to the probability of readmission.

Huang, Altosaar, Ranganath: ClinicalBERT: Modeling Clinical Notes and Predicting Hospital Readmission
(arXiv:1904.05342), section 4: an admission's notes are cut into consecutive subsequences of 318 words, a
subsequence is scored by itself, and over the n scores

    P(readmit = 1) = (max + mean * n / c) / (1 + n / c)        with c = 2

The largest score carries an admission with few chunks; the mean takes over as chunks, and with them the
noise of the maximum, become many. Since mean * n is the sum, an admission can be scored from three numbers.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

WORDS: Final = 318
"""Words of a chunk: in the paper the most that leave room for 512 word pieces."""

REST: Final = 10
"""A trailing rest of this many words or fewer is dropped."""

_WORD: Final = re.compile(r"\S+")


class Chunk(NamedTuple):
    """A scored chunk of a note.

    Attributes:
        start, end: characters of the note, half open.
        score: probability of readmission as far as this chunk tells, 0 to 1.
    """

    start: int
    end: int
    score: float


def chunk_spans(text: str, words: int = WORDS, rest: int = REST) -> list[tuple[int, int]]:
    """Cuts a text into consecutive chunks of whitespace-separated words.

    Args:
        text: one note, or the notes of an admission joined.
        words: words in a chunk.
        rest: a last, shorter chunk is kept only when it has more words than this.

    Returns:
        Character spans (half open), each from the first character of its first word to the last of its last.

    Raises:
        ValueError: `words` is less than 1 or `rest` is negative.
    """
    if words < 1 or rest < 0:
        raise ValueError(f"words must be at least 1 and rest at least 0, not {words} and {rest}")
    spans = [match.span() for match in _WORD.finditer(text)]
    chunks = []
    for first in range(0, len(spans), words):
        chunk = spans[first : first + words]
        if len(chunk) == words or len(chunk) > rest:
            chunks.append((chunk[0][0], chunk[-1][1]))
    return chunks


def admission_probability(max_chunk: float, sum_chunk: float, n: int) -> float:
    """The admission's probability of readmission from the scores of its chunks.

    Args:
        max_chunk: the largest score.
        sum_chunk: the sum of the scores.
        n: how many there are, at least 1.

    Returns:
        A probability from 0 to 1, for scores from 0 to 1.

    Raises:
        ValueError: there is no chunk, or the numbers cannot come from n scores between 0 and 1.
    """
    if n < 1:
        raise ValueError(f"an admission needs at least one chunk, not {n}")
    # Sums of float32 scores may be off by their rounding.
    slack = 1e-6 * n
    if not (0 <= max_chunk <= 1 and max_chunk - slack <= sum_chunk <= n * max_chunk + slack):
        raise ValueError(f"max {max_chunk} and sum {sum_chunk} cannot come from {n} scores between 0 and 1")
    return min(1.0, (max_chunk + sum_chunk / 2) / (1 + n / 2))
