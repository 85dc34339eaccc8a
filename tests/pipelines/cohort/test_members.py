"""Definitions over charts whose members are known: who is in, since when, why, and where the others dropped out."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.cohort.building import OUTPUTS, TABLES, Cohort, build
from pipelines.cohort.definition import read
from pipelines.feed.run_tables import RunTables
from pipelines.io.database import RunDatabase
from tests.pipelines.cohort.runs import Chart, write_run

Tables = dict[str, list[dict[str, Any]]]


def built(uri: str, definition: str, folder: Path, memory: str | None = None) -> tuple[Cohort, Tables]:
    """A cohort and its tables as rows, with `patient_id` in the place of `subject_id`."""
    with RunDatabase(RunTables(uri), TABLES, threads=1, memory=memory) as database:
        cohort = build(database, read(definition, "cohort.toml"), folder)
    tables = {name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name in OUTPUTS}
    people = {row["subject_id"]: row["patient_id"] for row in tables["crosswalk"]}
    for name in ("cohort", "evidence"):
        for row in tables[name]:
            row["patient_id"] = people[row.pop("subject_id")]
    return cohort, tables


def members(tables: Tables) -> set[str]:
    return {row["patient_id"] for row in tables["cohort"]}


def evidence(tables: Tables, patient: str, criterion: str) -> set[tuple[str, str | None]]:
    rows = tables["evidence"]
    return {
        (row["note_id"], row["text"]) for row in rows if (row["patient_id"], row["criterion"]) == (patient, criterion)
    }


# -- 1: codes, age, mentions within a window, exclusion by codes


DIABETES = """
id = 7
name = "Type 2 diabetes, then metformin"

[index]
codes = ["E11.*"]
min_score = 0.5

[[include]]
name = "adult"
age = [18, inf]

[[include]]
name = "metformin within 90 days"
entities = { text = ["Metformin*", "glucophage"], label = "Chemical" }
days = [0, 90]

