"""`duckdb://FILE`: a DuckDB database file, made where there is none.

All tables of a delivery and its record are one transaction. The file is locked while it is fed, by DuckDB itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, Final

import duckdb
import pyarrow as pa

from pipelines.errors import RequestError
from pipelines.feed.store import BATCH_ROWS, RECORD, Column, Look, Part, StoredTable, TableSpec, condition, length_of

_OPTIONS: Final = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
_WIDER: Final = {"INTEGER": "BIGINT"}
_TYPES: Final = {
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "VARCHAR": pa.string(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
}


class DuckDBStore:
    errors: ClassVar[tuple[type[Exception], ...]] = (duckdb.Error,)
    remarks: Sequence[str] = ()

    def __init__(self, uri: str) -> None:
        self._db = duckdb.connect(uri.removeprefix("duckdb://"), config=_OPTIONS)

    def prepare(self, tables: Sequence[TableSpec]) -> None:
        self._db.execute(
            f"create table if not exists {RECORD} (table_name varchar, run_id varchar, split varchar, receipt varchar, "
            "delivered_at timestamptz, primary key (table_name, run_id, split))"
        )
        for spec in tables:
            with self._registered("incoming", spec.fields.empty_table()):
                # The types are those that DuckDB itself gives the Arrow columns.
                wanted = self._types("incoming")
            columns = ", ".join(f'"{field.name}" {wanted[field.name]}{_constraints(field)}' for field in spec.fields)
            self._db.execute(f'create table if not exists "{spec.name}" ({columns})')
            there = self._types(spec.name)
            for column, kind in wanted.items():
                if column not in there:
                    self._db.execute(f'alter table "{spec.name}" add column "{column}" {kind}')
                elif there[column] not in (kind, _WIDER.get(kind)):
                    raise RequestError(
                        f"column {column} of table {spec.name} is {there[column]}, and {kind} would be fed: "
                        "change its type, or feed another database"
                    )

    def delivered(self, table: str, run_id: str, receipts: Mapping[str, str]) -> set[str]:
        query = f"select split, receipt from {RECORD} where table_name = ? and run_id = ?"
        held = self._db.execute(query, [table, run_id]).fetchall()
        return {split for split, receipt in held if receipts.get(split) == receipt}

    def holds_rows(self, table: str) -> bool:
        return bool(self._db.execute(f'select 1 from "{table}" limit 1').fetchall())

    def deliver(self, parts: Sequence[Part]) -> None:
        self._db.execute("begin")
        for part in parts:
            name, columns = part.spec.name, ", ".join(f'"{column}"' for column in part.spec.fields.names)
            with self._registered("replaced", pa.table({"key": part.keys})):
                self._db.execute(f'delete from "{name}" where {condition(part, "select key from replaced")}')
            with self._registered("incoming", part.rows):
                self._db.execute(f'insert into "{name}" ({columns}) select {columns} from incoming')
            receipts = pa.table({"split": list(part.receipts), "receipt": list(part.receipts.values())})
            with self._registered("receipts", receipts):
                self._db.execute(
                    f"insert or replace into {RECORD} select ?, ?, split, receipt, now() from receipts",
                    [name, part.run_id],
                )
        self._db.execute("commit")

    def _types(self, table: str) -> dict[str, str]:
        return {row[0]: row[1] for row in self._db.execute(f'describe "{table}"').fetchall()}

    @contextmanager
    def _registered(self, name: str, rows: pa.Table) -> Iterator[None]:
        self._db.register(name, rows)
        yield
        self._db.unregister(name)

    def close(self) -> None:
        self._db.close()


@contextmanager
def reading(uri: str) -> Iterator[Look]:
    with duckdb.connect(uri.removeprefix("duckdb://"), read_only=True, config=_OPTIONS) as db:

        def look(table: str) -> StoredTable | None:
            if (table,) not in db.execute("show tables").fetchall():
                return None
            described = db.execute(f'describe "{table}"').fetchall()
            columns = [Column(name, _TYPES.get(kind), kind, null == "YES") for name, kind, null, *_ in described]
            return StoredTable(columns, db.sql(f'from "{table}"').to_arrow_reader(BATCH_ROWS))

        yield look


def _constraints(field: pa.Field) -> str:
    """DuckDB's text has no length of its own: a check keeps to it."""
    length = length_of(field)
    return ("" if field.nullable else " not null") + (
        f' check (length("{field.name}") <= {length})' if length is not None else ""
    )
