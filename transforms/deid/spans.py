"""Spans of PHI, and how the spans of several layers become one list.

Every layer only ever adds: the merged spans cover the union of all that was found, so one layer's miss is
made good by another and no layer can talk another one out of a find.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from transforms.deid.labels import PRIORITY

TAGGER: Final = "tagger"
"""The recognizer of the spans that a model found."""

_READ: Final = 0.8
"""From this score on a recognizer has read what the span is, and has not judged by its form."""

_ECHOES: Final = frozenset(("echo", "link"))
"""Further mentions of a name: one in a longer span (`Smith Memorial Hospital`) does not name it."""

_GUESSES_THE_LABEL: Final = frozenset(("listed_names",))
"""A list of names tells that somebody is named, not who."""


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

    Overlapping spans become one. Its score is the highest of them; label and recognizer are those of the span that
    names it best: of the highest score, then of the more telling label, then the longer one. A tagger reads by
    likeness and is nearly always sure, so where a recognizer or known PHI read what stands there (`SSN 219-09-4431`)
    that span names the whole and the tagger only adds cover. Spans that only touch stay apart.
    """
    merged: list[PhiSpan] = []
    group: list[PhiSpan] = []
    end = 0
    for span in sorted(span for span in (trim(text, span) for span in spans) if span is not None):
        if group and span.start >= end:
            merged.append(_one(group, end))
            group = []
        end = max(end, span.end) if group else span.end
        group.append(span)
    if group:
        merged.append(_one(group, end))
    return merged


def _one(group: Sequence[PhiSpan], end: int) -> PhiSpan:
    """The span over a `group` (sorted, in a chain of overlaps) that ends at `end`."""
    if len(group) == 1:
        return group[0]
    tagged = [span for span in group if span.recognizer == TAGGER]
    best = max(group, key=_worth)
    if tagged and len(tagged) < len(group):
        cover = _disjoint(tagged)
        readers = [span for span in group if span.recognizer != TAGGER and _names(span, cover)]
        best = max(readers, key=_worth) if readers else max(tagged, key=_worth)
    return best._replace(start=group[0].start, end=end, score=max(span.score for span in group))


def _names(span: PhiSpan, cover: Sequence[tuple[int, int]]) -> bool:
    """Whether a recognizer's label goes before a tagger's, which covers `cover`."""
    if span.recognizer in _GUESSES_THE_LABEL or (span.label == "IDNUM" and span.score < _READ):
        return False  # found by its form alone: of the kind the tagger knows more
    if span.score >= _READ and span.recognizer not in _ECHOES:
        return True
    shared = sum(max(0, min(span.end, end) - max(span.start, start)) for start, end in cover)
    return 2 * shared >= sum(end - start for start, end in cover)


def _disjoint(spans: Iterable[PhiSpan]) -> list[tuple[int, int]]:
    """What sorted spans cover."""
    cover: list[tuple[int, int]] = []
    for span in spans:
        if cover and span.start < cover[-1][1]:
            cover[-1] = (cover[-1][0], max(cover[-1][1], span.end))
        else:
            cover.append((span.start, span.end))
    return cover
