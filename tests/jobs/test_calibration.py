from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.train import train
from jobs.training.calibration import LEAST, fit, withhold
from jobs.training.documents import Document, read
from jobs.training.loop import LoopOptions
from transforms.readmission import admission_probability


def probabilities(scores: list[list[float]], slope: float = 1.0, intercept: float = 0.0) -> np.ndarray:
    lines = [[1 / (1 + np.exp(-(slope * np.log(s / (1 - s)) + intercept))) for s in of_one] for of_one in scores]
    return np.array([admission_probability(max(of_one), sum(of_one), len(of_one)) for of_one in lines])


def test_overconfident_scores_become_probabilities() -> None:
    rng = np.random.default_rng(1)
    logits = [rng.normal(-1.5, 1.0, rng.integers(1, 6)) for _ in range(4000)]
    truth = [1 / (1 + np.exp(-of_one)) for of_one in logits]
    readmitted = rng.uniform(size=len(truth)) < [max(t) / (1 + len(t) / 2) + sum(t) / (2 + len(t)) for t in truth]
    told = [list(1 / (1 + np.exp(-(2.5 * of_one + 3.0)))) for of_one in logits]  # a line the wrong way
    calibration = fit(told, readmitted.tolist())
    assert calibration.slope == pytest.approx(1 / 2.5, rel=0.15)
    assert calibration.intercept == pytest.approx(-3 / 2.5, abs=0.2)
    assert (calibration.admissions, calibration.readmitted) == (4000, int(readmitted.sum()))
    raw, calibrated = probabilities(told), probabilities(told, calibration.slope, calibration.intercept)
    assert abs(raw.mean() - readmitted.mean()) > 0.1
    for tenth in np.array_split(np.argsort(calibrated), 5):
        assert calibrated[tenth].mean() == pytest.approx(readmitted[tenth].mean(), abs=0.05)


def test_scores_that_say_the_contrary_do_not_turn_round() -> None:
    rng = np.random.default_rng(2)
    told = rng.uniform(0.05, 0.95, 500)
    calibration = fit([[score] for score in told], (rng.uniform(size=500) > told).tolist())
    assert 0 < calibration.slope < 0.2
    with pytest.raises(ValueError):
        fit([[0.5], [0.4]], [True, True])


def document(number: int, readmitted: bool | None) -> Document:
    patient = f"p{number // 2}"
    return Document(f"text {number}", "d", readmitted=readmitted, group=f"e{number}", patient=patient)


def test_every_tenth_patient_is_withheld_whole() -> None:
    documents = [document(number, number % 3 == 0) for number in range(1200)]
    learning, held = withhold(documents)
    assert [d.text for d in learning] == [d.text for d in documents]
    assert 60 < len(held) < 180
    patients = {d.patient for d in held}
    assert not patients & {d.patient for d in learning if d.readmitted is not None}
    assert Counter(d.readmitted is None for d in learning)[True] == len(held)


def test_nothing_is_withheld_where_it_would_not_do() -> None:
    few = [document(number, number % 3 == 0) for number in range(300)]
    assert withhold(few) == (few, [])
    unlabelled = [document(number, None) for number in range(900)]
    assert withhold(unlabelled) == (unlabelled, [])


def encounters(path: Path, count: int) -> str:
    rng = np.random.default_rng(3)
    bad = rng.uniform(size=count) < 0.5
    label = np.where(bad, rng.uniform(size=count) < 0.7, rng.uniform(size=count) < 0.2)
    filler = "the patient was seen on the ward today and was stable"
    rows = {
        "encounter_id": [f"e{i}" for i in range(count)],
        "patient_id": [f"p{i}" for i in range(count)],
        "text": [f"{'very sick with heart failure' if b else 'well and at home'} {filler}" for b in bad],
        "label": label.tolist(),
    }
    pq.write_table(pa.table(rows), path)
    return str(path)


def test_a_trained_head_is_calibrated_on_encounters_it_did_not_learn_from(tmp_path: Path) -> None:
    from transforms.clinical_bert.checkpoints import resolve
    from transforms.clinical_bert.replica import Replica

    data = encounters(tmp_path / "encounters.parquet", 1000)
    lines: list[str] = []
    options = LoopOptions(epochs=1, lr=1e-3, head_lr=2e-2, window=32)
    output = tmp_path / "out"
    train(
        ["readmission"], data, "shipped", str(output), layers=1, prune_vocabulary=True, feed_forward=32,
        options=options, log=lines.append,
    )  # fmt: skip
    about = json.loads((output / "heads" / "readmission.json").read_text())
    assert about["calibration"]["method"] == "platt"
    assert about["calibration"]["readmitted"] >= LEAST
    assert any("calibrated on" in line for line in lines)
    figures = about["figures"]["encounters"]
    assert figures["auroc"] > 0.6
    assert figures["expected"] == pytest.approx(figures["readmitted"], rel=0.35)
    # The replica of a run gives what was calibrated.
    (dev,) = (s.dev for s in read(data, ["readmission"]))
    with Replica({"readmission": resolve(str(output), "readmission")}, window=32) as replica:
        chunks = [chunk.score for (chunk,) in replica.annotate([d.text for d in dev])["readmission"]]
    assert sum(chunks) == pytest.approx(figures["expected"], rel=0.02)


def test_too_few_encounters_are_said_to_be_so(tmp_path: Path) -> None:
    data = encounters(tmp_path / "encounters.parquet", 40)
    lines: list[str] = []
    train(
        ["readmission"], data, "shipped", str(tmp_path / "out"), layers=1, prune_vocabulary=True,
        feed_forward=32, options=LoopOptions(epochs=1, window=32), log=lines.append,
    )  # fmt: skip
    assert json.loads((tmp_path / "out" / "heads" / "readmission.json").read_text())["calibration"] is None
    assert any("not calibrated" in line for line in lines)


def test_a_patients_rows_are_in_one_split(tmp_path: Path) -> None:
    rows = {"text": [f"note {i}" for i in range(200)], "label": [True, False] * 100}
    ids = {"patient_id": [f"p{i % 40}" for i in range(200)], "encounter_id": [f"e{i}" for i in range(200)]}
    pq.write_table(pa.table(rows | ids), tmp_path / "in.parquet")
    (data,) = read(str(tmp_path / "in.parquet"), ["readmission"])
    assert len(data.dev) == 20
    assert not {d.patient for d in data.dev} & {d.patient for d in data.train}
    assert {d.group for d in data.dev + data.train} == set(ids["encounter_id"])
