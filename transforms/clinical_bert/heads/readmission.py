"""A 30-day readmission score for each chunk of 318 words of a note.

Chunks and their aggregation over an admission are those of Huang, Altosaar, Ranganath: ClinicalBERT (2019);
see `transforms.readmission`. With a checkpoint of our own layout the score is a logistic regression on the
mean of the chunk's token states, out of the pass that all heads share. A Hugging Face sequence classifier
reads each chunk by itself, from its own [CLS] token. A result is a list of `Chunk`, with their places in the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from transforms.clinical_bert.counts import Counts, refuse_truncated
from transforms.clinical_bert.encoder import WindowRunner
from transforms.clinical_bert.heads.base import EncodedNotes, mean_states
from transforms.clinical_bert.packed import Job
from transforms.clinical_bert.windows import Tokens, Window, plan, unowned
from transforms.readmission import Calibration, Chunk, chunk_spans


class TokenChunk(NamedTuple):
    """A chunk in characters (`start`, `end`) and in tokens (`first` and the one after the `last`)."""

    start: int
    end: int
    first: int
    last: int


def token_chunks(text: str, tokens: Tokens) -> list[TokenChunk]:
    """The chunks of a text that have any token."""
    chunks = (TokenChunk(*span, *np.searchsorted(tokens.starts, span).tolist()) for span in chunk_spans(text))
    return [chunk for chunk in chunks if chunk.first < chunk.last]


class ChunkHead:
    """Logistic regression on the mean state of a chunk.

    Args:
        weight: shape (1, width).
        bias: shape (1,).
        calibration: a line that its logits pass through.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, calibration: Calibration | None = None) -> None:
        slope, intercept = (calibration.slope, calibration.intercept) if calibration is not None else (1.0, 0.0)
        self._weight = weight.float() * slope
        self._bias = bias.float() * slope + intercept

    def __call__(self, notes: EncodedNotes) -> list[list[Chunk]]:
        return [
            self._scores(text, tokens, notes.parts_of(i))
            for i, (text, tokens) in enumerate(zip(notes.texts, notes.tokens, strict=True))
        ]

    def rows(self, result: list[Chunk], text: str, sections: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:  # noqa: ARG002
        return [chunk._asdict() for chunk in result]

    def _scores(self, text: str, tokens: Tokens, states: Iterable[torch.Tensor]) -> list[Chunk]:
        chunks = token_chunks(text, tokens)
        if not chunks:
            return []
        means = mean_states(states, [(chunk.first, chunk.last) for chunk in chunks])
        scores = torch.sigmoid(torch.nn.functional.linear(means, self._weight, self._bias))[:, 0].tolist()
        return [Chunk(chunk.start, chunk.end, score) for chunk, score in zip(chunks, scores, strict=True)]


class ChunkClassifier:
    """A sequence classifier over chunks; its class 1 is readmission, or its only class.

    A chunk that does not fit one window is covered by several and their probabilities are averaged: nothing
    is truncated.

    Args:
        runner: runs windows through the encoder.
        overlap: tokens that neighbouring windows of one chunk share.
        tail: makes logits of a window's states.
    """

    def __init__(self, runner: WindowRunner, overlap: int, tail: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self._runner = runner
        self._overlap = overlap
        self._tail = tail

    @torch.inference_mode()
    def __call__(
        self, texts: Sequence[str], notes: Sequence[Tokens], counts: Sequence[Counts] | None = None
    ) -> list[list[Chunk]]:
        """For each text the probability of each of its chunks.

        Args:
            texts: the notes.
            notes: their tokens.
            counts: of each note, to which this pass is added.

        Raises:
            TruncatedError: tokens of a chunk were cut off, or no window owned them.
        """
        counts = [Counts() for _ in notes] if counts is None else counts
        jobs: list[Job] = []
        chunk_of: dict[Job, int] = {}
        scores: list[list[list[float]]] = []
        chunks_of: list[list[TokenChunk]] = []
        for i, (text, tokens) in enumerate(zip(texts, notes, strict=True)):
            chunks = token_chunks(text, tokens)
            chunks_of.append(chunks)
            scores.append([[] for _ in chunks])
            counts[i].tokens += sum(chunk.last - chunk.first for chunk in chunks)
            for number, (_, _, first, last) in enumerate(chunks):
                for w in plan(last - first, self._runner.room, self._overlap):
                    job = Job(i, Window(first + w.start, first + w.stop, first + w.own_start, first + w.own_stop))
                    chunk_of[job] = number
                    jobs.append(job)
        logits: dict[Job, torch.Tensor] = {}
        run: list[list[Window]] = [[] for _ in notes]
        for job, states in self._runner.run(notes, jobs, counts):
            logits[job] = self._tail(states)
            run[job.note].append(job.window)
        for note, windows, chunks, of_note in zip(notes, run, chunks_of, counts, strict=True):
            # What the method leaves out of the chunks, a short rest, is not read and not missed.
            wanted = [Window(chunk.first, chunk.last, chunk.first, chunk.last) for chunk in chunks]
            of_note.truncated_tokens += note.cut + unowned(len(note), windows) - unowned(len(note), wanted)
        refuse_truncated(counts)
        # By place, not by the order in which batches end: the sum must not depend on the batches.
        positive = _positive(torch.stack([logits[job] for job in jobs])).tolist() if jobs else []  # one copy
        for job, score in zip(jobs, positive, strict=True):
            scores[job.note][chunk_of[job]].append(score)
        return [
            [Chunk(c.start, c.end, float(np.mean(windows))) for c, windows in zip(chunks, of_text, strict=True)]
            for chunks, of_text in zip(chunks_of, scores, strict=True)
        ]

    def rows(self, result: list[Chunk], text: str, sections: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:  # noqa: ARG002
        return [chunk._asdict() for chunk in result]


def _positive(logits: torch.Tensor) -> torch.Tensor:
    """Probabilities, shape (windows,), of logits of one class or two, shape (windows, classes)."""
    return torch.sigmoid(logits[:, 0]) if logits.shape[1] == 1 else torch.softmax(logits, dim=1)[:, 1]
