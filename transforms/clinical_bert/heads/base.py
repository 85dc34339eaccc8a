"""What a head is, and what it is given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch

from transforms.clinical_bert.encoder import Ends, Stretch
from transforms.clinical_bert.windows import Tokens


@dataclass(frozen=True)
class StreamedStates:
    """The states of a note too long to hold them all: they are encoded anew whenever they are read.

    Attributes:
        encode: starts a pass that yields the states of consecutive tokens, shape (some tokens, width).
        count: tokens of the note.
    """

    encode: Callable[[], Iterator[torch.Tensor]]
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[torch.Tensor]:
        return self.encode()


@dataclass(frozen=True)
class NoteStates:
    """The states of one note; iterating gives them in consecutive parts, as often as wanted.

    Attributes:
        states: all of them, shape (tokens, width), or a stream.
        stretches: that they consist of; empty where that is not known.
    """

    states: torch.Tensor | StreamedStates
    stretches: Sequence[Stretch] = ()

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter([self.states] if isinstance(self.states, torch.Tensor) else self.states)

    def keyed(self) -> Iterator[tuple[bytes | None, torch.Tensor]]:
        """Consecutive parts, by stretches where they are known; parts with one key are the same."""
        left = deque(self.stretches)
        at = 0
        for part in self:
            if not self.stretches:
                yield None, part
            while left and left[0].start < at + len(part):  # no window's tokens are in two parts
                start, stop, key = left.popleft()
                yield key, part[start - at : stop - at]
            at += len(part)


@dataclass(frozen=True)
class EncodedNotes:
    """A group of whole notes after the encoder pass that all heads of one backbone share.

    Attributes:
        texts: the notes.
        tokens: of each note its tokens with character offsets.
        states: shape (tokens of the whole group, width), notes one after another; streamed of a single long note.
        bounds: shape (notes + 1,), int64; the tokens of note i are the rows `bounds[i]:bounds[i + 1]`.
        sections: of each note, as the `sections` column holds them; may be empty.
        ends: of each note the special tokens of its windows, for heads that read them; those of a streamed note are
            there once its states have been read.
        stretches: of each note what its windows own, in their order; may be empty.
    """

    texts: Sequence[str]
    tokens: Sequence[Tokens]
    states: torch.Tensor | StreamedStates
    bounds: npt.NDArray[np.int64]
    sections: Sequence[Sequence[Mapping[str, Any]]] = ()
    ends: Sequence[Ends] = ()
    stretches: Sequence[Sequence[Stretch]] = ()

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        tokens: Sequence[Tokens],
        states: torch.Tensor | StreamedStates,
        sections: Sequence[Sequence[Mapping[str, Any]]] | None = None,
        ends: Sequence[Ends] = (),
        stretches: Sequence[Sequence[Stretch]] = (),
    ) -> Self:
        """A group whose bounds follow from its tokens.

        Raises:
            ValueError: there are not as many states as tokens.
        """
        bounds = np.concatenate([[0], np.cumsum([len(of_note) for of_note in tokens], dtype=np.int64)])
        if len(states) != bounds[-1]:
            raise ValueError(f"{len(states)} states for {bounds[-1]} tokens")
        known = sections if sections is not None else [()] * len(texts)
        return cls(texts, tokens, states, bounds, known, ends, stretches)

    def __len__(self) -> int:
        return len(self.texts)

    def parts(self) -> Iterable[torch.Tensor]:
        """The states of the whole group, in consecutive parts of shape (some tokens, width); may be read again."""
        return self.states if isinstance(self.states, StreamedStates) else [self.states]

    def parts_of(self, note: int) -> NoteStates:
        """The states of one note."""
        states = self.states
        if not isinstance(states, StreamedStates):
            states = states[self.bounds[note] : self.bounds[note + 1]]
        return NoteStates(states, self.stretches[note] if self.stretches else ())


def mean_states(parts: Iterable[torch.Tensor], bounds: Sequence[tuple[int, int]]) -> torch.Tensor:
    """The mean state of some stretches of a note: shape (stretches, width), float32.

    Args:
        parts: states of the note's tokens, in consecutive parts of shape (some tokens, width).
        bounds: of each stretch its first token and the one after its last; they may overlap, none is empty.
    """
    sums: list[torch.Tensor | None] = [None] * len(bounds)
    at = 0
    for part in parts:
        for i, (first, last) in enumerate(bounds):
            own = part[max(first - at, 0) : max(last - at, 0)]
            if len(own):
                of_part = own.float().sum(dim=0)
                known = sums[i]
                sums[i] = of_part if known is None else known + of_part
        at += len(part)
    means = [total / (last - first) for total, (first, last) in zip(sums, bounds, strict=True) if total is not None]
    return torch.stack(means)


class Head(Protocol):
    """Turns a group of encoded notes into results."""

    def __call__(self, notes: EncodedNotes) -> list[Any]:
        """One result per note, the same whatever the other notes; what a result is, the head's class says."""
        ...

    def rows(self, result: Any, text: str, sections: Sequence[dict[str, Any]]) -> list[Any]:
        """The value of the head's in-flight column for one note.

        Args:
            result: what `__call__` gave for the note.
            text: the note.
            sections: the note's sections, as the `sections` column holds them; may be empty.
        """
        ...
