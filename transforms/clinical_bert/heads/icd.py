"""Multi-label coding of a whole note with label-wise attention.

For each label l over the T token states h of the note:

    s_tl = (W2 tanh(W1 h_t))_l        attention score
    a_l  = softmax over t of s_tl
    y_l  = sum_t a_tl (W3 h_t)_l + b_l,   probability = sigmoid(y_l)

as in PLM-ICD (Huang, Tsai, Chen: Automatic ICD Coding with Pretrained Language Models, 2022) and LAAT (Vu,
Nguyen, Nguyen, 2020), with two differences. Only real tokens of the one note take part: PLM-ICD's attention
runs over padding too, so its scores depend on the batch. And W3 is applied before the sum, which is the same
number and lets a note of any length be done in pieces, with a running maximum and sum (online softmax). The pieces
are those that a window owns, so that what text copied from another note adds is computed once.

`plm_icd` serves the published checkpoints of PLM-ICD with the same formula over their own chunks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from typing import Any, Final, Protocol

import numpy as np
import torch
from torch.nn.functional import linear

from transforms.clinical_bert.cache import StateCache
from transforms.clinical_bert.heads.base import EncodedNotes, NoteStates
from transforms.clinical_bert.heads.words import word_bounds
from transforms.clinical_bert.windows import Tokens
from transforms.icd.coding import CodeHit, CodingOptions, evidence, select
from transforms.icd.table import SYSTEM, CodeTable

PARTIALS: Final = 0.25
"""Room for `LabelAttention.partial` of a window, as a share of that for its states: that holds as many windows."""

_PIECE: Final = 512  # tokens at a time: bounds memory at (piece x labels) whatever the note's length


class Scoring(Protocol):
    """Scores the states of a note, which `IcdHead` hands on as it got them."""

    def logits(self, states: Any) -> torch.Tensor:
        """Shape (labels,), float32."""
        ...

    def attention(self, states: Any, labels: Sequence[int]) -> torch.Tensor:
        """How much each label rests on each of the note's tokens: shape (tokens, labels), float32."""
        ...


