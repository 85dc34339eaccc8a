"""Every warehouse: each row of a run once, whatever was killed, replaced or added since."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.errors import RequestError
from pipelines.feed.feeding import Fed, feed
from pipelines.feed.mapping import PlainTables
from pipelines.feed.run_tables import RunTables
from pipelines.feed.targets import open_store
from pipelines.io.storage import Folder
from tests.pipelines.feed.killing import EVERYTHING, feed_apart
from tests.pipelines.feed.runs import expected, make_run
from tests.pipelines.feed.warehouses import WAREHOUSES, Warehouse
from tests.pipelines.toys import notes_table
from transforms import schema

NOTES = 60


@pytest.fixture(scope="module")
def notes() -> pa.Table:
    """Notes with every kind of trouble: rejected, without an id, of one patient, with quotes in their text."""
    table = notes_table(
        NOTES, note_time=pa.array([1_600_000_000_000_000 + i for i in range(NOTES)], pa.timestamp("us"))
    )
    columns = table.to_pydict()
    for i in (3, 17, 44):
        columns["text"][i] += " REFUSED"
    columns["note_id"][9] = None
    columns["note_id"][31] = ""
    columns["note_id"][52] = ""
    columns["text"][20] += " it's a \"quoted\" 'note' \\ with $ { } ? and é 漢"
    return pa.table(columns, schema=table.schema)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, notes: pa.Table) -> str:
    folder = tmp_path_factory.mktemp("run")
    return make_run(folder / "out", folder / "in.parquet", notes)


@pytest.fixture(params=WAREHOUSES)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    made: Warehouse = WAREHOUSES[request.param](tmp_path)
    return made


def fed(run: str, warehouse: Warehouse, *tables: str, partial: bool = False) -> Fed:
    store = open_store(warehouse.uri)
    try:
        return feed(RunTables(run, partial=partial), PlainTables(tables or None), store, batch_bytes=60_000)
    finally:
        store.close()


def content(warehouse: Warehouse) -> dict[str, Counter[str]]:
    return {table: warehouse.rows(table) for table in warehouse.tables()}


def test_every_row_once_and_nothing_the_second_time(run: str, warehouse: Warehouse) -> None:
    rows = expected(run)
    first = fed(run, warehouse, *EVERYTHING)
    assert content(warehouse) == rows
    assert first.rows == {table: rows[table].total() for table in EVERYTHING}
    assert all(first.rows.values())
    assert first.splits == 13  # and among them the table of encounters
    again = fed(run, warehouse, *EVERYTHING)
    assert set(again.rows.values()) == {0}
    assert (again.splits, again.before) == (0, 13)
    assert content(warehouse) == rows


def test_restricted_tables_only_when_named(run: str, warehouse: Warehouse) -> None:
    fed(run, warehouse)
    assert warehouse.tables() == {*EVERYTHING} - {"phi", "crosswalk"}
    later = fed(run, warehouse, "notes", "crosswalk")
    assert later.rows == {"notes": 0, "crosswalk": expected(run)["crosswalk"].total()}
    assert warehouse.rows("crosswalk") == expected(run)["crosswalk"]


@pytest.mark.timeout(900)  # a dozen processes, which a busy machine starts slowly
def test_killed_at_any_step(run: str, warehouse: Warehouse, tmp_path: Path) -> None:
    """Again and again into the same warehouse; it gets further each time, or begins the same delivery anew."""
    steps = feed_apart(run, type(warehouse)(_new(tmp_path / "whole")).uri)
    rng = random.Random(7)
    for point in sorted([1, *rng.sample(range(2, steps // 2), 5)]):
        feed_apart(run, warehouse.uri, dies_at=point)
        _no_row_twice(run, warehouse)
    feed_apart(run, warehouse.uri, dies_after=rng.uniform(0.05, 1.0))
    _no_row_twice(run, warehouse)
    feed_apart(run, warehouse.uri)
    assert content(warehouse) == expected(run)
    assert feed_apart(run, warehouse.uri) < steps  # nothing was left to do


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _no_row_twice(run: str, warehouse: Warehouse) -> None:
    rows = expected(run)
    try:
        found = content(warehouse)
    except Exception:  # noqa: BLE001 - killed so early that there is nothing to read
        return
    for table, there in found.items():
        assert not there - rows[table], table


@pytest.fixture
def amended(tmp_path: Path, notes: pa.Table) -> str:
    """The next night: some notes are gone from the export, some have changed, some are new; another configuration."""
    columns = notes.to_pydict()
    columns["text"][5] = "Note 5 rewritten"  # has no entity any more
    columns["text"][3] = columns["text"][3].replace(" REFUSED", "")
    columns["text"][8] += " REFUSED"
    late = notes_table(12, seed=1, note_time=pa.nulls(12, pa.timestamp("us")))
    late = late.set_column(0, "note_id", pa.array([f"late{i}" for i in range(12)]))
    late = late.set_column(2, "encounter_id", pa.array([f"late-e{i // 2}" for i in range(12)]))
    table = pa.concat_tables([pa.table(columns, schema=notes.schema).slice(0, 25), late])
    return make_run(tmp_path / "amended", tmp_path / "amended.parquet", table, version=2, split_rows=7)


def merged(first: str, second: str) -> dict[str, Counter[str]]:
    """What must be there: rows of the first run whose key the second does not have, and those of the second."""
    before, after = expected(first), expected(second)
    ids = {json.loads(row)["note_id"] for row in (*after["notes"], *after["rejects"])}
    encounters = {json.loads(row)["encounter_id"] for row in after["readmission"]}
    result = {}
    for table in EVERYTHING:
        key, gone = ("encounter_id", encounters) if table == "readmission" else ("note_id", ids)
        kept = Counter(
            {
                row: n
                for row, n in before[table].items()
                if json.loads(row)[key] not in gone or json.loads(row).get("error") in ("NullNoteId", "EmptyNoteId")
            }
        )
        result[table] = kept + after[table]
    return result


def test_late_and_replaced_notes_are_merged(run: str, amended: str, warehouse: Warehouse) -> None:
    fed(run, warehouse, *EVERYTHING)
    fed(amended, warehouse, *EVERYTHING)
    found = content(warehouse)
    wanted = merged(run, amended)
    for table in EVERYTHING:
        assert found[table] == wanted[table], table
    assert found["notes"] != expected(run)["notes"] + expected(amended)["notes"]


@pytest.mark.timeout(900)  # a dozen processes, which a busy machine starts slowly
def test_killed_while_notes_are_replaced(run: str, amended: str, tmp_path: Path, warehouse: Warehouse) -> None:
    fed(run, warehouse, *EVERYTHING)
    other = type(warehouse)(_new(tmp_path / "whole"))
    fed(run, other, *EVERYTHING)
    steps = feed_apart(amended, other.uri)
    for point in sorted(random.Random(3).sample(range(2, steps), 3)):
        feed_apart(amended, warehouse.uri, dies_at=point)
    feed_apart(amended, warehouse.uri)
    assert content(warehouse) == content(other) == merged(run, amended)


def test_a_split_that_was_done_again_is_replaced(tmp_path: Path, notes: pa.Table, warehouse: Warehouse) -> None:
    """The same run, from the start: receipts are others, rows the same."""
    first = make_run(tmp_path / "first", tmp_path / "in.parquet", notes)
    again = make_run(tmp_path / "again", tmp_path / "in.parquet", notes)
    fed(first, warehouse, *EVERYTHING)
    repeated = fed(again, warehouse, *EVERYTHING)
    assert repeated.splits == 13
    assert content(warehouse) == expected(first)


def test_an_unfinished_run_in_two_goes(tmp_path: Path, notes: pa.Table, warehouse: Warehouse) -> None:
    whole = make_run(tmp_path / "out", tmp_path / "in.parquet", notes)
    folder = Folder(whole)
    kept = {name: folder.get(name) for name in ("_run.json", *(f"_ledger/{split}" for split in ledger(folder)[-4:]))}
    for name in kept:
        folder.remove(name)
    with pytest.raises(RequestError, match=r"is not complete: it has no _run\.json"):
        fed(whole, warehouse)
    part = fed(whole, warehouse, partial=True)
    assert (part.complete, part.splits, part.rows["notes"]) == (False, 8, warehouse.rows("notes").total())
    assert "readmission" not in warehouse.tables()
    for name, data in kept.items():
        assert data is not None
        folder.put(name, data)
    rest = fed(whole, warehouse)
    assert (rest.splits, rest.before) == (5, 8)
    assert content(warehouse) == {table: rows for table, rows in expected(whole).items() if table in rest.rows}


def ledger(folder: Folder) -> list[str]:
    return sorted(folder.sizes("_ledger"))


def test_a_note_id_in_two_splits_is_one_note(tmp_path: Path, warehouse: Warehouse) -> None:
    table = notes_table(20)
    ids = table["note_id"].to_pylist()
    ids[13] = ids[2]
    run = make_run(tmp_path / "out", tmp_path / "in.parquet", table.set_column(0, "note_id", pa.array(ids)))
    fed(run, warehouse)
    found = warehouse.rows("notes")
    assert found.total() == 19
    assert sum("Note 13 " in row for row in found) == 1
    assert sum("Note 2 " in row for row in found) == 0


def test_an_empty_run_gives_empty_tables(tmp_path: Path, warehouse: Warehouse) -> None:
    run = make_run(tmp_path / "out", tmp_path / "in.parquet", notes_table(0))
    done = fed(run, warehouse)
    assert set(done.rows.values()) == {0}
    assert {"notes", "entities", "rejects"} <= warehouse.tables()
    assert all(not warehouse.rows(table) for table in warehouse.tables())


def older(monkeypatch: pytest.MonkeyPatch, **lacking: str) -> None:
    """Makes this a Notemill whose tables lack a column each."""
    for table, column in lacking.items():
        fields = schema.TABLES[table]
        monkeypatch.setitem(schema.TABLES, table, fields.remove(fields.get_field_index(column)))
    monkeypatch.setattr("pipelines.feed.run_tables._typed", lambda rows, name: rows.select(schema.TABLES[name].names))


def test_columns_of_a_newer_version_are_added(run: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fed by a Notemill whose entities and codes had fewer columns; then by this one."""
    older(monkeypatch, entities="experiencer", codes="evidence", notes="note_time")
    fed(run, warehouse, "notes", "entities", "codes")
    monkeypatch.undo()
    assert not any("experiencer" in row for row in warehouse.rows("entities"))
    later = fed(run, warehouse)
    assert later.rows["entities"] == 0
    assert all('"experiencer": null' in row for row in warehouse.rows("entities"))
    assert warehouse.rows("entities").total() == expected(run)["entities"].total()


def test_after_columns_were_added_new_rows_fill_them(
    run: str, amended: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    older(monkeypatch, codes="evidence")
    fed(run, warehouse, "codes")
    monkeypatch.undo()
    fed(amended, warehouse, "codes")
    found = warehouse.rows("codes")
    assert not expected(amended)["codes"] - found
    assert all('"evidence": []' in row for row in found - expected(amended)["codes"])
    assert len(found) > len(expected(amended)["codes"])


def test_a_column_of_another_type_is_refused(run: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    fed(run, warehouse, "notes")
    fields = schema.TABLES["notes"]
    other = fields.set(fields.get_field_index("text_length"), pa.field("text_length", pa.string()))
    monkeypatch.setitem(schema.TABLES, "notes", other)
    before = warehouse.rows("notes")
    with pytest.raises(RequestError, match="text_length of table notes"):
        fed(run, warehouse, "notes")
    monkeypatch.undo()
    assert warehouse.rows("notes") == before
