"""A labelled stretch of a text."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """A labelled stretch of a text.

    Attributes:
        start: Python string index of the first character.
        end: index after the last character.
        label: the model's label, without IOB prefix.
        score: probability in [0, 1].
    """

    start: int
    end: int
    label: str
    score: float
