"""What a warehouse must be able to do to be fed, and what it is handed.

Exactly once rests on two things. What is delivered is recorded in the warehouse itself: for each table which splits it
holds, and by which receipt. And a delivery *replaces*: rows with the keys that are delivered go before the new ones
come, so to deliver once more adds nothing twice.

A store that has transactions over all tables (DuckDB, PostgreSQL) does both in one. One that commits each table by
itself (Delta, Iceberg) puts the record of a table into the commit of that table. One without transactions (Parquet,
ClickHouse) takes the old rows out, puts the new ones in, and records that last: killed between two steps, a reader may
miss rows until the feed goes on, but never sees one twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol

import pyarrow as pa

RECORD: Final = "_notemill_feed"
"""Table or folder where a store keeps what was delivered, if not in its own commits."""


@dataclass(frozen=True)
class TableSpec:
    """A table of the warehouse.

    Attributes:
        fields: its columns. A store makes those not nullable `not null`, and keeps to `length_of` where its text can.
        key: the column by which rows are replaced: rows of a note that comes again go.
        reads: tables of the run that it is made of; a split without one of them has nothing for it.
        by_split: rows belong to a split of a run, not to a key alone: within a run, those of a split that is delivered
            again are replaced, and by key those of other runs. The table has a column `split`.
    """

    name: str
    fields: pa.Schema
    key: str
    reads: tuple[str, ...]
    by_split: bool = False


@dataclass(frozen=True)
class Part:
    """Rows of one table, of one split or more.

    Attributes:
        rows: with the columns `spec.fields`.
        keys: whose rows are replaced, each once and none null: keys that have no row any more too.
        receipts: split -> digest of its receipt, to be recorded with the rows.
    """

    spec: TableSpec
    run_id: str
    rows: pa.Table
    keys: pa.Array
    receipts: Mapping[str, str]


class Store(Protocol):
    """A warehouse, opened. Whoever opens it is the only one who feeds it until it is closed, or commits conflict.

    Attributes:
        errors: what its library raises when it cannot be reached or refuses. Until rows are delivered its message is
            shown; afterwards it may quote a row.
        remarks: what a person should know of what was delivered.
    """

    errors: ClassVar[tuple[type[Exception], ...]]
    remarks: Sequence[str]

    def prepare(self, tables: Sequence[TableSpec]) -> None:
        """Makes tables that do not exist, and adds columns to those that lack some. Existing rows get nulls there.

        Raises:
            RequestError: a column exists with another type.
        """
        ...

    def delivered(self, table: str, run_id: str, receipts: Mapping[str, str]) -> set[str]:
        """Which of these splits of a run the table holds, as of these receipts.

        Args:
            receipts: split -> digest of its receipt.
        """
        ...

    def holds_rows(self, table: str) -> bool:
        """Whether a table that was prepared has any row, whoever put it there."""
        ...

    def deliver(self, parts: Sequence[Part]) -> None:
        """Replaces rows and records it; see the module's docstring. Parts are of different tables.

        Raises:
            RunError: someone else has written to the table meanwhile; nothing of this table was written.
        """
        ...

    def close(self) -> None:
        """Lets go of the warehouse."""
        ...


@dataclass(frozen=True)
class Column:
    """A column as a warehouse declares it.

    Attributes:
        kind: as Arrow calls its type; None for one that no table of ours has.
        told: the warehouse's own name of the type.
        length: characters that text may have; None where none is declared.
        has_length: whether the warehouse could declare one.
    """

    name: str
    kind: pa.DataType | None
    told: str
    nullable: bool = True
    length: int | None = None
    has_length: bool = False

    @staticmethod
    def of(field: pa.Field) -> Column:
        """The column of a warehouse that declares by Arrow."""
        return Column(field.name, field.type, str(field.type), field.nullable, length_of(field))


@dataclass(frozen=True)
class StoredTable:
    """A table as it lies in a warehouse; its rows are read once."""

    columns: Sequence[Column]
    batches: Iterator[pa.RecordBatch]


Look = Callable[[str], StoredTable | None]
"""Gives the table of a name, or None where there is none."""

BATCH_ROWS: Final = 50_000
"""Rows of a batch where a warehouse lets choose."""


def condition(part: Part, keys: str, quote: str = '"') -> str:
    """Which rows a part replaces, in SQL.

    Args:
        keys: what stands in the brackets of `key in (...)`: a query, or literals.
        quote: what stands round the names of columns.
    """
    key = f"{quote}{part.spec.key}{quote} in ({keys})"
    if not part.spec.by_split:
        return key
    run, splits = literal(part.run_id), ", ".join(map(literal, sorted(part.receipts)))
    return f"(run_id = {run} and split in ({splits})) or (run_id <> {run} and {key})"


def literal(value: object) -> str:
    """A key as a literal of standard SQL: a string, or a whole number."""
    return str(int(value)) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


_LENGTH: Final = b"length"


def with_length(field: pa.Field, characters: int) -> pa.Field:
    """A column of text that holds so many characters at most."""
    return field.with_metadata({_LENGTH: str(characters).encode()})


def length_of(field: pa.Field) -> int | None:
    """How many characters a column of text may hold; None for any number."""
    return int(field.metadata[_LENGTH]) if field.metadata and _LENGTH in field.metadata else None


def conform(rows: pa.Table, fields: pa.Schema) -> pa.Table:
    """The rows in the columns of a table that may have more: what is not there is null."""
    columns = [
        rows[field.name].cast(field.type) if field.name in rows.column_names else pa.nulls(rows.num_rows, field.type)
        for field in fields
    ]
    return pa.table(columns, schema=fields)
