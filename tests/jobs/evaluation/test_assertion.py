"""`notemill evaluate assertion`: sentences with a concept, texts with entities, and the speed of the stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.evaluation.assertion import locate
from jobs.generate import generate
from tests.jobs.conftest import Run

ROWS = [
    ("Rales", "The lungs are clear, no wheezes or  RALES.", "Negated", "Recent", "Patient"),
    ("gout", "HISTORY OF GOUT.", "Affirmed", "Historical", "Patient"),
    ("breast  cancer", "Mother with BREAST CANCER.", "Affirmed", "Recent", "Family member"),
    ("chest pain", "Return if there is any CHEST PAIN.", "Affirmed", "Not particular", "Patient"),
    ("fever", "FEVER since Monday.", "Negated", "Historical", "Other"),  # the gold is wrong, so the figures are not 1
    ("atrial flutter", "His ATRIAL", "Negated", "Recent", "Patient"),
]
COLUMNS = ("concept", "sentence", "negation", "temporality", "experiencer")


def write(path: Path, rows: list[tuple[str, ...]] = ROWS, **columns: Any) -> str:
    table = {name: list(values) for name, values in zip(COLUMNS, zip(*rows, strict=True), strict=True)} | columns
    pq.write_table(pa.table({name: values for name, values in table.items() if values is not None}), path)
    return str(path)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.evaluation.assertion._TIMED_SECONDS", 0.02)


@pytest.mark.parametrize(
    ("concept", "sentence", "found"),
    [
        ("rales", "no wheezes or   RALES.", "RALES"),
        ("chest  pain", "no CHEST\nPAIN", "CHEST\nPAIN"),
        ("he", "the HE he", "HE"),
        ("no", "nothing, no pain", "no"),
        ("his", "HIS' HIS's his", "HIS"),
        ("a (b", "a (b and c", "a (b"),
        ("pain", "painful", None),
    ],
)
def test_where_a_concept_stands(concept: str, sentence: str, found: str | None) -> None:
    span = locate(concept, sentence)
    assert (None if span is None else sentence[slice(*span)]) == found


def test_sentences(notemill: Run, tmp_path: Path) -> None:
    data, out = write(tmp_path / "gold.parquet"), tmp_path / "found.parquet"
    status, text, err = notemill("evaluate", "assertion", "--data", data, "--json", "--predictions", str(out))
    assert (status, err) == (0, "")
    facts = json.loads(text)
    assert (facts["entities"], facts["not_found"]) == (6, 1)
    assert [facts["negated"][name] for name in ("right", "found", "support")] == [1, 1, 3]
    assert facts["negated"]["f1"] == pytest.approx(0.5)
    assert [facts["historical"][name] for name in ("right", "found", "support")] == [1, 1, 2]
    assert [facts["hypothetical"][name] for name in ("right", "found", "support")] == [1, 1, 1]
    assert [facts["experiencer"][name] for name in ("right", "found", "support")] == [1, 1, 2]
    assert facts["uncertain"] is None
    assert facts["negated"]["intervals_95"]["precision"] == [1.0, 1.0]
    assert facts["entities_per_second"] > 100
    rows = pq.read_table(out).to_pylist()
    assert len(rows) == 5
    assert (rows[0]["note_id"], rows[0]["start"], rows[0]["negated"]) == ("row 0", 36, True)
    assert rows[2]["experiencer"] == "family"
    status, text, _ = notemill("evaluate", "assertion", "--data", data)
    assert status == 0
    assert "1 concepts stand nowhere" in text
    for word in ("RALES", "GOUT", "CANCER"):
        assert word not in text


def test_entities_with_some_properties(notemill: Run, tmp_path: Path) -> None:
    text = "No fever. Mother has gout."
    spans = [
        {"start": 3, "end": 8, "negated": True, "experiencer": "patient"},
        {"start": 21, "end": 25, "negated": None, "experiencer": "family"},
    ]
    path = tmp_path / "gold.parquet"
    pq.write_table(pa.table({"text": [text, None], "entities": [spans, None], "patient_id": ["a", "a"]}), path)
    status, out, _ = notemill("evaluate", "assertion", "--data", str(path), "--json")
    facts = json.loads(out)
    assert status == 0
    assert (facts["negated"]["labelled"], facts["negated"]["f1"]) == (1, 1)
    assert (facts["experiencer"]["labelled"], facts["experiencer"]["f1"]) == (2, 1)
    assert facts["historical"] is None
    assert facts["rejected"]["reasons"] == {"validate/NullText": 1}


def test_sections_have_their_say(notemill: Run, tmp_path: Path) -> None:
    text = "FAMILY HISTORY: gout."
    path = tmp_path / "gold.parquet"
    pq.write_table(pa.table({"text": [text], "entities": [[{"start": 16, "end": 20, "experiencer": "family"}]]}), path)
    asked = ("evaluate", "assertion", "--data", str(path), "--json")
    assert json.loads(notemill(*asked)[1])["experiencer"]["recall"] == 1


def test_generated_notes(notemill: Run, tmp_path: Path) -> None:
    generate(str(tmp_path / "made"), notes=15, seed=5, rows_per_file=6)
    status, text, _ = notemill("evaluate", "assertion", "--data", str(tmp_path / "made"), "--json")
    facts = json.loads(text)
    gold = pq.read_table(tmp_path / "made" / "gold" / "entities").to_pylist()
    assert status == 0
    assert facts["negated"]["support"] == sum(row["negated"] for row in gold)
    assert facts["experiencer"]["support"] == sum(row["experiencer"] != "patient" for row in gold)
    assert facts["negated"]["f1"] > 0.9


def test_requests_that_cannot_be_met(notemill: Run, tmp_path: Path) -> None:
    def refused(data: str, *arguments: str, says: tuple[str, ...]) -> None:
        status, out, err = notemill("evaluate", "assertion", "--data", data, *arguments)
        assert (status, out) == (2, "")
        assert len(err.strip().splitlines()) == 1
        for word in says:
            assert word in err

    path = tmp_path / "gold.parquet"
    refused(write(path, negation=None), says=("no column negation", "concept, sentence"))
    refused(write(path, negation=[1] * 6), says=("column negation", "must be text"))
    refused(write(path, negation=["Perhaps"] * 6), says=("row 0: negation 'Perhaps'", "affirmed, negated"))
    refused(write(path, concept=[""] * 6), says=("row 0: the concept",))
    pq.write_table(pa.table({"text": ["x"]}), path)
    refused(str(path), says=("neither concept and sentence nor text and entities",))
    pq.write_table(pa.table({"text": ["x"], "entities": ["y"]}), path)
    refused(str(path), says=("must be a list of structs",))
    pq.write_table(pa.table({"text": ["x"], "entities": [[{"start": 0, "end": 1}]]}), path)
    refused(str(path), says=("must have start, end and some of negated",))
    pq.write_table(pa.table({"text": ["x"], "entities": [[{"start": 0, "end": 9, "negated": True}]]}), path)
    refused(str(path), says=("row 0", "[0, 9)", "1 characters"))
    for stage, others in (("assertion", "'sections'"), ("sections", "'assertion'")):
        stages = f"stages=['validate', 'deidentify', {others}]"
        refused(write(path), "--set", stages, says=(f"the stage {stage} out",))


def test_a_checkpoint_decides(notemill: Run, tmp_path: Path) -> None:
    from tests.transforms.assertion.test_classifier import save

    save(tmp_path / "model", ["PRESENT", "ABSENT", "POSSIBLE"])
    asked = ("evaluate", "assertion", "--data", write(tmp_path / "gold.parquet"), "--json")
    status, text, _ = notemill(*asked, "--model", f"assertion={tmp_path / 'model'}")
    assert status == 0
    plain, decided = json.loads(notemill(*asked)[1]), json.loads(text)
    assert decided["negated"]["found"] != plain["negated"]["found"]
    assert decided["historical"] == plain["historical"]
    assert decided["settings"]["checkpoints"]["assertion"]["sha256"]
    save(tmp_path / "other", ["PRESENT", "PERHAPS"])
    status, text, err = notemill(*asked, "--model", f"assertion={tmp_path / 'other'}")
    assert (status, text) == (2, "")
    assert "no assertion is known for its label 'perhaps'" in err
    assert len(err.strip().splitlines()) == 1