[[exclude]]
name = "dialysis before or soon after"
codes = ["N18.6", "Z99.2"]
days = [-inf, 30]
"""


def diabetes() -> Chart:
    chart = Chart()

    def seen(patient: str, time: str | None, words: str, *codes: str, age: str = "A 60-year-old man.") -> str:
        note = chart.note(patient, time, f"{age} {words}")
        for code in codes:
            chart.code(note, code, words)
        return note

    def given(patient: str, time: str | None, words: str = "metformin 500", **flags: Any) -> None:
        chart.entity(chart.note(patient, time, f"Plan: {words}."), words, "Chemical", **flags)

    seen("in", "2020-01-10T10:00", "type 2 diabetes", "E11.9")
    seen("in", "2020-06-01", "T2DM again", "E11.65")
    given("in", "2020-04-09", "METFORMIN\n500")  # the 90th day
    given("in", "2021-04-09")  # too late, but the other counts
    seen("in after dialysis", "2020-01-10", "type 2 diabetes", "E11.9")
    given("in after dialysis", "2020-01-10", "Glucophage")
    seen("in after dialysis", "2020-02-10", "ESRD", "N18.6")  # the 31st day
    seen("out: late", "2020-01-10", "type 2 diabetes", "E11.9")
    given("out: late", "2020-04-10")  # the 91st day
    seen("out: earlier", "2020-01-10", "type 2 diabetes", "E11.9")
    given("out: earlier", "2020-01-09")
    seen("out: dialysis", "2020-01-10", "type 2 diabetes", "E11.9")
    given("out: dialysis", "2020-01-20")
    seen("out: dialysis", "2012-02-09", "on dialysis", "Z99.2")
    seen("out: child", "2020-01-10", "type 2 diabetes", "E11.9", age="A 17 y/o boy.")
    given("out: child", "2020-01-20")
    seen("out: negated", "2020-01-10", "type 2 diabetes", "E11.9")
    given("out: negated", "2020-01-20", negated=True)
    given("out: negated", "2020-01-20", experiencer="family")
    given("out: negated", "2020-01-20", hypothetical=True)
    seen("out: no time", "2020-01-10", "type 2 diabetes", "E11.9")
    given("out: no time", None)
    seen("never", "2020-01-10", "type 1 diabetes", "E10.9", "E119")
    given("never", "2020-01-20")
    seen("undated", None, "type 2 diabetes", "E11.9")
    unsure = seen("unsure", "2020-01-10", "type 2 diabetes?")
    chart.code(unsure, "E11.9", score=0.2)
    given("unsure", "2020-01-20")
    chart.note(None, "2020-01-10", "nobody")
    return chart


def test_codes_then_mentions_in_a_window(tmp_path: Path) -> None:
    run = write_run(str(tmp_path / "run"), diabetes().tables)
    cohort, tables = built(run, DIABETES, tmp_path)
    assert members(tables) == {"in", "in after dialysis"}
    dates = {row["patient_id"]: (row["cohort_start_date"], row["cohort_end_date"]) for row in tables["cohort"]}
    assert dates["in"] == (dt.date(2020, 1, 10), dt.date(2021, 4, 9))
    assert dates["in after dialysis"] == (dt.date(2020, 1, 10), dt.date(2020, 2, 10))
    assert {row["cohort_definition_id"] for row in tables["cohort"]} == {7}
    assert [(step.name, step.fit, step.kept, step.dropped) for step in cohort.attrition] == [
        ("patients with notes", 11, 11, 0),
        ("index event", 9, 8, 3),
        ("adult", 7, 7, 1),
        ("metformin within 90 days", 4, 3, 4),
        ("dialysis before or soon after", 1, 2, 1),
    ]
    columns = ("step", "kind", "criterion", "fit", "kept", "dropped")
    assert [tuple(row[name] for name in columns) for row in tables["attrition"]] == [
        (at, step.kind, step.name, step.fit, step.kept, step.dropped) for at, step in enumerate(cohort.attrition)
    ]
    assert evidence(tables, "in", "index") == {("n000", "type 2 diabetes")}
    assert evidence(tables, "in", "metformin within 90 days") == {("n002", "METFORMIN\n500")}
    assert evidence(tables, "in", "adult") == {("n000", "60-year-old")}
    assert (cohort.members, cohort.evidence) == (2, len(tables["evidence"]))
    said = " ".join(cohort.remarks)
    assert "shifted by an offset" in said
    assert "1 notes without a patient_id" in said
    assert "1 patients have the index event at no known time only" in said
    assert "'metformin within 90 days': 1 events at no known time" in said


def test_evidence_is_the_text_of_its_note(tmp_path: Path) -> None:
    chart = diabetes()
    _, tables = built(write_run(str(tmp_path / "run"), chart.tables), DIABETES, tmp_path)
    texts = {row["note_id"]: row["text"] for row in chart.tables["notes"]}
    assert len(tables["evidence"]) == 6
    for row in tables["evidence"]:
        assert texts[row["note_id"]][row["start"] : row["end"]] == row["text"]


# -- 2: sections, note types, counts, a window from another criterion, last index


HEART = """
id = 2
name = "Heart failure, told again after a discharge"

[index]
pick = "last"
any = [
    { codes = ["I50.*", "I11.0"], note_types = ["Discharge*"] },
    { entities = { text = "*heart failure", label = "Disease" }, sections = ["past_medical_history"] },
]

[[include]]
name = "edema twice"
entities = { text = ["edema", "oedema"] }
at_least = 2
count = "mentions"

[[include]]
name = "echo within the admission"
sections = ["18782-3"]
same = "encounter"

[[include]]
name = "a visit after the echo"
note_types = ["clinic_note"]
from = "echo within the admission"
months = [1, 12]

