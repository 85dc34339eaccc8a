"""`clickhouse://USER@HOST:PORT/DATABASE`: a ClickHouse server, over HTTP (`?secure=true` for HTTPS; password from
CLICKHOUSE_PASSWORD). `chdb:///FOLDER`: the engine itself in this process, its tables in a folder.

ClickHouse has no transactions over tables. A delivery deletes the rows that it replaces, inserts its own and records
that last, so that one that was killed is done again from the deletion on. Before the first, the feed waits until
nothing that a killed one has sent is still at work on the server. Lists are never null there: a null list becomes an
empty one.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, Final

import clickhouse_connect
import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipelines.errors import RequestError
from pipelines.feed.store import RECORD, Column, Look, Part, StoredTable, TableSpec, condition, literal

_MARK: Final = "notemill-feed"
_WAIT_SECONDS: Final = 60.0
_SETTINGS: Final = {"log_comment": _MARK, "max_query_size": 1 << 28, "mutations_sync": 2}

_TYPES: Final = {
    pa.string(): "String",
    pa.bool_(): "Bool",
    pa.int32(): "Int32",
    pa.int64(): "Int64",
    pa.float32(): "Float32",
    pa.float64(): "Float64",
    pa.date32(): "Date32",
    # Times of notes have no zone; with one named, they read the same on every server.
    pa.timestamp("us"): "DateTime64(6, 'UTC')",
}


class ClickHouseStore:
    errors: ClassVar[tuple[type[Exception], ...]] = (ClickHouseError, OSError)
    remarks: Sequence[str] = ()

    def __init__(self, uri: str) -> None:
        self._client = _client(uri)
        self._wait()

    def _wait(self) -> None:
        """Until nothing that another feed has sent is running.

        Raises:
            RequestError: something still is, after a minute.
        """
        others = (
            f"select count() from system.processes where Settings['log_comment'] = '{_MARK}' and query_id != queryID()"
        )
        deadline = time.monotonic() + _WAIT_SECONDS
        while self._client.query(others).result_rows[0][0]:
            if time.monotonic() > deadline:
                raise RequestError("another feed is at work on this server")
            time.sleep(0.5)

    def prepare(self, tables: Sequence[TableSpec]) -> None:
        self._client.command(
            f"create table if not exists {RECORD} (table_name String, run_id String, split String, receipt String, "
            "delivered_at DateTime64(6, 'UTC') default now64(6)) "
            "engine = MergeTree order by (table_name, run_id, split)"
        )
        for spec in tables:
            order = ("run_id", "split") if spec.by_split else (spec.key,)
            kinds = {
                field.name: _type(field.type, nullable=field.nullable and field.name not in (*order, "run_id"))
                for field in spec.fields
            }
            columns = ", ".join(f'"{name}" {kind}' for name, kind in kinds.items())
            self._client.command(
                f'create table if not exists "{spec.name}" ({columns}) engine = MergeTree order by ({", ".join(order)})'
            )
            there = {row[0]: row[1] for row in self._client.query(f'describe table "{spec.name}"').result_rows}
            for name, kind in kinds.items():
                if name not in there:
                    self._client.command(f'alter table "{spec.name}" add column "{name}" {kind}')
                elif _spelled(there[name]) != _spelled(kind):
                    raise RequestError(
                        f"column {name} of table {spec.name} is {there[name]}, and {kind} would be fed: "
                        "change its type, or feed another database"
                    )

    def delivered(self, table: str, run_id: str, receipts: Mapping[str, str]) -> set[str]:
        query = (
            f"select split, argMax(receipt, delivered_at) from {RECORD} "
            f"where table_name = {literal(table)} and run_id = {literal(run_id)} group by split"
        )
        return {split for split, receipt in self._client.query(query).result_rows if receipts.get(split) == receipt}

    def holds_rows(self, table: str) -> bool:
        return bool(self._client.query(f'select 1 from "{table}" limit 1').result_rows)

    def deliver(self, parts: Sequence[Part]) -> None:
        for part in parts:
            keys = ", ".join(literal(key).replace("\\", "\\\\") for key in part.keys.to_pylist())
            where = condition(part, keys or "null")
            # A deletion reads and marks whole parts of the table; new notes, which are most, need none.
            if self._client.query(f'select count() from "{part.spec.name}" where {where}').result_rows[0][0]:
                self._client.command(f'delete from "{part.spec.name}" where {where}')
            if part.rows.num_rows:
                self._client.insert_arrow(part.spec.name, _sendable(part.rows))
        for part in parts:
            splits = {"split": list(part.receipts), "receipt": list(part.receipts.values())}
            names = {"table_name": [part.spec.name] * len(part.receipts), "run_id": [part.run_id] * len(part.receipts)}
            self._client.insert_arrow(RECORD, pa.table({**names, **splits}))

    def close(self) -> None:
        self._client.close()


@contextmanager
def reading(uri: str) -> Iterator[Look]:
    client = _client(uri)
    kinds = {name: kind for kind, name in _TYPES.items()}

    def look(table: str) -> StoredTable | None:
        if not client.query(f"exists table {table}").result_rows[0][0]:
            return None
        columns = []
        for name, kind, *_ in client.query(f'describe table "{table}"').result_rows:
            inner = kind.removeprefix("Nullable(").removesuffix(")") if kind.startswith("Nullable(") else kind
            columns.append(Column(name, kinds.get(inner), kind, inner != kind))
        return StoredTable(columns, _read(client, table, columns))

    try:
        yield look
    finally:
        client.close()


def _read(client: Client, table: str, columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    """The rows, in the types that the columns are known by; of others as they come."""
    with client.query_arrow_stream(f'select * from "{table}"') as stream:
        for rows in stream:
            whole = pa.table(rows)
            for i, column in enumerate(columns):
                if column.kind is not None:
                    whole = whole.set_column(i, column.name, whole[column.name].cast(column.kind))
            yield from whole.to_batches()


def _client(uri: str) -> Client:
    secret = {"password": os.environ["CLICKHOUSE_PASSWORD"]} if "CLICKHOUSE_PASSWORD" in os.environ else {}
    return clickhouse_connect.get_client(dsn=uri, settings=dict(_SETTINGS), **secret)


def _type(kind: pa.DataType, *, nullable: bool = True) -> str:
    if pa.types.is_list(kind):
        return f"Array({_type(kind.value_type)})"
    if pa.types.is_struct(kind):
        return f"Tuple({', '.join(f'`{field.name}` {_type(field.type)}' for field in kind)})"
    return f"Nullable({_TYPES[kind]})" if nullable else _TYPES[kind]


def _spelled(kind: str) -> str:
    """A type without what servers add to it for the eye."""
    return re.sub(r"[\s`]", "", kind)


def _sendable(rows: pa.Table) -> pa.Table:
    """Times with the zone that the columns name, which Arrow's would else be taken to be the server's."""
    for i, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            rows = rows.set_column(i, field.name, pc.assume_timezone(rows[field.name], "UTC"))
    return rows
