"""Sequences of tokens for pre-training: notes cut into sections and sentences, and packed.

As Alsentzer et al. (2019, Publicly Available Clinical BERT Embeddings) prepared MIMIC: a note is split into its
sections and these into sentences; whole sentences that follow each other fill a sequence of at most 128 tokens.
Their second task, next sentence prediction, is left out: Liu et al. (2019, RoBERTa) found that it does not help, and
as they do, a sequence that a note does not fill goes on with the next note, behind a separator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from transforms.assertion.sentences import sentence_starts
from transforms.clinical_bert.windows import NoteTokenizer, Tokens
from transforms.sections import HeadingTable, Segmenter

TOKEN: Final = np.dtype([("id", "<i4"), ("inside", "?"), ("type", "u1")])
"""A token: its id in the vocabulary, whether it goes on with the word of the token before, its token type."""

_Array = npt.NDArray[np.void]
_GROUP: Final = 200  # texts tokenised at a time


class Sequences:
    """Sequences on disk, read where they are needed; special tokens are in them.

    Args:
        path: as `write` was given.
    """

    def __init__(self, path: Path) -> None:
        self.starts: npt.NDArray[np.int64] = np.load(_starts_file(path))
        tokens = int(self.starts[-1])
        self.tokens: _Array = np.memmap(path, dtype=TOKEN, mode="r") if tokens else np.zeros(0, dtype=TOKEN)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, number: int) -> _Array:
        return self.tokens[self.starts[number] : self.starts[number + 1]]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each sequence."""
        return np.diff(self.starts)


def write(path: Path, sequences: Iterable[_Array]) -> None:
    """Puts sequences into a file, and where each begins into another beside it."""
    lengths = []
    with path.open("wb") as file:
        for sequence in sequences:
            lengths.append(len(sequence))
            file.write(sequence.tobytes())
    np.save(_starts_file(path), np.cumsum([0, *lengths], dtype=np.int64))


def _starts_file(path: Path) -> Path:
    return path.with_suffix(".starts.npy")


def sequences_of(texts: Iterable[str], tokenizer: NoteTokenizer, length: int) -> Iterator[_Array]:
    """Cuts texts into sentences and packs these.

    Args:
        texts: notes.
        tokenizer: of the encoder.
        length: most tokens of a sequence, special tokens included.
    """
    segmenter = Segmenter(HeadingTable.shipped())
    packer = _Packer(tokenizer.first, tokenizer.last, length)
    stream = iter(texts)
    while group := list(islice(stream, _GROUP)):
        for text, tokens in zip(group, tokenizer(group), strict=True):
            yield from packer.add(_sentences(text, tokens, segmenter))
    yield from packer.rest()


def _sentences(text: str, tokens: Tokens, segmenter: Segmenter) -> list[_Array]:
    """The tokens of each sentence of a note that has any."""
    edges = sorted({edge for section in segmenter.split(text) for edge in (section.start, section.end)} | {0})
    cuts: list[int] = []
    for start, end in zip(edges, [*edges[1:], len(text)], strict=True):
        cuts += [start + within for within in sentence_starts(text[start:end])]
    records = np.zeros(len(tokens), dtype=TOKEN)
    records["id"] = tokens.ids
    records["inside"][1:] = np.diff(tokens.words) == 0
    if tokens.types is not None:
        records["type"] = tokens.types
    parts = np.split(records, np.searchsorted(tokens.starts, cuts))
    return [part for part in parts if len(part)]


class _Packer:
    """Fills sequences with whole sentences; a sentence longer than a sequence is cut."""

    def __init__(self, first: int, last: int, length: int) -> None:
        self._first, self._last = _special(first), _special(last)
        self._room = length - 2
        self._parts: list[_Array] = []
        self._used = 0

    def add(self, sentences: Sequence[_Array]) -> Iterator[_Array]:
        """Takes the sentences of one note; gives the sequences that are full."""
        if self._parts:
            if self._used + 1 < self._room:
                self._parts.append(self._last)
                self._used += 1
            else:
                yield from self.rest()
        for sentence in sentences:
            for at in range(0, len(sentence), self._room):
                part = sentence[at : at + self._room]
                if self._used + len(part) > self._room:
                    yield from self.rest()
                self._parts.append(part)
                self._used += len(part)

    def rest(self) -> Iterator[_Array]:
        """The sequence begun; none if there is none."""
        if self._parts and self._parts[-1] is self._last:
            self._parts.pop()
        if self._parts:
            yield np.concatenate([self._first, *self._parts, self._last])
        self._parts, self._used = [], 0


def _special(id: int) -> _Array:
    return np.array([(id, False, 0)], dtype=TOKEN)
