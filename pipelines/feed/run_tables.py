"""What a run has to feed: its finished splits, their tables, and the digest of each receipt."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.errors import RequestError
from pipelines.io.ledger import Ledger, Receipt, part_name
from pipelines.io.storage import Folder, open_filesystem
from transforms import schema

_READMISSION: Final = "readmission"
"""The table that is made of all splits at once, when the run is complete. Each of its files is fed as a split is."""


@dataclass(frozen=True)
class Unit:
    """A split that is finished, or a file of `readmission`.

    Attributes:
        receipt: SHA-256 of its receipt; of `readmission`, of all receipts.
        sizes: table -> bytes of its part file.
        finished: when it was (seconds since the epoch).
    """

    id: str
    receipt: str
    sizes: Mapping[str, int]
    finished: float


class RunTables:
    """The output of a run, to be fed.

    Attributes:
        run_id: the run's.
        version: of the Notemill that made it.
        complete: whether every split is there, every row accounted for.
        units: the finished splits in the order of their ids; last, of a complete run, `readmission`.
        tables: the tables that the run has, in the order of `schema.TABLES`.
        receipts: those of the finished splits, by their ids.

    Raises:
        RequestError: no run wrote there; or the run is not complete, and that was not asked for.
    """

    def __init__(self, uri: str, *, partial: bool = False) -> None:
        self._folder = Folder(uri)
        ledger = Ledger(self._folder)
        plan = ledger.plan()
        if plan is None:
            raise RequestError(f"{uri} holds no run: give the --output of notemill run")
        self.run_id: str = plan["run_id"]
        self.version: str = plan["version"]
        receipts = {split: receipt for split, receipt in ledger.receipts().items() if receipt.balanced}
        self.receipts: Mapping[str, Receipt] = receipts
        manifest = ledger.manifest()
        lacking = _lacking(manifest, receipts) or (self._lacking_admissions(manifest) if manifest else "")
        self.complete = not lacking
        if lacking and not partial:
            raise RequestError(
                f"the run at {uri} is not complete: {lacking}; the same notemill run goes on with it, "
                "and --partial feeds the splits that are finished"
            )
        self.units = self._units(receipts)
        named = {table for unit in self.units for table in unit.sizes} | set((manifest or {}).get("tables", ()))
        self.tables = tuple(name for name in schema.TABLES if name in named)

    @cached_property
    def _admissions(self) -> dict[str, int]:
        """The files of `readmission` with their bytes."""
        sizes = self._folder.sizes(_READMISSION)
        return {name: size for name, size in sorted(sizes.items()) if name.startswith("part-encounters")}

    def _lacking_admissions(self, manifest: Mapping[str, Any]) -> str:
        fs, _ = open_filesystem(self._folder.uri)
        rows = 0
        for name in self._admissions:
            with fs.open(self._folder.path(f"{_READMISSION}/{name}"), "rb") as handle:
                rows += pq.read_metadata(handle).num_rows
        wanted = manifest["tables"].get(_READMISSION, 0)
        return f"{_READMISSION} has {rows:,} of {wanted:,} rows" if rows != wanted else ""

    def _units(self, receipts: Mapping[str, Receipt]) -> tuple[Unit, ...]:
        units = [
            Unit(
                split,
                _digest(receipt.to_json()),
                {name: facts["bytes"] for name, facts in receipt.tables.items()},
                receipt.finished,
            )
            for split, receipt in sorted(receipts.items())
        ]
        finished = max((unit.finished for unit in units), default=0.0)
        every = "".join(unit.receipt for unit in units)
        for name, size in self._admissions.items() if self.complete else ():
            split = name.removeprefix("part-").removesuffix(".parquet")
            units.append(Unit(split, _digest(every), {_READMISSION: size}, finished))
        return tuple(units)

    @property
    def uri(self) -> str:
        """Where the run lies."""
        return self._folder.uri

    @property
    def is_local(self) -> bool:
        return self._folder.is_local

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """The content of `_run.json`; empty where the run is not complete."""
        return Ledger(self._folder).manifest() or {}

    def files(self, table: str) -> list[str]:
        """The paths, within the run's file system, of a table's files of all units; not those of older attempts."""
        return [self._folder.path(f"{table}/{part_name(unit.id)}") for unit in self.units if table in unit.sizes]

    def open(self, unit: Unit) -> UnitTables:
        """The unit's tables, read when they are asked for."""
        return UnitTables(self._folder, unit)


@dataclass(frozen=True)
class UnitTables:
    """The tables of a unit. Each is read once."""

    folder: Folder
    unit: Unit

    @cached_property
    def _read(self) -> dict[str, pa.Table]:
        return {}

    def table(self, name: str) -> pa.Table:
        """A table, with the types of `schema.TABLES`; a column that an older Notemill did not write is null.

        Raises:
            RequestError: the file has a column that this Notemill does not know.
            RunError: the file has gone.
        """
        if name not in self._read:
            data = self.folder.get(f"{name}/{part_name(self.unit.id)}")
            if data is None:
                raise FileNotFoundError(
                    f"{name} of split {self.unit.id} has gone from the run since its receipt was read"
                )
            self._read[name] = _typed(pq.read_table(pa.BufferReader(data)), name)
        return self._read[name]

    @cached_property
    def note_ids(self) -> pa.Array:
        """The ids of the split's notes, rejected ones too; without those that had no id."""
        rejects = self.table("rejects")
        named = pc.invert(pc.is_in(rejects["error"], pa.array(["EmptyNoteId", "NullNoteId"])))
        chunks = [*self.table("notes")["note_id"].chunks, *rejects["note_id"].filter(named).chunks]
        return pa.chunked_array(chunks, pa.string()).unique().drop_null()


def _typed(rows: pa.Table, name: str) -> pa.Table:
    fields = schema.TABLES[name]
    if unknown := sorted(set(rows.column_names) - set(fields.names)):
        raise RequestError(f"{name} of this run has columns that this Notemill does not know: {', '.join(unknown)}")
    for field in fields:
        if field.name not in rows.column_names:
            rows = rows.append_column(field, pa.nulls(rows.num_rows, field.type))
    return rows.select(fields.names).cast(fields)


def _lacking(manifest: Mapping[str, Any] | None, receipts: Mapping[str, Receipt]) -> str:
    """What a run lacks to be complete; nothing when it is."""
    if manifest is None:
        return "it has no _run.json"
    if manifest["rows_read"] != manifest["rows_written"] + manifest["rows_rejected"]:
        return "rows are unaccounted for"
    if manifest["splits"] != len(receipts):
        return f"{len(receipts):,} of {manifest['splits']:,} splits have a receipt and all their files"
    return ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
