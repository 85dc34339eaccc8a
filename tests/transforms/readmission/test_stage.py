from __future__ import annotations

import datetime as dt
import pickle
from typing import Any

import pyarrow as pa
import pytest

from transforms import schema
from transforms.deid.pseudonyms import Key
from transforms.readmission import ReadmissionOptions
from transforms.readmission.stage import PlaceNotes

KEY = Key.from_text("the key of these tests")
ADMITTED = dt.datetime(2140, 3, 1, 10, 30)


def place(options: ReadmissionOptions, *rows: dict[str, Any], key: Key = KEY) -> list[dict[str, Any]]:
    columns = {name: [row.get(name) for row in rows] for name in PlaceNotes.reads.names}
    worker = pickle.loads(pickle.dumps(PlaceNotes(key, options))).open()
    placed = worker.process(pa.table(columns, schema=PlaceNotes.reads))["placed"]
    assert placed.type == schema.PLACED
    worker.close()
    result: list[dict[str, Any]] = placed.to_pylist()
    return result


def note(encounter: str | None = "e", hours: float | None = 0.0, **more: Any) -> dict[str, Any]:
    written = None if hours is None else ADMITTED + dt.timedelta(hours=hours)
    return {"raw_encounter_id": encounter, "note_time": written, "admit_time": ADMITTED, **more}


def test_an_admissions_notes_are_placed_on_one_clock() -> None:
    one, two, other = place(ReadmissionOptions("24h"), note(hours=1.5), note(hours=30), note("f", hours=1.5))
    assert one["written"] - one["admitted"] == 5400
    assert two["written"] - two["admitted"] == 30 * 3600
    assert one["admitted"] == two["admitted"] != other["admitted"]
    assert {row["left_out"] for row in (one, two, other)} == {None}


def test_a_clock_tells_no_date() -> None:
    starts = [place(ReadmissionOptions("24h"), note(f"e{i}"))[0]["admitted"] for i in range(200)]
    assert max(starts) - min(starts) > 2**44 > 10**4 * 365 * 24 * 3600 / 100
    other = Key.from_text("another key of these tests")
    assert place(ReadmissionOptions("24h"), note(), key=other) != place(ReadmissionOptions("24h"), note())


def test_a_date_without_a_time_counts_as_the_end_of_its_day() -> None:
    midnight = {"note_time": dt.datetime(2140, 3, 2)}
    (placed,) = place(ReadmissionOptions("24h"), note(hours=None) | midnight)
    assert placed["written"] - placed["admitted"] == (13.5 + 24) * 3600


def test_the_first_note_stands_for_admission_where_the_job_says_so() -> None:
    one, two = place(ReadmissionOptions("24h", "first-note"), note(hours=3), note(hours=None))
    assert one["written"] == one["admitted"]
    assert two == {"left_out": "no_note_time", "written": None, "admitted": None}


def test_why_a_note_is_left_out() -> None:
    by_time = place(ReadmissionOptions("24h"), note(None), note(hours=None), note(admit_time=None))
    assert [row["left_out"] for row in by_time] == ["no_encounter", "no_note_time", None]
    assert by_time[2]["admitted"] is None  # another note may tell when its admission was
    by_type = place(
        ReadmissionOptions("discharge"),
        note(note_type="Discharge summary"),
        note(note_type="Nursing"),
        note(),
        note(None, note_type="DS"),
    )
    assert [row["left_out"] for row in by_type] == [None, "note_type", "no_note_type", "no_encounter"]
    assert {row["written"] for row in by_type} == {None}


def test_there_is_nothing_to_place_where_every_note_takes_part() -> None:
    with pytest.raises(ValueError):
        PlaceNotes(KEY, ReadmissionOptions())
