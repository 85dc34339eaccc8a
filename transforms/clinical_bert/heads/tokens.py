"""Token classification: a label for each word, and spans out of the labels.

Probabilities of a word's pieces are averaged, so that a word is never split between labels. Schemes: IOB and
IOB2 (`B-`, `I-`, `O`), BIOES/BILOU (`E-`, `L-` end and `S-`, `U-` stand alone), and plain labels, where
neighbouring words of one label are one span.

Where a miss costs more than a false find, `TokenOptions.threshold` takes the place of the best label: a word that
may be `B-PATIENT`, `U-PATIENT` or `B-DOCTOR` with 0.2 each is PHI with 0.6, though `O` with 0.4 is its best label.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from transforms.clinical_bert.heads.base import EncodedNotes
from transforms.clinical_bert.spans import Span
from transforms.clinical_bert.windows import Tokens

OUTSIDE: Final = "O"
_PIECE: Final = 8192  # tokens at a time, so that a very long note's states are not copied whole to float32
_PREFIXES: Final = frozenset("BIESLU")
_OPENS: Final = frozenset("BSU")
_CLOSES: Final = frozenset("ESLU")
_ZERO_WIDTH: Final = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")


class UnreadTextError(Exception):
    """A letter or a digit that the tokenizer dropped, so that no model saw it. The message holds its offset only."""


def split_label(label: str) -> tuple[str, str]:
    """`B-Disease` is ("B", "Disease"); a plain label has the prefix ""; `O` is ("", "O")."""
    prefix, dash, name = label.partition("-")
    return (prefix, name) if dash and prefix in _PREFIXES else ("", label)


def read_scheme(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Prefix and name of each label of one classifier.

    Letters count as prefixes only where there is a `B-` or an `I-` among the labels: beside plain labels
    `E-MAIL` is a name.
    """
    prefixed = any(label.startswith(("B-", "I-")) for label in labels)
    return [split_label(label) if prefixed else ("", label) for label in labels]


def word_bounds(tokens: Tokens) -> npt.NDArray[np.int64]:
    """Token index at which each word begins, and the number of tokens at the end; shape (words + 1,)."""
    n = len(tokens)
    if n == 0:
        return np.zeros(1, dtype=np.int64)
    starts = np.flatnonzero(np.diff(tokens.words, prepend=tokens.words[0] - 1))
    return np.append(starts, n).astype(np.int64)


def text_word_bounds(text: str, tokens: Tokens) -> npt.NDArray[np.int64]:
    """As `word_bounds`, with words that are those of the text whatever the tokenizer is.

    WordPiece parts a text at white space and at punctuation, and its words stay as they are. SentencePiece parts it
    at white space alone: its `Lee's` and `Lee,MD` are parted at the punctuation, or `Lee` would have only a third of
    the say. Byte-level BPE parts a word at a combining mark or a zero-width character, and its parts are joined.
    """
    n = len(tokens)
    if n == 0:
        return np.zeros(1, dtype=np.int64)
    new = np.diff(tokens.words, prepend=tokens.words[0] - 1) != 0
    starts, ends = tokens.starts.tolist(), tokens.ends.tolist()
    for i in np.flatnonzero(~new).tolist():
        edges = text[ends[i - 1] - 1], text[starts[i]]
        new[i] = starts[i] >= ends[i - 1] and any(map(_ends_word, edges))
    if not text.isascii():
        for i in np.flatnonzero(new)[1:].tolist():
            # Pieces that overlap are the bytes of one character.
            if starts[i] < ends[i - 1] or (starts[i] == ends[i - 1] and _continues(text, starts[i])):
                new[i] = False
    return np.append(np.flatnonzero(new), n).astype(np.int64)


def _ends_word(char: str) -> bool:
    """White space or punctuation; the latter is, as for BERT, all visible ASCII but letters and digits."""
    if char.isascii():
        return not char.isalnum()
    return char.isspace() or unicodedata.category(char).startswith("P")


def _is_attached(char: str) -> bool:
    """Whether the character belongs to the one before it."""
    return char > "\x7f" and (char in _ZERO_WIDTH or unicodedata.category(char).startswith("M"))


def _continues(text: str, at: int) -> bool:
    """Whether the character at `at` belongs to the word before it because of a mark or a zero-width character."""
    if _is_attached(text[at]):
        return at > 0 and not text[at - 1].isspace()
    before = at - 1
    while before >= 0 and _is_attached(text[before]):
        before -= 1
    return 0 <= before < at - 1 and text[at].isalnum() and text[before].isalnum()


def first_unread(text: str, tokens: Tokens) -> int | None:
    """Offset of the first letter or digit that lies in no token; None where every one does."""
    reached = np.concatenate([[0], np.maximum.accumulate(tokens.ends)]) if len(tokens) else np.zeros(1, dtype=np.int64)
    nexts = np.append(tokens.starts, len(text))
    for i in np.flatnonzero(nexts > reached).tolist():
        gap = text[reached[i] : nexts[i]]
        if not gap.isspace():
            for at, char in enumerate(gap, int(reached[i])):
                if char.isalnum():
                    return at
    return None


