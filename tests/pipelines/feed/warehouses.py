"""The warehouses of the tests, each with a reader that is not the store's own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from tests.pipelines.feed.runs import rows_of


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


WAREHOUSES = {"duckdb": DuckDB, "parquet": Parquet}