[[exclude]]
name = "family history told in two notes"
sections = "family_history"
at_least = 2
"""


def heart() -> Chart:
    chart = Chart()

    def admitted(patient: str, *, echo: str = "e1", visit: str = "2019-06-30", edema: int = 2, family: int = 1) -> None:
        text = "Past history\ncongestive HEART failure\n\nFindings\nEF 30%\n\nedema oedema\n\nFamily\nnone"
        first = chart.note(patient, "2019-05-01", text, note_type="DISCHARGE_SUMMARY", encounter_id=f"{patient}/e1")
        chart.section(first, "Past history", "past_medical_history", "11348-0")
        chart.entity(first, "congestive HEART failure", historical=True)
        for words in ("edema", "oedema")[:edema]:
            chart.entity(first, words, "Sign")
        image = chart.note(patient, "2019-05-30T12:00", "Findings\nEF 30%", encounter_id=f"{patient}/{echo}")
        chart.section(image, "Findings", "imaging", "18782-3")
        chart.note(patient, visit, "seen", note_type="Clinic note")
        for _ in range(family):
            note = chart.note(patient, "2019-07-01", "Family\nmother: heart failure")
            chart.section(note, "Family", "family_history")
            chart.entity(note, "heart failure", experiencer="family")

    admitted("in")
    admitted("in, one year", visit="2020-05-30")
    admitted("out: visit too late", visit="2020-05-31")
    admitted("out: visit too early", visit="2019-06-29")
    admitted("out: echo elsewhere", echo="e2")
    admitted("out: edema once", edema=1)
    admitted("out: family twice", family=2)
    coded = chart.note("by code", "2018-01-01", "HFrEF", note_type="discharge summary", encounter_id="by code/e1")
    chart.code(coded, "I11.0", "HFrEF")
    admitted("by code")
    other = chart.note("out: other note", "2019-05-01", "HFrEF edema edema", note_type="Nursing")
    chart.code(other, "I50.9", "HFrEF")
    chart.entity(other, "edema")
    return chart


def test_sections_types_counts_and_chains(tmp_path: Path) -> None:
    cohort, tables = built(write_run(str(tmp_path / "run"), heart().tables), HEART, tmp_path)
    assert members(tables) == {"in", "in, one year", "by code"}
    assert [(step.name, step.kept) for step in cohort.attrition] == [
        ("patients with notes", 9),
        ("index event", 8),
        ("edema twice", 7),
        ("echo within the admission", 6),
        ("a visit after the echo", 4),
        ("family history told in two notes", 3),
    ]
    start = {row["patient_id"]: row["cohort_start_date"] for row in tables["cohort"]}
    assert start["by code"] == dt.date(2019, 5, 1)  # the last
    texts = {text for _, text in evidence(tables, "in", "index")}
    assert texts == {"congestive HEART failure"}
    assert {text for _, text in evidence(tables, "in", "edema twice")} == {"edema", "oedema"}
    assert {text for _, text in evidence(tables, "in", "echo within the admission")} == {"Findings"}
    visits = [row for row in tables["evidence"] if row["criterion"] == "a visit after the echo"]
    assert all(row["start"] is None and row["text"] is None for row in visits)
    assert len(visits) == 3


# -- 3: readmission risk, mentions by code, times cut to the year


RISK = """
id = 3
name = "Likely back, with a cancer that is not denied"
end = "index"

[index]
readmission = [0.3, 1.0]
calendar_years = [2015, 2019]

[[include]]
name = "a mention that is coded as cancer, in that admission"
entities = { codes = ["C00-C96"], label = "Disease", uncertain = false, negated = false }
same = "encounter"

