"""`notemill evaluate sections`: boundaries, categories and codes against marks, and labels by their headings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.evaluation.sections import Mark, SectionCounts
from jobs.generate import generate
from tests.jobs.conftest import Run
from transforms.sections.headings import HeadingIndex, HeadingTable

TEXT = "CHIEF COMPLAINT: cough\n\nPHYSICAL EXAM:\nHEENT: normal\n\nZORBLAX: strange\n\nPLAN: go home"
MARK = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("text", pa.string()), ("loinc", pa.string())]))


def marks(text: str, *titles: str, **loinc: str) -> list[dict[str, Any]]:
    found = [{"start": (at := text.index(title)), "end": at + len(title), "text": title} for title in titles]
    return [{**mark, "loinc": loinc.get(mark["text"].split()[0].rstrip(":"))} for mark in found]


def write(path: Path, texts: list[str], headings: list[Any], **columns: Any) -> str:
    pq.write_table(pa.table({"text": texts, "headings": pa.array(headings, MARK), **columns}), path)
    return str(path)


def section(start: int, end: int, category: str, title: str = "T", loinc: str | None = None) -> dict[str, Any]:
    return {"start": start, "end": end, "category": category, "title": title, "loinc": loinc}


def test_main_sections_against_main_marks() -> None:
    counts = SectionCounts(HeadingIndex(HeadingTable.shipped()))
    gold = [Mark(0, "PLAN", None, "18776-5"), Mark(50, "HEENT"), Mark(80, "ZORBLAX"), Mark(90, "ALLERGIES")]
    found = [
        section(0, 40, "plan", loinc="18776-5"),
        section(40, 80, "physical_exam"),  # not marked: wrong
        section(50, 60, "physical_exam"),  # a part that is marked: left out on both sides
        section(60, 80, "physical_exam"),  # a part that is not marked counts for all_headings alone
        section(80, 90, "plan"),  # a mark without a category counts for the boundary alone
        section(90, 99, "medications"),
        section(99, 120, "other", title=""),  # no heading
    ]
    counts.add("a", gold, found)
    figures = counts.figures()
    assert [figures["boundary"][name] for name in ("right", "found", "support")] == [3, 4, 3]
    assert [figures["all_headings"][name] for name in ("right", "found", "support")] == [4, 6, 4]
    assert [figures["category"][name] for name in ("right", "found", "support")] == [1, 3, 2]
    assert figures["category"]["accuracy"] == 0.5
    assert figures["by_category"]["plan"]["f1"] == 1
    assert figures["by_category"]["allergies"]["recall"] == 0
    assert figures["loinc"]["n"] == 1
    assert figures["loinc"]["accuracy"] == 1
    assert (figures["precision"], figures["recall"]) == (0.75, 1.0)


def test_the_category_of_a_mark_is_the_one_it_gives() -> None:
    counts = SectionCounts(HeadingIndex(HeadingTable.shipped()))
    counts.add("a", [Mark(0, "PLAN", "diet"), Mark(9, "x", "diet", main=False)], [section(0, 20, "plan")])
    figures = counts.figures()
    assert figures["category"]["accuracy"] == 0
    assert figures["boundary"]["support"] == 1


def test_marked_notes(notemill: Run, tmp_path: Path) -> None:
    gold = marks(TEXT, "CHIEF COMPLAINT:", "PHYSICAL EXAM:", "HEENT:", "ZORBLAX:", "PLAN:", CHIEF="10154-3", PLAN="1-1")
    data = write(tmp_path / "gold.parquet", [TEXT, "nothing marked"], [gold, None], split=["dev", None])
    out = tmp_path / "found.parquet"
    status, text, err = notemill("evaluate", "sections", "--data", data, "--json", "--predictions", str(out))
    assert (status, err) == (0, "")
    facts = json.loads(text)
    assert facts["notes"] == 2
    assert facts["f1"] == 1.0
    assert facts["boundary"]["support"] == 4
    assert facts["category"]["support"] == 3
    assert facts["category"]["accuracy"] == 1
    assert facts["loinc"] == {"n": 2, "accuracy": 0.5, "interval_95": [0.5, 0.5]}
    assert facts["intervals_95"]["f1"] == [1.0, 1.0]
    rows = pq.read_table(out)
    assert rows.schema.names == ["note_id", "section_id", "category", "loinc", "start", "end", "body_start"]
    assert rows["category"].to_pylist()[:2] == ["chief_complaint", "physical_exam"]
    status, text, _ = notemill("evaluate", "sections", "--data", data)
    assert status == 0
    assert "boundary F1 100.00%" in text
    assert "ZORBLAX" not in text


def test_generated_notes(notemill: Run, tmp_path: Path) -> None:
    generate(str(tmp_path / "made"), notes=20, seed=5, rows_per_file=8)
    status, text, err = notemill("evaluate", "sections", "--data", str(tmp_path / "made"), "--json")
    assert (status, err) == (0, "")
    facts = json.loads(text)
    gold = pq.read_table(tmp_path / "made" / "gold" / "sections").to_pylist()
    assert facts["all_headings"]["support"] == sum(bool(row["title"]) for row in gold)
    assert facts["boundary"]["support"] < facts["all_headings"]["support"]
    assert facts["f1"] > 0.9
    assert facts["category"]["accuracy"] > 0.9


def test_labels_are_written_as_headings(notemill: Run, tmp_path: Path) -> None:
    path = tmp_path / "gold.parquet"
    labels = ["GENHX", "PASTMEDICALHX", "FAM/SOCHX", "OTHER_HISTORY", "Flimjam"]
    pq.write_table(pa.table({"label": labels, "text": ["Seen today. Smokes."] * 5}), path)
    status, text, err = notemill("evaluate", "sections", "--data", str(path), "--json")
    assert (status, err) == (0, "")
    facts = json.loads(text)
    categories = {label: (of["category"], of["accuracy"]) for label, of in facts["by_label"].items()}
    assert categories == {
        "GENHX": ("history_of_present_illness", 1.0),
        "PASTMEDICALHX": ("past_medical_history", 1.0),
        "FAM/SOCHX": ("social_history", 1.0),
        "OTHER_HISTORY": ("past_medical_history", 1.0),
        "Flimjam": (None, 0.0),
    }
    assert (facts["accuracy"], facts["n"]) == (0.8, 5)
    mapped = ("--map", "GENHX=plan", "--map", "Flimjam=diet")
    status, text, _ = notemill("evaluate", "sections", "--data", str(path), "--json", *mapped)
    facts = json.loads(text)
    assert (status, facts["accuracy"]) == (0, 0.6)
    assert facts["by_label"]["GENHX"] == {"category": "plan", "n": 1, "accuracy": 0.0}
    assert "accuracy 80.00%" in notemill("evaluate", "sections", "--data", str(path))[1]


@pytest.mark.parametrize(
    ("headings", "says"),
    [
        ([[{"start": 2, "end": 99, "text": "x"}]], ("gold.parquet, row 0", "[2, 99)", "4 characters")),
        (None, ("neither a column headings", "nor a column label", "text")),
        (["PLAN"], ("column headings of gold.parquet", "string")),
    ],
)
def test_requests_that_cannot_be_met(notemill: Run, tmp_path: Path, headings: Any, says: tuple[str, ...]) -> None:
    path = tmp_path / "gold.parquet"
    columns = {"text": ["PLAN"]} if headings is None else {"text": ["PLAN"], "headings": headings}
    pq.write_table(pa.table(columns), path)
    refused(notemill, "--data", str(path), says=says)


def test_maps_that_cannot_be_met(notemill: Run, tmp_path: Path) -> None:
    marked = write(tmp_path / "marked.parquet", [TEXT], [marks(TEXT, "PLAN:")])
    refused(notemill, "--data", marked, "--map", "A=plan", says=("--map is for data with a column label",))
    path = tmp_path / "labels.parquet"
    pq.write_table(pa.table({"text": ["x"], "label": ["CC"]}), path)
    refused(notemill, "--data", str(path), "--map", "DX=plan", says=("--map DX", "CC"))
    refused(notemill, "--data", str(path), "--map", "CC=plam", says=("--map", "plam", "chief_complaint"))
    refused(notemill, "--data", str(path), "--set", "stages=['validate', 'deidentify']", says=("stage sections out",))


def refused(notemill: Run, *arguments: str, says: tuple[str, ...]) -> None:
    status, out, err = notemill("evaluate", "sections", *arguments)
    assert (status, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    for word in says:
        assert word in err
