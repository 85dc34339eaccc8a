"""Multi-label coding of a whole note with label-wise attention.

For each label l over the T token states h of the note:

    s_tl = (W2 tanh(W1 h_t))_l        attention score
    a_l  = softmax over t of s_tl
    y_l  = sum_t a_tl (W3 h_t)_l + b_l,   probability = sigmoid(y_l)

as in PLM-ICD (Huang, Tsai, Chen: Automatic ICD Coding with Pretrained Language Models, 2022) and LAAT (Vu,
Nguyen, Nguyen, 2020), with two differences. Only real tokens of the one note take part: PLM-ICD's attention
runs over padding too, so its scores depend on the batch. And W3 is applied before the sum, which is the same
number and lets a note of any length be done in pieces, with a running maximum and sum (online softmax).

`plm_icd` serves the published checkpoints of PLM-ICD with the same formula over their own chunks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

import numpy as np
import torch
from torch.nn.functional import linear

from transforms.clinical_bert.heads.base import EncodedNotes
from transforms.clinical_bert.heads.words import word_bounds
from transforms.clinical_bert.windows import Tokens
from transforms.icd.coding import CodeHit, CodingOptions, evidence, select
from transforms.icd.table import SYSTEM, CodeTable

_PIECE: Final = 2048  # tokens at a time: bounds memory at (piece x labels) whatever the note's length


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
        highest = torch.full_like(self._bias, -torch.inf)
        total = torch.zeros_like(self._bias)
        weighted = torch.zeros_like(self._bias)
        for piece in _pieces(states):
            scores = self._scores(piece, self._second)
            values = linear(piece, self._third).float()
            new = torch.maximum(highest, scores.amax(dim=0))
            shrink = torch.exp(highest - new)
            weights = torch.exp(scores - new)
            total = total * shrink + weights.sum(dim=0)
            weighted = weighted * shrink + (weights * values).sum(dim=0)
            highest = new
        return weighted / total + self._bias

    def attention(self, states: torch.Tensor | Iterable[torch.Tensor], labels: Sequence[int]) -> torch.Tensor:
        """Attention of a few labels over all tokens: shape (tokens, labels), float32, columns sum to one."""
        rows = self._second[torch.as_tensor(labels, device=self._second.device)]
        scores = torch.cat([self._scores(piece, rows) for piece in _pieces(states)])
        return torch.softmax(scores, dim=0)

    def _scores(self, states: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return linear(torch.tanh(linear(states, self._first)), second).float()


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
        self._threshold = threshold if options.threshold is None else options.threshold
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
