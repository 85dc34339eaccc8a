"""Notes in files: which files, which splits; and Parquet, read in bounded memory.

A split is a stretch of `split_rows` rows of one file. Its id is made of the file's name within the input and the
stretch's first row, so it stays the same when other files come or go. A `ReadTask` is the run of splits that begin
in one row group: they are read by one pass over it, so that a row group of a million rows is decoded once and never
held whole.
"""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Generic, TypeVar
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
    """One file of the input.

    Attributes:
        name: path below the input, the same wherever the input lies.
        path: path within the file system.
        group_rows: rows of each group, a stretch whose beginning can be found without reading what is before it.
        size: bytes.
        digest: SHA-256 of what tells the content: of Parquet the footer (schema, row counts, column statistics,
            offsets), else all of it.
        stamp: what the storage says of the file's version (ETag or time of modification).
    """

    name: str
    path: str
    group_rows: tuple[int, ...]
    size: int
    digest: str
    stamp: str

    @property
    def rows(self) -> int:
        return sum(self.group_rows)


@dataclass(frozen=True)
class ParquetFile(InputFile):
    """A Parquet file; its groups are its row groups.

    Attributes:
        partitions: hive partition values of its folders.
    """

    partitions: tuple[tuple[str, str | None], ...]
    columns: ReadPlan


File = TypeVar("File", bound=InputFile)


@dataclass(frozen=True)
class Split:
    """Rows `start` to `start + rows` of one file."""

    id: str
    file: str
    start: int
    rows: int


@dataclass(frozen=True)
class ReadTask:
    """Consecutive splits of one file, read in one pass that begins at a group."""

    file: InputFile
    first_group: int
    splits: tuple[Split, ...]


@dataclass(frozen=True)
class Source(ABC, Generic[File]):
    """A file of notes, a folder of them or a glob.

    Attributes:
        uri: anything that fsspec opens.
        mapping: the source's columns.
        split_rows: rows of a split.
    """

    uri: str
    mapping: ColumnMap
    split_rows: int

    @cached_property
    def files(self) -> tuple[File, ...]:
        """The files of the input, in the order of their names.

        Raises:
            RequestError: there is no such file, or one is not what it should be.
        """
        fs, path = open_filesystem(self.uri)
        found = self._find(fs, path)
        with ThreadPoolExecutor(_FOOTER_THREADS) as pool:
            files = list(pool.map(lambda item: self._look(fs, *item), sorted(found.items())))
        return tuple(files)

    def __getstate__(self) -> dict[str, Any]:
        return {"uri": self.uri, "mapping": self.mapping, "split_rows": self.split_rows}

    @abstractmethod
    def _find(self, fs: Any, path: str) -> Mapping[str, str]:
        """Names of the files, as `find_files` gives them."""

    @abstractmethod
    def _look(self, fs: Any, name: str, path: str) -> File:
        """A look at one file, before anything is read."""

    @abstractmethod
    def read(self, task: ReadTask) -> Iterator[tuple[Split, pa.Table, int]]:
        """The notes of each split of the task (columns `schema.READ_COLUMNS`) and how many rows were skipped."""

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


class ParquetSource(Source[ParquetFile]):
    """Notes in Parquet."""

    def _find(self, fs: Any, path: str) -> Mapping[str, str]:
        return find_files(fs, path, self.uri)

    def _look(self, fs: Any, name: str, path: str) -> ParquetFile:
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
        return ParquetFile(
            name=name,
            path=path,
            partitions=tuple(item for item in partitions if item[0] not in parquet.schema_arrow.names),
            columns=check_schema(self.mapping, fields, name),
            group_rows=tuple(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)),
            size=info["size"],
            digest=footer,
            stamp=stamp(info),
        )

    def read(self, task: ReadTask) -> Iterator[tuple[Split, pa.Table, int]]:
        file = task.file
        assert isinstance(file, ParquetFile)
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


def stamp(info: Mapping[str, Any]) -> str:
    """What a storage says of a file's version."""
    return str(info.get("ETag") or info.get("etag") or info.get("mtime") or info.get("LastModified") or "")


def is_parquet(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def find_files(
    fs: Any, path: str, uri: str, fits: Callable[[str], bool] = is_parquet, what: str = "Parquet file"
) -> Mapping[str, str]:
    """The files of an input: names below it -> paths.

    Args:
        fs: the file system, and `path` in it, that `uri` stands for.
        fits: by the name of a file in a folder, whether it is one of these; `what` they are is told where none does.

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
        if fits(name) and not any(part[:1] in "_." for part in name.split("/"))
    }
    if not names:
        raise RequestError(f"no {what} under {uri}")
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
