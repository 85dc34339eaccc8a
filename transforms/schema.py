"""The Arrow schema of a note in flight and of every table that a run writes.

A note travels as one row from the reader to the sinks. `IN_FLIGHT` lists every column it may carry; a stage
names the ones it reads and adds with `columns(...)`. `TABLES` lists what lies under a run's output. Offsets
are Python string indices, half open, into the de-identified text unless the name begins with `raw_`.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

REJECT: Final = pa.struct([("stage", pa.string()), ("error", pa.string()), ("detail", pa.string())])
"""Why a note was given up. `detail` never holds note text."""

SPAN_TEXT: Final = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("text", pa.string())])

PHI: Final = pa.struct(
    [
        ("label", pa.string()),
        ("safe_harbor", pa.string()),
        ("recognizer", pa.string()),
        ("score", pa.float32()),
        ("raw_start", pa.int32()),
        ("raw_end", pa.int32()),
        ("start", pa.int32()),
        ("end", pa.int32()),
    ]
)

SECTION: Final = pa.struct(
    [
        ("section_id", pa.int32()),
        ("category", pa.string()),
        ("loinc", pa.string()),
        ("title", pa.string()),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("body_start", pa.int32()),
    ]
)

ENTITY: Final = pa.struct(
    [
        ("entity_id", pa.int32()),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("text", pa.string()),
        ("label", pa.string()),
        ("score", pa.float32()),
        ("section_id", pa.int32()),
        ("negated", pa.bool_()),
        ("uncertain", pa.bool_()),
        ("historical", pa.bool_()),
        ("hypothetical", pa.bool_()),
        ("experiencer", pa.string()),
    ]
)

CODE: Final = pa.struct(
    [
        ("code", pa.string()),
        ("system", pa.string()),
        ("description", pa.string()),
        ("score", pa.float32()),
        ("evidence", pa.list_(SPAN_TEXT)),
        ("roads", pa.list_(pa.string())),
        ("excludes1", pa.list_(pa.string())),
    ]
)
"""A code. `roads`: what gave it, `linking` or `attention` or both. `excludes1`: the note's other codes that the tabular
list does not want beside it; null where the stage `coding` was left out."""

CHUNK: Final = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("score", pa.float32())])
"""A stretch of a note that the readmission head scored."""

TOP_CHUNK: Final = pa.struct([("note_id", pa.string()), *((field.name, field.type) for field in CHUNK)])

PLACED: Final = pa.struct([("left_out", pa.string()), ("written", pa.int64()), ("admitted", pa.int64())])
"""Whether a note takes part in its admission's score; see `transforms.readmission.stage`."""

EMBEDDING: Final = pa.struct(
    [("section_id", pa.int32()), ("n_tokens", pa.int32()), ("embedding", pa.list_(pa.float32()))]
)
"""Where a run holds embeddings, their number of floats is part of the type: see `embeddings`."""

FOUND: Final = pa.struct(
    [
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("label", pa.string()),
        ("score", pa.float64()),
        ("recognizer", pa.string()),
    ]
)
"""PHI found in raw text, not yet replaced."""

ENCODED: Final = pa.struct(
    [
        ("tokens", pa.int64()),
        ("windows", pa.int64()),
        ("repeated_windows", pa.int64()),
        ("positions", pa.int64()),
        ("padding", pa.int64()),
        ("pairs", pa.int64()),
        ("repeated_positions", pa.int64()),
        ("truncated_tokens", pa.int64()),
    ]
)
"""What encoders did for a note; see `transforms.clinical_bert.counts.Counts`."""

KNOWN_PHI: Final = pa.struct([("label", pa.string()), ("value", pa.string())])
"""PHI that the row's own columns give: an i2b2-2014 label and the raw value."""

