"""At which moment readmission is foretold, and from which notes.

Huang et al. foretell it at discharge from the discharge summary, and early from the notes of the first days. A note
that was written after the moment of prediction may not take part: it would tell what nobody knew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from transforms.note_types import is_one_of

ALL: Final = "all"
DISCHARGE: Final = "discharge"

DISCHARGE_TYPES: Final = ("DS", "discharge", "discharge note", "discharge summary*", "18842-5")
"""Note types of discharge summaries: MIMIC-IV-Note's, MIMIC-III's, plain ones, and the LOINC code."""

_HOURS: Final = re.compile(r"([1-9]\d*)h")
_MOST_HOURS: Final = 24 * 366


@dataclass(frozen=True)
class ReadmissionOptions:
    """How admissions are scored.

    Attributes:
        mode: `all`: every note of the admission; `discharge`: its discharge summaries; `24h`, `48h`, `72h` or any
            other number of hours: the notes written within so many hours of admission, whatever their type.
        admit: which time is admission: that of the column `admit_time` (the earliest that the admission's notes
            give), or that of the admission's first note.
        discharge_types: note types of discharge summaries, as shell patterns; case does not count, and underscores
            are spaces.
        top_chunks: most chunks of an admission that are told.
    """

    mode: str = ALL
    admit: Literal["column", "first-note"] = "column"
    discharge_types: tuple[str, ...] = DISCHARGE_TYPES
    top_chunks: int = 3

    def __post_init__(self) -> None:
        hours = _HOURS.fullmatch(self.mode)
        if self.mode not in (ALL, DISCHARGE) and (hours is None or int(hours[1]) > _MOST_HOURS):
            raise ValueError(f'mode is {self.mode!r}; it must be "all", "discharge", or hours such as "24h" or "48h"')
        if self.admit not in ("column", "first-note"):
            raise ValueError(f'admit is {self.admit!r}; it must be "column" or "first-note"')
        if self.top_chunks < 0:
            raise ValueError(f"top_chunks is {self.top_chunks}; it must be 0 or more")

    @property
    def hours(self) -> int | None:
        """Hours after admission at which is foretold; None in the other modes."""
        found = _HOURS.fullmatch(self.mode)
        return int(found[1]) if found else None

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that the input must have."""
        if self.mode == ALL:
            return ()
        if self.mode == DISCHARGE:
            return ("encounter_id", "note_type")
        return ("encounter_id", "note_time", *(("admit_time",) if self.admit == "column" else ()))

    def is_discharge(self, note_type: str) -> bool:
        """Whether a note of this type is a discharge summary."""
        return is_one_of(note_type, self.discharge_types)
