"""One bad note costs one note.

The guard stands round a stage's worker. It hands the worker the notes that are alive; when the worker raises, it
halves them until the note that fails stands alone, and rejects that one. Running out of memory is the same case:
halves may fit where the whole did not.
"""

from __future__ import annotations

import logging
import time
import traceback
from dataclasses import asdict
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import RequestError, RunError
from transforms import schema
from transforms.clinical_bert.checkpoints import CheckpointError
from transforms.clinical_bert.counts import TruncatedError
from transforms.deid.canary import CanaryError
from transforms.stage import NoteError, Stage, with_column

log = logging.getLogger(__name__)

# What a rejected note may no longer carry: with its de-identification unfinished all of this is raw.
_RAW: Final = ("text", "patient_name", "known_phi", "note_type", "note_time", "admit_time")


class ContractError(Exception):
    """A stage broke its contract for all notes alike: the run stops, for no note is at fault."""


SHOWN: Final = (NoteError, CanaryError, CheckpointError, ContractError, RequestError, RunError)
"""Errors whose messages are written for people and hold no note text."""


class Guard:
    """A stage's worker that rejects single notes instead of raising.

    Attributes:
        seconds: time spent in the worker.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.seconds = 0.0
        self._worker = stage.open()

    def process(self, notes: pa.Table) -> pa.Table:
        """The same rows with the stage's columns added; null where a note is, or becomes, rejected.

        Raises:
            ContractError: the worker returned other rows, or columns of other types, than its stage declares.
        """
        started = time.perf_counter()
        # numpy finds the positions: Arrow's indices_nonzero breaks down on a column without chunks.
        living = notes["reject"].is_null().to_numpy()
        positions = np.flatnonzero(living)
        chosen = notes.take(positions)
        parts = self._attempt(chosen.combine_chunks()) if chosen.num_rows else []
        done = pa.concat_tables([self._complete(part) for part in parts]) if parts else None
        others = np.flatnonzero(~living)
        rest = self._complete(notes.take(others))
        merged = rest if done is None else pa.concat_tables([done, rest])
        merged = merged.take(np.argsort(np.concatenate([positions, others]))).combine_chunks()
        self.seconds += time.perf_counter() - started
        return _without_raw(merged)

    def close(self) -> None:
        self._worker.close()

    def _attempt(self, notes: pa.Table) -> list[pa.Table]:
        try:
            result = self._worker.process(notes)
        except ContractError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a note does to a stage, it costs that note alone
            if notes.num_rows == 1:
                return [self._rejected(notes, error)]
            half = notes.num_rows // 2
            return self._attempt(notes.slice(0, half)) + self._attempt(notes.slice(half))
        self._check(notes, result)
        return [result]

    def _check(self, notes: pa.Table, result: pa.Table) -> None:
        name = self.stage.name
        if result.num_rows != notes.num_rows:
            raise ContractError(f"stage {name} returned {result.num_rows} rows for {notes.num_rows}")
        if not result["row"].equals(notes["row"]):
            raise ContractError(f"stage {name} changed the order of rows")
        for field in self.stage.adds:
            position = result.schema.get_field_index(field.name)
            if position < 0:
                raise ContractError(f"stage {name} did not add its column {field.name}")
            if result.schema.field(position).type != field.type:
                raise ContractError(f"stage {name} gave column {field.name} another type than it declares")

    def _rejected(self, note: pa.Table, error: Exception) -> pa.Table:
        reason = {"stage": self.stage.name, "error": type(error).__name__, "detail": describe(error)}
        log.warning("note rejected in %s: %s (%s)", reason["stage"], reason["error"], reason["detail"])
        if isinstance(error, TruncatedError):  # the account that a stage gives of its encoder outlives the note
            for field in self.stage.adds:
                if field.type == schema.ENCODED:
                    note = with_column(note, field, [asdict(error.counts)])
        return with_column(note, schema.IN_FLIGHT.field("reject"), [reason])

    def _complete(self, notes: pa.Table) -> pa.Table:
        """Adds the stage's columns as nulls where they are missing, in the order of `IN_FLIGHT`."""
        for field in self.stage.adds:
            if field.name not in notes.column_names:
                notes = notes.append_column(field, pa.nulls(notes.num_rows, field.type))
        return notes.select([name for name in schema.IN_FLIGHT.names if name in notes.column_names])


def describe(error: BaseException) -> str:
    """What may be told of an error: where it came from, and its message only when that was written to be shown.

    Any other message may quote the note.
    """
    if isinstance(error, SHOWN):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    last = frames[-1]
    return f"{last.filename.rsplit('/', 1)[-1]}:{last.lineno} in {last.name}"


def _without_raw(notes: pa.Table) -> pa.Table:
    living = pc.is_null(notes["reject"])
    if pc.all(living).as_py() is not False:
        return notes
    for name in _RAW:
        field = schema.IN_FLIGHT.field(name)
        notes = with_column(notes, field, pc.if_else(living, notes[name], pa.scalar(None, field.type)))
    return notes
