"""Counting what was found of gold PHI, and what else was taken.

A gold span counts as found when every letter and digit of it lies in found spans; what is left of it then tells
nothing. Characters of recall are letters and digits too. Precision is the share of found spans that touch gold.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jobs.evaluation.bootstrap import bootstrap, ratio
from jobs.evaluation.gold import GoldSpan
from transforms.deid.labels import SAFE_HARBOR, LabelMap
from transforms.deid.spans import PhiSpan

_NUMBER: Final = re.compile(r"\d+")
_OLD_WORDS: Final = re.compile(r"ninety|nineties|nonagenarian|hundred|centenarian", re.IGNORECASE)
_YEAR: Final = re.compile(r"\W*(?:1[89]|2[01])\d\d(?:['’]?s)?\W*")


def stays_as(text: str, span: GoldSpan, label: str | None) -> str | None:
    """How a gold span is called that Safe Harbor lets stay (45 CFR 164.514(b)(2)(i)); None for one that must go.

    Args:
        label: the span's i2b2-2014 label; None for one that Safe Harbor does not list.
    """
    if label is None:
        return span.label
    content = text[span.start : span.end]
    if label == "AGE":
        numbers = [int(number) for number in _NUMBER.findall(content)]
        old = max(numbers) >= 90 if numbers else _OLD_WORDS.search(content) is not None
        return None if old else "AGE under 90"
    if label == "DATE" and _YEAR.fullmatch(content):
        return "DATE of a year alone"
    return None


@dataclass
class Tally:
    """Counts of one label, one class or all.

    Attributes:
        gold: gold spans; `whole` of them were found whole, `labelled` of those under their label too.
        characters: letters and digits of the gold spans; `masked` of them were found.
        found: spans found (by the label that they were given); `right` of them touch gold.
    """

    gold: int = 0
    whole: int = 0
    labelled: int = 0
    characters: int = 0
    masked: int = 0
    found: int = 0
    right: int = 0

    def __iadd__(self, other: Tally) -> Tally:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self

    def figures(self) -> dict[str, Any]:
        """Shares are None where there is nothing to divide by."""
        return {
            "n": self.gold,
            "recall": ratio(self.whole, self.gold),
            "recall_labelled": ratio(self.labelled, self.gold),
            "character_recall": ratio(self.masked, self.characters),
            "found": self.found,
            "precision": ratio(self.right, self.found),
        }


@dataclass
class Stays:
    """Gold that may stay: how much there is, and how much of it was taken all the same (any letter or digit)."""

    n: int = 0
    masked: int = 0


class Scores:
    """Adds up over notes.

    Args:
        labels: puts gold labels into i2b2-2014's.
    """

    def __init__(self, labels: LabelMap) -> None:
        self._labels = labels
        self.by_label: defaultdict[str, Tally] = defaultdict(Tally)
        self.stays: defaultdict[str, Stays] = defaultdict(Stays)
        self._notes: list[tuple[int, int, int, int]] = []

    def add(self, text: str, gold: Sequence[GoldSpan], found: Sequence[PhiSpan]) -> None:
        """Counts one note.

        Raises:
            UnknownLabelError: a gold label that no rule maps.
        """
        masked = _mask(len(text), found)
        named = [(span, label, stays_as(text, span, label)) for span in gold for label in [self._labels[span.label]]]
        identifying = [(span, label) for span, label, stays in named if label is not None and stays is None]
        phi = _mask(len(text), [span for span, _ in identifying])
        free = _mask(len(text), gold)
        whole = 0
        for span, label in identifying:
            whole += self._count(self.by_label[label], text, span, label, masked, found)
        for span, _, stays in named:
            if stays is not None:
                self.stays[stays].n += 1
                self.stays[stays].masked += any(masked[at] for at in _telling(text, span))
        for hit in found:
            right = bool(phi[hit.start : hit.end].any())
            # What touches nothing but gold that may stay is neither right nor wrong.
            if right or not free[hit.start : hit.end].any():
                self.by_label[hit.label].found += 1
                self.by_label[hit.label].right += right
        self._notes.append((whole, len(identifying), int((masked & ~free).sum()), int((~free).sum())))

    @staticmethod
    def _count(
        tally: Tally, text: str, span: GoldSpan, label: str, masked: npt.NDArray[np.bool_], found: Sequence[PhiSpan]
    ) -> bool:
        telling = _telling(text, span)
        hidden = sum(bool(masked[at]) for at in telling)
        whole = hidden == len(telling)
        tally.gold += 1
        tally.characters += len(telling)
        tally.masked += hidden
        tally.whole += whole
        tally.labelled += whole and any(
            hit.label == label and hit.start < span.end and span.start < hit.end for hit in found
        )
        return whole

    @property
    def total(self) -> Tally:
        """Over all labels."""
        total = Tally()
        for tally in self.by_label.values():
            total += tally
        return total

    @property
    def by_class(self) -> Mapping[str, Tally]:
        """Over the labels of each Safe Harbor class, A to R."""
        classes = {letter: Tally() for letter in sorted(set(SAFE_HARBOR.values()))}
        for label, tally in self.by_label.items():
            classes[SAFE_HARBOR[label]] += tally
        return classes

    @property
    def masked_other(self) -> float | None:
        """The share of characters outside of all gold that lie in found spans."""
        return ratio(sum(note[2] for note in self._notes), sum(note[3] for note in self._notes))

    def intervals(self) -> dict[str, list[float] | None]:
        """95% bootstrap intervals over notes, of the recall of whole spans and of `masked_other`."""
        counts = np.array(self._notes, dtype=np.int64).reshape(-1, 4)
        return {"recall": bootstrap(counts[:, :2]), "masked_other": bootstrap(counts[:, 2:])}


def _mask(length: int, spans: Sequence[GoldSpan | PhiSpan]) -> npt.NDArray[np.bool_]:
    mask = np.zeros(length, dtype=np.bool_)
    for span in spans:
        mask[span.start : span.end] = True
    return mask


def _telling(text: str, span: GoldSpan) -> list[int]:
    """Where the span's letters and digits stand."""
    return [at for at in range(span.start, span.end) if text[at].isalnum()]
