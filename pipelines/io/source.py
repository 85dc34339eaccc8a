"""Notes in Parquet: which files, which splits, and reading them in bounded memory.

A split is a stretch of `split_rows` rows of one file. Its id is made of the file's name within the input and the
stretch's first row, so it stays the same when other files come or go. A `ReadTask` is the run of splits that begin
in one row group: they are read by one pass over it, so that a row group of a million rows is decoded once and never
held whole.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from pipelines.errors import RequestError, RunError
from pipelines.io.columns import ColumnMap, ReadPlan, check_schema, to_notes
from pipelines.io.storage import open_filesystem

SUFFIXES: Final = (".parquet", ".parq", ".pq")
_BUFFER: Final = 1 << 20  # bytes; with it column chunks are streamed, without it they are held whole
_FOOTER_THREADS: Final = 16
_HIVE_NULL: Final = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class InputFile:
    """One Parquet file of the input.

    Attributes:
        name: path below the input, the same wherever the input lies.
        path: path within the file system.
        partitions: hive partition values of its folders.
        group_rows: rows of each row group.
        size: bytes.
        footer: SHA-256 of the Parquet footer (schema, row counts, column statistics, offsets).
        stamp: what the storage says of the file's version (ETag or time of modification).
    """

    name: str
    path: str
    partitions: tuple[tuple[str, str | None], ...]
    columns: ReadPlan
    group_rows: tuple[int, ...]
    size: int
    footer: str
    stamp: str

    @property
    def rows(self) -> int:
        return sum(self.group_rows)


@dataclass(frozen=True)
class Split:
    """Rows `start` to `start + rows` of one file."""

    id: str
    file: str
    start: int
    rows: int


@dataclass(frozen=True)
class ReadTask:
    """Consecutive splits of one file, read in one pass that begins at a row group."""

    file: InputFile
    first_group: int
    splits: tuple[Split, ...]


@dataclass(frozen=True)
class ParquetSource:
    """A Parquet file, a folder of them or a glob.

    Attributes:
        uri: anything that fsspec opens.
        mapping: the source's columns.
        split_rows: rows of a split.
    """

    uri: str
    mapping: ColumnMap
    split_rows: int

    @cached_property
    def files(self) -> tuple[InputFile, ...]:
        """The files of the input, in the order of their names.

        Raises:
            RequestError: there is no such file, one is not Parquet, or one lacks a column.
        """
        fs, path = open_filesystem(self.uri)
        found = find_files(fs, path, self.uri)
        with ThreadPoolExecutor(_FOOTER_THREADS) as pool:
            files = list(pool.map(lambda item: self._look(fs, *item), sorted(found.items())))
        return tuple(files)

    def __getstate__(self) -> dict[str, Any]:
        return {"uri": self.uri, "mapping": self.mapping, "split_rows": self.split_rows}

    def _look(self, fs: Any, name: str, path: str) -> InputFile:
        try:
            info = fs.info(path)
            with fs.open(path, "rb") as handle:
                parquet = pq.ParquetFile(handle)
                metadata = parquet.metadata
                fields = parquet.schema_arrow
                footer = _footer_hash(handle, info["size"])
        except (pa.ArrowInvalid, pa.ArrowIOError) as error:
            raise RequestError(f"{name} is not a readable Parquet file") from error
        except OSError as error:
            raise RequestError(f"cannot read {name}: {error.strerror or type(error).__name__}") from error
        partitions = _partitions(name)
        for column, _ in partitions:
            if column not in fields.names:
                fields = fields.append(pa.field(column, pa.string()))
        return InputFile(
            name=name,
            path=path,
            partitions=tuple(item for item in partitions if item[0] not in parquet.schema_arrow.names),
            columns=check_schema(self.mapping, fields, name),
            group_rows=tuple(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)),
            size=info["size"],
            footer=footer,
            stamp=str(info.get("ETag") or info.get("etag") or info.get("mtime") or info.get("LastModified") or ""),
        )

    def overlaps(self, uri: str) -> bool:
        """Whether a folder lies in the input, or the input in that folder.

        The first would have a later run read tables as notes; the second, `--fresh` remove the notes.
        """
        fs, path = open_filesystem(self.uri)
        other, folder = open_filesystem(uri)
        if type(fs) is not type(other):
            return False
        if isinstance(fs, LocalFileSystem):
            path, folder = os.path.realpath(_fixed(path)), os.path.realpath(folder)
        path, folder = f"{_fixed(path).rstrip('/')}/", f"{folder.rstrip('/')}/"
        return path.startswith(folder) or folder.startswith(path)

    def splits(self) -> Iterator[Split]:
        for task in self.tasks(frozenset()):
            yield from task.splits

    def tasks(self, done: frozenset[str]) -> Iterator[ReadTask]:
        """The reading that is left when the splits of these ids are done."""
        for file in self.files:
            for group, splits in _by_group(file, self.split_rows):
                left = tuple(split for split in splits if split.id not in done)
                if left:
                    yield ReadTask(file, group, left)

    def read(self, task: ReadTask) -> Iterator[tuple[Split, pa.Table, int]]:
        """The notes of each split of the task (columns `schema.READ_COLUMNS`) and how many rows were skipped."""
        file = task.file
        fs, _ = open_filesystem(self.uri)
        stored = [name for name in file.columns.projection if name not in dict(file.partitions)]
        with fs.open(file.path, "rb") as handle:
            parquet = pq.ParquetFile(handle, buffer_size=_BUFFER, pre_buffer=False)
            groups = list(range(task.first_group, len(file.group_rows)))
            batches = parquet.iter_batches(
                batch_size=self.split_rows, row_groups=groups, columns=stored, use_threads=False
            )
            stream = _Stream(batches, sum(file.group_rows[: task.first_group]), parquet.schema_arrow)
            for split in task.splits:
                try:
                    rows = stream.take(split.start, split.rows, stored)
                except (pa.ArrowInvalid, OSError, StopIteration) as error:
                    raise RunError(f"cannot read split {split.id}: the data of {file.name} is damaged") from error
                for name, value in file.partitions:
                    if name in file.columns.projection:
                        rows = rows.append_column(name, pa.array([value] * split.rows, pa.string()))
                notes, skipped = to_notes(rows, file.columns, split.start)
                yield split, notes, skipped


class _Stream:
    """Forward-only access by row number to a file's batches."""

    def __init__(self, batches: Iterator[pa.RecordBatch], first_row: int, fields: pa.Schema) -> None:
        self._batches = batches
        self._position = first_row
        self._held: pa.RecordBatch | None = None
        self._fields = fields

    def take(self, start: int, rows: int, names: list[str]) -> pa.Table:
        taken: list[pa.RecordBatch] = []
        missing = rows
        while missing:
            if self._held is None or self._held.num_rows == 0:
                self._held = next(self._batches)
            skip = min(start - self._position, self._held.num_rows) if not taken else 0
            part = self._held.slice(skip, missing)
            self._held = self._held.slice(skip + part.num_rows)
            self._position += skip + part.num_rows
            missing -= part.num_rows
            if part.num_rows:
                taken.append(part)
        return pa.Table.from_batches(taken, schema=taken[0].schema if taken else _subset(self._fields, names))


