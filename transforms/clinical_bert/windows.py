"""Tokenise whole notes, and cover them with windows that an encoder can take.

A note longer than the encoder is never cut. Overlapping windows cover it, and each token is owned by the
window in which it stands most central, so that it is seen with as much context on either side as there is.

Where the sections of a note are known, windows begin and end with them: a section that was copied from an earlier
note then lies in the same windows as there, and is encoded once (`encoder.WindowRunner`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from transforms.clinical_bert.shapes import word_shapes

# Half of a pair that stands alone cannot be written as UTF-8, which the tokenizer takes. One character is
# put in place of one, so every offset stays right.
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Tokens:
    """A whole note, tokenised without special tokens. All arrays have one entry per token.

    Attributes:
        ids: vocabulary ids, int32.
        starts, ends: character offsets (Python string indices, half open) into the note, int32.
        words: number of the word that the token is a piece of, int32, never falling.
        types: token type ids, int32; None for an encoder that reads one text without types.
        cut: tokens of the note that the tokenizer cut off, and that are in no array. It is told to cut none; but a
            tokenizer that others hold too may have been told otherwise since.
    """

    ids: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]
    words: npt.NDArray[np.int32]
    types: npt.NDArray[np.int32] | None = None
    cut: int = 0

    def __len__(self) -> int:
        return len(self.ids)


class Window(NamedTuple):
    """Tokens `start:stop` go through the encoder; the states of `own_start:own_stop` are kept."""

    start: int
    stop: int
    own_start: int
    own_stop: int

    @property
    def kept(self) -> slice:
        """Where what it owns stands among its states, of which the first is that of a special token."""
        return slice(1 + self.own_start - self.start, 1 + self.own_stop - self.start)


def unowned(n_tokens: int, windows: Iterable[Window]) -> int:
    """How many of the tokens none of the windows both holds and owns."""
    owned = np.zeros(n_tokens, dtype=np.bool_)
    for start, stop, own_start, own_stop in windows:
        owned[max(start, own_start) : min(stop, own_stop)] = True
    return n_tokens - int(owned.sum())


def plan(n_tokens: int, length: int, overlap: int) -> list[Window]:
    """Covers `n_tokens` with the fewest windows of at most `length`, all of nearly one size.

    Neighbours share at least `overlap` tokens. The tokens of an overlap belong to the window whose nearer
    edge is farther away from them. Each token is owned by exactly one window.

    Raises:
        ValueError: `length` is not greater than `overlap`, or `overlap` is negative.
    """
    if not 0 <= overlap < length:
        raise ValueError(f"windows of {length} tokens cannot overlap by {overlap}")
    if n_tokens <= length:
        return [Window(0, n_tokens, 0, n_tokens)] if n_tokens else []
    count = -(-(n_tokens - overlap) // (length - overlap))
    size = -(-(n_tokens + (count - 1) * overlap) // count)
    # Rounded even spreading: the first window starts at 0 and the last ends with the note.
    starts = [(n_tokens - size) * i // (count - 1) for i in range(count)]
    windows = []
    owned = 0
    for i, start in enumerate(starts):
        stop = start + size
        # Token t is nearer to the right edge of this window than to the left edge of the next one from here on.
        own_stop = n_tokens if i == count - 1 else (stop - 1 + starts[i + 1]) // 2 + 1
        windows.append(Window(start, stop, owned, own_stop))
        owned = own_stop
    return windows


_SHORT: Final = 48
"""Tokens. A shorter section does not stand alone beside another short one: a window of two lines has little context
(entities are found less well) and its two special tokens cost more than copies save."""


def cover(tokens: Tokens, section_starts: Sequence[int], length: int, overlap: int) -> list[Window]:
    """Covers a note with windows that begin where its sections do.

    Neighbours share a window where both are short; that is decided by these two alone, so sections that were copied
    together are cut as they were. A stretch longer than a window is covered as `plan` says. A note that fits into one
    window has one, so that it is read as transformers would read it.

    Args:
        tokens: of the note.
        section_starts: character offsets at which sections of any level begin, in any order; may be empty.
        length: most tokens of the note in a window.
        overlap: tokens that neighbouring windows of a stretch share.

    Raises:
        ValueError: as `plan`.
    """
    n = len(tokens)
    if n <= length or not section_starts:
        return plan(n, length, overlap)
    edges = sorted({0, n, *np.searchsorted(tokens.starts, section_starts).tolist()})
    sizes = pairwise(np.diff(edges).tolist())
    kept = [edge for edge, neighbours in zip(edges[1:-1], sizes, strict=True) if max(neighbours) >= _SHORT]
    return [
        Window(*(first + edge for edge in window))
        for first, last in pairwise([0, *kept, n])
        for window in plan(last - first, length, overlap)
    ]


class NoteTokenizer:
    """A fast tokenizer of transformers, asked for whole notes with exact character offsets."""

    def __init__(self, tokenizer: Any, *, shapes: bool = False) -> None:
        """Args:
            tokenizer: a `PreTrainedTokenizerFast`.
            shapes: give word shapes as token types (`transforms.clinical_bert.shapes`).

        Raises:
            ValueError: it has no fast implementation, or puts something else than one special token at either end.
        """
        if not getattr(tokenizer, "is_fast", False):
            raise ValueError("the tokenizer has no fast implementation, which gives the offsets")
        self.shapes = shapes
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        # A note that contains "[SEP]" holds five characters, not the end of a window.
        self._backend.encode_special_tokens = True
        specials = self._backend.encode("").ids
        if len(specials) != 2:
            raise ValueError(f"the tokenizer adds {len(specials)} special tokens, one at either end is expected")
        self.first, self.last = specials
        self.unknown: int | None = tokenizer.unk_token_id
        self.pad: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0

    @property
    def backend(self) -> Any:
        """The `tokenizers.Tokenizer`."""
        return self._backend

    def __call__(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenises each text whole; were any of it truncated, its `Tokens` would say so."""
        clean = [_SURROGATES.sub("\ufffd", text) for text in texts]
        encodings = self._backend.encode_batch(clean, add_special_tokens=False)
        tokens = [replace(_tokens(encoding), cut=self._cut(encoding)) for encoding in encodings]
        if not self.shapes:
            return tokens
        return [
            replace(of_text, types=word_shapes(text, of_text.starts, of_text.ends, of_text.words))
            for text, of_text in zip(texts, tokens, strict=True)
        ]

    def _cut(self, encoding: Any) -> int:
        """Tokens that were cut off: they lie in parts of their own, each of which repeats `stride` tokens."""
        parts = encoding.overflowing
        return sum(len(part.ids) - self._backend.truncation["stride"] for part in parts) if parts else 0


def _tokens(encoding: Any) -> Tokens:
    n = len(encoding.ids)
    offsets = np.asarray(encoding.offsets, dtype=np.int32).reshape(n, 2)
    # A token that the tokenizer gives to no word goes with the word before it.
    words = np.asarray([-1 if word is None else word for word in encoding.word_ids], dtype=np.int32)
    words = np.maximum.accumulate(words) if n else words
    return Tokens(np.asarray(encoding.ids, dtype=np.int32), offsets[:, 0], offsets[:, 1], words)
