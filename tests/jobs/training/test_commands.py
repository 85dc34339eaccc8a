"""`notemill train` of each head on a few documents, and `notemill run` with what came out."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.jobs.conftest import Run
from tests.transforms.clinical_bert import tiny

HEADS = ("deid", "ner", "icd", "readmission")
LIMIT = 120
"""Seconds of a processor: those by the clock would be of the machine's other work too."""


def corpora(folder: Path) -> dict[str, str]:
    """A few documents for each head: a word tells a label."""
    rng = random.Random(0)
    words = [rng.choices(["the", "patient", "fever", "pain", "chest"], k=12) for _ in range(60)]
    texts = [" ".join(of_text) for of_text in words]

    def entities(text: str, word: str, label: str) -> list[dict[str, Any]]:
        starts = [at for at in range(len(text)) if text.startswith(word, at)]
        return [{"start": at, "end": at + len(word), "label": label, "text": word} for at in starts]

    tables: dict[str, dict[str, list[Any]]] = {
        "mlm": {"text": texts},
        "ner": {"tokens": words, "tags": [["B-Symptom" if w == "fever" else "O" for w in ws] for ws in words]},
        "deid": {"text": texts, "entities": [entities(text, "chest", "DOCTOR") for text in texts]},
        "icd": {"text": texts, "codes": [["R50.9"] if "fever" in of_text else ["R52"] for of_text in words]},
        "readmission": {"text": texts, "label": [int("pain" in of_text) for of_text in words]},
    }
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return {name: str(folder / f"{name}.parquet") for name in tables}


def test_each_head_is_trained_in_time_and_runs(notemill: Run, tmp_path: Path) -> None:
    base, data = str(tiny.own(tmp_path / "base", heads=())), corpora(tmp_path)

    def train(head: str, start: str, *options: str) -> dict[str, Any]:
        began = time.process_time()
        arguments = ["--data", data[head], "--base", start, "--output", str(tmp_path / f"my-{head}"), "--json"]
        status, out, err = notemill("train", head, *arguments, *options)
        assert status == 0, err
        assert time.process_time() - began < LIMIT
        told: dict[str, Any] = json.loads(out)
        return told

    assert train("mlm", base, "--length", "32", "--epochs", "5")["steps"] == 20
    for head in HEADS:
        summary = train(
            head, str(tmp_path / "my-mlm"), "--lr", "3e-3", "--head-lr", "2e-2", "--batch", "2", "--epochs", "12"
        )
        assert set(summary["figures"]) == {head}

    notes, run = tmp_path / "notes.parquet", tmp_path / "run"
    columns = {"note_id": ["n"], "encounter_id": ["e"], "text": ["the patient fever pain " * 10]}
    pq.write_table(pa.table(columns), notes)
    models = [word for head in HEADS for word in ("--model", f"{head}={tmp_path / f'my-{head}'}")]
    status, _, err = notemill("run", "--input", str(notes), "--output", str(run), "--engine", "local", *models)
    assert status == 0, err
    entities = pq.read_table(run / "entities").to_pylist()
    assert {(row["label"], row["text"]) for row in entities} == {("Symptom", "fever")}
    assert len(entities) == 10
    assert {row["code"] for row in pq.read_table(run / "codes").to_pylist()} <= {"R50.9", "R52"}
    assert len(pq.read_table(run / "readmission")) == 1
    used = json.loads((run / "_run.json").read_text())
    assert all(f"my-{head}" in json.dumps(used) for head in HEADS)


def test_several_heads_share_a_backbone(notemill: Run, tmp_path: Path) -> None:
    base, data = str(tiny.own(tmp_path / "base", heads=())), corpora(tmp_path)
    status, out, err = notemill(
        "train", "ner", "icd", "--data", data["ner"], "--data", data["icd"], "--base", base,
        "--output", str(tmp_path / "both"), "--json",
    )  # fmt: skip
    assert status == 0, err
    assert set(json.loads(out)["figures"]) == {"ner", "icd"}
    assert {path.name for path in (tmp_path / "both/heads").glob("*.json")} == {"ner.json", "icd.json"}


@pytest.mark.parametrize("head", [*HEADS, "mlm"])
def test_each_command_has_help_with_an_example(head: str, notemill: Run) -> None:
    status, out, _ = notemill("train", head, "--help")
    assert status == 0
    assert f"Example: notemill train {head}" in out


def test_a_head_that_there_is_not(notemill: Run) -> None:
    assert notemill("train", "nre", "--data", "x", "--base", "y", "--output", "z")[0] == 2
    status, _, err = notemill("train", "ner", "nre", "--data", "x", "--base", "y", "--output", "z")
    assert status == 2
    assert "cannot train nre: the heads are deid" in err