class LabelAttention:
    """The formula above, for one note at a time.

    Args:
        first: W1, shape (attention, width).
        second: W2, shape (labels, attention).
        third: W3, shape (labels, width).
        bias: b, shape (labels,).
    """

    def __init__(self, first: torch.Tensor, second: torch.Tensor, third: torch.Tensor, bias: torch.Tensor) -> None:
        self._first, self._second, self._third, self._bias = first, second, third, bias.float()

    def logits(self, states: torch.Tensor | Iterable[torch.Tensor]) -> torch.Tensor:
        """Shape (labels,), float32.

        Args:
            states: shape (tokens, width), whole or in consecutive parts; at least one token.
        """
        return self.merged(self.partial(piece) for piece in _pieces(states))

    def partial(self, states: torch.Tensor) -> torch.Tensor:
        """What some tokens add to each label: shape (3, labels), float32.

        Its rows are the highest attention score m, the sum of exp(s_t - m) and that of exp(s_t - m) (W3 h_t).

        Args:
            states: shape (tokens, width); at least one token.
        """
        scores = self._scores(states, self._second)
        values = linear(states, self._third).float()
        highest = scores.amax(dim=0)
        weights = scores.sub_(highest).exp_()
        return torch.stack([highest, weights.sum(dim=0), values.mul_(weights).sum(dim=0)])

    def merged(self, partials: Iterable[torch.Tensor]) -> torch.Tensor:
        """The logits of a note, shape (labels,), float32, whose tokens are in these, in their order; at least one."""
        sums = reduce(_merge, partials)
        return sums[2] / sums[1] + self._bias

    def attention(self, states: torch.Tensor | Iterable[torch.Tensor], labels: Sequence[int]) -> torch.Tensor:
        """Attention of a few labels over all tokens: shape (tokens, labels), float32, columns sum to one."""
        rows = self._second[torch.as_tensor(labels, device=self._second.device)]
        scores = torch.cat([self._scores(piece, rows) for piece in _pieces(states)])
        return torch.softmax(scores, dim=0)

    def _scores(self, states: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return linear(torch.tanh(linear(states, self._first)), second).float()


class WindowAttention:
    """Scores whole notes by the windows that their states come from.

    Args:
        attention: the formula.
        kept: where what a window adds is kept for when it comes again.
    """

    def __init__(self, attention: LabelAttention, kept: StateCache) -> None:
        self._attention = attention
        self._kept = kept

    def logits(self, states: NoteStates) -> torch.Tensor:
        """Shape (labels,), float32."""
        return self._attention.merged(self._partial(key, part) for key, part in states.keyed())

    def attention(self, states: NoteStates, labels: Sequence[int]) -> torch.Tensor:
        """As of `LabelAttention`."""
        return self._attention.attention(states, labels)

    def _partial(self, key: bytes | None, states: torch.Tensor) -> torch.Tensor:
        known = None if key is None else self._kept.get(key)
        if known is not None:
            return known
        # Copies, for a product's sums may run in another order where its rows begin elsewhere in memory.
        pieces = (piece.clone() for piece in torch.split(states, _PIECE))
        partial = reduce(_merge, map(self._attention.partial, pieces))
        if key is not None:
            self._kept.put(key, partial)
        return partial


def _merge(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    highest = torch.maximum(one[0], other[0])
    sums = one[1:] * torch.exp(one[0] - highest) + other[1:] * torch.exp(other[0] - highest)
    return torch.cat([highest[None], sums])


def _pieces(states: torch.Tensor | Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    for part in [states] if isinstance(states, torch.Tensor) else states:
        yield from torch.split(part, _PIECE)


class IcdHead:
    """Codes of a note. A result is a list of `CodeHit`, the best first.

    Args:
        labels: codes with their dots, one per row of the weights.
        attention: the scoring.
        threshold: least score, as calibrated in training.
        options: of the user.
        table: ICD-10-CM codes that are not billable in it never come out. Of other systems there is no table: all
            their codes may come out, and none has a description.
        systems: the coding system of each label; None: all are ICD-10-CM.
    """

    def __init__(
        self,
        labels: Sequence[str],
        attention: Scoring,
        threshold: float,
        options: CodingOptions,
        table: CodeTable,
        systems: Sequence[str] | None = None,
    ) -> None:
        self._labels = list(labels)
        self._system = dict(zip(labels, systems or [SYSTEM] * len(labels), strict=True))
        self._served = np.array([self._system[code] != SYSTEM or table.is_billable(code) for code in labels])
        self._attention = attention
        self._threshold = options.least(threshold)
        self._options = options
        self._table = table

    def __call__(self, notes: EncodedNotes) -> list[list[CodeHit]]:
        return [
            self.codes(text, tokens, notes.parts_of(i))
            for i, (text, tokens) in enumerate(zip(notes.texts, notes.tokens, strict=True))
        ]

    def rows(self, result: list[CodeHit], text: str, sections: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:  # noqa: ARG002
        return [
            {
                "code": hit.code,
                "system": self._system[hit.code],
                "description": self._table.description(hit.code) if self._system[hit.code] == SYSTEM else None,
                "score": hit.score,
                "evidence": [{"start": start, "end": end, "text": text[start:end]} for start, end in hit.evidence],
                "roads": ["attention"],
            }
            for hit in result
        ]

    def codes(self, text: str, tokens: Tokens, states: Any) -> list[CodeHit]:
        """The codes of one note.

        Args:
            text: the note.
            tokens: its tokens.
            states: what its scoring takes.
        """
        if not len(tokens):
            return []
        scores = torch.sigmoid(self._attention.logits(states)).cpu().numpy()
        scores = np.where(self._served, scores, np.float32(-1))
        chosen = select(scores, self._threshold, self._options.top_k)
        if not chosen or not self._options.spans:
            return [CodeHit(self._labels[label], float(scores[label]), []) for label in chosen]
        bounds = word_bounds(tokens)
        starts = tokens.starts[bounds[:-1]].tolist()
        ends = tokens.ends[bounds[1:] - 1].tolist()
        weights = np.add.reduceat(self._attention.attention(states, chosen).cpu().numpy(), bounds[:-1], axis=0)
        return [
            CodeHit(
                self._labels[label],
                float(scores[label]),
                evidence(text, weights[:, i], starts, ends, self._options),
            )
            for i, label in enumerate(chosen)
        ]
