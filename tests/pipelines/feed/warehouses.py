"""The warehouses of the tests, each with a reader that is not the store's own."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from deltalake import DeltaTable

from tests.pipelines.feed.postgresql import server
from tests.pipelines.feed.runs import row_of, rows_of


class Warehouse(Protocol):
    uri: str

    def rows(self, table: str) -> Counter[str]:
        """The rows of a table as `runs.rows_of` gives them."""
        ...

    def tables(self) -> set[str]: ...


class DuckDB:
    def __init__(self, folder: Path) -> None:
        self._file = str(folder / "warehouse.duckdb")
        self.uri = f"duckdb://{self._file}"

    def rows(self, table: str) -> Counter[str]:
        with duckdb.connect(self._file, read_only=True) as db:
            return rows_of(db.sql(f"from {table}").to_arrow_table())

    def tables(self) -> set[str]:
        with duckdb.connect(self._file, read_only=True) as db:
            return {row[0] for row in db.execute("show tables").fetchall()} - {"_notemill_feed"}


class Parquet:
    """Read by pyarrow, with the partitions and the columns that the folder tells of."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "warehouse"
        self.uri = f"parquet://{self._folder}"

    def rows(self, table: str) -> Counter[str]:
        fields = pq.read_schema(self._folder / table / "_common_metadata")
        return rows_of(
            ds.dataset(self._folder / table, schema=fields, partitioning="hive", format="parquet").to_table()
        )

    def tables(self) -> set[str]:
        return {path.name for path in self._folder.iterdir()} - {"_notemill_feed", "_tmp"}


class Delta:
    """Read by following its log: files that were added and not removed since."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "warehouse"
        self.uri = f"delta://{self._folder}"

    def rows(self, table: str) -> Counter[str]:
        files: set[str] = set()
        fields: list[str] = []
        for log in sorted((self._folder / table / "_delta_log").glob("*.json")):
            for line in log.read_text().splitlines():
                action = json.loads(line)
                if "metaData" in action:
                    fields = [field["name"] for field in json.loads(action["metaData"]["schemaString"])["fields"]]
                if "add" in action:
                    files.add(action["add"]["path"])
                if "remove" in action:
                    files.remove(action["remove"]["path"])
        rows = [row for file in sorted(files) for row in pq.read_table(self._folder / table / file).to_pylist()]
        followed = Counter(row_of({name: row.get(name) for name in fields}) for row in rows)
        assert followed == rows_of(DeltaTable(str(self._folder / table)).to_pyarrow_table())
        return followed

    def tables(self) -> set[str]:
        return {path.name for path in self._folder.iterdir()}


class PostgreSQL:
    """A database of its own in the server of the tests, read by psql."""

    def __init__(self, folder: Path) -> None:
        self._name = f"t{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
        server().psql("postgres", f"create database {self._name}")
        self.uri = server().uri(self._name)

    def rows(self, table: str) -> Counter[str]:
        lines = server().psql(self._name, f'select to_jsonb(t) from "{table}" t').splitlines()
        rows = [json.loads(line) for line in lines]
        for row in rows:
            if row.get("note_time") is not None:
                row["note_time"] = datetime.fromisoformat(row["note_time"])
        return Counter(map(row_of, rows))

    def tables(self) -> set[str]:
        query = "select tablename from pg_tables where schemaname = 'public'"
        return set(server().psql(self._name, query).splitlines()) - {"_notemill_feed"}


WAREHOUSES: dict[str, Callable[[Path], Warehouse]] = {
    "duckdb": DuckDB,
    "parquet": Parquet,
    "delta": Delta,
    "postgresql": PostgreSQL,
}
