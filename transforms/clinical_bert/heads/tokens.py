"""Token classification: a label for each word, and spans out of the labels.

Probabilities of a word's pieces are averaged, so that a word is never split between labels. Schemes: IOB and
IOB2 (`B-`, `I-`, `O`), BIOES/BILOU (`E-`, `L-` end and `S-`, `U-` stand alone), and plain labels, where
neighbouring words of one label are one span.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from transforms.clinical_bert.heads.base import Encoded
from transforms.clinical_bert.spans import Span
from transforms.clinical_bert.windows import Tokens

OUTSIDE: Final = "O"
_PIECE: Final = 8192  # tokens at a time, so that a very long note's states are not copied whole to float32
_PREFIXES: Final = frozenset("BIESLU")
_OPENS: Final = frozenset("BSU")
_CLOSES: Final = frozenset("ESLU")


def split_label(label: str) -> tuple[str, str]:
    """`B-Disease` is ("B", "Disease"); a plain label has the prefix ""; `O` is ("", "O")."""
    prefix, dash, name = label.partition("-")
    return (prefix, name) if dash and prefix in _PREFIXES else ("", label)


def word_bounds(tokens: Tokens) -> npt.NDArray[np.int64]:
    """Token index at which each word begins, and the number of tokens at the end; shape (words + 1,)."""
    n = len(tokens)
    if n == 0:
        return np.zeros(1, dtype=np.int64)
    starts = np.flatnonzero(np.diff(tokens.words, prepend=tokens.words[0] - 1))
    return np.append(starts, n).astype(np.int64)


def decode(labels: Sequence[str], scores: Sequence[float], starts: Sequence[int], ends: Sequence[int]) -> list[Span]:
    """Joins labelled words into spans.

    A span's score is the mean over its words. An `I-` after another label, or after nothing, opens a span (as
    seqeval counts in its default mode).

    Args:
        labels, scores: for each word its best label and that label's probability.
        starts, ends: for each word its character offsets.
    """
    spans = []
    for first, last, name in _runs(labels):
        spans.append(Span(starts[first], ends[last], name, float(np.mean(scores[first : last + 1]))))
    return spans


def _runs(labels: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    first: int | None = None
    open_name = ""
    for i, label in enumerate(labels):
        prefix, name = split_label(label)
        if first is not None and (name != open_name or prefix in _OPENS):
            yield first, i - 1, open_name
            first = None
        if name == OUTSIDE:
            continue
        if first is None:
            first, open_name = i, name
        if prefix in _CLOSES:
            yield first, i, name
            first = None
    if first is not None:
        yield first, len(labels) - 1, open_name


class TokenHead:
    """A linear token classifier on the encoder's states. A result is a list of `Span`.

    Args:
        labels: names of the classes, in the order of the weights' rows.
        weight: shape (labels, width).
        bias: shape (labels,).
    """

    def __init__(self, labels: Sequence[str], weight: torch.Tensor, bias: torch.Tensor) -> None:
        self._labels = list(labels)
        self._weight = weight.float()
        self._bias = bias.float()

    def __call__(self, notes: Sequence[Encoded]) -> list[list[Span]]:
        return [self._spans(note) for note in notes]

    def rows(self, result: list[Span], text: str, sections: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Entities. The assertion columns stay null: the stage `assertion` fills them."""
        ids = innermost(sections, [span.start for span in result])
        return [
            {
                "entity_id": i,
                "start": span.start,
                "end": span.end,
                "text": text[span.start : span.end],
                "label": span.label,
                "score": span.score,
                "section_id": section_id,
            }
            for i, (span, section_id) in enumerate(zip(result, ids, strict=True))
        ]

    def _spans(self, note: Encoded) -> list[Span]:
        bounds = word_bounds(note.tokens)
        if len(bounds) == 1:
            return []
        tokens = np.concatenate([self._probabilities(piece) for piece in torch.split(note.states, _PIECE)])
        counts = np.diff(bounds)
        words = np.add.reduceat(tokens, bounds[:-1], axis=0) / counts[:, None]
        best = words.argmax(axis=1)
        return decode(
            [self._labels[label] for label in best],
            words[np.arange(len(best)), best].tolist(),
            note.tokens.starts[bounds[:-1]].tolist(),
            note.tokens.ends[bounds[1:] - 1].tolist(),
        )

    def _probabilities(self, states: torch.Tensor) -> npt.NDArray[np.float32]:
        logits = torch.nn.functional.linear(states.float(), self._weight, self._bias)
        probabilities: npt.NDArray[np.float32] = torch.softmax(logits, dim=-1).cpu().numpy()
        return probabilities


def innermost(sections: Sequence[dict[str, Any]], starts: Sequence[int]) -> list[int | None]:
    """For each character offset the id of the smallest section that holds it, or None.

    Args:
        sections: may be nested, never crossing.
        starts: in any order.
    """
    by_size = sorted(sections, key=lambda section: section["end"] - section["start"])
    edges = sorted({edge for section in sections for edge in (section["start"], section["end"])})
    # Between two neighbouring edges the innermost section is the same, so it is looked up once.
    owners = [
        next((s["section_id"] for s in by_size if s["start"] <= left and right <= s["end"]), None)
        for left, right in pairwise(edges)
    ]
    places = np.searchsorted(edges, starts, side="right") - 1
    return [owners[place] if 0 <= place < len(owners) else None for place in places]
