"""What a head is, and what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from transforms.clinical_bert.windows import Tokens


@dataclass(frozen=True)
class Encoded:
    """A whole note after the encoder pass that all heads of one backbone share.

    Attributes:
        text: the note.
        tokens: its tokens with character offsets.
        states: shape (tokens, width).
    """

    text: str
    tokens: Tokens
    states: torch.Tensor


class Head(Protocol):
    """Turns encoded notes into results."""

    def __call__(self, notes: Sequence[Encoded]) -> list[Any]:
        """One result per note; what a result is, the head's class says."""
        ...

    def rows(self, result: Any, text: str, sections: Sequence[dict[str, Any]]) -> list[Any]:
        """The value of the head's in-flight column for one note.

        Args:
            result: what `__call__` gave for the note.
            text: the note.
            sections: the note's sections, as the `sections` column holds them; may be empty.
        """
        ...
