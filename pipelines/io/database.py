"""A run's tables in DuckDB, larger than memory if need be.

What memory cannot hold is spilt into a temporary folder (`TMPDIR` says where): de-identified rows, which go when the
database is closed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from pipelines.errors import RequestError, RunError
from pipelines.feed.run_tables import RunTables
from pipelines.io.storage import open_filesystem
from transforms import schema

CLOSED: Final = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
"""DuckDB looks for nothing on the network."""

_TYPES: Final = {
    pa.string(): "varchar",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.timestamp("us"): "timestamp",
}


class RunDatabase:
    """A DuckDB connection with a view of each table of a run, by its name.

    Args:
        run: the run.
        tables: those that are wanted; one that the run lacks is a view without rows.
        memory: as DuckDB's `memory_limit`, `4GB`; None: 80% of the machine's.
        threads: None: one for each core.

    Raises:
        RequestError: `memory` is not an amount.
        RunError: where it is left: neither memory nor disk held what was worked out.
    """

    def __init__(
        self, run: RunTables, tables: Sequence[str], *, memory: str | None = None, threads: int | None = None
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="notemill-")
        self._sources: dict[str, ds.Dataset] = {}
        config: dict[str, Any] = {**CLOSED, "temp_directory": self._folder.name, "preserve_insertion_order": False}
        if memory is not None:
            config["memory_limit"] = memory
        if threads is not None:
            config["threads"] = threads
        try:
            self.db = duckdb.connect(":memory:", config=config)
        except duckdb.Error as error:
            self._folder.cleanup()
            raise RequestError(f"--memory {memory}: {str(error).splitlines()[0]}") from error
        self.run = run
        for name in tables:
            self.add(run, name, name)

    def add(self, run: RunTables, table: str, name: str) -> None:
        """Makes a view of a run's table with the columns of `schema.TABLES`; those that it does not have are null."""
        fields, files = schema.TABLES[table], run.files(table)
        if not files:
            columns = ", ".join(f'null::{_type(field.type)} as "{field.name}"' for field in fields)
            self.db.execute(f"create view {name} as select {columns} where false")
            return
        if run.is_local:
            source = f"read_parquet([{', '.join(literal(file) for file in files)}], hive_partitioning = false)"
        else:
            fs, _ = open_filesystem(run.uri)
            source = f"{name}_files"
            self._sources[source] = ds.dataset(files, format="parquet", filesystem=fs)
            self.db.register(source, self._sources[source])
        there = {column for column, *_ in self.rows(f"describe select * from {source}")}
        columns = ", ".join(
            f'"{field.name}"' if field.name in there else f'null::{_type(field.type)} as "{field.name}"'
            for field in fields
        )
        self.db.execute(f"create view {name} as select {columns} from {source}")

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A further connection, to read from while this one writes."""
        cursor = self.db.cursor()
        for name, source in self._sources.items():
            cursor.register(name, source)
        return cursor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.db.close()
        self._folder.cleanup()
        if isinstance(error, duckdb.OutOfMemoryException):
            raise RunError("DuckDB needs more: allow more --memory, or put TMPDIR where there is more room") from error

    def one(self, query: str, parameters: Sequence[object] = ()) -> Any:
        """The one value that a query gives."""
        ((value,),) = self.rows(query, parameters)
        return value

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows that a query gives."""
        found: list[tuple[Any, ...]] = self.db.execute(query, parameters).fetchall()
        return found

    def dicts(self, query: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """The rows that a query gives, each by the names of its columns."""
        cursor = self.db.execute(query, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def literal(text: str) -> str:
    """A string as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Sequence[str]) -> str:
    """Strings as SQL lists them behind `in`."""
    return f"({', '.join(map(literal, texts))})"


def _type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return f"{_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return "struct(" + ", ".join(f'"{field.name}" {_type(field.type)}' for field in kind) + ")"
    return _TYPES[kind]
