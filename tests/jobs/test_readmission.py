"""Readmission as a job asks for it: modes, what they need of the input, what is told of the notes that are left out."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from jobs.config import load
from jobs.summary import print_summary
from pipelines.errors import RequestError
from tests.jobs.conftest import Run
from tests.pipelines.toys import read_tables
from transforms.readmission import chunk_spans

QUICK = ("--engine", "local", "--stages", "validate,deidentify,sections,clinical_bert", "--set", "ids=keep")
HEADS = ("--set", "model.heads=['readmission']", "--set", "deidentify.tagger=false")
ADMITTED = dt.datetime(2019, 4, 2, 9, 0)


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stays: notes at 2, 20, 30 and 60 hours, the last one the discharge summary; one note has no time."""
    rows: list[dict[str, Any]] = []
    for encounter in ("e1", "e2"):
        for hours in (2, 20, 30, 60, None):
            rows.append(
                {
                    "note_id": f"{encounter}-{hours}",
                    "patient_id": f"p-{encounter}",
                    "encounter_id": encounter,
                    "note_type": "Discharge summary" if hours == 60 else "Progress note",
                    "note_time": None if hours is None else ADMITTED + dt.timedelta(hours=hours),
                    "text": f"Patient is stable after {encounter} . " + "Denies pain and fever today. " * (hours or 9),
                }
            )
    path = tmp_path_factory.mktemp("stays") / "notes.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def with_admissions(notes: Path, folder: Path) -> Path:
    """As the README joins a table of admissions."""
    admissions = folder / "admissions.csv"
    admissions.write_text(f"hadm_id,admittime\ne1,{ADMITTED}\ne2,{ADMITTED - dt.timedelta(hours=10)}\n")
    joined = folder / "joined.parquet"
    duckdb.sql(
        f"copy (select n.*, a.admittime as admit_time from '{notes}' n left join '{admissions}' a "
        f"on n.encounter_id = a.hadm_id) to '{joined}' (format parquet)"
    )
    return joined


@pytest.mark.parametrize(
    ("settings", "used", "left_out"),
    [
        (("mode=all",), {"e1": 5, "e2": 5}, {}),
        (("mode=discharge",), {"e1": 1, "e2": 1}, {"note_type": 8}),
        (("mode=24h",), {"e1": 2, "e2": 1}, {"later": 5, "no_note_time": 2}),
        (("mode=72h",), {"e1": 4, "e2": 4}, {"no_note_time": 2}),
        (("mode=24h", "admit=first-note"), {"e1": 2, "e2": 2}, {"later": 4, "no_note_time": 2}),
    ],
)
def test_modes(
    notemill: Run,
    notes: Path,
    tmp_path: Path,
    settings: tuple[str, ...],
    used: dict[str, int],
    left_out: dict[str, int],
) -> None:
    chosen = [part for setting in settings for part in ("--set", f"readmission.{setting}")]
    path = with_admissions(notes, tmp_path) if settings == ("mode=24h",) or "72h" in settings[0] else notes
    status, out, err = notemill(
        "run", "--input", str(path), "--output", str(tmp_path / "out"), "--json", *QUICK, *HEADS, *chosen
    )
    assert status == 0, err
    manifest = json.loads(out)
    assert manifest["readmission"]["left_out"] == left_out
    assert manifest["readmission"]["notes"] == sum(used.values()) == 10 - sum(left_out.values())
    console = Console(record=True, width=200, file=io.StringIO())
    print_summary(console, manifest, "out", 0)
    said = console.export_text()
    assert f"admissions scored (mode {settings[0].removeprefix('mode=')})" in said
    assert all(f"notes left out: {reason}" in said for reason in left_out)
    tables = read_tables(tmp_path / "out")
    assert {row["encounter_id"]: row["n_notes"] for row in tables["readmission"].to_pylist()} == used
    texts = {row["note_id"]: row["text"] for row in tables["notes"].to_pylist()}
    assert len(texts) == 10
    chunks: dict[str, int] = defaultdict(int)
    for row in tables["readmission"].to_pylist():
        for chunk in row["top_chunks"]:
            assert (chunk["start"], chunk["end"]) in chunk_spans(texts[chunk["note_id"]])
            chunks[chunk["note_id"]] += 1
    if settings == ("mode=discharge",):
        assert chunks == {"e1-60": 1, "e2-60": 1}
    # No time of the input is under the output: neither raw nor on a clock that could be set.
    kept = pa.concat_tables([pq.read_table(part) for part in (tmp_path / "out" / "_chunks").iterdir()])
    moments = [m for name in ("written", "admitted") for m in kept[name].to_pylist() if m is not None]
    real = (ADMITTED - dt.datetime(1, 1, 1)).total_seconds()
    assert all(abs(moment - real) > 10**9 for moment in moments)
    assert bool(moments) == settings[0].endswith(("24h", "72h"))


@pytest.mark.parametrize(
    ("settings", "dropped", "message"),
    [
        (["readmission.mode=24h"], "", r"no column admit_time.*readmission\.admit = \"first-note\""),
        (["readmission.mode=24h", "readmission.admit=first-note"], "note_time", "no column note_time for note_time"),
        (["readmission.mode=discharge"], "note_type", "no column note_type for note_type"),
        (["readmission.mode=discharge"], "encounter_id", "no column encounter_id for encounter_id"),
    ],
)
def test_what_a_mode_needs_must_be_there(
    notemill: Run, notes: Path, tmp_path: Path, settings: list[str], dropped: str, message: str
) -> None:
    table = pq.read_table(notes)
    pq.write_table(table.drop([dropped] if dropped else []), tmp_path / "in.parquet")
    options = [part for setting in settings for part in ("--set", setting)]
    status, _, err = notemill("run", "--input", str(tmp_path / "in.parquet"), "--output", str(tmp_path / "o"), *options)
    assert status == 2
    assert re.search(message, err), err
    assert not (tmp_path / "o").exists()


def test_modes_that_are_none_are_refused() -> None:
    needed = {"input": "in", "output": "out"}
    with pytest.raises(RequestError, match=r'readmission: mode is \'early\'; it must be "all", "discharge", or hours'):
        load(None, ["readmission.mode=early"], needed)
    with pytest.raises(RequestError, match=r"readmission\.admit"):
        load(None, ["readmission.admit=guess"], needed)


def test_an_admission_time_is_read_only_where_it_is_needed() -> None:
    needed = {"input": "in", "output": "out"}
    assert load(None, ["columns.admit_time=ADM"], needed).column_map().admit_time == ()
    early = load(None, ["columns.admit_time=ADM", "readmission.mode=48h"], needed).column_map()
    assert early.admit_time == ("ADM",)
    assert {"admit_time", "note_time", "encounter_id"} <= set(early.demanded)
    without = load(None, ["readmission.mode=48h", "model.heads=['ner']"], needed).column_map()
    assert "admit_time" not in without.demanded
    for preset, column in (("mimic-iv-note", "admittime"), ("mimic-iii", "ADMITTIME")):
        assert load(None, ["readmission.mode=48h"], {**needed, "preset": preset}).column_map().admit_time == (column,)
