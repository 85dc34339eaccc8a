"""A look at a run: true counts, cut to the terminal, and no id of the input."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from jobs.look import look, peek
from pipelines.engines.local import LocalEngine
from pipelines.errors import RequestError
from pipelines.io.storage import Folder
from pipelines.run import execute
from tests.pipelines.toys import Count, Quiet, make_plan, notes_table, read_tables, write_notes
from transforms import schema


def ran(tmp_path: Path, output: str) -> str:
    source = write_notes(tmp_path / "in" / "notes.parquet", notes_table(25))
    plan = make_plan(source, output, Count(refuses_on="Note 7 "))
    execute(plan, LocalEngine(), Quiet(), facts={})
    return output


def printed(uri: str, width: int) -> str:
    out = io.StringIO()
    look(uri, Console(file=out, width=width, force_terminal=False))
    return out.getvalue()


def test_counts_are_those_of_the_tables(tmp_path: Path) -> None:
    uri = ran(tmp_path, str(tmp_path / "out"))
    run = peek(uri)
    tables = read_tables(uri)
    assert run.complete
    assert run.splits == 3
    assert {table.name: table.rows for table in run.tables} == {name: rows.num_rows for name, rows in tables.items()}
    notes = next(table for table in run.tables if table.name == "notes")
    assert notes.rows == 24
    assert [set(row) for row in notes.sample] == [set(schema.TABLES["notes"].names) - {"run_id"}] * 3
    assert notes.sample[0]["text"].startswith("Note 0 [IDNUM]")


def test_object_stores_are_looked_at_too(tmp_path: Path) -> None:
    local = peek(ran(tmp_path, str(tmp_path / "out")))
    remote = peek(ran(tmp_path, "memory://look-test"))
    assert [(table.name, table.rows, table.sample) for table in remote.tables] == [
        (table.name, table.rows, table.sample) for table in local.tables
    ]


def test_ids_of_the_input_are_not_shown(tmp_path: Path) -> None:
    uri = ran(tmp_path, str(tmp_path / "out"))
    crosswalk = read_tables(uri)["crosswalk"]
    text = printed(uri, 400)
    assert "crosswalk  24 rows  restricted" in text
    assert "not shown" in text
    shown = {table.name: table.sample for table in peek(uri).tables}
    assert shown["crosswalk"][0]["note_id"] in text
    words = set(text.split())
    for column in ("raw_note_id", "raw_patient_id", "raw_encounter_id"):
        assert not words.intersection(crosswalk[column].to_pylist())


def test_tags_are_not_taken_for_markup_and_lines_fit(tmp_path: Path) -> None:
    text = printed(ran(tmp_path, str(tmp_path / "out")), 60)
    assert "Note 0 [ID" in text
    assert "[IDNUM]" in printed(str(tmp_path / "out"), 400)
    assert max(len(line) for line in text.splitlines()) <= 60
    assert "…" in text


def test_a_run_that_is_not_finished_shows_its_finished_splits(tmp_path: Path) -> None:
    uri = ran(tmp_path, str(tmp_path / "out"))
    folder = Folder(uri)
    folder.remove("_run.json")
    folder.remove(f"_ledger/{sorted(folder.sizes('_ledger'))[-1]}")
    run = peek(uri)
    assert not run.complete
    assert run.splits == 2
    assert next(table.rows for table in run.tables if table.name == "notes") == 19
    assert "not finished: 2 splits" in printed(uri, 80)


def test_no_run_there(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="holds no run"):
        peek(str(tmp_path))