def decode(labels: Sequence[str], scores: Sequence[float], starts: Sequence[int], ends: Sequence[int]) -> list[Span]:
    """Joins labelled words into spans.

    A span's score is the mean over its words. An `I-` after another label, or after nothing, opens a span (as
    seqeval counts in its default mode).

    Args:
        labels, scores: for each word its best label and that label's probability.
        starts, ends: for each word its character offsets.
    """
    return _join([split_label(label) for label in labels], scores, starts, ends)


def _join(
    labels: Sequence[tuple[str, str]], scores: Sequence[float], starts: Sequence[int], ends: Sequence[int]
) -> list[Span]:
    spans = []
    for first, last, name in _runs(labels):
        spans.append(Span(starts[first], ends[last], name, float(np.mean(scores[first : last + 1]))))
    return spans


def _runs(labels: Sequence[tuple[str, str]]) -> Iterator[tuple[int, int, str]]:
    first: int | None = None
    open_name = ""
    for i, (prefix, name) in enumerate(labels):
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


def _trimmed(text: str, span: Span) -> Span | None:
    """The span without white space at its ends and with the marks of its last character; None: nothing is left.

    Byte-level BPE has tokens of white space alone, and a tokenizer that strips accents leaves a mark out of its
    letter's token.
    """
    start, end = span.start, span.end
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    if start == end:
        return None
    while end < len(text) and text[end] > "\x7f" and unicodedata.category(text[end]).startswith("M"):
        end += 1
    return span._replace(start=start, end=end)


@dataclass(frozen=True)
class TokenOptions:
    """What a token head's user may choose.

    Attributes:
        threshold: a word is labelled where it is not `O` with this probability at least; its label is then the best
            other one by the sum over the label's prefixes, and its score is the probability of not being `O`. None:
            each word has its best label and that label's probability, as in transformers' own pipeline.
        whole: raise where the tokenizer dropped a letter or a digit.
    """

    threshold: float | None = None
    whole: bool = False


class TokenHead:
    """A token classifier on the encoder's states. A result is a list of `Span`.

    Args:
        labels: names of the classes, in the order of the weights' rows.
        weight: shape (labels, width).
        bias: shape (labels,).
        options: how words get their labels.
        project: what the states go through before the linear layer, in float32; None for nothing.
    """

    def __init__(
        self,
        labels: Sequence[str],
        weight: torch.Tensor,
        bias: torch.Tensor,
        options: TokenOptions | None = None,
        project: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        self._labels = read_scheme(labels)
        self._weight = weight.float()
        self._bias = bias.float()
        self._options = options or TokenOptions()
        self._project = project
        names = np.array([name for _, name in self._labels])
        self._is_outside = names == OUTSIDE
        self._same_name = names[:, None] == names[None, :]

    def __call__(self, notes: EncodedNotes) -> list[list[Span]]:
        """The spans of each note.

        Raises:
            FloatingPointError: a score is not a number.
            UnreadTextError: `options.whole`, and no token holds some letter or digit.
        """
        return [
            self._spans(text, tokens, notes.states_of(i))
            for i, (text, tokens) in enumerate(zip(notes.texts, notes.tokens, strict=True))
        ]

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

    def _spans(self, text: str, tokens: Tokens, states: torch.Tensor) -> list[Span]:
        if self._options.whole and (at := first_unread(text, tokens)) is not None:
            raise UnreadTextError(f"the tokenizer dropped the character at {at}, so no model read it")
        bounds = text_word_bounds(text, tokens)
        if len(bounds) == 1:
            return []
        scores_of_tokens = np.concatenate([self._probabilities(piece) for piece in torch.split(states, _PIECE)])
        if not np.isfinite(scores_of_tokens).all():  # the largest of NaNs is the first class, which is mostly `O`
            raise FloatingPointError("the token classifier gave scores that are not numbers")
        words = np.add.reduceat(scores_of_tokens, bounds[:-1], axis=0) / np.diff(bounds)[:, None]
        labels, scores = self._name(words)
        starts = tokens.starts[bounds[:-1]].tolist()
        ends = tokens.ends[bounds[1:] - 1].tolist()
        spans = (_trimmed(text, span) for span in _join(labels, scores, starts, ends))
        return [span for span in spans if span is not None]

    def _name(self, words: npt.NDArray[np.float64]) -> tuple[list[tuple[str, str]], list[float]]:
        """Each word's label and its score; see `TokenOptions.threshold`."""
        threshold = self._options.threshold
        if threshold is None:
            best = words.argmax(axis=1)
            return [self._labels[label] for label in best], words[np.arange(len(best)), best].tolist()
        labels: list[tuple[str, str]] = []
        inside = words[:, ~self._is_outside].sum(axis=1).clip(max=1.0)  # rounding
        for word, score in zip(words, inside, strict=True):
            if score < threshold or not score:
                labels.append(("", OUTSIDE))
                continue
            by_name = np.where(self._is_outside, -1.0, np.where(self._same_name, word, 0.0).sum(axis=1))
            of_best = self._same_name[by_name.argmax()]
            labels.append(self._labels[np.where(of_best, word, -1.0).argmax()])
        return labels, inside.tolist()

    def _probabilities(self, states: torch.Tensor) -> npt.NDArray[np.float32]:
        states = states.float()
        if self._project is not None:
            states = self._project(states)
        logits = torch.nn.functional.linear(states, self._weight, self._bias)
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
