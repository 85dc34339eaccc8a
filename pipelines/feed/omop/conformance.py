"""Whether what lies in a warehouse is what the Common Data Model says: columns, types, nulls, lengths, keys.

Columns are held against the field list (`cdm`), values against what the columns promise, whatever the warehouse itself
declares. Findings name tables, columns and counts, never a value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.feed.omop import cdm
from pipelines.feed.store import Column, Look, length_of

_MUST: Final = ("note", "note_nlp")
_PRIMARY: Final = {
    "note": "note_id",
    "note_nlp": "note_nlp_id",
    "condition_occurrence": "condition_occurrence_id",
}
_VALUES: Final = {("note_nlp", "term_exists"): ("Y", "N")}


@dataclass
class Conformance:
    """What was found.

    Attributes:
        rows: table -> rows that were looked at.
        findings: what does not conform, a line each; empty when all does.
    """

    rows: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


def check(look: Look) -> Conformance:
    """Looks at every row of the tables that Notemill feeds."""
    report = Conformance()
    notes: npt.NDArray[np.int64] | None = None
    for name, fields in cdm.TABLES.items():
        stored = look(name)
        if stored is None:
            if name in _MUST:
                report.findings.append(f"{name}: the table is missing")
            continue
        report.findings += [f"{name}.{finding}" for finding in _declared(fields, stored.columns)]
        declared = {column.name for column in stored.columns}
        values = _Values(name, pa.schema([field for field in fields if field.name in declared]))
        for batch in stored.batches:
            values.take(batch)
        report.rows[name] = values.rows
        report.findings += [f"{name}.{finding}" for finding in values.findings()]
        if name == "note":
            notes = values.ids("note_id")
        elif name == "note_nlp" and notes is not None:
            orphans = int(np.isin(values.ids("note_id"), notes, invert=True).sum())
            if orphans:
                report.findings.append(f"note_nlp.note_id: {_many(orphans, 'row has', 'rows have')} no row in note")
    return report


def _declared(fields: pa.Schema, columns: Sequence[Column]) -> Iterator[str]:
    there = {column.name: column for column in columns}
    for wanted in fields:
        found = there.get(wanted.name)
        if found is None:
            yield f"{wanted.name}: the column is missing"
            continue
        if found.kind != wanted.type:
            yield f"{wanted.name}: its type is {found.told}, not {_spoken(wanted)}"
        elif (found.length is not None or found.has_length) and found.length != length_of(wanted):
            yield f"{wanted.name}: its length is {found.length or 'unlimited'}, not {length_of(wanted) or 'unlimited'}"
        if found.nullable and not wanted.nullable:
            yield f"{wanted.name}: it is not declared not null"
        elif wanted.nullable and not found.nullable:
            yield f"{wanted.name}: it is declared not null"
    for name in there:
        if name not in fields.names:
            yield f"{name}: the model has no such column"


def _spoken(wanted: pa.Field) -> str:
    names = {pa.int32(): "integer", pa.date32(): "date", pa.timestamp("us"): "datetime", pa.string(): "varchar"}
    return names[wanted.type]


class _Values:
    """The values of a table, counted as they pass."""

    def __init__(self, table: str, fields: pa.Schema) -> None:
        self.rows = 0
        self._table = table
        self._fields = fields
        self._wrong: Counter[str] = Counter()
        self._ids: dict[str, list[npt.NDArray[np.int64]]] = {"note_id": [], _PRIMARY[table]: []}

    def take(self, batch: pa.RecordBatch) -> None:
        self.rows += batch.num_rows
        for wanted in self._fields:
            if wanted.name not in batch.schema.names:
                self._wrong[f"{wanted.name}: {{}} in files without the column"] += batch.num_rows
                continue
            self._look_at(wanted, batch.column(wanted.name))

    def _look_at(self, wanted: pa.Field, values: pa.Array) -> None:
        name, most = wanted.name, length_of(wanted)
        if not wanted.nullable:
            self._wrong[f"{name}: {{}} null"] += values.null_count
        if not _is(values.type, wanted.type):
            self._wrong[f"{name}: {{}} of type {values.type}, not {_spoken(wanted)}"] += len(values)
            return
        if most is not None:
            too_long = pc.sum(pc.greater(pc.utf8_length(values), most)).as_py() or 0
            self._wrong[f"{name}: {{}} longer than {most} characters"] += too_long
        if (allowed := _VALUES.get((self._table, name))) is not None:
            other = pc.invert(pc.is_in(values.drop_null(), pa.array(allowed, values.type)))
            self._wrong[f"{name}: {{}} other than {' and '.join(allowed)}"] += pc.sum(other).as_py() or 0
        if name in self._ids:
            self._ids[name].append(values.drop_null().to_numpy(zero_copy_only=False).astype(np.int64))

    def ids(self, name: str) -> npt.NDArray[np.int64]:
        return np.concatenate([np.empty(0, np.int64), *self._ids[name]])

    def findings(self) -> Iterator[str]:
        for what, count in self._wrong.items():
            if count:
                yield what.format(_many(count, "value is", "values are"))
        key = _PRIMARY[self._table]
        ids = self.ids(key)
        if repeated := len(ids) - len(np.unique(ids)):
            yield f"{key}: {_many(repeated, 'value is', 'values are')} there already"


def _is(kind: pa.DataType, wanted: pa.DataType) -> bool:
    texts = (pa.string(), pa.large_string())
    return bool(kind == wanted or (wanted in texts and kind in texts))


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
