"""`parquet://FOLDER`: Parquet files in a hive layout, on any file system that fsspec knows (`parquet://s3://bucket/…`).

`TABLE/run_id=RUN/part-….parquet`, without the column `run_id`, which the folder tells; a table that has no such column
has its files right in `TABLE/`. `TABLE/_common_metadata` has all columns of the table, those too that files of former
versions lack.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import RequestError
from pipelines.feed.store import BATCH_ROWS, Column, Look, StoredTable, TableSpec
from pipelines.feed.stores.files import FileStore
from pipelines.io.sink import encode
from pipelines.io.storage import Folder

SCHEMA: Final = "_common_metadata"
_RUN: Final = "run_id"


class ParquetStore(FileStore):
    def __init__(self, uri: str) -> None:
        super().__init__(uri.removeprefix("parquet://"), _Parquet())

    def prepare(self, tables: Sequence[TableSpec]) -> None:
        for spec in tables:
            name = f"{spec.name}/{SCHEMA}"
            data = self._folder.get(name)
            there = pq.read_schema(pa.BufferReader(data)) if data is not None else pa.schema([])
            for field in spec.fields:
                if field.name not in there.names:
                    there = there.append(field)
                elif there.field(field.name).type != field.type:
                    raise RequestError(
                        f"column {field.name} of table {spec.name} is {there.field(field.name).type}, and {field.type} "
                        "would be fed: feed another folder"
                    )
            encoded = encode(there.empty_table())
            if encoded != data:
                self._folder.put(name, encoded)
        super().prepare(tables)


@contextmanager
def reading(uri: str) -> Iterator[Look]:
    folder = Folder(uri.removeprefix("parquet://"))

    def look(table: str) -> StoredTable | None:
        paths = folder.find(table)
        if not paths:
            return None
        # `_common_metadata` comes first in the order of names. Each file has its own schema, which batches keep.
        first = pq.read_schema(pa.BufferReader(folder.get(paths[0])))
        return StoredTable(list(map(Column.of, first)), _batches(folder, paths))

    yield look


def _batches(folder: Folder, paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        file = pq.ParquetFile(pa.BufferReader(folder.get(path)))
        yield pa.RecordBatch.from_pylist([], file.schema_arrow)  # of a file without rows the schema counts too
        yield from file.iter_batches(BATCH_ROWS)


class _Parquet:
    """Files of Parquet."""

    def paths(self, folder: Folder, spec: TableSpec) -> list[str]:
        return [path for path in folder.find(spec.name) if path.endswith(".parquet")]

    def path(self, spec: TableSpec, run_id: str, name: str) -> str:
        return f"{self._folder(spec, run_id)}part-{name}.parquet"

    def is_of_run(self, path: str, spec: TableSpec, run_id: str) -> bool:
        return _RUN in spec.fields.names and path.startswith(self._folder(spec, run_id))

    def encode(self, rows: pa.Table) -> bytes:
        return encode(rows.drop_columns(_RUN) if _RUN in rows.column_names else rows)

    def decode(self, data: bytes, spec: TableSpec, columns: Sequence[str] | None = None) -> pa.Table:  # noqa: ARG002
        return pq.read_table(pa.BufferReader(data), columns=columns)

    def _folder(self, spec: TableSpec, run_id: str) -> str:
        return f"{spec.name}/{_RUN}={run_id}/" if _RUN in spec.fields.names else f"{spec.name}/"
