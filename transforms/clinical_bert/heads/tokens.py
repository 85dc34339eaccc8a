"""Token classification: a label for each word, and spans out of the labels.

A word is never split between labels: its pieces' probabilities are made those of the word (`TokenOptions.aggregation`)
before a label is chosen. All of this is done where the states are, for a group of notes at once, and only a label and
a score for each word come back.

Where a miss costs more than a false find, `TokenOptions.threshold` takes the place of the best label: a word that
may be `B-PATIENT`, `U-PATIENT` or `B-DOCTOR` with 0.2 each is PHI with 0.6, though `O` with 0.4 is its best label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import torch

from transforms.clinical_bert.heads.base import EncodedNotes
from transforms.clinical_bert.heads.labels import OUTSIDE, join, label_groups, read_scheme, trimmed
from transforms.clinical_bert.heads.paths import best_path, followers
from transforms.clinical_bert.heads.words import PipelineWords, UnreadTextError, WordReader, first_unread, text_words
from transforms.clinical_bert.spans import Span
from transforms.clinical_bert.windows import NoteTokenizer

Aggregation = Literal["average", "first", "max"]
AGGREGATIONS: Final = ("average", "first", "max")
Decoding = Literal["auto", "best", "path"]
DECODINGS: Final = ("auto", "best", "path")
WordsOf = Literal["pipeline", "text"]
WORDS_OF: Final = ("pipeline", "text")

# Tokens whose states are in float32 at one time. Every product has this many rows, for its arithmetic depends on
# their number: so a token's probabilities are the same whatever the group. A CPU is fastest where a piece stays in
# its cache.
_PIECE: Final = {"cpu": 1024, "cuda": 16384}


@dataclass(frozen=True)
class TokenOptions:
    """What a token head's user may choose.

    The defaults are those of transformers' own pipeline with `aggregation_strategy="average"`: whoever brings a
    checkpoint finds what that pipeline finds, but for white space at a span's ends, which belongs to none.

    Attributes:
        aggregation: a word's probabilities are the mean of its pieces' (`average`), those of its first piece
            (`first`), or those of the piece that is surest of its best label (`max`).
        words: whose words (`heads.words`): those that transformers' pipeline joins (`pipeline`), or those of the
            text (`text`). They differ only with tokenizers other than WordPiece, and there `text` is what reads notes
            well in which lines and commas part words without a blank.
        decoding: each word has its best label, as in transformers' own pipeline (`best`), or the labels of all are the
            best path that the scheme allows (`path`, see `heads.paths`). `auto`: `path` for checkpoints of `notemill
            train`, `best` for others.
        threshold: a word is labelled where it is not `O` with this probability at least; its label is then the best
            other one by the sum over the label's prefixes, and its score is the probability of not being `O`. None:
            as `decoding` says, with that label's probability.
        whole: raise where the tokenizer dropped a letter or a digit.

    Raises:
        ValueError: a choice that is none of those offered.
    """

    aggregation: Aggregation = "average"
    words: WordsOf = "pipeline"
    decoding: Decoding = "auto"
    threshold: float | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        if self.aggregation not in AGGREGATIONS:
            raise ValueError(f"aggregation {self.aggregation!r} is none of {', '.join(AGGREGATIONS)}")
        if self.decoding not in DECODINGS:
            raise ValueError(f"decoding {self.decoding!r} is none of {', '.join(DECODINGS)}")
        if self.words not in WORDS_OF:
            raise ValueError(f"words {self.words!r} is none of {', '.join(WORDS_OF)}")

    def reader(self, tokenizer: NoteTokenizer) -> WordReader:
        """Tells the words of a note that this tokenizer tokenised."""
        return PipelineWords(tokenizer) if self.words == "pipeline" else text_words


class TokenHead:
    """A token classifier on the encoder's states. A result is a list of `Span`.

    Args:
        labels: names of the classes, in the order of the weights' rows. Each group of them (`label_groups`) labels all
            words, so spans of two groups may overlap.
        weight: shape (labels, width).
        bias: shape (labels,).
        read_words: tells the words of a note.
        options: how words get their labels.
        project: what the states go through before the linear layer, in float32; None for nothing.
    """

    def __init__(
        self,
        labels: Sequence[str],
        weight: torch.Tensor,
        bias: torch.Tensor,
        read_words: WordReader,
        options: TokenOptions | None = None,
        project: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        self._weight = weight.float()
        self._bias = bias.float()
        self._read_words = read_words
        self._options = options or TokenOptions()
        self._project = project
        scheme = read_scheme(labels)
        self._groups = [_Group(part, scheme[part], weight.device) for part in label_groups(labels)]

    @torch.inference_mode()
    def __call__(self, notes: EncodedNotes) -> list[list[Span]]:
        """The spans of each note.

        Raises:
            FloatingPointError: a score is not a number.
            UnreadTextError: `options.whole`, and no token holds some letter or digit.
        """
        if self._options.whole:
            for text, tokens in zip(notes.texts, notes.tokens, strict=True):
                if (at := first_unread(text, tokens)) is not None:
                    raise UnreadTextError(f"the tokenizer dropped the character at {at}, so no model read it")
        words = [self._read_words(*note) for note in zip(notes.texts, notes.tokens, strict=True)]
        counts = np.array([len(of_note.starts) for of_note in words])
        found = self._label(
            notes.parts(), np.concatenate([np.diff(of_note.bounds) for of_note in words]), counts.cumsum() - counts
        )
        spans, at = [], 0
        for text, of_note in zip(notes.texts, words, strict=True):
            stop = at + len(of_note.starts)
            joined = [
                span
                for group, (labels, scores) in zip(self._groups, found, strict=True)
                for span in join(
                    group.labelled(labels[at:stop]),
                    scores[at:stop].tolist(),
                    of_note.starts.tolist(),
                    of_note.ends.tolist(),
                )
            ]
            if len(self._groups) > 1:
                joined.sort()
            spans.append([span for span in (trimmed(text, span) for span in joined) if span is not None])
            at = stop
        return spans

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

    def probabilities(self, states: torch.Tensor) -> torch.Tensor:
        """Of each token and label: shape (tokens, labels), float32, where the states are. A group's sum to 1.

        Args:
            states: shape (tokens, width).
        """
        piece = _PIECE["cuda" if states.device.type == "cuda" else "cpu"]
        rows = torch.zeros((piece, states.shape[1]), device=states.device)
        result = torch.empty((len(states), len(self._bias)), device=states.device)
        for at in range(0, len(states), piece):
            part = states[at : at + piece]
            rows[: len(part)] = part
            projected = rows if self._project is None else self._project(rows)
            logits = torch.nn.functional.linear(projected, self._weight, self._bias)
            for group in self._groups:
                result[at : at + piece, group.part] = torch.softmax(logits[:, group.part], dim=-1)[: len(part)]
        return result

    def _label(
        self, states: Iterable[torch.Tensor], pieces: npt.NDArray[np.int64], firsts: npt.NDArray[np.int64]
    ) -> list[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]]:
        """For each group the number of the label of each word, and its score.

        Args:
            states: of all tokens, in consecutive parts of shape (tokens, width).
            pieces: tokens of each word, in order.
            firsts: the first word of each note.
        """
        if not len(pieces):
            return [(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32))] * len(self._groups)
        tokens = torch.cat([self.probabilities(part) for part in states])
        lengths = torch.from_numpy(pieces).to(tokens.device)
        rows = []
        for group in self._groups:
            words = _aggregate(tokens[:, group.part].contiguous(), lengths, self._options.aggregation)
            if self._options.threshold is None and self._options.decoding == "path":
                labels, scores = group.follow(words, firsts)
            else:
                labels, scores = group.choose(words, self._options.threshold)
            rows += [labels.to(torch.int32), scores.view(torch.int32)]
        # The largest of NaNs is the first class, which is mostly `O`.
        rows.append(torch.isfinite(tokens).all().to(torch.int32).expand_as(rows[0]))
        copied = torch.stack(rows).cpu().numpy()  # one copy
        if not copied[-1, 0]:
            raise FloatingPointError("the token classifier gave scores that are not numbers")
        return [(labels, scores.view(np.float32)) for labels, scores in zip(copied[:-1:2], copied[1:-1:2], strict=True)]


def _aggregate(tokens: torch.Tensor, pieces: torch.Tensor, how: Aggregation) -> torch.Tensor:
    """Probabilities of words: shape (words, labels).

    Args:
        tokens: probabilities of their pieces, shape (tokens, labels).
        pieces: tokens of each word, in order, one at least; shape (words,).
    """
    if how == "average":
        return torch.segment_reduce(tokens, "mean", lengths=pieces, axis=0, unsafe=True)
    if how == "first":
        return tokens[pieces.cumsum(0) - pieces]
    best = tokens.amax(dim=1)
    of_word = torch.segment_reduce(best, "max", lengths=pieces, axis=0, unsafe=True)
    n = len(tokens)
    number = torch.repeat_interleave(pieces, output_size=n)
    position = torch.arange(n, device=tokens.device).masked_fill(best < of_word[number], n)
    # The first of those that are equally sure.
    surest = torch.full_like(pieces, n - 1).scatter_reduce(0, number, position, "amin")
    return tokens[surest]


class _Group:
    """Labels of which each word has one.

    Args:
        part: which of the head's labels they are.
        labels: prefix and name of each.
        device: of the probabilities.
    """

    def __init__(self, part: slice, labels: Sequence[tuple[str, str]], device: torch.device) -> None:
        self.part = part
        self._labels = [*labels, ("", OUTSIDE)]  # the last is for words under the threshold
        self._outside = next((i for i, (_, name) in enumerate(labels) if name == OUTSIDE), None)
        self._follows = followers(labels)
        self._is_outside = np.array([name == OUTSIDE for _, name in self._labels])
        names = dict.fromkeys(name for _, name in labels if name != OUTSIDE)
        of_name = [[i for i, (_, other) in enumerate(labels) if other == name] for name in names]
        most = max(map(len, of_name), default=0)
        # A name with fewer prefixes than another has in their place a label of no probability, which is the last.
        padded = [of_one + [len(labels)] * (most - len(of_one)) for of_one in of_name]
        self._slots = torch.tensor(padded, dtype=torch.int64, device=device).reshape(len(names), most)

    def labelled(self, labels: npt.NDArray[np.int32]) -> list[tuple[int, tuple[str, str]]]:
        """Number, prefix and name of each word that is not outside."""
        inside = np.flatnonzero(~self._is_outside[labels])
        return [(i, self._labels[labels[i]]) for i in inside.tolist()]

    def follow(self, words: torch.Tensor, firsts: npt.NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """As `choose`, along the best path that the scheme allows.

        Args:
            words: probabilities, shape (words, labels).
            firsts: the first word of each note.
        """
        if self._outside is None:
            return self.choose(words, None)
        path = torch.from_numpy(best_path(words.cpu().numpy(), self._follows, self._outside, firsts)).to(words.device)
        return path, words.gather(1, path[:, None])[:, 0]

    def choose(self, words: torch.Tensor, threshold: float | None) -> tuple[torch.Tensor, torch.Tensor]:
        """The number of each word's label and its score; see `TokenOptions.threshold`.

        Args:
            words: probabilities, shape (words, labels).
            threshold: of not being `O`.
        """
        if threshold is None:
            scores, best = words.max(dim=1)
            return best, scores
        outside = len(self._labels) - 1
        if not len(self._slots):
            return torch.full((len(words),), outside, device=words.device), torch.zeros_like(words[:, 0])
        by_label = torch.nn.functional.pad(words, (0, 1))[:, self._slots]  # (words, names, prefixes)
        by_name = by_label.sum(dim=2)
        scores = by_name.sum(dim=1).clamp(max=1.0)  # rounding
        name = by_name.argmax(dim=1)
        prefix = by_label[torch.arange(len(words), device=words.device), name].argmax(dim=1)
        labels = self._slots[name, prefix]
        return torch.where((scores >= threshold) & (scores > 0), labels, outside), scores


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
