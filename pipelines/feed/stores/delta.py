"""`delta://FOLDER` or `delta://s3://bucket/…`: Delta Lake tables, each in the folder of its name.

Delta commits one table at a time, so each table has a record of its own: the commit that replaces rows carries, for
each split, an application transaction (`txn` in the log) named `notemill/RUN/SPLIT`, whose version is taken from the
digest of the split's receipt. A table killed before its commit lacks the splits and gets them again; one killed after
it does not. One more, `notemill`, stands in every commit, so of two feeds at once the second fails, with nothing
written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, QueryBuilder, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.schema import Field, Schema

from pipelines.errors import RequestError, RunError
from pipelines.feed.keys import KeyIndex
from pipelines.feed.store import Column, Look, Part, StoredTable, TableSpec, condition, conform, literal

_APP: Final = "notemill"


@dataclass
class _Known:
    """A table, and the keys that it has at a version."""

    table: Any
    keys: KeyIndex = field(default_factory=KeyIndex)
    version: int = -1


class DeltaStore:
    errors: ClassVar[tuple[type[Exception], ...]] = (DeltaError, OSError)
    remarks: Sequence[str] = ()

    def __init__(self, uri: str) -> None:
        self._root = uri.removeprefix("delta://").rstrip("/")
        self._known: dict[str, _Known] = {}

    def prepare(self, tables: Sequence[TableSpec]) -> None:
        for spec in tables:
            fields = Schema.from_arrow(spec.fields)
            table = DeltaTable.create(f"{self._root}/{spec.name}", schema=fields, mode="ignore", name=spec.name)
            there = _fields(table)
            for wanted in spec.fields:
                if wanted.name in there.names and there.field(wanted.name).type != wanted.type:
                    raise RequestError(
                        f"column {wanted.name} of table {spec.name} is {there.field(wanted.name).type}, "
                        f"and {wanted.type} would be fed: feed another folder"
                    )
            lacking = [Field.from_arrow(wanted) for wanted in spec.fields if wanted.name not in there.names]
            if lacking:
                table.alter.add_columns(lacking)
            self._known[spec.name] = _Known(table)

    def delivered(self, table: str, run_id: str, receipts: Mapping[str, str]) -> set[str]:
        version_of = self._known[table].table.transaction_version
        return {split for split, receipt in receipts.items() if version_of(_app(run_id, split)) == _version(receipt)}

    def holds_rows(self, table: str) -> bool:
        return bool(self._known[table].table.count())

    def deliver(self, parts: Sequence[Part]) -> None:
        for part in parts:
            self._commit(part, self._looked_at(part.spec))

    def _looked_at(self, spec: TableSpec) -> _Known:
        """The table as it is now. Its keys are read again if anyone else has written since."""
        known = self._known[spec.name]
        known.table.update_incremental()
        if known.version != known.table.version():
            known.keys, known.version = KeyIndex(), known.table.version()
            found = QueryBuilder().register("t", known.table).execute(f'select distinct "{spec.key}" from t')
            known.keys.add(pa.table(found)[spec.key].cast(spec.fields.field(spec.key).type))
        return known

    def _commit(self, part: Part, known: _Known) -> None:
        applied = [Transaction(_app(part.run_id, split), _version(receipt)) for split, receipt in part.receipts.items()]
        marks = CommitProperties(app_transactions=[Transaction(_APP, known.version + 1), *applied])
        rows = conform(part.rows, _fields(known.table))
        old = known.keys.present(part.keys)
        # Every row that is written must meet the predicate: those of splits do by their split, others by their key.
        keys = old if part.spec.by_split else part.keys
        where = condition(part, ", ".join(map(literal, keys.to_pylist())) or "null")
        replaces = len(old) > 0 or part.spec.by_split
        try:
            write_deltalake(
                known.table,
                rows,
                mode="overwrite" if replaces else "append",
                predicate=where if replaces else None,
                commit_properties=marks,
            )
        except CommitFailedError as error:
            message = f"someone else wrote to the table {part.spec.name} meanwhile; the same command goes on"
            raise RunError(message) from error
        known.keys.add(part.rows[part.spec.key])
        known.table.update_incremental()
        known.version = known.table.version()

    def close(self) -> None:
        """Nothing to let go of."""


@contextmanager
def reading(uri: str) -> Iterator[Look]:
    root = uri.removeprefix("delta://").rstrip("/")

    def look(name: str) -> StoredTable | None:
        if not DeltaTable.is_deltatable(f"{root}/{name}"):
            return None
        table = DeltaTable(f"{root}/{name}")
        return StoredTable(list(map(Column.of, _fields(table))), iter(table.to_pyarrow_dataset().to_batches()))

    yield look


def _fields(table: Any) -> pa.Schema:
    return pa.schema(table.schema().to_arrow())


def _app(run_id: str, split: str) -> str:
    return f"{_APP}/{run_id}/{split}"


def _version(receipt: str) -> int:
    """63 bits of a digest: versions are signed numbers of 64 bits."""
    return int(receipt[:16], 16) >> 1
