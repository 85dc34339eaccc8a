"""`notemill diff`: two runs whose differences are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.conftest import Run
from tests.pipelines.cohort.runs import Chart, write_run
from tests.pipelines.cohort.test_members import DIABETES, diabetes

ROOT = Path(__file__).parent.parent.parent


def pair() -> tuple[Chart, Chart]:
    charts = Chart(), Chart()
    for version, chart in enumerate(charts):
        stay = chart.note("p", "2020-01-01", "fever and cough, no pain", encounter_id="p/1")
        other = chart.note("p", "2020-02-01", "no fever" if version else "a fever", encounter_id="p/1")
        chart.entity(stay, "fever", score=0.9 - 0.0005 * version)
        chart.entity(stay, "pain", negated=bool(version))
        chart.entity(stay, "cough", "Sign" if version else "Disease")
        chart.entity(other, "fever")
        chart.code(stay, "R50.9", "fever", score=0.9 - 0.4 * version)
        chart.code(stay, "R05.9" if version else "R05.1", "cough")
        chart.admission("p/1", "p", 0.25 + 0.5 * version)
        chart.note("q", None, "more", note_id="new" if version else "old")
    return charts


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("runs")
    return [write_run(str(folder / name), chart.tables) for name, chart in zip("ab", pair(), strict=True)]


def test_every_change_is_told(notemill: Run, runs: list[str]) -> None:
    status, out, err = notemill("diff", *runs, "--json")
    assert (status, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    told = {name: found[name].pop("examples") for name in ("notes", "entities", "codes", "readmission")}
    assert found.pop("runs") == ["toy", "toy"]
    assert found["notes"] == {"before": 3, "after": 3, "both": 2, "removed": 1, "added": 1, "text_changed": 1}
    assert told["notes"] == {"removed": ["old"], "added": ["new"], "text_changed": ["n001"]}
    entities = found["entities"]
    assert entities.pop("by_label") == [
        {"label": "Disease", "before": 3, "after": 2, "removed": 1, "added": 0},
        {"label": "Sign", "before": 0, "after": 1, "removed": 0, "added": 1},
    ]
    counts = {"before": 3, "after": 3, "removed": 1, "added": 1, "score_changed": 0, "negated_changed": 1}
    assert {name: entities[name] for name in counts} == counts  # n001 has another text
    assert sum(count for name, count in entities.items() if name.endswith("_changed")) == 1
    assert told["entities"]["negated_changed"] == [{"note_id": "n000", "start": 20, "end": 24, "label": "Disease"}]
    assert told["entities"]["added"] == [{"note_id": "n000", "start": 10, "end": 15, "label": "Sign"}]
    assert found["codes"]["score_changed"] == 1
    assert told["codes"]["removed"] == [{"note_id": "n000", "system": "ICD-10-CM", "code": "R05.1"}]
    (moved,) = told["codes"]["score_changed"]
    assert (moved["code"], round(moved["before"], 3), round(moved["after"], 3)) == ("R50.9", 0.9, 0.5)
    readmission = found["readmission"]
    assert (readmission["score_changed"], readmission["mean_score_change"]) == (1, 0.5)
    assert told["readmission"]["score_changed"] == [{"encounter_id": "p/1", "before": 0.25, "after": 0.75}]


def test_tolerance_and_examples(notemill: Run, runs: list[str]) -> None:
    found = json.loads(notemill("diff", *runs, "--json", "--tolerance", "0.0001", "--examples", "0")[1])
    assert found["entities"]["score_changed"] == 1
    assert not any(found["entities"]["examples"].values())


def test_for_people_and_without_text(notemill: Run, runs: list[str]) -> None:
    status, out, err = notemill("diff", *runs)
    assert (status, err) == (0, "")
    assert "entities, negated changed: 1" in out
    assert "note_id n000  start 20  end 24  label Disease" in out
    assert "cough" not in out
    assert "Nothing changed" in notemill("diff", runs[0], runs[0])[1]


def test_members_of_a_cohort(notemill: Run, tmp_path: Path) -> None:
    before, after = diabetes(), diabetes()
    after.tables["codes"] = [row for row in after.tables["codes"] if row["code"] not in ("N18.6", "Z99.2")]
    after.tables["entities"] = [row for row in after.tables["entities"] if row["note_id"] != "n002"]
    runs = [write_run(str(tmp_path / name), chart.tables) for name, chart in (("a", before), ("b", after))]
    (tmp_path / "cohort.toml").write_text(DIABETES)
    status, out, _ = notemill("diff", *runs, "--cohort", str(tmp_path / "cohort.toml"), "--json")
    assert status == 0
    assert "\nnotemill diff run/ other/ --cohort cohort.toml\n" in (ROOT / "README.md").read_text()
    assert json.loads(out)["members"] == {
        "cohort": "Type 2 diabetes, then metformin",
        "before": 2,
        "after": 2,
        "removed": 1,
        "added": 1,
        "dates_changed": 0,
        "examples": {"removed": ["in"], "added": ["out: dialysis"], "dates_changed": []},
    }


def test_runs_that_cannot_be_compared(notemill: Run, runs: list[str], tmp_path: Path) -> None:
    stranger = Chart()
    stranger.note("p", None, "x", note_id="of another key")
    other = write_run(str(tmp_path / "other"), stranger.tables)
    for arguments, says in (
        ((runs[0], other), "no note_id in common"),
        ((runs[0], str(tmp_path)), "holds no run"),
        ((*runs, "--cohort", str(tmp_path / "no.toml")), "cannot read the definition"),
    ):
        status, out, err = notemill("diff", *arguments)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert says in err
