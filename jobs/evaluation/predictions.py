"""The Parquet file of what was found, which `--predictions` asks for. Ids, offsets, labels and scores, never text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import RequestError
from pipelines.io.storage import open_filesystem
from transforms import schema

SECTION_FIELDS: Final = tuple(field for field in schema.SECTION if field.name != "title")
"""Of a section, all but its words."""


def kept(
    ids: Sequence[Any], found: Sequence[Sequence[Mapping[str, Any]] | None], fields: Sequence[pa.Field]
) -> Iterator[tuple[Any, ...]]:
    """Rows for `Predictions` out of a stage's column: the note's id and these fields of all that was found."""
    for note, of_note in zip(ids, found, strict=True):
        for one in of_note or ():
            yield (note, *(one[field.name] for field in fields))


class Predictions:
    """Rows that are kept until `write`; without a URI they go nowhere.

    Args:
        uri: of the file; None for none.
        fields: its columns.
        data: paths of the files that are measured on, which are not replaced.

    Raises:
        RequestError: the file cannot be written.
    """

    def __init__(self, uri: str | None, fields: Sequence[pa.Field], data: Iterable[str]) -> None:
        self._uri = uri
        self._schema = pa.schema(fields)
        self._rows: list[tuple[Any, ...]] = []
        if uri is None:
            return
        self._fs, self._path = open_filesystem(uri)
        if self._path in data:
            raise RequestError(f"the predictions would replace the data {uri}; name another file")
        self._write([])  # so that a place where nothing can be written is refused now

    def add(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Keeps rows, each with a value for every field."""
        if self._uri is not None:
            self._rows += rows

    def write(self) -> None:
        """Writes the file."""
        if self._uri is not None:
            self._write(self._rows)

    def _write(self, rows: list[tuple[Any, ...]]) -> None:
        columns = zip(*rows, strict=True) if rows else [()] * len(self._schema)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        try:
            self._fs.makedirs(self._path.rpartition("/")[0] or ".", exist_ok=True)
            with self._fs.open(self._path, "wb") as handle:
                pq.write_table(pa.Table.from_arrays(arrays, schema=self._schema), handle, compression="zstd")
        except OSError as error:
            raise RequestError(
                f"cannot write the predictions to {self._uri}: {error.strerror or type(error).__name__}"
            ) from error
