"""`notemill cohort`: what it writes and prints, what it refuses, and the lines of the README."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest

from tests.jobs.conftest import Run
from tests.pipelines.cohort.runs import write_run
from tests.pipelines.cohort.test_members import DIABETES, RISK, diabetes, heart, risk

ROOT = Path(__file__).parent.parent.parent
INDEX = 'id = 1\nname = "x"\n[index]\ncodes = ["E11.*"]\n'


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("runs")
    days = heart()
    for row in days.tables["notes"]:
        row["note_time"] = row["note_time"].replace(hour=0)
    timeless = diabetes()
    for row in timeless.tables["notes"]:
        row["note_time"] = None
    bare = {name: rows for name, rows in heart().tables.items() if name in ("notes", "entities")}
    untold = diabetes()
    for row in untold.tables["entities"]:
        row["negated"] = None
    return {
        "times": write_run(str(folder / "times"), diabetes().tables),
        "days": write_run(str(folder / "days"), days.tables),
        "years": write_run(str(folder / "years"), risk().tables, mode="tag"),
        "none": write_run(str(folder / "none"), timeless.tables),
        "bare": write_run(str(folder / "bare"), bare),
        "untold": write_run(str(folder / "untold"), untold.tables),
    }


def test_what_is_written_and_printed(notemill: Run, runs: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cohort.toml").write_text(DIABETES)
    options = ("--run", runs["times"], "--definition", str(tmp_path / "cohort.toml"), "--output", str(tmp_path / "out"))
    status, out, err = notemill("cohort", *options, "--json", "--memory", "1GB", "--threads", "1")
    result = json.loads(out)
    assert (status, err, result["members"], result["definition"]) == (0, "", 2, DIABETES)
    files = {"cohort.parquet", "attrition.parquet", "evidence.parquet", "crosswalk.parquet", "_cohort.json"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == files
    assert json.loads((tmp_path / "out" / "_cohort.json").read_text()) == result
    described = duckdb.sql(f"describe from '{tmp_path}/out/cohort.parquet'").fetchall()
    assert [(name, kind) for name, kind, *_ in described] == [  # those of OMOP's COHORT
        ("cohort_definition_id", "INTEGER"),
        ("subject_id", "BIGINT"),
        ("cohort_start_date", "DATE"),
        ("cohort_end_date", "DATE"),
    ]
    status, out, err = notemill("cohort", *options)  # replaces the first
    assert (status, err) == (0, "")
    assert "metformin within 90 days" in out
    assert "2 members, 6 rows of evidence" in " ".join(out.split())


def test_help_has_an_example(notemill: Run) -> None:
    status, out, _ = notemill("cohort", "--help")
    assert status == 0
    assert "Example: notemill cohort --run" in out


WRONG = [
    ("times", "id = ", "is not valid TOML"),
    ("times", 'id = 1\nname = "x"\n', "index is missing"),
    ("times", INDEX + "[[include]]\nname = 'a'\nlable = 'x'", "[[include]] 'a': unknown key lable"),
    ("times", INDEX + "[[include]]\nname = 'a'\nentities = { labels = 'x' }", "unknown key labels; did you mean label"),
    ("times", INDEX.replace("codes", "code"), "[index]: unknown key code; did you mean codes?"),
    ("times", INDEX + "[[exclude]]\ncodes = 'I10'", "[[exclude]] 1: name is missing"),
    ("times", INDEX + "[[include]]\nname = 'a'\nentities = { label = 'Chemicals' }",
     "'a': unknown entity label Chemicals; did you mean Chemical?"),
    ("times", INDEX + "[[include]]\nname = 'a'\nentities = { text = 'x', experiencer = 'uncle' }", "experiencer uncle"),
    ("times", INDEX + "[[include]]\nname = 'a'\nentities = { negated = true }", "entities need a label, a text"),
    ("times", INDEX.replace("E11.*", "E99.9"), "index: there is no code E99.9 in ICD-10-CM"),
    ("times", INDEX.replace("E11.*", "E11"), "E11 is a category, and notes have codes below it: say E11.*"),
    ("times", INDEX.replace("E11.*", "e11.9"), "'e11.9' is no code"),
    ("times", INDEX.replace("E11.*", "I29-I29"), "there is no code I29-I29"),
    ("times", INDEX + 'system = "ICD-9-CM"', "there is no code E11.* in ICD-9-CM"),
    ("times", INDEX + "[[include]]\nname = 'a'\ncodes = 'I10'\ndays = [9, 3]", "[9, 3] ends before it begins"),
    ("times", INDEX + "[[include]]\nname = 'a'\ncodes = 'I10'\ndays = 9", "a range is two numbers"),
    ("times", INDEX + "[[include]]\nname = 'a'\ncodes = 'I10'\ndays = [0.5, 1]", "days are whole numbers"),
    ("times", INDEX + "[[include]]\nname = 'a'\ncodes = 'I10'\ndays = [0, 1]\nyears = [0, 1]", "are two windows"),
    ("times", INDEX + "[[include]]\nname = 'a'\ncodes = 'I10'\nfrom = 'b'\ndays = [0, 1]", "no earlier [[include]]"),
    ("times", INDEX + "[[include]]\nname = 'a'\ncodes = 'I10'\nfrom = 'a'", "there is none"),
    ("times", INDEX + "[[include]]\nname = 'a'\ncodes = 'I10'\n" * 2, "two criteria have the name 'a'"),
    ("times", INDEX + "[[include]]\nname = 'a'", "it needs one of codes, entities"),
    ("times", INDEX + "[[include]]\nname = 'a'\ncodes = 'I10'\nage = [1, 2]", "age is a criterion of its own"),
    ("times", INDEX + "[[include]]\nname = 'a'\ncodes = 'I10'\ncount = 'days'", "which is not given"),
    ("times", INDEX + "[[include]]\nname = 'a'\ncodes = 'I10'\nentities = { text = 'x' }", "events of their own"),
    ("times", INDEX + "[[include]]\nname = 'a'\nsections = 'history'", "'a': unknown section history"),
    ("times", INDEX + "calendar_years = [2019, 2020]", "no calendar_years"),
    ("days", INDEX + "[[include]]\nname = 'a'\ncodes = 'I10'\nhours = [0, 24]",
     "'a': hours are finer than the data: the run's times are dates without a time of day; say days"),
    ("years", INDEX + "[[include]]\nname = 'a'\ncodes = 'I10'\ndays = [0, 30]",
     "'a': days are finer than the data: the run's times are cut to the year"),
    ("years", INDEX + "[[include]]\nname = 'a'\ncodes = 'I10'\nat_least = 2\ncount = 'days'", "finer than the data"),
    ("none", INDEX, "no note of the run has a note_time"),
    ("bare", INDEX, "index: the run has no table codes"),
    ("untold", 'id = 1\nname = "x"\n[index]\nentities = { text = "x" }', "the run does not tell negated"),
]  # fmt: skip


@pytest.mark.parametrize(("run", "definition", "says"), WRONG)
def test_wrong_definitions_are_refused_in_a_line(
    notemill: Run, runs: dict[str, str], tmp_path: Path, run: str, definition: str, says: str
) -> None:
    (tmp_path / "cohort.toml").write_text(definition)
    status, out, err = notemill(
        "cohort", "--run", runs[run], "--definition", str(tmp_path / "cohort.toml"), "--output", str(tmp_path / "out")
    )
    assert (status, out, err.count("\n")) == (2, "", 1), err
    assert says in err
    assert not [path.name for path in (tmp_path / "out").rglob("*.parquet")]


def test_wrong_requests_are_refused_in_a_line(notemill: Run, runs: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cohort.toml").write_text(INDEX)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("keep")
    right = {"run": runs["times"], "definition": str(tmp_path / "cohort.toml"), "output": str(tmp_path / "out")}
    for wrong, says in (
        ({"definition": str(tmp_path / "no.toml")}, "cannot read the definition"),
        ({"run": str(tmp_path)}, "holds no run"),
        ({"output": str(tmp_path / "taken")}, "holds mine.txt, which is no file of a cohort"),
        ({"memory": "much"}, "--memory much"),
    ):
        options = [word for key, value in {**right, **wrong}.items() for word in (f"--{key}", value)]
        status, out, err = notemill("cohort", *options)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert says in err
    assert (tmp_path / "taken" / "mine.txt").read_text() == "keep"


def test_subjects_are_the_persons_of_an_omop_feed(notemill: Run, runs: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cohort.toml").write_text(DIABETES)
    keys = ("--keys", str(tmp_path / "keys"))
    feed = ("feed", "--run", runs["times"], "--to", f"omop://duckdb://{tmp_path}/cdm.duckdb", *keys)
    assert notemill(*feed)[0] == 0
    options = ("--run", runs["times"], "--definition", str(tmp_path / "cohort.toml"), "--output", str(tmp_path / "out"))
    status, _, err = notemill("cohort", *options, *keys)
    assert (status, err) == (0, "")
    people = duckdb.sql(f"select subject_id, patient_id from '{tmp_path}/out/crosswalk.parquet'").fetchall()
    given = duckdb.sql(f"select first, id from '{tmp_path}/keys/*.parquet' where kind = 'person'").fetchall()
    assert {patient for _, patient in people} == {"in", "in after dialysis"}
    assert set(people) < set(given)
    with duckdb.connect(f"{tmp_path}/cdm.duckdb") as db:
        assert {subject for subject, _ in people} < {
            person for (person,) in db.sql("select person_id from note").fetchall()
        }


def test_too_little_memory_is_told_in_a_line(notemill: Run, runs: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cohort.toml").write_text(INDEX)
    options = ("--definition", str(tmp_path / "cohort.toml"), "--output", str(tmp_path / "out"), "--memory", "1MB")
    status, out, err = notemill("cohort", "--run", runs["times"], *options)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "allow more --memory" in err


def test_flags_may_be_any_where_they_are_not_told(notemill: Run, runs: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cohort.toml").write_text(
        'id = 1\nname = "x"\n[index]\nentities = { text = "glucophage", negated = "any" }'
    )
    options = ("--run", runs["untold"], "--definition", str(tmp_path / "cohort.toml"), "--output", f"{tmp_path}/out")
    status, out, _ = notemill("cohort", *options, "--json")
    assert (status, json.loads(out)["members"]) == (0, 1)


def test_the_definition_of_the_readme(notemill: Run, runs: dict[str, str], tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    (definition,) = re.findall(r"```toml\n(# cohort\.toml\n.*?)```", text, re.DOTALL)
    (tmp_path / "cohort.toml").write_text(definition)
    options = ("--definition", str(tmp_path / "cohort.toml"), "--output", str(tmp_path / "out"))
    status, out, err = notemill("cohort", "--run", runs["times"], *options, "--json")
    assert (status, err) == (0, "")
    result = json.loads(out)
    assert [step["kept"] for step in result["attrition"]][-1] == result["members"] == 3  # one by a code of low score
    assert "\nnotemill cohort --run run/ --definition cohort.toml --output cohort/\n" in text


def test_ranges_of_codes_and_risk(notemill: Run, runs: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cohort.toml").write_text(RISK)
    options = ("--run", runs["years"], "--definition", str(tmp_path / "cohort.toml"), "--output", f"{tmp_path}/out")
    status, out, _ = notemill("cohort", *options, "--json")
    assert (status, json.loads(out)["members"]) == (0, 1)
