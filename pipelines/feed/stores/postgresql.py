"""`postgresql://USER@HOST/DATABASE`: a PostgreSQL database, over ADBC. What libpq understands may stand in the URI.

All tables of a delivery and its record are one transaction. An advisory lock is held from the first look at the record
to the end of the feed: another feed waits, also for what a killed one has sent and the server has not finished.

PostgreSQL has no type for lists of structures: they are `jsonb`. Nor does its text hold NUL characters: each becomes
U+FFFD, so that offsets hold, and the feed says how many.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Final

import adbc_driver_manager
import adbc_driver_postgresql.dbapi
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import RequestError
from pipelines.feed.store import RECORD, Column, Look, Part, StoredTable, TableSpec, condition, length_of

_LOCK: Final = 0x6E6F74656D696C6C  # "notemill"
_WAIT: Final = "60s"

_TYPES: Final = {
    pa.string(): "text",
    pa.bool_(): "boolean",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float32(): "real",
    pa.float64(): "double precision",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp without time zone",
}
_WIDER: Final = {"integer": "bigint"}
_NUL, _REPLACEMENT = "\0", "\ufffd"
_TEXTS: Final = {"character varying", "character"}


class PostgreSQLStore:
    errors: ClassVar[tuple[type[Exception], ...]] = (adbc_driver_manager.Error,)

    def __init__(self, uri: str) -> None:
        self._replaced = 0
        self._connection = adbc_driver_postgresql.dbapi.connect(uri)
        self._cursor = self._connection.cursor()
        self._cursor.execute(f"set lock_timeout = '{_WAIT}'")
        self._cursor.execute(f"select pg_advisory_lock({_LOCK})")
        self._connection.commit()

    @property
    def remarks(self) -> Sequence[str]:
        if not self._replaced:
            return ()
        return (f"{self._replaced:,} NUL characters became U+FFFD: PostgreSQL's text cannot hold them",)

    def prepare(self, tables: Sequence[TableSpec]) -> None:
        execute = self._cursor.execute
        execute(
            f"create table if not exists {RECORD} (table_name text, run_id text, split text, receipt text, "
            "delivered_at timestamptz default now(), primary key (table_name, run_id, split))"
        )
        for spec in tables:
            columns = ", ".join(f'"{field.name}" {_declared(field)}' for field in spec.fields)
            execute(f'create table if not exists "{spec.name}" ({columns})')
            there = self._types(spec.name)
            for field in spec.fields:
                kind = _type(field.type)
                if field.name not in there:
                    execute(f'alter table "{spec.name}" add column "{field.name}" {kind}')
                elif there[field.name] not in (kind, _WIDER.get(kind)):
                    raise RequestError(
                        f"column {field.name} of table {spec.name} is {there[field.name]}, and {kind} would be fed: "
                        "change its type, or feed another schema (?options=-csearch_path%3DNAME)"
                    )
            execute(f'create index if not exists "{spec.name}_{spec.key}" on "{spec.name}" ("{spec.key}")')
        self._connection.commit()

    def _types(self, table: str) -> dict[str, str]:
        """Column -> type, of the table that its name stands for in the search path."""
        self._cursor.execute(
            "select attname::text, format_type(atttypid, null)::text from pg_attribute "
            f"where attrelid = '\"{table}\"'::regclass and attnum > 0 and not attisdropped"
        )
        return {name: "text" if kind in _TEXTS else kind for name, kind in self._cursor.fetchall()}

    def delivered(self, table: str, run_id: str, receipts: Mapping[str, str]) -> set[str]:
        self._cursor.execute(
            f"select split, receipt from {RECORD} where table_name = $1 and run_id = $2", (table, run_id)
        )
        held = {split for split, receipt in self._cursor.fetchall() if receipts.get(split) == receipt}
        self._connection.commit()
        return held

    def holds_rows(self, table: str) -> bool:
        self._cursor.execute(f'select 1 from "{table}" limit 1')
        held = self._cursor.fetchone() is not None
        self._connection.commit()
        return held

    def deliver(self, parts: Sequence[Part]) -> None:
        for part in parts:
            name, fields = part.spec.name, part.spec.fields
            self._ingest("replaced", pa.table({"key": part.keys}))
            self._cursor.execute(f'delete from "{name}" where {condition(part, "select key from replaced")}')
            columns, nulls = zip(*(_sendable(part.rows[field.name]) for field in fields), strict=True)
            self._replaced += sum(nulls)
            self._ingest("incoming", pa.table(list(columns), names=fields.names))
            names = ", ".join(f'"{field.name}"' for field in fields)
            values = ", ".join(f'"{field.name}"::{_type(field.type)}' for field in fields)
            self._cursor.execute(f'insert into "{name}" ({names}) select {values} from incoming')
            receipts = {"split": list(part.receipts), "receipt": list(part.receipts.values())}
            self._ingest("receipts", pa.table({**receipts, "run_id": [part.run_id] * len(part.receipts)}))
            self._cursor.execute(
                f"insert into {RECORD} (table_name, run_id, split, receipt) "
                f"select '{name}', run_id, split, receipt from receipts on conflict (table_name, run_id, split) "
                "do update set receipt = excluded.receipt, delivered_at = excluded.delivered_at"
            )
            self._cursor.execute("drop table replaced, incoming, receipts")
        self._connection.commit()

    def _ingest(self, name: str, rows: pa.Table) -> None:
        """Copies rows into a new temporary table."""
        self._cursor.adbc_ingest(name, rows, mode="create", temporary=True)

    def close(self) -> None:
        self._cursor.close()
        self._connection.close()


@contextmanager
def reading(uri: str) -> Iterator[Look]:
    kinds = {name: kind for kind, name in _TYPES.items()} | dict.fromkeys(_TEXTS, pa.string())
    with (
        adbc_driver_postgresql.dbapi.connect(uri) as connection,
        connection.cursor() as cursor,
        connection.cursor() as rows,
    ):

        def look(table: str) -> StoredTable | None:
            # The length of a varchar stands in the type modifier, with the four bytes of its header.
            cursor.execute(
                "select attname::text, format_type(atttypid, null)::text, attnotnull, atttypmod - 4 from pg_attribute "
                f"where attrelid = to_regclass('\"{table}\"') and attnum > 0 and not attisdropped order by attnum"
            )
            columns = [
                Column(
                    name,
                    kinds.get(kind),
                    kind,
                    not required,
                    length if kind in _TEXTS and length >= 0 else None,
                    has_length=True,
                )
                for name, kind, required, length in cursor.fetchall()
            ]
            if not columns:
                return None
            rows.execute(f'select * from "{table}"')
            return StoredTable(columns, rows.fetch_record_batch())

        yield look


def _declared(field: pa.Field) -> str:
    length = length_of(field)
    kind = _type(field.type) if length is None else f"character varying({length})"
    return kind if field.nullable else f"{kind} not null"


def _type(kind: pa.DataType) -> str:
    if _is_structured(kind):
        return "jsonb"
    return f"{_type(kind.value_type)}[]" if pa.types.is_list(kind) else _TYPES[kind]


def _is_structured(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) or (pa.types.is_list(kind) and _is_structured(kind.value_type))


def _sendable(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, int]:
    """The column in a type that COPY takes, without NUL characters, and how many there were."""
    if _is_structured(column.type):
        values = column.to_pylist()
        clean = [_without_nul(value) for value in values]
        texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in clean]
        return pa.chunked_array([texts], pa.string()), sum(_count_nul(value) for value in values)
    if not pa.types.is_string(column.type):
        return column, 0
    count = pc.sum(pc.count_substring(column, _NUL)).as_py() or 0
    return (pc.replace_substring(column, _NUL, _REPLACEMENT) if count else column), count


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(_NUL, _REPLACEMENT)
    if isinstance(value, dict):
        return {key: _without_nul(item) for key, item in value.items()}
    return [_without_nul(item) for item in value] if isinstance(value, list) else value


def _count_nul(value: Any) -> int:
    if isinstance(value, dict | list):
        return sum(map(_count_nul, value.values() if isinstance(value, dict) else value))
    return value.count(_NUL) if isinstance(value, str) else 0
