"""From notes in flight to the rows of the tables.

One row per note travels through the stages; only here are the lists of spans exploded into rows of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from transforms import schema

CHUNKS: Final = pa.schema(
    [
        ("encounter_id", pa.string()),
        ("patient_id", pa.string()),
        ("note_id", pa.string()),
        *((field.name, field.type) for field in schema.PLACED),
        ("n_chunks", pa.int32()),
        ("max_chunk", pa.float64()),
        ("sum_chunk", pa.int64()),
        ("top_chunks", pa.list_(schema.CHUNK)),
    ]
)
"""What is kept of a note's readmission scores until the last split: one row per note."""

SCORE_UNIT: Final = 2.0**-40
"""Of `sum_chunk`: a sum of whole numbers is the same in any order."""


@dataclass(frozen=True)
class Table:
    """A table of the output.

    Attributes:
        needs: the in-flight columns that it is made of; a plan without them does not write it.
        rows: makes its rows, without `run_id`, of notes that are alive.
    """

    name: str
    needs: tuple[str, ...]
    rows: Callable[[pa.Table], pa.Table]


def alive(notes: pa.Table) -> pa.Table:
    """The notes that were not rejected."""
    return notes.filter(pc.is_null(notes["reject"]))


def rejected(notes: pa.Table, split: str) -> pa.Table:
    """Rows of the table `rejects`, without `run_id`."""
    given_up = notes.filter(pc.is_valid(notes["reject"]))
    reasons = given_up["reject"].combine_chunks()
    columns = {"note_id": given_up["note_id"], "split": [split] * given_up.num_rows, "row": given_up["row"]}
    columns |= {field.name: pc.struct_field(reasons, field.name) for field in schema.REJECT}
    return _typed(columns, "rejects")


def schema_of(name: str, given: Mapping[str, pa.DataType]) -> pa.Schema:
    """The schema of a table as a run writes it.

    It is that of `schema.TABLES`, but for embeddings: how many numbers they have, the type of their column says.

    Args:
        given: name and type of every column in flight.
    """
    fields = schema.TABLES[name]
    if name != "embeddings":
        return fields
    vector = given["embeddings"].value_type.field("embedding")
    return fields.set(fields.get_field_index("embedding"), vector)


def with_run_id(rows: pa.Table, fields: pa.Schema, run_id: str) -> pa.Table:
    """The rows as they are written, with the table's full schema."""
    return rows.add_column(0, "run_id", pa.array([run_id] * rows.num_rows, pa.string())).cast(fields)


def _typed(columns: dict[str, object], name: str) -> pa.Table:
    fields = [field for field in schema.TABLES[name] if field.name != "run_id"]
    return pa.table({field.name: columns[field.name] for field in fields}, schema=pa.schema(fields))


def _exploder(name: str, column: str, keys: tuple[str, ...]) -> Callable[[pa.Table], pa.Table]:
    """Explodes a list of structs: one row per element, with the note's `keys` repeated."""

    def explode(notes: pa.Table) -> pa.Table:
        lists = notes[column].combine_chunks()
        parents = pc.list_parent_indices(lists)
        elements = pc.list_flatten(lists)
        columns: dict[str, object] = {key: notes[key].take(parents) for key in keys}
        columns |= {field.name: pc.struct_field(elements, field.name) for field in elements.type}
        return _typed(columns, name)

    return explode


def _notes(notes: pa.Table) -> pa.Table:
    columns: dict[str, object] = {name: notes[name] for name in schema.TABLES["notes"].names[1:-1]}
    columns["text_length"] = pc.utf8_length(notes["text"])
    return _typed(columns, "notes")


def _crosswalk(notes: pa.Table) -> pa.Table:
    return _typed({name: notes[name] for name in schema.TABLES["crosswalk"].names[1:]}, "crosswalk")


def chunk_sums(notes: pa.Table, most: int) -> pa.Table:
    """Rows of `CHUNKS`: what the readmission formula needs of each note, and its `most` highest chunks."""
    chunks = [of_note or [] for of_note in notes["chunk_scores"].to_pylist()]
    scores = [[chunk["score"] for chunk in of_note] for of_note in chunks]
    ranked = [sorted(of_note, key=lambda chunk: (-chunk["score"], chunk["start"])) for of_note in chunks]
    placed = notes["placed"].combine_chunks() if "placed" in notes.column_names else None
    return pa.table(
        {
            "encounter_id": notes["encounter_id"],
            "patient_id": notes["patient_id"],
            "note_id": notes["note_id"],
            **{
                field.name: pa.nulls(notes.num_rows, field.type) if placed is None else pc.struct_field(placed, i)
                for i, field in enumerate(schema.PLACED)
            },
            "n_chunks": [len(of_note) for of_note in scores],
            "max_chunk": [max(of_note, default=None) for of_note in scores],
            "sum_chunk": [sum(round(score / SCORE_UNIT) for score in of_note) for of_note in scores],
            "top_chunks": [of_note[:most] for of_note in ranked],
        },
        schema=CHUNKS,
    )


TABLES: Final = (
    Table("notes", ("note_id", "text"), _notes),
    Table("phi", ("phi",), _exploder("phi", "phi", ("note_id",))),
    Table("crosswalk", ("raw_note_id", "raw_patient_id", "raw_encounter_id"), _crosswalk),
    Table("sections", ("sections",), _exploder("sections", "sections", ("note_id",))),
    Table("entities", ("entities",), _exploder("entities", "entities", ("note_id",))),
    Table("codes", ("codes",), _exploder("codes", "codes", ("note_id", "encounter_id"))),
    Table("embeddings", ("embeddings",), _exploder("embeddings", "embeddings", ("note_id",))),
)
"""The tables that a split writes of its living notes. `rejects` is written of the others, by every split."""
