"""Unlabelled text out of Parquet: a column `text`, or `tokens` as the sets for entities have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import RequestError
from pipelines.io.source import find_files
from pipelines.io.storage import open_filesystem

_COLUMNS: Final = ("text", "text_en", "tokens")
"""Where the text may stand; the first of these that a file has is read."""
_PATIENT: Final = ("patient_id", "subject_id", "person_id")
_DEV_EVERY: Final = 20
_ROWS: Final = 1000  # read at a time
_JOINED: Final = 1000  # characters of neighbouring sentences that are read as one text


@dataclass(frozen=True)
class TextFile:
    """A Parquet file with text.

    Attributes:
        name: path below what was asked for.
        uri: what was asked for.
        path: within the file system.
        column: that holds the text.
        rows: how many.
        size: bytes.
    """

    name: str
    uri: str
    path: str
    column: str
    rows: int
    size: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """One text of a file; `dev` says that it is kept for measuring."""

    text: str
    dev: bool


def text_files(uris: Sequence[str]) -> list[TextFile]:
    """The files of the sources: each a Parquet file, a folder of them (of `generate` or of a run, too) or a glob.

    Raises:
        RequestError: there is none, one is not Parquet, or one has no text.
    """
    return [file for uri in uris for file in _of_source(uri)]


def _of_source(uri: str) -> list[TextFile]:
    fs, path = open_filesystem(uri)
    root = path.rstrip("/")
    # The output of a run: the de-identified notes lie beside their tables.
    if not any(mark in path for mark in "*?[") and fs.isdir(f"{root}/notes"):
        path = f"{root}/notes"
    return [_look(fs, name, found, uri) for name, found in sorted(find_files(fs, path, uri).items())]


def _look(fs: Any, name: str, path: str, uri: str) -> TextFile:
    try:
        with fs.open(path, "rb") as handle:
            parquet = pq.ParquetFile(handle)
            names = tuple(parquet.schema_arrow.names)
            rows = parquet.metadata.num_rows
    except (pa.ArrowInvalid, OSError) as error:
        raise RequestError(f"{name} is not a readable Parquet file ({type(error).__name__})") from error
    column = next((column for column in _COLUMNS if column in names), None)
    if column is None:
        raise RequestError(f"{name} has the columns {', '.join(names)}: pre-training needs one named text")
    return TextFile(name, uri, path, column, rows, int(fs.info(path)["size"]), names)


def texts(files: Sequence[TextFile], *, only_train: bool = False, only_dev: bool = False) -> Iterator[Text]:
    """The texts of the files in order.

    A column `split` is followed: `train` and `dev` are read, other rows left out. Without it every twentieth patient
    (row, where there is no patient) is dev.

    Args:
        files: as of `text_files`.
        only_train: nothing is kept for measuring, unless `split` says so.
        only_dev: all is for measuring.

    Raises:
        RequestError: a row has no text: the row is named.
    """
    patients: dict[Any, int] = {}
    for file in files:
        split_given = "split" in file.columns
        patient = next((column for column in _PATIENT if column in file.columns), None)
        wanted = [file.column, *(["split"] if split_given else []), *([patient] if patient else [])]
        pieces: dict[bool, list[str]] = {False: [], True: []}
        for number, row in _rows(file, wanted):
            if split_given and not only_dev:
                if row["split"] not in ("train", "dev"):
                    continue
                dev = row["split"] == "dev"
            else:
                group = row[patient] if patient and row[patient] is not None else (file.name, number)
                seen = patients.setdefault(group, len(patients)) if patient else number
                dev = only_dev or (not only_train and seen % _DEV_EVERY == _DEV_EVERY - 1)
            text = row[file.column]
            if file.column == "tokens":
                pieces[dev].append(" ".join(text or ()))
                if sum(map(len, pieces[dev])) >= _JOINED:
                    yield Text("\n".join(pieces[dev]), dev)
                    pieces[dev] = []
            elif text is None or not text.strip():
                raise RequestError(f"{file.name}, row {number}: the document is empty")
            else:
                yield Text(text, dev)
        for dev, rest in pieces.items():
            if rest:
                yield Text("\n".join(rest), dev)


def _rows(file: TextFile, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    fs, _ = open_filesystem(file.uri)
    number = 0
    with fs.open(file.path, "rb") as handle:
        for batch in pq.ParquetFile(handle).iter_batches(batch_size=_ROWS, columns=list(columns)):
            for row in batch.to_pylist():
                yield number, row
                number += 1
