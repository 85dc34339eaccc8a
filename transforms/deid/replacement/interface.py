"""What a way of replacing PHI gives, and what it may know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, get_args

from transforms.deid.spans import PhiSpan

Mode = Literal["tag", "surrogate", "mask"]
MODES: Final[tuple[str, ...]] = get_args(Mode)


@dataclass(frozen=True)
class NoteFacts:
    """What is known of a note besides its text.

    Attributes:
        patient: whose note it is: what consistency hangs on.
        names: the patient's own names, as the input gives them.
        time: raw note_time.
    """

    patient: str
    names: tuple[str, ...] = ()
    time: dt.datetime | None = None


class Replacer(Protocol):
    """Gives what stands in the place of PHI."""

    def replacements(self, text: str, spans: Sequence[PhiSpan], note: NoteFacts) -> list[str]:
        """One replacement per span, in order.

        Args:
            text: the raw note.
            spans: sorted and disjoint.
            note: whose it is and when.
        """
        ...

    def note_time(self, note: NoteFacts) -> dt.datetime | None:
        """What may be told of the note's time."""
        ...
