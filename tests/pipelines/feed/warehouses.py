"""The warehouses of the tests, each with a reader that is not the store's own."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import fastavro
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from chdb.session import Session
from deltalake import DeltaTable
from pyiceberg.catalog import load_catalog

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


class Iceberg:
    """Read by following the catalog's pointer, manifests and data files; and by PyIceberg."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "warehouse"
        self.uri = f"iceberg://{self._folder}"

    def rows(self, table: str) -> Counter[str]:
        (place,) = self._catalog("select metadata_location from iceberg_tables where table_name = ?", table)
        metadata = json.loads(_local(place).read_text())
        (schema,) = (one for one in metadata["schemas"] if one["schema-id"] == metadata["current-schema-id"])
        names = [field["name"] for field in schema["fields"]]
        current = [one for one in metadata["snapshots"] if one["snapshot-id"] == metadata.get("current-snapshot-id")]
        manifests = [file["manifest_path"] for one in current for file in _avro(one["manifest-list"])]
        entries = [entry for manifest in manifests for entry in _avro(manifest)]
        assert {entry["data_file"]["content"] for entry in entries} <= {0}  # no files of deletes
        files = [entry["data_file"]["file_path"] for entry in entries if entry["status"] != 2]
        rows = [row for file in files for row in pq.read_table(_local(file)).to_pylist()]
        followed = Counter(row_of({name: row.get(name) for name in names}) for row in rows)
        properties = {"uri": f"sqlite:///{self._folder}/catalog.db", "warehouse": self._folder.as_uri()}
        read = load_catalog("notemill", type="sql", **properties).load_table(f"notemill.{table}").scan().to_arrow()
        assert followed == rows_of(read)
        return followed

    def tables(self) -> set[str]:
        return set(self._catalog("select table_name from iceberg_tables"))

    def _catalog(self, query: str, *values: str) -> list[str]:
        with closing(sqlite3.connect(self._folder / "catalog.db")) as db:
            return [row[0] for row in db.execute(query, values).fetchall()]


def _local(uri: str) -> Path:
    return Path(uri.removeprefix("file://"))


def _avro(uri: str) -> list[dict[str, Any]]:
    with _local(uri).open("rb") as file:
        return [dict(row) for row in fastavro.reader(file) if isinstance(row, dict)]


class ClickHouse:
    """The engine in this process; it knows one folder at a time. Read by chDB's own interface."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "warehouse"
        self.uri = f"chdb://{self._folder}"

    def rows(self, table: str) -> Counter[str]:
        settings = "output_format_json_quote_64bit_integers = 0"
        lines = self._ask(f'select * from "{table}" format JSONEachRow settings {settings}')
        rows = [json.loads(line) for line in lines]
        for row in rows:
            if row.get("note_time") is not None:
                row["note_time"] = datetime.fromisoformat(row["note_time"])
        return Counter(map(row_of, rows))

    def tables(self) -> set[str]:
        return set(self._ask("show tables format TSV")) - {"_notemill_feed"}

    def _ask(self, query: str) -> list[str]:
        session = Session(str(self._folder))
        try:
            return str(session.query(query).data()).splitlines()
        finally:
            session.close()


WAREHOUSES: dict[str, Callable[[Path], Warehouse]] = {
    "duckdb": DuckDB,
    "parquet": Parquet,
    "delta": Delta,
    "postgresql": PostgreSQL,
    "iceberg": Iceberg,
    "clickhouse": ClickHouse,
}
