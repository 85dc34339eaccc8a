"""Deliver what a warehouse does not hold yet.

The splits that a table lacks are told by its own record, compared with the run's ledger: a split is delivered when its
receipt is recorded there. Several splits go into a delivery, so that warehouses get files of a size that they like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import RequestError
from pipelines.feed.mapping import Mapping as TableMapping
from pipelines.feed.run_tables import RunTables, Unit, UnitTables
from pipelines.feed.store import Part, Store, TableSpec
from pipelines.feed.targets import first_line

BATCH_BYTES: Final = 64 << 20  # of part files (compressed) in a delivery
BATCH_SPLITS: Final = 500


@dataclass
class Fed:
    """What a feed did.

    Attributes:
        rows: table -> rows delivered now.
        splits: delivered now, to one table at least; `before` were held by every table already.
        remarks: what mapping and store have to say of it.
    """

    run_id: str
    complete: bool
    rows: dict[str, int]
    splits: int = 0
    before: int = 0
    remarks: list[str] = field(default_factory=list)


def feed(
    run: RunTables,
    mapping: TableMapping,
    store: Store,
    advance: Callable[[int, int], None] = lambda _done, _all: None,
    batch_bytes: int = BATCH_BYTES,
) -> Fed:
    """Delivers every split that the store's tables lack. Killed at any point, it is called again.

    Args:
        advance: told how many splits are delivered, of how many, after each delivery.
        batch_bytes: part files (bytes) that a delivery may hold; a split is never parted.

    Raises:
        RequestError: a table was asked for that the run does not have, or one of the warehouse does not fit it.
        RunError: someone else wrote to the warehouse meanwhile. What is delivered stays.
    """
    specs = mapping.tables(run.tables)
    try:
        store.prepare(specs)
        mapping.begin(store, specs)
        receipts = {unit.id: unit.receipt for unit in run.units}
        held = {spec.name: store.delivered(spec.name, run.run_id, receipts) for spec in specs}
    except RequestError:
        raise
    except store.errors as error:
        raise RequestError(f"the target refuses: {first_line(error)}") from error
    concerned = [(unit, tuple(spec for spec in specs if _has(unit, spec))) for unit in run.units]
    lacking = [
        (unit, tuple(spec for spec in tables if unit.id not in held[spec.name])) for unit, tables in concerned if tables
    ]
    pending = [(unit, tables) for unit, tables in lacking if tables]
    nothing = dict.fromkeys((spec.name for spec in specs), 0)
    fed = Fed(run.run_id, run.complete, nothing, before=len(lacking) - len(pending))
    advance(0, len(pending))
    for batch in _batches(pending, batch_bytes):
        opened = [(run.open(unit), tables) for unit, tables in batch]
        parts = [part for spec in specs if (part := _part(run.run_id, mapping, spec, opened)) is not None]
        mapping.settle()
        store.deliver(parts)
        for part in parts:
            fed.rows[part.spec.name] += part.rows.num_rows
        fed.splits += len(batch)
        advance(fed.splits, len(pending))
    fed.remarks.extend([*mapping.remarks, *store.remarks])
    return fed


def _has(unit: Unit, spec: TableSpec) -> bool:
    return all(name in unit.sizes for name in spec.reads)


_Pending = tuple[Unit, tuple[TableSpec, ...]]


def _batches(pending: Sequence[_Pending], most: int) -> Iterator[list[_Pending]]:
    batch: list[_Pending] = []
    size = 0
    for unit, tables in pending:
        more = sum(unit.sizes[name] for name in {name for spec in tables for name in spec.reads})
        if batch and (size + more > most or len(batch) == BATCH_SPLITS):
            yield batch
            batch, size = [], 0
        batch.append((unit, tables))
        size += more
    if batch:
        yield batch


def _part(
    run_id: str,
    mapping: TableMapping,
    spec: TableSpec,
    opened: Sequence[tuple[UnitTables, tuple[TableSpec, ...]]],
) -> Part | None:
    """What a delivery holds for a table. A key that stands in several splits is the same note: the last one stands."""
    units = [unit for unit, tables in opened if spec in tables]
    if not units:
        return None
    rows = [mapping.rows(spec, unit) for unit in units]
    spoken = [mapping.keys(spec, unit) for unit in units]
    keys = pa.concat_arrays(spoken).unique()
    if not spec.by_split and len(keys) < sum(map(len, spoken)):
        later = keys.slice(0, 0)
        for i in reversed(range(len(rows))):
            rows[i] = rows[i].filter(pc.invert(pc.is_in(rows[i][spec.key], later)))
            later = pa.concat_arrays([later, spoken[i]])
    return Part(spec, run_id, pa.concat_tables(rows), keys, {unit.unit.id: unit.unit.receipt for unit in units})
