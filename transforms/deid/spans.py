"""Spans of PHI, and how the spans of several layers become one list.

Every layer only ever adds: the merged spans cover the union of all that was found, so one layer's miss is
made good by another and no layer can talk another one out of a find.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from transforms.deid.labels import PRIORITY


class PhiSpan(NamedTuple):
    """A stretch of raw text that is PHI.

    Attributes:
        start: index of the first character.
        end: index after the last character.
        label: i2b2-2014 label.
        score: confidence, 0 to 1.
        recognizer: who found it.
    """

    start: int
    end: int
    label: str
    score: float
    recognizer: str


def _worth(span: PhiSpan) -> tuple[float, int, int]:
    return (span.score, -PRIORITY[span.label], span.end - span.start)


def trim(text: str, span: PhiSpan) -> PhiSpan | None:
    """The span without white space at its ends; None when nothing else is in it."""
    start, end = span.start, span.end
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start == end:
        return None
    return span._replace(start=start, end=end)


def subtract(span: PhiSpan, holes: Sequence[tuple[int, int]]) -> list[PhiSpan]:
    """What is left of `span` outside `holes` (sorted, disjoint, half open)."""
    left: list[PhiSpan] = []
    start = span.start
    for hole_start, hole_end in holes:
        if hole_end <= start:
            continue
        if hole_start >= span.end:
            break
        if hole_start > start:
            left.append(span._replace(start=start, end=hole_start))
        start = hole_end
    if start < span.end:
        left.append(span._replace(start=start))
    return left


def merge(text: str, spans: Iterable[PhiSpan]) -> list[PhiSpan]:
    """The union of `spans`: sorted, disjoint, trimmed.

    Overlapping spans become one, which takes label, score and recognizer of the one with the highest score
    (then of the more telling label, then of the longer one). Spans that only touch stay apart.
    """
    merged: list[PhiSpan] = []
    best: list[PhiSpan] = []
    for span in sorted(span for span in (trim(text, span) for span in spans) if span is not None):
        if merged and span.start < merged[-1].end:
            if _worth(span) > _worth(best[-1]):
                best[-1] = span
            merged[-1] = best[-1]._replace(start=merged[-1].start, end=max(merged[-1].end, span.end))
        else:
            merged.append(span)
            best.append(span)
    return merged
