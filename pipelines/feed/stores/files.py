"""What stores have in common that keep rows in files of a folder, on any file system that fsspec knows.

A delivery takes the rows that it replaces out of the files that hold them, then puts its own files, then its record
under `_notemill_feed/`. Each file is put whole. On a local disk a lock keeps other feeds out; on an object store
nothing does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock, Timeout

from pipelines.errors import RequestError
from pipelines.feed.keys import KeyIndex
from pipelines.feed.store import RECORD, Part, TableSpec
from pipelines.io.storage import TEMPORARY, Folder

_WAIT_SECONDS: Final = 60.0


class Form(Protocol):
    """How a table's rows lie in its files."""

    def paths(self, folder: Folder, spec: TableSpec) -> list[str]:
        """The files of a table."""
        ...

    def path(self, spec: TableSpec, run_id: str, name: str) -> str:
        """Where a file of a run lies."""
        ...

    def is_of_run(self, path: str, spec: TableSpec, run_id: str) -> bool:
        """Whether a file holds rows of this run alone."""
        ...

    def encode(self, rows: pa.Table) -> bytes: ...

    def decode(self, data: bytes, spec: TableSpec, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a file, or some of their columns; what `encode` is given again."""
        ...


class FileStore:
    """A folder of files.

    Args:
        uri: of the folder.
        form: how rows lie in files.
    """

    errors: ClassVar[tuple[type[Exception], ...]] = (OSError,)
    remarks: Sequence[str] = ()

    def __init__(self, uri: str, form: Form) -> None:
        self._form = form
        self._folder = Folder(uri)
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
        self._files = {spec.name: _Files(self._folder, spec, self._form) for spec in tables}

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

    def holds_rows(self, table: str) -> bool:
        return bool(self._files[table].paths)

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

    def __init__(self, folder: Folder, spec: TableSpec, form: Form) -> None:
        self._folder = folder
        self._spec = spec
        self._form = form
        self.paths = form.paths(folder, spec)

    @cached_property
    def _index(self) -> KeyIndex:
        index = KeyIndex()
        for place, path in enumerate(self.paths):
            keys = self._read(path, [self._spec.key])
            if keys is not None:
                index.add(keys[self._spec.key], place)
        return index

    def replace(self, part: Part) -> None:
        """Takes out what the part replaces, then puts its rows."""
        places = self._index.places(part.keys)
        same = [self._form.is_of_run(path, self._spec, part.run_id) for path in self.paths]
        if part.spec.by_split:
            places |= {place for place, of_run in enumerate(same) if of_run}
        named = hashlib.sha256(json.dumps(sorted(part.receipts.items())).encode()).hexdigest()[:16]
        own = self._form.path(self._spec, part.run_id, named)
        for place in sorted(places):
            if self.paths[place] != own:
                self._take_out(part, self.paths[place], same_run=same[place])
        if part.rows.num_rows:
            self._folder.put(own, self._form.encode(part.rows))
            self._index.add(part.rows[part.spec.key], len(self.paths))
            self.paths.append(own)

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
            self._folder.put(path, self._form.encode(kept))

    def _read(self, path: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        data = self._folder.get(path)
        return None if data is None else self._form.decode(data, self._spec, columns)
