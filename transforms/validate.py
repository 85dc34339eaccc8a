"""Decide, before anything else, which notes can be worked on at all.

A note is given up when it has no id, when its id stood in an earlier row of the same table, when it has no
text, or when its text is longer than the limit. Everything else goes through unchanged: control characters
(NUL and the other C0 controls) are legal in a string and stay where they are, so no offset moves.

Arrow strings are UTF-8 by contract only: a Parquet file written by another tool may hold bytes that are not
UTF-8, and the first `to_pylist` on them raises. Such values are found here, set to null, and their note is
given up, so that every later stage can read the table. (A lone surrogate cannot be encoded in UTF-8; a tool
that forces one in writes invalid UTF-8, and the note ends the same way.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from transforms import schema
from transforms.stage import Resources, with_column

MAX_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class Reason:
    """Why a note is given up.

    Attributes:
        error: the reason's name in `rejects.error`.
        detail: counts and column names for a person; never note text.
    """

    error: str
    detail: str


def find_fault(note_id: str | None, text: str | None, max_characters: int = MAX_CHARACTERS) -> Reason | None:
    """What makes this note unusable by itself, or None.

    Args:
        note_id: the id as read.
        text: the raw text as read.
        max_characters: longest text that is accepted, in characters (code points).
    """
    if note_id is None:
        return Reason("NullNoteId", "note_id is null")
    if not note_id.strip():
        return Reason("EmptyNoteId", "note_id is empty")
    if text is None:
        return Reason("NullText", "text is null")
    if not text or text.isspace():
        return Reason("EmptyText", f"none of the text's {len(text)} characters is more than white space")
    if len(text) > max_characters:
        return Reason("TextTooLong", f"text has {len(text)} characters, the limit is {max_characters}")
    return None


def null_invalid_unicode(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, list[int]]:
    """Makes a column of strings, or of lists of strings, safe to read.

    Args:
        column: values that claim to be UTF-8.

    Returns:
        The column with each undecodable value set to null, and the positions of those values. The very same
        column and an empty list when all is well, which costs one pass over the bytes.
    """
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        values = [_decoded(scalar) for scalar in column]
    else:
        return column, []
    bad = [row for row, value in enumerate(values) if value is _UNDECODABLE]
    safe = [None if value is _UNDECODABLE else value for value in values]
    return pa.chunked_array([pa.array(safe, type=column.type)]), bad


_UNDECODABLE = object()


def _decoded(scalar: pa.Scalar) -> object:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return _UNDECODABLE


@dataclass(frozen=True)
class Validate:
    """Fills `reject` for notes that cannot be worked on; a reject that is already there stays.

    A value that is not valid UTF-8, in any column, becomes null (see `null_invalid_unicode`); its note is
    rejected as `InvalidUnicode`.

    Attributes:
        max_characters: longest text that is accepted, in characters.

    Raises:
        ValueError: `max_characters` is less than 1.
    """

    max_characters: int = MAX_CHARACTERS
    name: ClassVar[str] = "validate"
    reads: ClassVar[pa.Schema] = schema.columns("note_id", "text")
    adds: ClassVar[pa.Schema] = schema.columns("reject")
    resources: ClassVar[Resources] = Resources(cpus=1)

    def __post_init__(self) -> None:
        if self.max_characters < 1:
            raise ValueError(f"max_characters must be at least 1, not {self.max_characters}")

    def open(self) -> ValidateWorker:
        return ValidateWorker(self.max_characters)


class ValidateWorker:
    def __init__(self, max_characters: int) -> None:
        self._max_characters = max_characters

    def process(self, notes: pa.Table) -> pa.Table:
        notes, faults = _without_invalid_unicode(notes)
        seen: set[str] = set()
        for row, (note_id, text) in enumerate(
            zip(notes["note_id"].to_pylist(), notes["text"].to_pylist(), strict=True)
        ):
            fault = faults.get(row) or find_fault(note_id, text, self._max_characters)
            if fault is None and note_id in seen:
                fault = Reason("DuplicateNoteId", "note_id stands in an earlier row of the same split")
            if fault is not None:
                faults[row] = fault
            if note_id is not None:
                seen.add(note_id)

        rejects = notes["reject"].to_pylist() if "reject" in notes.column_names else [None] * notes.num_rows
        for row, fault in faults.items():
            if rejects[row] is None:
                rejects[row] = {"stage": Validate.name, "error": fault.error, "detail": fault.detail}
        return with_column(notes, schema.IN_FLIGHT.field("reject"), rejects)

    def close(self) -> None:
        """Nothing to release."""


def _without_invalid_unicode(notes: pa.Table) -> tuple[pa.Table, dict[int, Reason]]:
    faults: dict[int, Reason] = {}
    for field in notes.schema:
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type) or pa.types.is_list(field.type):
            column, bad = null_invalid_unicode(notes[field.name])
            if bad:
                notes = with_column(notes, field, column)
            for row in bad:
                faults.setdefault(row, Reason("InvalidUnicode", f"{field.name} is not valid UTF-8"))
    return notes, faults