IN_FLIGHT: Final[pa.Schema] = pa.schema(
    [
        # What the reader gives. `row` is the position in the input file.
        ("row", pa.int64()),
        ("note_id", pa.string()),
        ("patient_id", pa.string()),
        ("encounter_id", pa.string()),
        ("note_type", pa.string()),
        ("note_time", pa.timestamp("us")),
        ("admit_time", pa.timestamp("us")),
        ("patient_name", pa.list_(pa.string())),
        ("known_phi", pa.list_(KNOWN_PHI)),
        ("text", pa.string()),
        # Why the note was given up; null while it is alive. Only the guard and `validate` set it.
        ("reject", REJECT),
        # What the stages add.
        ("placed", PLACED),
        ("raw_note_id", pa.string()),
        ("raw_patient_id", pa.string()),
        ("raw_encounter_id", pa.string()),
        ("found", pa.list_(FOUND)),
        ("tagged", ENCODED),
        ("phi", pa.list_(PHI)),
        ("sections", pa.list_(SECTION)),
        ("entities", pa.list_(ENTITY)),
        ("codes", pa.list_(CODE)),
        ("chunk_scores", pa.list_(CHUNK)),
        ("embeddings", pa.list_(EMBEDDING)),
        ("n_tokens", pa.int32()),
        ("encoded", ENCODED),
    ]
)

READ_COLUMNS: Final = (
    "row",
    "note_id",
    "patient_id",
    "encounter_id",
    "note_type",
    "note_time",
    "admit_time",
    "patient_name",
    "known_phi",
    "text",
    "reject",
)
"""The columns that a reader fills."""


def columns(*names: str) -> pa.Schema:
    """The in-flight fields of these names, in this order.

    Raises:
        KeyError: a name is not in `IN_FLIGHT`.
    """
    return pa.schema([IN_FLIGHT.field(name) for name in names])


def embeddings(width: int) -> pa.Field:
    """The in-flight column `embeddings` of vectors of this width, which a checkpoint decides."""
    fields = [field for field in EMBEDDING if field.name != "embedding"]
    return pa.field("embeddings", pa.list_(pa.struct([*fields, pa.field("embedding", pa.list_(pa.float32(), width))])))


def _table(*fields: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([("run_id", pa.string()), *fields])


def _exploded(struct: pa.StructType) -> list[tuple[str, pa.DataType]]:
    return [(field.name, field.type) for field in struct]


TABLES: Final[dict[str, pa.Schema]] = {
    "notes": _table(
        ("note_id", pa.string()),
        ("patient_id", pa.string()),
        ("encounter_id", pa.string()),
        ("note_type", pa.string()),
        ("note_time", pa.timestamp("us")),
        ("text", pa.string()),
        ("text_length", pa.int32()),
    ),
    "sections": _table(("note_id", pa.string()), *_exploded(SECTION)),
    "entities": _table(("note_id", pa.string()), *_exploded(ENTITY)),
    "codes": _table(("note_id", pa.string()), ("encounter_id", pa.string()), *_exploded(CODE)),
    "readmission": _table(
        ("encounter_id", pa.string()),
        ("patient_id", pa.string()),
        ("probability", pa.float64()),
        ("n_notes", pa.int32()),
        ("n_chunks", pa.int32()),
        ("max_chunk", pa.float64()),
        ("mean_chunk", pa.float64()),
        ("top_chunks", pa.list_(TOP_CHUNK)),
    ),
    "embeddings": _table(("note_id", pa.string()), *_exploded(EMBEDDING)),
    "phi": _table(("note_id", pa.string()), *_exploded(PHI)),
    "crosswalk": _table(
        ("note_id", pa.string()),
        ("patient_id", pa.string()),
        ("encounter_id", pa.string()),
        ("raw_note_id", pa.string()),
        ("raw_patient_id", pa.string()),
        ("raw_encounter_id", pa.string()),
    ),
    "rejects": _table(
        ("note_id", pa.string()),
        ("split", pa.string()),
        ("row", pa.int64()),
        *_exploded(REJECT),
    ),
}

OPTIONAL: Final = frozenset({"embeddings"})
"""Tables that a run writes only where it is asked to."""

RESTRICTED: Final = frozenset({"phi", "crosswalk"})
"""Tables to keep beside the raw notes: with them a note can be re-identified."""
