from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import admissions, tables
from pipelines.admissions import score, write_readmission
from pipelines.io.sink import encode
from pipelines.io.storage import Folder
from transforms import schema
from transforms.readmission import ReadmissionOptions, admission_probability

HOUR = 3600


def notes(*rows: dict[str, Any], most: int = 3) -> pa.Table:
    """Rows of `_chunks`, from the encounter, the scores and, where they matter, the place of each note."""
    columns: dict[str, list[Any]] = {
        "note_id": [row.get("note", f"n{i}") for i, row in enumerate(rows)],
        "encounter_id": [row["encounter"] for row in rows],
        "patient_id": [row.get("patient", "p") for row in rows],
        "chunk_scores": [
            [{"start": 10 * i, "end": 10 * i + 9, "score": s} for i, s in enumerate(row["scores"])] for row in rows
        ],
    }
    fields = schema.columns(*columns)
    if any("placed" in row for row in rows):
        columns["placed"] = [row.get("placed", {}) for row in rows]
        fields = fields.append(schema.IN_FLIGHT.field("placed"))
    return tables.chunk_sums(pa.table(columns, schema=fields), most)


def at(written: int | None, admitted: int | None, left_out: str | None = None) -> dict[str, Any]:
    return {"left_out": left_out, "written": written, "admitted": admitted}


@pytest.mark.parametrize("fold_rows", [1, 1000])
@pytest.mark.parametrize("rows_at_once", [1, 1000])
def test_an_admission_is_scored_over_all_its_splits(
    tmp_path: Path, fold_rows: int, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admissions, "_FOLD_ROWS", fold_rows)
    monkeypatch.setattr(admissions, "ROWS_AT_ONCE", rows_at_once)
    folder = Folder(str(tmp_path))
    first = notes(
        {"note": "a", "encounter": "e1", "patient": "p1", "scores": [0.5, 0.25]},
        {"note": "b", "encounter": "e2", "patient": "p2", "scores": []},
        {"note": "x", "encounter": None, "scores": [0.5]},
    )
    second = notes(
        {"note": "c", "encounter": "e1", "patient": "p1", "scores": [0.75]},
        {"note": "d", "encounter": "e3", "patient": None, "scores": [0.5]},
    )
    for name, part in (("a", first), ("b", second), ("c", notes())):
        folder.put(f"_chunks/part-{name}.parquet", encode(part))
    account = write_readmission(folder, ["a", "b", "c"], "run", ReadmissionOptions(), notes=5)
    assert account.to_json() == {
        "mode": "all",
        "admissions": 3,
        "scored": 2,
        "notes": 4,
        "left_out": {"no_encounter": 1},
    }
    table = pq.read_table(tmp_path / "readmission")
    assert table.schema.equals(schema.TABLES["readmission"])
    one, two, three = table.sort_by("encounter_id").to_pylist()
    # Huang: (max + sum/2) / (1 + n/2) with n = 3 chunks in two notes.
    assert one["probability"] == pytest.approx((0.75 + 1.5 / 2) / (1 + 3 / 2), abs=1e-12)
    assert (one["n_notes"], one["n_chunks"], one["max_chunk"], one["mean_chunk"]) == (2, 3, 0.75, 0.5)
    assert one["top_chunks"] == [
        {"note_id": "c", "start": 0, "end": 9, "score": 0.75},
        {"note_id": "a", "start": 0, "end": 9, "score": 0.5},
        {"note_id": "a", "start": 10, "end": 19, "score": 0.25},
    ]
    # All its notes too short for a chunk: the admission is there, its probability unknown.
    assert (two["encounter_id"], two["probability"], two["n_notes"], two["n_chunks"]) == ("e2", None, 1, 0)
    assert two["top_chunks"] == []
    assert three["probability"] == pytest.approx((0.5 + 0.25) / 1.5)


def only(part: pa.Table, options: ReadmissionOptions) -> tuple[list[dict[str, Any]], dict[str, int]]:
    table, left_out = score(lambda: iter([part]), options)
    return table.to_pylist(), dict(left_out)