def _subset(fields: pa.Schema, names: list[str]) -> pa.Schema:
    return pa.schema([fields.field(name) for name in names])


def find_files(fs: Any, path: str, uri: str) -> Mapping[str, str]:
    """The Parquet files of an input: names below it -> paths.

    Args:
        fs: the file system, and `path` in it, that `uri` stands for.

    Raises:
        RequestError: there is none, or it may not be read.
    """
    try:
        if any(mark in path for mark in "*?["):
            paths = [found for found in fs.glob(path) if fs.isfile(found)]
            if not paths:
                raise RequestError(f"no file matches {uri}")
            root = _fixed(path)
            return {found[len(root) :].lstrip("/"): found for found in paths}
        if not fs.exists(path):
            raise RequestError(f"no such file or folder: {uri}")
        if fs.isfile(path):
            return {path.rsplit("/", 1)[-1]: path}
        root = path.rstrip("/")
        # A folder made by `notemill generate`: the notes lie beside their gold tables.
        if fs.exists(f"{root}/_generate.json") and fs.isdir(f"{root}/notes"):
            root = f"{root}/notes"
        names = {found[len(root) :].lstrip("/"): found for found in fs.find(root)}
    except PermissionError as error:
        raise RequestError(f"not allowed to read {uri}") from error
    except OSError as error:
        raise RequestError(f"cannot read {uri}: {error.strerror or type(error).__name__}") from error
    names = {
        name: found
        for name, found in names.items()
        if name.lower().endswith(SUFFIXES) and not any(part[:1] in "_." for part in name.split("/"))
    }
    if not names:
        raise RequestError(f"no Parquet file under {uri}")
    return names


def _fixed(path: str) -> str:
    """The part of a path before the first folder with a wildcard."""
    marks = [path.index(mark) for mark in "*?[" if mark in path]
    return path[: min(marks)].rsplit("/", 1)[0] if marks else path


def _partitions(name: str) -> tuple[tuple[str, str | None], ...]:
    """Hive partitions: values are URL-encoded, and null has a name of its own."""
    parts = (part.partition("=") for part in name.split("/")[:-1])
    return tuple((key, None if value == _HIVE_NULL else unquote(value)) for key, mark, value in parts if mark)


def _footer_hash(handle: Any, size: int) -> str:
    handle.seek(size - 8)
    length = int.from_bytes(handle.read(4), "little")
    handle.seek(size - 8 - length)
    return hashlib.sha256(handle.read(length)).hexdigest()


def _by_group(file: InputFile, split_rows: int) -> Iterator[tuple[int, list[Split]]]:
    """The file's splits, gathered by the row group in which they begin."""
    key = hashlib.sha256(file.name.encode()).hexdigest()[:12]
    start = group_start = 0
    for group, rows in enumerate(file.group_rows):
        splits = []
        while start < group_start + rows:
            taken = min(split_rows, file.rows - start)
            splits.append(Split(f"{key}-{start:010d}", file.name, start, taken))
            start += taken
        group_start += rows
        if splits:
            yield group, splits
