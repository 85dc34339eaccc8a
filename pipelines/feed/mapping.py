"""Which tables a feed delivers, and how their rows are made of a run's tables.

A mapping stands in front of any store: the plain one delivers the run's tables as they are; one for a common data
model makes other tables of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import pyarrow as pa

from pipelines.errors import RequestError
from pipelines.feed.run_tables import UnitTables
from pipelines.feed.store import Store, TableSpec
from transforms import schema

_KEYS: Final = {"readmission": "encounter_id"}  # of all others the note


class Mapping(Protocol):
    """Makes the warehouse's tables of a run's.

    Attributes:
        remarks: what a person should know of what became of the rows.
    """

    @property
    def remarks(self) -> Sequence[str]: ...

    def tables(self, present: Sequence[str]) -> tuple[TableSpec, ...]:
        """The tables to deliver.

        Args:
            present: tables that the run has.

        Raises:
            RequestError: a table was asked for that the run does not have.
        """
        ...

    def begin(self, store: Store, specs: Sequence[TableSpec]) -> None:
        """Looks at the store once its tables are there, and nothing is delivered yet.

        Raises:
            RequestError: what the tables hold does not go with what would be delivered.
        """
        ...

    def settle(self) -> None:
        """Called when rows are made and not yet delivered, to keep for good what they rest on."""
        ...

    def rows(self, spec: TableSpec, unit: UnitTables) -> pa.Table:
        """A split's rows of a table, with the columns `spec.fields`."""
        ...

    def keys(self, spec: TableSpec, unit: UnitTables) -> pa.Array:
        """The keys that a split speaks for, each once: their former rows are replaced, even by none."""
        ...


def choose(specs: Sequence[TableSpec], present: Sequence[str], chosen: Sequence[str] | None) -> tuple[TableSpec, ...]:
    """Of a model's tables those to deliver.

    Args:
        present: tables that the run has.
        chosen: tables of the model; None for all that the run has what they are made of.

    Raises:
        RequestError: a table was asked for that the model or the run does not have.
    """
    there = {spec.name: spec for spec in specs if set(spec.reads) <= set(present)}
    names = list(there) if chosen is None else list(dict.fromkeys(chosen))
    known = [spec.name for spec in specs]
    if unknown := [name for name in names if name not in known]:
        raise RequestError(f"unknown table {', '.join(unknown)}; there are {', '.join(known)}")
    if lacking := [name for name in names if name not in there]:
        raise RequestError(f"the run has not what {', '.join(lacking)} is made of; it has {', '.join(present)}")
    return tuple(there[name] for name in names)


class PlainTables:
    """The run's tables as they are. The restricted ones only where they are named.

    Args:
        chosen: tables to deliver; None for all that are not restricted.
    """

    remarks: Sequence[str] = ()

    def __init__(self, chosen: Sequence[str] | None = None) -> None:
        self._chosen = chosen

    def tables(self, present: Sequence[str]) -> tuple[TableSpec, ...]:
        chosen = [name for name in present if name not in schema.RESTRICTED] if self._chosen is None else self._chosen
        if unknown := [name for name in chosen if name not in schema.TABLES]:
            raise RequestError(f"unknown table {', '.join(unknown)}; there are {', '.join(schema.TABLES)}")
        if lacking := [name for name in chosen if name not in present]:
            raise RequestError(f"the run has no table {', '.join(lacking)}; it has {', '.join(present)}")
        return tuple(
            TableSpec(name, schema.TABLES[name], _KEYS.get(name, "note_id"), reads=(name,), by_split=name == "rejects")
            for name in dict.fromkeys(chosen)
        )

    def begin(self, store: Store, specs: Sequence[TableSpec]) -> None:
        """Any rows go with these."""

    def settle(self) -> None:
        """Rows rest on nothing else."""

    def rows(self, spec: TableSpec, unit: UnitTables) -> pa.Table:
        return unit.table(spec.name)

    def keys(self, spec: TableSpec, unit: UnitTables) -> pa.Array:
        return unit.note_ids if spec.key == "note_id" else unit.table(spec.name)[spec.key].unique().drop_null()