def test_notes_written_after_the_moment_of_prediction_are_left_out_and_counted() -> None:
    rows, left_out = only(
        notes(
            {"encounter": "e", "scores": [0.2], "placed": at(100 - HOUR, 100)},  # before admission: known by then
            {"encounter": "e", "scores": [0.4], "placed": at(100 + 24 * HOUR, 100)},  # at the very moment
            {"encounter": "e", "scores": [0.9], "placed": at(101 + 24 * HOUR, 100)},
            {"encounter": "e", "scores": [0.9], "placed": at(None, 100, "no_note_time")},
            {"encounter": "f", "scores": [0.9], "placed": at(500, None)},
        ),
        ReadmissionOptions("24h"),
    )
    assert left_out == {"later": 1, "no_note_time": 1, "no_admit_time": 1}
    assert [(row["encounter_id"], row["n_notes"], row["max_chunk"]) for row in rows] == [
        ("e", 2, pytest.approx(0.4)),
        ("f", 0, None),
    ]
    assert [chunk["note_id"] for chunk in rows[0]["top_chunks"]] == ["n1", "n0"]
    assert rows[1]["probability"] is None
    assert rows[1]["top_chunks"] == []


def test_admission_is_the_earliest_time_that_any_of_its_notes_gives() -> None:
    rows, left_out = only(
        notes(
            {"encounter": "e", "scores": [0.9], "placed": at(100 + 30 * HOUR, None)},
            {"encounter": "e", "scores": [0.2], "placed": at(100, 100)},
            {"encounter": "e", "scores": [0.2], "placed": at(100, 100 + 10 * HOUR)},
        ),
        ReadmissionOptions("24h"),
    )
    assert left_out == {"later": 1}
    assert rows[0]["n_notes"] == 2


def test_of_equal_chunks_the_order_is_that_of_notes_and_places() -> None:
    part = notes(
        {"note": "b", "encounter": "e", "scores": [0.5, 0.5]}, {"note": "a", "encounter": "e", "scores": [0.5]}
    )
    rows, _ = only(part, ReadmissionOptions(top_chunks=2))
    assert [(chunk["note_id"], chunk["start"]) for chunk in rows[0]["top_chunks"]] == [("a", 0), ("b", 0)]
    rows, _ = only(part, ReadmissionOptions(top_chunks=0))
    assert rows[0]["top_chunks"] == []


SCORE = st.floats(0, 1, width=32)
NOTE = st.tuples(st.sampled_from(["e1", "e2", "e3", None]), st.lists(SCORE, max_size=5), st.integers(0, 40))


@settings(max_examples=60, deadline=None)
@given(drawn=st.lists(NOTE, max_size=30), cut=st.integers(1, 7), hours=st.sampled_from([None, 12, 24]))
def test_the_table_does_not_depend_on_the_splits(
    drawn: list[tuple[str | None, list[float], int]], cut: int, hours: int | None
) -> None:
    options = ReadmissionOptions("all" if hours is None else f"{hours}h", top_chunks=2)
    given_notes = [
        {"note": f"n{i}", "encounter": e, "scores": s, "placed": at(hour * HOUR, 0)}
        for i, (e, s, hour) in enumerate(drawn)
    ]
    whole = notes(*given_notes, most=2)
    parts = [notes(*given_notes[i : i + cut], most=2) for i in range(0, len(given_notes), cut)]
    table, left_out = score(lambda: iter([whole]), options)
    other, other_left_out = score(lambda: iter(parts), options)
    assert table.equals(other)
    assert left_out == other_left_out
    # And against the formula over plain lists.
    of: dict[str, list[tuple[float, str, int]]] = defaultdict(list)
    for i, (encounter, scores, hour) in enumerate(drawn):
        if encounter is not None and (hours is None or hour <= hours):
            of[encounter] += [(-np.float32(s), f"n{i}", 10 * at) for at, s in enumerate(scores)]
    for row in table.to_pylist():
        expected = sorted(of[row["encounter_id"]])
        assert row["n_chunks"] == len(expected)
        assert [(-c["score"], c["note_id"], c["start"]) for c in row["top_chunks"]] == expected[:2]
        if expected:
            chunk_scores = [-float(s) for s, _, _ in expected]
            probability = admission_probability(max(chunk_scores), sum(chunk_scores), len(chunk_scores))
            assert row["probability"] == pytest.approx(probability, abs=1e-9)
