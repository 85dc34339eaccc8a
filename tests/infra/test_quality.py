"""The table of quality: figures out of JSON, rows that stay, and a run of its cheapest commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from infra.bench.quality import FIGURES, command, kept, measured, row, table

BY_NAME = {figure.name: figure for figure in FIGURES}
BOUNDARY = BY_NAME["Sections, MTSamples: F1 of boundaries"]
SPEED = BY_NAME["Assertion: entities a second on one core"]


def test_a_row_holds_figure_interval_target_and_command() -> None:
    facts = {"boundary": {"f1": 0.9512, "intervals_95": {"f1": [0.9, 0.961]}}}
    line = row(BOUNDARY, facts, ["ner=x"], "abc1234", "2030-01-02")
    shown = "`notemill evaluate sections --data DATA/notes/mtsamples.parquet --set preset=mimic-iv-note --json`"
    assert line == (
        f"| Sections, MTSamples: F1 of boundaries | 95.1% | 90.0% to 96.1% | 90.0% or more | {shown} | abc1234 "
        "| 2030-01-02 |"
    )
    assert measured(SPEED, {"entities_per_second": 8000.4}) == (8000.4, None)
    assert "| 8,000 |  | 5,000 or more |" in row(SPEED, {"entities_per_second": 8000.4}, [], "a", "b")
    assert "| not defined |" in row(BOUNDARY, {"boundary": {"f1": None}}, [], "a", "b")


def test_a_command_takes_the_model_of_its_own_head() -> None:
    ner = BY_NAME["NER, BC5CDR: F1 of exact spans"]
    assert command(ner, ["icd=a", "ner=b"])[-3:] == ["--model", "ner=b", "--json"]
    assert "--model" not in command(SPEED, ["icd=a", "ner=b"])


def test_rows_that_were_not_measured_stay() -> None:
    before = {BOUNDARY.name: f"| {BOUNDARY.name} | 1.0% | old |", SPEED.name: f"| {SPEED.name} | 7 | old |"}
    text = table(before)
    assert kept(text) == before
    again = table({**kept(text), SPEED.name: f"| {SPEED.name} | 8 | new |"})
    assert kept(again) == {**before, SPEED.name: f"| {SPEED.name} | 8 | new |"}
    assert again.index(BOUNDARY.name) < again.index(SPEED.name)


def test_its_commands_run(tmp_path: Path) -> None:
    folder = tmp_path / "assertion"
    folder.mkdir()
    rows = {"concept": ["rales"], "sentence": ["No RALES."], "negation": ["Negated"], "temporality": ["Recent"]}
    pq.write_table(pa.table({**rows, "experiencer": ["Patient"]}), folder / "negex.parquet")
    output = tmp_path / "quality.md"
    output.write_text(table({BOUNDARY.name: f"| {BOUNDARY.name} | 1.0% | old |"}))
    asked = ["--data", str(tmp_path), "--only", "assertion", "--output", str(output)]
    subprocess.run([sys.executable, "-m", "infra.bench.quality", *asked], check=True, capture_output=True)
    found = kept(output.read_text())
    assert "| 100.0% |" in found["Assertion, NegEx: F1 of negated"]
    assert "DATA/assertion/negex.parquet" in found["Assertion, NegEx: F1 of negated"]
    assert str(tmp_path) not in output.read_text()
    assert found[BOUNDARY.name].endswith("| old |")


def test_a_command_that_fails_leaves_its_rows(tmp_path: Path) -> None:
    output = tmp_path / "quality.md"
    output.write_text(table({SPEED.name: f"| {SPEED.name} | 7 | old |"}))
    asked = ["--data", str(tmp_path / "none"), "--only", "assertion", "--output", str(output)]
    ran = subprocess.run([sys.executable, "-m", "infra.bench.quality", *asked], capture_output=True, text=True)
    assert ran.returncode == 1
    assert f"not measured, their rows stay: {BY_NAME['Assertion, NegEx: F1 of negated'].name}" in ran.stderr
    assert kept(output.read_text()) == {SPEED.name: f"| {SPEED.name} | 7 | old |"}
