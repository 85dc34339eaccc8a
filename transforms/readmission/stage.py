"""The stage `place_notes`: where in its admission a note stands, told before its time is de-identified.

A note's time is raw PHI, and an admission's notes lie in many splits. So each admission has a clock of its own, whose
start is drawn from the key: on it the times of an admission compare, and no date can be read off it. The decision
whether a note was written in time falls after the last split, when the time of admission is known.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import pyarrow as pa

from transforms import schema
from transforms.deid.pseudonyms import Key
from transforms.readmission.options import ALL, ReadmissionOptions
from transforms.stage import Resources, with_column

NO_ENCOUNTER: Final = "no_encounter"
NO_NOTE_TYPE: Final = "no_note_type"
NOTE_TYPE: Final = "note_type"
NO_NOTE_TIME: Final = "no_note_time"
NO_ADMIT_TIME: Final = "no_admit_time"
LATER: Final = "later"
"""Why a note takes no part in its admission's score: it belongs to none, it is of no type or of another one, its time
or that of the admission is not known, it was written after the moment of prediction."""

_ZERO: Final = dt.datetime(1, 1, 1)
_SECOND: Final = dt.timedelta(seconds=1)
_DAY: Final = 24 * 3600
_CLOCK_BITS: Final = 45  # the years of all notes are 2**37 seconds at most: a moment tells next to nothing of its date


@dataclass(frozen=True)
class PlaceNotes:
    """Adds `placed`: whether a note may take part, and its moments in seconds of its admission's own clock.

    A time of exactly midnight is taken for a date alone: such a note counts as written when the day was over.

    Attributes:
        key: what the clocks hang on.
        options: the mode.
    """

    key: Key
    options: ReadmissionOptions
    resources: Resources = field(default=Resources(cpus=1), repr=False)
    name: ClassVar[str] = "place_notes"
    reads: ClassVar[pa.Schema] = schema.columns("note_type", "note_time", "admit_time", "raw_encounter_id")
    adds: ClassVar[pa.Schema] = schema.columns("placed")

    def __post_init__(self) -> None:
        if self.options.mode == ALL:
            raise ValueError("where every note takes part, there is nothing to place")

    def open(self) -> PlaceNotesWorker:
        return PlaceNotesWorker(self.key, self.options)


class PlaceNotesWorker:
    """The decision for each note in its Arrow coat."""

    def __init__(self, key: Key, options: ReadmissionOptions) -> None:
        self._key = key
        self._options = options

    def process(self, notes: pa.Table) -> pa.Table:
        columns = (notes[name].to_pylist() for name in PlaceNotes.reads.names)
        placed = [self._place(*row) for row in zip(*columns, strict=True)]
        return with_column(notes, PlaceNotes.adds.field("placed"), placed)

    def _place(
        self, note_type: str | None, written: dt.datetime | None, admitted: dt.datetime | None, encounter: str | None
    ) -> dict[str, Any]:
        if encounter is None:
            return {"left_out": NO_ENCOUNTER}
        if self._options.hours is None:
            return {"left_out": self._of_type(note_type)}
        start = clock_start(self._key, encounter)
        if self._options.admit == "first-note":
            admitted = written
        return {
            "left_out": NO_NOTE_TIME if written is None else None,
            "written": None if written is None else start + _seconds(written) + (_DAY if _is_date(written) else 0),
            "admitted": None if admitted is None else start + _seconds(admitted),
        }

    def _of_type(self, note_type: str | None) -> str | None:
        if note_type is None:
            return NO_NOTE_TYPE
        return None if self._options.is_discharge(note_type) else NOTE_TYPE

    def close(self) -> None:
        """Nothing to release."""


def clock_start(key: Key, encounter: str) -> int:
    """Where an admission's clock stood at the beginning of the year 1, in seconds.

    Args:
        key: of the run.
        encounter: the raw id.
    """
    digest = hmac.new(key.secret, f"clock\0{encounter}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _CLOCK_BITS)


def _seconds(moment: dt.datetime) -> int:
    return (moment - _ZERO) // _SECOND


def _is_date(moment: dt.datetime) -> bool:
    return moment.time() == dt.time()
