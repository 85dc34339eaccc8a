"""What a head is, and what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch

from transforms.clinical_bert.windows import Tokens


@dataclass(frozen=True)
class EncodedNotes:
    """A group of whole notes after the encoder pass that all heads of one backbone share.

    Attributes:
        texts: the notes.
        tokens: of each note its tokens with character offsets.
        states: shape (tokens of the whole group, width), notes one after another.
        bounds: shape (notes + 1,), int64; the tokens of note i are the rows `bounds[i]:bounds[i + 1]`.
    """

    texts: Sequence[str]
    tokens: Sequence[Tokens]
    states: torch.Tensor
    bounds: npt.NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str], tokens: Sequence[Tokens], states: torch.Tensor) -> Self:
        """A group whose bounds follow from its tokens.

        Raises:
            ValueError: there are not as many states as tokens.
        """
        bounds = np.concatenate([[0], np.cumsum([len(of_note) for of_note in tokens], dtype=np.int64)])
        if len(states) != bounds[-1]:
            raise ValueError(f"{len(states)} states for {bounds[-1]} tokens")
        return cls(texts, tokens, states, bounds)

    def __len__(self) -> int:
        return len(self.texts)

    def states_of(self, note: int) -> torch.Tensor:
        """Shape (tokens of the note, width): a view."""
        return self.states[self.bounds[note] : self.bounds[note + 1]]


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
