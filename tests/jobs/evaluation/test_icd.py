"""`notemill evaluate icd`: figures against slow counts and scikit-learn, and a run over coded notes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from jobs.evaluation.icd import CodeCounts, EvidenceCounts
from jobs.generate import generate
from tests.jobs.conftest import Run
from tests.transforms.clinical_bert import tiny
from transforms.icd.table import CodeTable

CODES = ["E11.9", "I10", "J18.9", "N17.9", "E11", "X99.999"]
TEXTS = ["the patient has chest pain and fever", "fever, fever and pain", "the chest"]


@pytest.fixture(scope="module")
def coder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny.own(tmp_path_factory.mktemp("icd"), heads=("icd",)))


def write(path: Path, texts: list[str], codes: list[Any], **columns: Any) -> str:
    pq.write_table(pa.table({"text": texts, "codes": codes, **columns}), path)
    return str(path)


SETS = st.lists(st.tuples(st.sets(st.sampled_from(CODES)), st.permutations(CODES), st.integers(0, 6)), min_size=1)


@settings(max_examples=60, deadline=None)
@given(SETS)
def test_against_slow_counts(notes: list[tuple[set[str], list[str], int]]) -> None:
    counts = CodeCounts()
    for number, (gold, ranked, found) in enumerate(notes):
        counts.units.append(str(number))
        counts.gold.append(frozenset(gold))
        counts.found.append(frozenset(ranked[:found]))
        counts.ranked.append(ranked)
    figures = counts.figures()
    if codes := sorted(set().union(*counts.gold, *counts.found)):
        matrix = MultiLabelBinarizer(classes=codes)
        of_gold, of_found = matrix.fit_transform(counts.gold), matrix.fit_transform(counts.found)
        for name, average in (("f1", "micro"), ("macro_f1", "macro")):
            assert figures[name] == pytest.approx(f1_score(of_gold, of_found, average=average, zero_division=0))
    with_gold = [(gold, ranked) for gold, ranked, _ in notes if gold]
    if not with_gold:
        assert figures["map"] is None
        return
    for k in (5, 8, 15):
        assert figures[f"p_at_{k}"] == pytest.approx(
            sum(len(gold & set(ranked[:k])) / k for gold, ranked in with_gold) / len(with_gold)
        )
    means = [
        sum(len(gold & set(ranked[: at + 1])) / (at + 1) for at, code in enumerate(ranked) if code in gold) / len(gold)
        for gold, ranked in with_gold
    ]
    assert figures["map"] == pytest.approx(sum(means) / len(means))
    for name, bounds in figures["intervals_95"].items():
        assert bounds is None or 0 <= bounds[0] <= bounds[1] <= 1, name


def test_gold_codes_that_cannot_come_out_are_left_out_of_the_valid_ones() -> None:
    counts = CodeCounts(["a"], [frozenset({"E11.9", "E11", "X99.999"})], [frozenset({"E11.9"})], [["I10", "E11.9"]])
    assert counts.figures()["recall"] == pytest.approx(1 / 3)
    valid = counts.over(CodeTable.shipped()).figures()
    assert (valid["recall"], valid["f1"], valid["map"]) == (1.0, 1.0, 0.5)


def test_evidence_that_overlaps_and_characters_that_both_mark() -> None:
    counts = EvidenceCounts()
    assert counts.figures() is None
    gold = {("I10", 0, 10), ("I10", 20, 30), ("E11.9", 40, 44)}
    counts.add("a", gold, {("I10", 5, 15), ("I10", 6, 8), ("E11.9", 0, 10), ("J18.9", 40, 44)})
    figures = counts.figures()
    assert figures is not None
    assert (figures["precision"], figures["recall"]) == (0.5, pytest.approx(1 / 3))
    assert figures["f1"] == pytest.approx(2 * 0.5 * (1 / 3) / (0.5 + 1 / 3))
    assert figures["characters"]["precision"] == pytest.approx(5 / 24)
    assert figures["characters"]["recall"] == pytest.approx(5 / 24)
    assert figures["intervals_95"]["f1"] == pytest.approx([figures["f1"]] * 2)
    counts.add("b", set(), set())
    again = counts.figures()
    assert again is not None
    assert again["f1"] == figures["f1"]


def test_coded_notes(notemill: Run, tmp_path: Path, coder: str) -> None:
    found_by = tmp_path / "found.parquet"
    asked = ("--model", f"icd={coder}", "--set", "model.heads=['icd']", "--json", "--predictions", str(found_by))
    data = write(tmp_path / "first.parquet", TEXTS, [["I10"], [], None])
    status, out, err = notemill("evaluate", "icd", "--data", data, *asked)
    assert (status, err) == (0, "")
    rows = pq.read_table(found_by).to_pylist()
    assert rows
    assert {row["code"] for row in rows} <= set(tiny.CODES)
    facts = json.loads(out)
    assert facts["found"] == len(rows)
    assert (facts["support"], facts["valid_share"], facts["evidence_resolved"]) == (1, 1.0, 1.0)
    assert facts["evidence"] is None
    # What was found, as gold, under other names of the columns; of the first note also a code that never comes out.
    by_note: dict[str, list[dict[str, Any]]] = {f"row {number}": [] for number in range(3)}
    for row in rows:
        by_note[row["note_id"]].append(row)
    gold = [[row["code"] for row in of_note] for of_note in by_note.values()]
    spans = [[{"code": r["code"], **span} for r in of_note for span in r["evidence"]] for of_note in by_note.values()]
    path = tmp_path / "again.parquet"
    columns = {"text_en": TEXTS, "codes": [[*gold[0], "E11"], *gold[1:]], "evidence_en": spans}
    pq.write_table(pa.table(columns), path)
    facts = json.loads(notemill("evaluate", "icd", "--data", str(path), *asked)[1])
    assert facts["precision"] == 1.0
    assert facts["recall"] == pytest.approx(len(rows) / (len(rows) + 1))
    assert (facts["valid"]["f1"], facts["valid"]["map"]) == (1.0, 1.0)
    assert (facts["evidence"]["f1"], facts["evidence"]["characters"]["f1"]) == (1.0, 1.0)
    status, text, _ = notemill("evaluate", "icd", "--data", str(path), *asked[:4])
    assert status == 0
    assert "evidence F1 100.00%" in text
    assert "chest" not in text
    none = json.loads(notemill("evaluate", "icd", "--data", str(path), *asked, "--set", "icd.threshold=1.0")[1])
    assert (none["f1"], none["valid"]["map"]) == (0.0, 1.0)


def test_generated_notes(notemill: Run, tmp_path: Path, coder: str) -> None:
    generate(str(tmp_path / "made"), notes=9, seed=5, rows_per_file=4)
    asked = ("--model", f"icd={coder}", "--set", "model.heads=['icd']", "--json")
    status, out, err = notemill("evaluate", "icd", "--data", str(tmp_path / "made"), *asked)
    assert (status, err) == (0, "")
    gold = pq.read_table(tmp_path / "made" / "gold" / "codes").to_pylist()
    assert json.loads(out)["support"] == len({(row["note_id"], row["code"]) for row in gold})


def test_requests_that_cannot_be_met(notemill: Run, tmp_path: Path) -> None:
    def refused(data: str, *arguments: str, says: tuple[str, ...]) -> None:
        status, out, err = notemill("evaluate", "icd", "--data", data, *arguments)
        assert (status, out) == (2, "")
        assert len(err.strip().splitlines()) == 1
        for word in says:
            assert word in err

    path = tmp_path / "gold.parquet"
    refused(write(path, ["x"], ["I10"]), says=("column codes", "must be a list of text"))
    refused(write(path, ["x"], [["I10", " "]]), says=("gold.parquet, row 0: a code is empty",))
    refused(
        write(path, ["x"], [["I10"]], evidence=[[{"code": "I10"}]]), says=("column evidence", "code, start and end")
    )
    far = [[{"code": "I10", "start": 0, "end": 5}]]
    refused(write(path, ["x"], [["I10"]], evidence=far), says=("row 0", "[0, 5)", "1 characters"))
    pq.write_table(pa.table({"text": ["x"]}), path)
    refused(str(path), says=("no column codes",))
    refused(write(path, ["x"], [["I10"]]), "--model", "readmission=x", says=("the heads icd, ner",))
