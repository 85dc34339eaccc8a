"""The notes of a bench: read as a run reads them, dealt out to rounds, and cut for those that take no long ones."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from jobs.bench.measures import Block
from jobs.config import Job
from jobs.run import source_of
from pipelines.errors import RequestError
from transforms.sections.stage import Sections


def read(job: Job, most: int | None = None) -> list[str]:
    """The texts of the job's input that hold more than white space, in their order.

    Args:
        most: how many at most; None for all.

    Raises:
        RequestError: the input cannot be read, lacks a column, or holds no text.
    """
    source = source_of(job)
    texts: list[str] = []
    for task in source.tasks(frozenset()):
        for _, notes, _ in source.read(task):
            texts += (text for text in notes["text"].to_pylist() if text and not text.isspace())
            if most is not None and len(texts) >= most:
                return texts[:most]
    if not texts:
        raise RequestError(f"{job.input} holds no note with text")
    return texts


def deal(texts: Sequence[str], rounds: int) -> list[list[str]]:
    """The texts in `rounds` hands, as cards are dealt: no text twice, so that no round profits from one before it.

    Raises:
        RequestError: there are fewer texts than rounds.
    """
    if len(texts) < rounds:
        raise RequestError(f"{rounds} rounds need as many notes at least, there are {len(texts)}")
    return [list(texts[number::rounds]) for number in range(rounds)]


def stretches(texts: Sequence[str], rounds: int) -> list[list[str]]:
    """The texts in `rounds` stretches of their order, so that a patient's notes stay side by side.

    Raises:
        RequestError: there are fewer texts than rounds.
    """
    if len(texts) < rounds:
        raise RequestError(f"{rounds} rounds need as many notes at least, there are {len(texts)}")
    bounds = [len(texts) * number // rounds for number in range(rounds + 1)]
    return [list(texts[start:end]) for start, end in itertools.pairwise(bounds)]


def long_note(texts: Sequence[str], characters: int) -> str:
    """One text of so many characters, made of others."""
    return "\n".join(itertools.islice(itertools.cycle(texts), characters // min(map(len, texts)) + 1))[:characters]


def repeat(texts: Sequence[str], counts: Sequence[int], tokens: int) -> list[str]:
    """The texts over and over, until they hold so many tokens.

    Args:
        counts: tokens of each text, one at least in all.
        tokens: how many are wanted; the last text may exceed it.
    """
    chosen: list[str] = []
    total = 0
    while total < tokens:
        for text, count in zip(texts, counts, strict=True):
            chosen.append(text)
            total += count
            if total >= tokens:
                break
    return chosen


class Cutter:
    """Cuts texts where an encoder's window ends, between words.

    Args:
        tokenizer: a fast tokenizer of transformers.
        room: most tokens of a piece, special ones not counted.
    """

    def __init__(self, tokenizer: Any, room: int) -> None:
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        self._room = room

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special ones not counted."""
        return [len(encoding.ids) for encoding in self._encode(texts)]

    def cut(self, texts: Sequence[str]) -> list[list[str]]:
        """For each text its pieces, in order; together they hold all of its tokens once."""
        return [
            [text[start:end] for start, end in self._bounds(encoding)]
            for text, encoding in zip(texts, self._encode(texts), strict=True)
        ]

    def offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """For each text where its tokens start and end."""
        return [encoding.offsets for encoding in self._encode(texts)]

    def _encode(self, texts: Sequence[str]) -> list[Any]:
        encodings: list[Any] = self._backend.encode_batch(list(texts), add_special_tokens=False)
        return encodings

    def _bounds(self, encoding: Any) -> Iterator[tuple[int, int]]:
        words, offsets = encoding.word_ids, encoding.offsets
        start = 0
        while start < len(words):
            stop = min(start + self._room, len(words))
            while stop < len(words) and words[stop] == words[stop - 1] and stop > start + 1:
                stop -= 1
            if stop < len(words) and words[stop] == words[stop - 1]:  # one word fills the window
                stop = start + self._room
            yield offsets[start][0], offsets[stop - 1][1]
            start = stop


def blocks(texts: Sequence[str], cutter: Cutter, rows: int) -> list[Block]:
    """The texts in blocks of so many rows, with what else a contender is given: sections, pieces, counts."""
    segmenter = Sections().open()
    made = []
    for at in range(0, len(texts), rows):
        of_block = texts[at : at + rows]
        sections = segmenter.process(pa.table({"text": pa.array(of_block, pa.string())}))["sections"].to_pylist()
        pieces = [piece for of_text in cutter.cut(of_block) for piece in of_text]
        made.append(Block(of_block, sections, pieces, sum(cutter.counts(of_block))))
    return made
