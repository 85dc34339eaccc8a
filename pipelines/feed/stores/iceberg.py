"""`iceberg://FOLDER`: Iceberg tables in a local folder, their catalog in SQLite beside them (`catalog.db`, namespace
`notemill`). `iceberg://NAMESPACE?catalog=NAME`: tables of a catalog of your own (REST, Glue, …), which PyIceberg's
configuration describes: `.pyiceberg.yaml` or `PYICEBERG_CATALOG__NAME__…`.

Iceberg commits one table at a time, so each table has a record of its own: the property `notemill.delivered.RUN`, which
the commit that replaces rows sets too: a JSON object, split -> the first 16 digits of its receipt's digest. A table
killed before its commit lacks the splits and gets them again; one killed after it does not. Of two feeds at once the
second fails, with nothing written.

Where PyIceberg rewrites rows that are older than a column of lists of structures, their null there becomes an empty
list.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import parse_qs

import pyarrow as pa
from pyiceberg import exceptions
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.expressions import And, BooleanExpression, EqualTo, In, NotEqualTo
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.table import Table, TableProperties
from sqlalchemy.exc import SQLAlchemyError

from pipelines.errors import RequestError, RunError
from pipelines.feed.keys import KeyIndex
from pipelines.feed.store import Column, Look, Part, StoredTable, TableSpec, conform

_NAMESPACE: Final = "notemill"
_DIGITS: Final = 16


@dataclass
class _Known:
    """A table, and the keys that it has at a snapshot."""

    table: Table
    keys: KeyIndex | None = None
    snapshot: int | None = None


def _catalog(uri: str, *, create: bool) -> tuple[Catalog, str]:
    """The catalog of a target, and the namespace.

    Raises:
        RequestError: the catalog would be a file where there can be none.
    """
    place, _, query = uri.removeprefix("iceberg://").partition("?")
    named = parse_qs(query).get("catalog")
    if named:
        return load_catalog(named[0]), place.strip("/")
    if "://" in place:
        raise RequestError(
            f"the catalog in {place} would be a SQLite file, which needs a local folder; name a catalog: "
            "iceberg://NAMESPACE?catalog=NAME"
        )
    folder = Path(place).absolute()
    if create:
        folder.mkdir(parents=True, exist_ok=True)
    elif not (folder / "catalog.db").exists():
        raise RequestError(f"there is no {folder}/catalog.db")
    catalog = load_catalog(_NAMESPACE, type="sql", uri=f"sqlite:///{folder}/catalog.db", warehouse=folder.as_uri())
    return catalog, _NAMESPACE


class IcebergStore:
    # PyIceberg's exceptions have no base class of their own.
    errors: ClassVar[tuple[type[Exception], ...]] = (
        *(kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, Exception)),
        SQLAlchemyError,
        OSError,
        ValueError,
    )
    remarks: Sequence[str] = ()

    def __init__(self, uri: str) -> None:
        self._catalog, self._namespace = _catalog(uri, create=True)
        self._catalog.create_namespace_if_not_exists(self._namespace)
        self._known: dict[str, _Known] = {}

    def prepare(self, tables: Sequence[TableSpec]) -> None:
        for spec in tables:
            table = self._catalog.create_table_if_not_exists(f"{self._namespace}.{spec.name}", schema=spec.fields)
            there = _fields(table)
            for wanted in spec.fields:
                if wanted.name in there.names and there.field(wanted.name).type != wanted.type:
                    raise RequestError(
                        f"column {wanted.name} of table {spec.name} is {there.field(wanted.name).type}, "
                        f"and {wanted.type} would be fed: feed another namespace"
                    )
            if any(wanted.name not in there.names for wanted in spec.fields):
                with table.update_schema() as update:
                    update.union_by_name(spec.fields)
            self._known[spec.name] = _Known(table)

    def delivered(self, table: str, run_id: str, receipts: Mapping[str, str]) -> set[str]:
        held = _record(self._known[table].table, run_id)
        return {split for split, receipt in receipts.items() if held.get(split) == receipt[:_DIGITS]}

    def holds_rows(self, table: str) -> bool:
        return bool(self._known[table].table.scan(limit=1).to_arrow().num_rows)

    def deliver(self, parts: Sequence[Part]) -> None:
        for part in parts:
            self._commit(part, self._looked_at(part.spec))

    def _looked_at(self, spec: TableSpec) -> _Known:
        """The table as it is now. Its keys are read again if anyone else has written since."""
        known = self._known[spec.name]
        known.table.refresh()
        snapshot = known.table.metadata.current_snapshot_id
        if known.keys is None or known.snapshot != snapshot:
            known.keys, known.snapshot = KeyIndex(), snapshot
            for batch in known.table.scan(selected_fields=(spec.key,)).to_arrow_batch_reader():
                known.keys.add(batch.column(spec.key).unique())
        # What was looked at must be what is committed to: PyIceberg would try again on top of what another wrote.
        known.table.metadata.properties[TableProperties.COMMIT_NUM_RETRIES] = "0"
        return known

    def _commit(self, part: Part, known: _Known) -> None:
        assert known.keys is not None
        rows = conform(part.rows, _fields(known.table))
        old = known.keys.present(part.keys)
        record = _record(known.table, part.run_id)
        record |= {split: receipt[:_DIGITS] for split, receipt in part.receipts.items()}
        try:
            with warnings.catch_warnings(), known.table.transaction() as transaction:
                warnings.filterwarnings("ignore", "Delete operation did not match any records")
                for replaced in _replaced(part, old):
                    transaction.delete(replaced)
                if rows.num_rows:
                    transaction.append(rows)
                transaction.set_properties({_property(part.run_id): json.dumps(record)})
        except (CommitFailedException, ValidationException) as error:
            message = f"someone else wrote to the table {part.spec.name} meanwhile; the same command goes on"
            raise RunError(message) from error
        known.keys.add(part.rows[part.spec.key])
        known.snapshot = known.table.metadata.current_snapshot_id

    def close(self) -> None:
        self._catalog.close()


@contextmanager
def reading(uri: str) -> Iterator[Look]:
    catalog, namespace = _catalog(uri, create=False)

    def look(name: str) -> StoredTable | None:
        if not catalog.table_exists(f"{namespace}.{name}"):
            return None
        table = catalog.load_table(f"{namespace}.{name}")
        columns = list(map(Column.of, _fields(table)))
        fields = pa.schema([(column.name, column.kind) for column in columns])
        return StoredTable(columns, (batch.cast(fields) for batch in table.scan().to_arrow_batch_reader()))

    try:
        yield look
    finally:
        catalog.close()


def _fields(table: Table) -> pa.Schema:
    fields = schema_to_pyarrow(table.schema(), include_field_ids=False)
    return pa.schema([field.with_type(_small(field.type)) for field in fields])


def _small(kind: pa.DataType) -> pa.DataType:
    """The type with offsets of 32 bits; PyIceberg gives strings and lists those of 64."""
    if pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_large_list(kind):
        return pa.list_(_small(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([inner.with_type(_small(inner.type)) for inner in kind])
    return kind


def _property(run_id: str) -> str:
    return f"notemill.delivered.{run_id}"


def _record(table: Table, run_id: str) -> dict[str, str]:
    """Split -> the first digits of its receipt's digest, of what the table holds."""
    return dict(json.loads(table.properties.get(_property(run_id), "{}")))


def _replaced(part: Part, keys: pa.Array) -> list[BooleanExpression]:
    """Which rows a part replaces: `pipelines.feed.store.condition` in Iceberg's terms.

    In two parts, for PyIceberg keeps a row with a null in any column that an expression names, even where another
    column decides.
    """
    by_key: list[BooleanExpression] = [In(part.spec.key, keys.to_pylist())] if len(keys) else []
    if not part.spec.by_split:
        return by_key
    same = And(EqualTo("run_id", part.run_id), In("split", sorted(part.receipts)))
    return [same, *(And(NotEqualTo("run_id", part.run_id), found) for found in by_key)]