[[exclude]]
name = "hospice in the year of it or the next"
entities = { text = "hospice", label = "Treatment", hypothetical = "any" }
years = [0, 1]
"""


def risk(year: Any = lambda year: f"{year}-01-01") -> Chart:
    chart = Chart()

    def stay(patient: str, told: int, probability: float, words: str = "lung cancer", **flags: Any) -> None:
        encounter = f"{patient}/{told}"
        note = chart.note(patient, year(told), f"Known {words} and COPD.", encounter_id=encounter)
        chart.entity(note, words, **flags)
        chart.entity(note, "COPD")
        chart.code(note, "C34.90", words)
        chart.code(note, "J44.9", "COPD")
        chart.admission(encounter, patient, probability, (note, f"{words} and COPD"))

    def hospice(patient: str, told: int) -> None:
        note = chart.note(patient, year(told), "consider hospice")
        chart.entity(note, "hospice", "Treatment", hypothetical=True)

    stay("in", 2015, 0.3)
    stay("in", 2017, 0.9)
    hospice("in", 2014)
    hospice("in", 2017)
    stay("out: low", 2016, 0.29)
    stay("out: before", 2014, 0.8)
    stay("out: after", 2020, 0.8)
    stay("out: maybe", 2016, 0.8, uncertain=True)
    stay("out: hospice", 2016, 0.8)
    hospice("out: hospice", 2017)
    note = chart.note("out: elsewhere", year(2016), "nothing", encounter_id="x/1")
    chart.admission("x/1", "out: elsewhere", 0.7, (note, "nothing"))
    stay("out: elsewhere", 2018, 0.1)
    return chart


def test_risk_mentions_by_code_and_years(tmp_path: Path) -> None:
    run = write_run(str(tmp_path / "run"), risk().tables, mode="tag")
    cohort, tables = built(run, RISK, tmp_path)
    assert members(tables) == {"in"}
    (row,) = tables["cohort"]
    assert (row["cohort_start_date"], row["cohort_end_date"]) == (dt.date(2015, 1, 1), dt.date(2015, 1, 1))
    assert [(step.fit, step.kept) for step in cohort.attrition] == [(7, 7), (6, 4), (2, 2), (1, 1)]
    assert evidence(tables, "in", "index") == {("n000", "lung cancer and COPD")}
    coded = "a mention that is coded as cancer, in that admission"
    assert evidence(tables, "in", coded) == {("n000", "lung cancer")}
    assert any("cut to the year" in remark for remark in cohort.remarks)


# -- what holds of every definition


def brute(chart: Chart, low: float, high: float, at_least: int, count: str) -> set[str]:
    """Members by Python: patients with so many B within so many days of their first A, and no C before it."""
    notes = {row["note_id"]: row for row in chart.tables["notes"]}
    told: dict[tuple[str, str], list[tuple[dt.datetime, str]]] = {}
    for row in chart.tables["entities"]:
        note = notes[row["note_id"]]
        if note["patient_id"] and note["note_time"] and not row["negated"]:
            told.setdefault((note["patient_id"], row["text"]), []).append((note["note_time"], row["note_id"]))
    found = set()
    for patient in {row["patient_id"] for row in notes.values()} - {None}:
        if not (first := min(told.get((patient, "A"), ()), default=None)):
            continue
        near = [item for item in told.get((patient, "B"), ()) if low <= (item[0].date() - first[0].date()).days <= high]
        sizes = {"notes": len({note for _, note in near}), "mentions": len(near),
                 "days": len({time.date() for time, _ in near})}  # fmt: skip
        earlier = [item for item in told.get((patient, "C"), ()) if (item[0].date() - first[0].date()).days <= -1]
        if sizes[count] >= at_least and not earlier:
            found.add(patient)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_members_are_those_of_a_plain_reading(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    chart = Chart()
    for _ in range(400):
        patient = rng.choice([*(f"p{i}" for i in range(40)), None])
        moment = dt.datetime(2020, 1, 1) + dt.timedelta(days=rng.randrange(40), hours=rng.randrange(24))
        words = rng.choices("ABCD", (5, 8, 1, 4), k=rng.randrange(4))
        note = chart.note(patient, rng.choice([moment.isoformat()] * 9 + [None]), " ".join("ABCD"))
        for at, word in enumerate(words):
            chart.entity(note, word, start=at, negated=rng.random() < 0.2)
    run = write_run(str(tmp_path / "run"), chart.tables)
    sizes: Counter[str] = Counter()
    for low, high, at_least, count in ((0, 20, 1, "notes"), (-10, -1, 2, "mentions"), (-5, 30, 3, "days")):
        definition = f"""
            id = 1
            name = "x"
            index = {{ entities = {{ text = "a" }} }}
            exclude = [{{ name = "c", entities = {{ text = "c" }}, days = [-inf, -1] }}]
            [[include]]
            name = "b"
            entities = {{ text = "b" }}
            days = [{low}, {high}]
            at_least = {at_least}
            count = "{count}"
        """
        _, tables = built(run, definition, tmp_path)
        expected = brute(chart, low, high, at_least, count)
        assert members(tables) == expected
        sizes[count] = len(expected)
    assert sum(sizes.values()) > 10


def test_on_an_object_store_and_with_little_memory(tmp_path: Path) -> None:
    local = built(write_run(str(tmp_path / "run"), diabetes().tables), DIABETES, tmp_path)
    remote = built(write_run("memory://cohort-run", diabetes().tables), DIABETES, tmp_path, memory="200MB")
    assert remote == local


def test_subjects_have_the_same_number_in_every_run(tmp_path: Path) -> None:
    first, second = diabetes(), diabetes()
    second.note("in", "2022-01-01", "later")
    keys = []
    for name, chart in (("a", first), ("b", second)):
        built(write_run(str(tmp_path / name), chart.tables), DIABETES, tmp_path)
        keys.append(pq.read_table(tmp_path / "crosswalk.parquet").to_pylist())
    assert keys[0] == keys[1]
    assert {row["patient_id"] for row in keys[0]} == {"in", "in after dialysis"}


def test_hours_and_years_of_exact_times(tmp_path: Path) -> None:
    chart = Chart()
    for patient, after in (("in", "2020-03-03T08:00"), ("out", "2020-03-03T08:01"), ("before", "2020-03-01T07:59")):
        chart.entity(chart.note(patient, "2020-03-01T08:00", "A B"), "A")
        chart.entity(chart.note(patient, after, "A B"), "B")
        chart.entity(chart.note(patient, "2022-03-01T06:00", "C"), "C")
        chart.entity(chart.note(patient, "2022-03-02", "D"), "D")
    run = write_run(str(tmp_path / "run"), chart.tables)
    head = 'id = 1\nname = "x"\nindex = { entities = { text = "A" } }\n'
    hours = 'include = [{ name = "b", entities = { text = "B" }, hours = [0, 48] }]'
    assert members(built(run, head + hours, tmp_path)[1]) == {"in"}
    for words, some in (("C", True), ("D", False)):
        years = f'include = [{{ name = "c", entities = {{ text = "{words}" }}, years = [0, 2] }}]'
        assert bool(members(built(run, head + years, tmp_path)[1])) is some


def test_age_is_that_at_the_index_event(tmp_path: Path) -> None:
    chart = Chart()
    for patient, told, age in (("in", "2018-05-01", 48), ("out", "2018-05-01", 47), ("own", "2010-01-01", 12)):
        chart.note(patient, told, f"{age}-year-old. Mother is 80 years old.")
        text = "A" if patient != "own" else "Father, 20 years old. A 51 year old man. Menarche at age 12."
        chart.entity(chart.note(patient, "2020-06-01", text), "A")
    run = write_run(str(tmp_path / "run"), chart.tables)
    definition = (
        'id = 1\nname = "x"\nindex = { entities = { text = "A" } }\ninclude = [{ name = "50", age = [50, 60] }]'
    )
    cohort, tables = built(run, definition, tmp_path)
    assert members(tables) == {"in", "own"}
    assert evidence(tables, "own", "50") == {("n005", "51 year old")}
    assert evidence(tables, "in", "50") == {("n000", "48-year-old")}
    assert not [remark for remark in cohort.remarks if "no note states" in remark]
