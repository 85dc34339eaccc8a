"""`notemill evaluate readmission`: figures against scikit-learn, and a run over labelled admissions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, precision_recall_curve, roc_auc_score

from jobs.evaluation.binary import Outcomes
from jobs.generate import generate
from tests.jobs.conftest import Run
from tests.transforms.clinical_bert import tiny

TEXTS = [
    "the patient has chest pain. " * 12,
    "fever, fever and pain again " * 9,
    "the chest. " * 30,
    "short",
    "pain " * 40,
]


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny.own(tmp_path_factory.mktemp("readmission"), heads=("readmission",)))


def write(path: Path, **columns: Any) -> str:
    table = {"text": TEXTS, "label": [True, False, True, False, False], **columns}
    pq.write_table(pa.table({name: values for name, values in table.items() if values is not None}), path)
    return str(path)


CASES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans(), st.integers(1, 3)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(CASES)
def test_figures_are_those_of_scikit_learn(cases: list[tuple[float, bool, int]]) -> None:
    probability, happened, weight = (np.array(column, dtype=np.float64) for column in zip(*cases, strict=True))
    outcomes = Outcomes(probability, happened)
    repeated = [np.repeat(column, weight.astype(int)) for column in (happened, probability)]
    for figures, given_ in ((outcomes.figures(), (happened, probability)), (outcomes.figures(weight), repeated)):
        assert figures["brier"] == pytest.approx(brier_score_loss(*given_, pos_label=1))
        if 0 < given_[0].sum() < len(given_[0]):
            assert figures["auroc"] == pytest.approx(roc_auc_score(*given_))
        else:
            assert figures["auroc"] is None
        if given_[0].sum():
            assert figures["auprc"] == pytest.approx(average_precision_score(*given_))
            precision, recall, _ = precision_recall_curve(*given_)
            # The last point of that curve is no threshold.
            reached = recall[:-1][precision[:-1] >= 0.8]
            assert figures["recall_at_precision_80"] == pytest.approx(reached.max(initial=0.0))
    rows = outcomes.reliability()
    assert sum(row["n"] for row in rows) == len(cases)
    gaps = [row["n"] * abs(row["mean_probability"] - row["observed"]) for row in rows if row["n"]]
    assert outcomes.figures()["ece"] == pytest.approx(sum(gaps) / len(cases))


def test_admissions(notemill: Run, tmp_path: Path, scorer: str) -> None:
    encounters = ["a", "a", "b", "c", "d"]
    data = write(tmp_path / "gold.parquet", encounter_id=encounters, label=[1, 1, 0, 1, 0], patient_id=[*"ppqrs"])
    out = tmp_path / "found.parquet"
    asked = ("--model", f"readmission={scorer}", "--set", "deidentify.tagger=false", "--json")
    status, text, err = notemill("evaluate", "readmission", "--data", data, *asked, "--predictions", str(out))
    assert status == 0, err
    facts = json.loads(text)
    rows = {row["encounter_id"]: row for row in pq.read_table(out).to_pylist()}
    assert set(rows) == set("abcd")
    assert rows["a"]["n_notes"] == 2
    assert rows["c"]["probability"] is None
    assert (facts["notes"], facts["encounters"], facts["readmitted"], facts["not_scored"]) == (5, 3, 1, 1)
    above = [rows["a"]["probability"] > rows[other]["probability"] for other in "bd"]
    assert facts["auroc"] == sum(above) / 2
    errors = [(rows[one]["probability"] - label) ** 2 for one, label in zip("abd", (1, 0, 0), strict=True)]
    assert facts["brier"] == pytest.approx(sum(errors) / 3)
    assert len(facts["reliability"]) == 10
    assert facts["intervals_95"]["brier"][0] <= facts["brier"] <= facts["intervals_95"]["brier"][1]
    status, text, _ = notemill("evaluate", "readmission", "--data", data, *asked[:-1])
    assert status == 0
    assert "1 of 3 readmitted; 1 without a probability" in text
    assert "chest" not in text


def test_notes_without_encounters_and_generated_ones(notemill: Run, tmp_path: Path, scorer: str) -> None:
    asked = ("--model", f"readmission={scorer}", "--set", "deidentify.tagger=false", "--json")
    facts = json.loads(notemill("evaluate", "readmission", "--data", write(tmp_path / "gold.parquet"), *asked)[1])
    assert (facts["encounters"], facts["not_scored"]) == (4, 1)
    generate(str(tmp_path / "made"), notes=12, seed=5, rows_per_file=5)
    status, text, err = notemill("evaluate", "readmission", "--data", str(tmp_path / "made"), *asked)
    assert status == 0, err
    facts = json.loads(text)
    gold = pq.read_table(tmp_path / "made" / "gold" / "readmission")["encounter_id"].to_pylist()
    notes = pq.read_table(tmp_path / "made" / "notes")["encounter_id"].to_pylist()
    assert facts["encounters"] + facts["not_scored"] == len(set(gold) & set(notes))


def test_requests_that_cannot_be_met(notemill: Run, tmp_path: Path) -> None:
    def refused(data: str, *arguments: str, says: tuple[str, ...]) -> None:
        status, out, err = notemill("evaluate", "readmission", "--data", data, *arguments)
        assert (status, out) == (2, "")
        assert len(err.strip().splitlines()) == 1
        for word in says:
            assert word in err

    path = tmp_path / "gold.parquet"
    refused(write(path, label=None), says=("no column label",))
    refused(write(path, label=["yes"] * 5), says=("column label", "string", "true or false"))
    refused(write(path, label=[0, 1, 2, 0, 1]), says=("gold.parquet, row 2: the label 2",))
    refused(write(path, label=[0, None, 1, 0, 1]), says=("gold.parquet, row 1: the label None",))
    refused(write(path, encounter_id=["a"] * 5), says=("the encounter a is labelled both ways",))
    refused(write(path), "--model", "icd=x", says=("the heads readmission, deid",))
    refused(write(path), "--set", "stages=['validate', 'deidentify']", says=("leaves the stage clinical_bert out",))
