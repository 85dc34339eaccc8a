"""From a source's own columns to the columns of a note in flight.

A `ColumnMap` names, for each of our columns, the source's columns that may hold it. `check_schema` refuses a
file that cannot be read so, before anything runs; `to_notes` maps a batch of rows.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from pipelines.errors import RequestError
from transforms import schema

REQUIRED: Final = ("note_id", "text")
IDS: Final = ("note_id", "patient_id", "encounter_id")
MAPPED: Final = (
    "note_id",
    "patient_id",
    "encounter_id",
    "note_type",
    "note_time",
    "admit_time",
    "patient_name",
    "text",
)
TIMES: Final = ("note_time", "admit_time")


@dataclass(frozen=True)
class ColumnMap:
    """Which of the source's columns hold what.

    For every field the first source column whose value is not null wins; `patient_name` takes them all. A source
    column is found by its exact name, else by its name in another case.

    Attributes:
        demanded: our columns whose source column must be there (besides `note_id` and `text`).
        skip_where: (source column, values): rows whose value, as text, is among these are not read.
        known: pairs (i2b2-2014 label, source columns): what these hold is PHI of the row; all of them must be there.
    """

    note_id: tuple[str, ...] = ("note_id",)
    text: tuple[str, ...] = ("text",)
    patient_id: tuple[str, ...] = ("patient_id",)
    encounter_id: tuple[str, ...] = ("encounter_id",)
    note_type: tuple[str, ...] = ("note_type",)
    note_time: tuple[str, ...] = ("note_time",)
    admit_time: tuple[str, ...] = ("admit_time",)
    patient_name: tuple[str, ...] = ("patient_name",)
    demanded: tuple[str, ...] = ()
    skip_where: tuple[str, tuple[str, ...]] | None = None
    known: tuple[tuple[str, tuple[str, ...]], ...] = ()


FHIR: Final = "fhir"

PRESETS: Final[dict[str, ColumnMap]] = {
    "notemill": ColumnMap(),
    "mimic-iv-note": ColumnMap(
        patient_id=("subject_id",),
        encounter_id=("hadm_id",),
        note_time=("charttime",),
        admit_time=("admittime",),
        demanded=("patient_id",),
    ),
    "mimic-iii": ColumnMap(
        note_id=("ROW_ID",),
        text=("TEXT",),
        patient_id=("SUBJECT_ID",),
        encounter_id=("HADM_ID",),
        note_type=("CATEGORY",),
        note_time=("CHARTTIME", "CHARTDATE"),
        admit_time=("ADMITTIME",),
        demanded=("patient_id",),
        # The chart's own mark that a clinician found the note to be an error.
        skip_where=("ISERROR", ("1", "1.0", "true")),
    ),
    "omop": ColumnMap(
        text=("note_text",),
        patient_id=("person_id",),
        encounter_id=("visit_occurrence_id",),
        note_type=("note_title",),
        note_time=("note_datetime", "note_date"),
        admit_time=("visit_start_datetime", "visit_start_date"),
        demanded=("patient_id",),
    ),
    # Elements of a DocumentReference, which `pipelines.io.fhir` reads.
    FHIR: ColumnMap(
        note_id=("id",),
        text=("content.attachment",),
        patient_id=("subject.reference",),
        encounter_id=("context.encounter.reference",),
        note_type=("type",),
        note_time=("date", "context.period.start"),
        admit_time=(),
        patient_name=("subject.display",),
        skip_where=("status", ("superseded", "entered-in-error")),
        known=(("DOCTOR", ("author.display", "authenticator.display")), ("HOSPITAL", ("custodian.display",))),
    ),
}


@dataclass(frozen=True)
class ReadPlan:
    """A `ColumnMap` resolved against one file's schema.

    Attributes:
        sources: (our column, the source columns that the file has), in the order of `MAPPED`.
        projection: every source column to read.
        known: pairs (label, source column).
    """

    sources: tuple[tuple[str, tuple[str, ...]], ...]
    skip_where: tuple[str, tuple[str, ...]] | None
    projection: tuple[str, ...]
    known: tuple[tuple[str, str], ...] = ()


def _is_text(kind: pa.DataType) -> bool:
    if pt.is_dictionary(kind):
        kind = kind.value_type
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def _fits(column: str, kind: pa.DataType) -> bool:
    if pt.is_null(kind):  # a column without a single value, as in an empty input
        return True
    if column in IDS:
        # pandas turns whole numbers with gaps into floats; a value that is not whole is rejected row by row.
        return _is_text(kind) or pt.is_integer(kind) or pt.is_floating(kind)
    if column in TIMES:
        return _is_text(kind) or pt.is_timestamp(kind) or pt.is_date(kind)
    if column == "patient_name" and (pt.is_list(kind) or pt.is_large_list(kind)):
        return _is_text(kind.value_type)
    return _is_text(kind)


def _can_be_known(kind: pa.DataType) -> bool:
    if pt.is_list(kind) or pt.is_large_list(kind):
        return _is_text(kind.value_type)
    tests = (pt.is_null, pt.is_integer, pt.is_floating, pt.is_decimal, pt.is_date, pt.is_timestamp, _is_text)
    return any(test(kind) for test in tests)


_WANTED: Final = {
    "note_id": "text or whole numbers",
    "patient_id": "text or whole numbers",
    "encounter_id": "text or whole numbers",
    "note_type": "text",
    "note_time": "a timestamp, a date or ISO 8601 text",
    "admit_time": "a timestamp, a date or ISO 8601 text",
    "patient_name": "text or a list of text",
    "text": "text",
}


_ELSE: Final = {"admit_time": ', or take admission to be at its first note (readmission.admit = "first-note")'}
"""What else may be done about a column that is missing."""


def check_schema(mapping: ColumnMap, fields: pa.Schema, file: str) -> ReadPlan:
    """Resolves the map against a file's schema.

    Raises:
        RequestError: a column that must be there is missing, or a column has a type that cannot hold it.
    """
    by_lower: dict[str, list[str]] = {}
    for name in fields.names:
        by_lower.setdefault(name.lower(), []).append(name)

    def find(name: str) -> str | None:
        if name in fields.names:
            return name
        others = by_lower.get(name.lower(), [])
        return others[0] if len(others) == 1 else None

    sources: list[tuple[str, tuple[str, ...]]] = []
    for column in MAPPED:
        wanted: tuple[str, ...] = getattr(mapping, column)
        present = tuple(found for name in wanted if (found := find(name)) is not None)
        if not present and (column in REQUIRED or column in mapping.demanded):
            raise RequestError(
                f"{file} has no column {' or '.join(wanted)} for {column}; it has: {', '.join(fields.names)}. "
                f'Name it in the job file ([columns] {column} = "...") or choose another --preset'
                f"{_ELSE.get(column, '')}"
            )
        for name in present:
            if fields.names.count(name) > 1:
                raise RequestError(f"{file} has several columns {name}; rename all but one")
            kind = fields.field(name).type
            if not _fits(column, kind):
                raise RequestError(f"column {name} of {file} is of type {kind}, but {column} must be {_WANTED[column]}")
        if present:
            sources.append((column, present))
    skip = mapping.skip_where
    if skip is not None:
        found = find(skip[0])
        skip = (found, skip[1]) if found is not None else None
    known: list[tuple[str, str]] = []
    for label, wanted in mapping.known:
        for name in wanted:
            source = find(name)
            if source is None or fields.names.count(source) > 1:
                raise RequestError(
                    f"{file} has {'no column' if source is None else 'several columns'} {name}, which [columns.known] "
                    f"names for {label}; it has: {', '.join(fields.names)}"
                )
            if not _can_be_known(kind := fields.field(source).type):
                raise RequestError(
                    f"column {source} of {file} is of type {kind}, but what [columns.known] names for {label} must be "
                    "text, numbers, dates, or a list of text"
                )
            known.append((label, source))
    names = [name for _, present in sources for name in present] + ([skip[0]] if skip else [])
    names += [name for _, name in known]
    return ReadPlan(tuple(sources), skip, tuple(dict.fromkeys(names)), tuple(known))


def to_notes(batch: pa.Table, plan: ReadPlan, first_row: int) -> tuple[pa.Table, int]:
    """Maps rows of the source to notes in flight.

    Args:
        batch: rows of the source with the columns of `plan.projection`.
        first_row: position of the first of them in the input file.

    Returns:
        The notes (columns `schema.READ_COLUMNS`) and how many rows were skipped. A row whose id or time cannot be
        read has a `reject` of stage `read`.
    """
    batch = batch.append_column("row", pa.array(range(first_row, first_row + batch.num_rows), pa.int64()))
    before = batch.num_rows
    if plan.skip_where is not None:
        column, values = plan.skip_where
        marked = pc.is_in(pc.cast(batch[column], pa.string()), value_set=pa.array(values, pa.string()))
        batch = batch.filter(pc.invert(marked))
    faults: dict[int, str] = {}
    found = dict(plan.sources)
    arrays: dict[str, Any] = {"row": batch["row"]}
    for column in MAPPED:
        names = found.get(column, ())
        if column == "patient_name":
            wholes = [_whole(batch[name]) for name in names]
            arrays[column] = _names([_readable(whole, faults) for whole in wholes], batch.num_rows)
            continue
        kind = schema.IN_FLIGHT.field(column).type
        parts = [_convert(column, _readable(_whole(batch[name]), faults), faults) for name in names]
        arrays[column] = pc.coalesce(*parts) if parts else pa.nulls(batch.num_rows, kind)
    arrays["known_phi"] = _known(plan.known, batch, faults)
    rejects = [
        {"stage": "read", "error": faults[i], "detail": _FAULTS[faults[i]]} if i in faults else None
        for i in range(batch.num_rows)
    ]
    arrays["reject"] = pa.array(rejects, schema.REJECT)
    notes = pa.table(arrays, schema=schema.columns(*schema.READ_COLUMNS))
    return notes, before - batch.num_rows


_FAULTS: Final = {
    "InvalidUnicode": "a text column holds bytes that are not UTF-8",
    "IdNotWhole": "an id column holds a number that is not whole",
    "UnreadableNoteTime": "note_time is not ISO 8601, or out of range",
    "UnreadableAdmitTime": "admit_time is not ISO 8601, or out of range",
}
_UNREADABLE: Final = {"note_time": "UnreadableNoteTime", "admit_time": "UnreadableAdmitTime"}


def _whole(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    return array.dictionary_decode() if pt.is_dictionary(array.type) else array


def _readable(array: pa.Array, faults: dict[int, str]) -> pa.Array:
    """Nulls the text that is not UTF-8, which Parquet does not forbid and Python cannot decode."""
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        if pt.is_list(array.type) or pt.is_large_list(array.type):
            return _readable_lists(array, faults)
    else:
        return array
    values: list[str | None] = []
    for i, value in enumerate(pc.cast(array, pa.large_binary()).to_pylist()):
        try:
            values.append(None if value is None else value.decode())
        except UnicodeDecodeError:
            faults[i] = "InvalidUnicode"
            values.append(None)
    return pa.array(values, array.type)


def _readable_lists(array: pa.Array, faults: dict[int, str]) -> pa.Array:
    texts: dict[int, str] = {}
    values = _readable(array.values, texts)
    for i, (start, end) in enumerate(pairwise(array.offsets.to_pylist())):
        if any(at in texts for at in range(start, end)):
            faults[i] = "InvalidUnicode"
    return type(array).from_arrays(array.offsets, values)


def _convert(column: str, array: pa.Array, faults: dict[int, str]) -> pa.Array:
    kind = array.type
    if column in TIMES:
        return _times(array, faults, _UNREADABLE[column])
    if column in IDS and pt.is_floating(kind):
        # 2**53: beyond it a float no longer tells one id from the next.
        whole = pc.and_(pc.equal(array, pc.trunc(array)), pc.less(pc.abs(array), 2.0**53))
        for i, good in enumerate(whole.to_pylist()):
            if good is False:
                faults[i] = "IdNotWhole"
        array = pc.cast(pc.if_else(pc.fill_null(whole, False), array, None), pa.int64())
    array = pc.cast(array, pa.string())
    # An empty id is none: rows without one must not be taken for one patient.
    return pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), array) if column in IDS else array


def _times(array: pa.Array, faults: dict[int, str], fault: str) -> pa.Array:
    kind = array.type
    if not _is_text(kind):
        # Nanoseconds are cut; a time zone is resolved to UTC, which is how Arrow keeps it.
        if pt.is_timestamp(kind) and kind.unit == "ns":
            return pc.cast(array, pa.timestamp("us"), safe=False)
        try:
            return pc.cast(array, pa.timestamp("us"))
        except pa.ArrowInvalid:  # one lies outside the years that microseconds can tell
            moments = [_in_range(value) for value in array]
            faults |= {i: fault for i, m in enumerate(moments) if m is None and array[i].is_valid}
            return pa.array([None if m is None else m.as_py() for m in moments], pa.timestamp("us"))
    times: list[dt.datetime | None] = []
    for i, value in enumerate(array.to_pylist()):
        moment = None
        if value is not None and value.strip():
            try:
                moment = dt.datetime.fromisoformat(value.strip())
            except ValueError:
                faults[i] = fault
            else:
                if moment.tzinfo is not None:
                    moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
        times.append(moment)
    return pa.array(times, pa.timestamp("us"))


def _in_range(value: pa.Scalar) -> pa.Scalar | None:
    try:
        return value.cast(pa.timestamp("us")) if value.is_valid else None
    except pa.ArrowInvalid:
        return None


def _names(parts: Iterable[pa.Array], rows: int) -> pa.Array:
    """All known names of each row as one list; null where there is none."""
    gathered: list[list[str]] = [[] for _ in range(rows)]
    for part in parts:
        for i, value in enumerate(part.to_pylist()):
            values = value if isinstance(value, list) else [value]
            gathered[i].extend(name for name in values if name and name.strip())
    return pa.array([names or None for names in gathered], pa.list_(pa.string()))


def _known(pairs: Sequence[tuple[str, str]], batch: pa.Table, faults: dict[int, str]) -> pa.Array:
    """What a row's own columns tell of its patient, as text; null where there is nothing."""
    kind = schema.IN_FLIGHT.field("known_phi").type
    if not pairs:
        return pa.nulls(batch.num_rows, kind)
    gathered: list[list[dict[str, str]]] = [[] for _ in range(batch.num_rows)]
    for label, column in pairs:
        for i, value in enumerate(_as_text(_whole(batch[column]), faults)):
            values = value if isinstance(value, list) else [value]
            gathered[i].extend({"label": label, "value": one} for one in values if one and one.strip())
    return pa.array([row or None for row in gathered], kind)


def _as_text(array: pa.Array, faults: dict[int, str]) -> list[Any]:
    """Values of any type as text (or lists of it); a date, of a timestamp too, as ISO 8601."""
    kind = array.type
    if _is_text(kind) or pt.is_list(kind) or pt.is_large_list(kind):
        return list(_readable(array, faults).to_pylist())
    if pt.is_floating(kind):
        # pandas turns whole numbers with gaps into floats, and gaps into NaN.
        numbers = [None if value is None or not math.isfinite(value) else value for value in array.to_pylist()]
        return [str(int(n)) if n is not None and n.is_integer() else None if n is None else str(n) for n in numbers]
    if pt.is_date(kind) or pt.is_timestamp(kind):
        array = pc.cast(array, pa.date32(), safe=False)
    return list(pc.cast(array, pa.string()).to_pylist())
