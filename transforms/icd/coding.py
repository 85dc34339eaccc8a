"""From scores and attention to codes with their evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

BELOW: Final = 3.0
"""How far below its threshold, in logits, the attention head proposes codes to the stage `coding`."""


@dataclass(frozen=True)
class CodingOptions:
    """How many codes come out, and how much evidence with each.

    Attributes:
        threshold: least score of a code; None takes the one that was calibrated when the head was trained.
        below: how far below the threshold, in logits, codes come out too: candidates for the stage `coding`.
        top_k: most codes for one note.
        spans: most evidence spans for one code; 0 for none.
        words: most words in a span.
        floor: a further span needs at least this share of the attention of the first one's peak.
        masked: of a published PLM-ICD, keep its attention off the padding; False gives the published scores.
    """

    threshold: float | None = None
    below: float = 0.0
    top_k: int = 50
    spans: int = 3
    words: int = 8
    floor: float = 0.2
    masked: bool = True

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ValueError(f"the ICD threshold {self.threshold} is not a probability")
        if self.below < 0:
            raise ValueError("below is no number of logits under the threshold: it is negative")
        if min(self.top_k, self.words) < 1 or self.spans < 0:
            raise ValueError("top_k and words of the ICD options are at least 1, spans at least 0")

    def least(self, calibrated: float) -> float:
        """The least score of a code.

        Args:
            calibrated: the threshold of the checkpoint.
        """
        threshold = calibrated if self.threshold is None else self.threshold
        if not self.below or not 0 < threshold < 1:
            return threshold
        return threshold / (threshold + (1 - threshold) * math.exp(self.below))


class CodeHit(NamedTuple):
    """A code of a note, its score in [0, 1], and where in the text it was read (offset pairs, in text order)."""

    code: str
    score: float
    evidence: list[tuple[int, int]]


def select(scores: npt.NDArray[np.float32], threshold: float, top_k: int) -> list[int]:
    """Labels at or over the threshold, best first, at most `top_k`."""
    over = np.flatnonzero(scores >= threshold)
    order = np.argsort(-scores[over], kind="stable")[:top_k]
    return [int(label) for label in over[order]]


def evidence(
    text: str,
    weights: npt.NDArray[np.float32],
    starts: Sequence[int],
    ends: Sequence[int],
    options: CodingOptions,
) -> list[tuple[int, int]]:
    """The stretches of text that a code's attention rests on.

    From the word with the greatest weight a span grows to the heavier neighbour, within the line, while that
    neighbour has a share of the peak's weight; then the next peak outside the spans found. Spans hold whole
    words, and each has a letter or a digit in it.

    Args:
        text: the note.
        weights: for each word its attention, summed over its tokens.
        starts, ends: for each word its character offsets.
        options: how many spans, and how long.
    """
    worth = weights.astype(np.float64)
    # Only the words that could be a peak are looked at: attention over a long note is mostly dust.
    found: list[tuple[int, int]] = []
    taken = np.zeros(len(worth), dtype=bool)
    first_peak: float | None = None
    for peak in np.argsort(-worth, kind="stable"):
        if len(found) == options.spans or worth[peak] <= 0:
            break
        if first_peak is not None and worth[peak] < options.floor * first_peak:
            break
        if taken[peak] or not any(char.isalnum() for char in text[starts[peak] : ends[peak]]):
            continue
        first_peak = worth[peak] if first_peak is None else first_peak
        left, right = _grow(text, worth, taken, int(peak), starts, ends, options)
        taken[max(0, left - 1) : right + 2] = True  # spans that touch would be one span
        found.append((starts[left], ends[right]))
    return sorted(found)


def _grow(
    text: str,
    worth: npt.NDArray[np.float64],
    taken: npt.NDArray[np.bool_],
    peak: int,
    starts: Sequence[int],
    ends: Sequence[int],
    options: CodingOptions,
) -> tuple[int, int]:
    left = right = peak
    least = options.floor * worth[peak]

    def reach(word: int, gap_start: int, gap_end: int) -> float:
        if not 0 <= word < len(worth) or taken[word] or "\n" in text[gap_start:gap_end]:
            return 0.0
        return float(worth[word]) if worth[word] >= least else 0.0

    while right - left + 1 < options.words:
        before = reach(left - 1, ends[left - 1] if left else 0, starts[left])
        after = reach(right + 1, ends[right], starts[right + 1] if right + 1 < len(worth) else ends[right])
        if before == after == 0.0:
            break
        if before >= after:
            left -= 1
        else:
            right += 1
    # A span neither opens nor closes with punctuation.
    while left < peak and not text[starts[left] : ends[left]].isalnum():
        left += 1
    while right > peak and not text[starts[right] : ends[right]].isalnum():
        right -= 1
    return left, right
