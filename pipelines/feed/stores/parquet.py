"""`parquet://FOLDER`: Parquet files in a hive layout, on any file system that fsspec knows (`parquet://s3://bucket/…`).

`TABLE/run_id=RUN/part-….parquet`, without the column `run_id`, which the folder tells; `TABLE/_common_metadata` has all
columns of the table, those too that files of former versions lack. A delivery takes the rows that it replaces out of
the files that hold them, then puts its own files, then its record under `_notemill_feed/`. Each file is put whole. On a
local disk a lock keeps other feeds out; on an object store nothing does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from pipelines.errors import RequestError
from pipelines.feed.keys import KeyIndex
from pipelines.feed.store import RECORD, Part, TableSpec
from pipelines.io.sink import encode
from pipelines.io.storage import TEMPORARY, Folder

_SCHEMA: Final = "_common_metadata"
_WAIT_SECONDS: Final = 60.0


class ParquetStore:
    errors: ClassVar[tuple[type[Exception], ...]] = (OSError,)
    remarks: Sequence[str] = ()

    def __init__(self, uri: str) -> None:
        self._folder = Folder(uri.removeprefix("parquet://"))
        self._folder.check_writable()
        self._files: dict[str, _Files] = {}
        self._lock: FileLock | None = None
        if self._folder.is_local:
            self._folder.put(f"{RECORD}/lock", b"")
            self._lock = FileLock(self._folder.path(f"{RECORD}/lock"))
            try:
                self._lock.acquire(timeout=_WAIT_SECONDS)
            except Timeout as error:
                raise RequestError(f"another feed is at work on {uri}") from error
            self._folder.remove(TEMPORARY)

    def prepare(self, tables: Sequence[TableSpec]) -> None:
        for spec in tables:
            name = f"{spec.name}/{_SCHEMA}"
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
            self._files[spec.name] = _Files(self._folder, spec)

    @cached_property
    def _records(self) -> list[dict[str, dict[str, dict[str, str]]]]:
        """Of each delivery, in their order: run -> table -> split -> receipt."""
        names = sorted(name for name in self._folder.sizes(RECORD) if name.endswith(".json"))
        return [json.loads(self._folder.get(f"{RECORD}/{name}") or b"{}") for name in names]

    def delivered(self, table: str, run_id: str, receipts: Mapping[str, str]) -> set[str]:
        held: dict[str, str] = {}
        for record in self._records:
            held |= record.get(run_id, {}).get(table, {})
        return {split for split, receipt in held.items() if receipts.get(split) == receipt}

    def deliver(self, parts: Sequence[Part]) -> None:
        for part in parts:
            self._files[part.spec.name].replace(part)
        record = {part.run_id: {other.spec.name: dict(other.receipts) for other in parts} for part in parts}
        self._folder.put(f"{RECORD}/{len(self._records):08}.json", json.dumps(record).encode())
        self._records.append(record)

    def close(self) -> None:
        if self._lock is not None:
            self._lock.release()


class _Files:
    """The files of a table, and which keys lie in which."""

    def __init__(self, folder: Folder, spec: TableSpec) -> None:
        self._folder = folder
        self._spec = spec
        self._paths = [path for path in folder.find(spec.name) if path.endswith(".parquet")]

    @cached_property
    def _index(self) -> KeyIndex:
        index = KeyIndex()
        for place, path in enumerate(self._paths):
            keys = self._read(path, [self._spec.key])
            if keys is not None:
                index.add(keys[self._spec.key], place)
        return index

    def replace(self, part: Part) -> None:
        """Takes out what the part replaces, then puts its rows."""
        folder = f"{self._spec.name}/run_id={part.run_id}/"
        places = self._index.places(part.keys)
        if part.spec.by_split:
            places |= {place for place, path in enumerate(self._paths) if path.startswith(folder)}
        named = hashlib.sha256(json.dumps(sorted(part.receipts.items())).encode()).hexdigest()[:16]
        own = f"{folder}part-{named}.parquet"
        for place in sorted(places):
            if self._paths[place] != own:
                self._take_out(part, self._paths[place], same_run=self._paths[place].startswith(folder))
        if part.rows.num_rows:
            self._folder.put(own, encode(part.rows.drop_columns("run_id")))
            self._index.add(part.rows[part.spec.key], len(self._paths))
            self._paths.append(own)

    def _take_out(self, part: Part, path: str, *, same_run: bool) -> None:
        rows = self._read(path)
        if rows is None:
            return  # a former delivery of this feed has taken out all of it
        column, values = (
            ("split", pa.array(part.receipts)) if part.spec.by_split and same_run else (part.spec.key, part.keys)
        )
        kept = rows.filter(pc.invert(pc.is_in(rows[column], values)))
        if not kept.num_rows:
            self._folder.remove(path)
        elif kept.num_rows < rows.num_rows:
            self._folder.put(path, encode(kept))

    def _read(self, path: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        data = self._folder.get(path)
        return None if data is None else pq.read_table(pa.BufferReader(data), columns=columns)
