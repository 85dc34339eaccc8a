"""The attestation that a run writes: counts of the tables, also when the run was stopped and resumed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from jobs.config import load
from jobs.generate import generate
from jobs.run import run
from pipelines.io.sink import Sink
from tests.jobs.conftest import Run
from tests.pipelines.toys import Quiet, read_tables

QUICK = ("--stages", "validate,deidentify", "--set", "deidentify.tagger=false", "--set", "split_rows=5")


@pytest.fixture
def notes(tmp_path: Path) -> str:
    generate(str(tmp_path / "in"), notes=20, seed=3)
    return str(tmp_path / "in")


def written(out: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    return json.loads((out / "_run.json").read_text()), json.loads((out / "_attestation.json").read_text())


def check(out: Path) -> dict[str, Any]:
    """The file says what the manifest says, and both what the tables hold."""
    manifest, filed = written(out)
    assert filed.pop("run_id") == manifest["run_id"]
    assert filed == manifest["deidentification"]
    phi = read_tables(out)["phi"].to_pylist()
    spans = filed["spans"]
    assert spans["total"] == len(phi) > 50
    for name, column in (("by_label", "label"), ("by_recognizer", "recognizer"), ("by_class", "safe_harbor")):
        counts = {key: count for key, count in spans[name].items() if count}
        assert counts == Counter(row[column] for row in phi)
    assert filed["notes"]["read"] == manifest["rows_read"] == 20
    assert filed["notes"]["de_identified"] == manifest["rows_written"]
    return filed


def test_a_run_attests(notemill: Run, notes: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    status, printed, _ = notemill("run", "--input", notes, "--output", str(out), "--engine", "local", *QUICK)
    assert status == 0
    filed = check(out)
    assert filed["reasons"] == ["the PHI tagger was off"]
    assert filed["canary"]["workers"] == 1
    assert f"De-identification: {filed['spans']['total']:,} spans of " in printed
    assert "canary found whole by 1 worker. Expert Determination needed" in printed
    names = {name for row in pq.read_table(Path(notes) / "notes")["patient_name"].to_pylist() for name in row.split()}
    text = (out / "_attestation.json").read_text()
    assert not [name for name in names if f'"{name}"' in text]


def test_with_the_tagger_it_is_safe_harbor(notemill: Run, notes: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--engine", "local", "--stages", "validate,deidentify", "--json")
    status, printed, _ = notemill("run", "--input", notes, "--output", str(out), *options)
    assert status == 0
    assert check(out)["method"] == "Safe Harbor, 45 CFR 164.514(b)(2)"
    assert json.loads(printed)["deidentification"]["mode"] == "tag"


def test_a_resumed_run_counts_what_was_done_before(notes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTEMILL_KEY", "key of the tests")
    settings = ["split_rows=5", "deidentify.tagger=false", 'stages=["validate","deidentify"]']
    whole = load(None, settings, {"input": notes, "output": str(tmp_path / "whole"), "engine": "local"})
    run(whole, Quiet())
    job = load(None, settings, {"input": notes, "output": str(tmp_path / "out"), "engine": "local"})
    write = Sink.write
    done: list[str] = []

    def stops(self: Sink, parcel: Any) -> Any:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(parcel.split.id)
        return write(self, parcel)

    monkeypatch.setattr(Sink, "write", stops)
    with pytest.raises(KeyboardInterrupt):
        run(job, Quiet())
    assert not (tmp_path / "out" / "_attestation.json").exists()
    monkeypatch.setattr(Sink, "write", write)
    outcome, _ = run(job, Quiet())
    assert outcome.resumed == 2
    filed = check(tmp_path / "out")
    assert filed["spans"] == check(tmp_path / "whole")["spans"]
    assert filed["canary"]["untested_splits"] == 0


def test_fresh_removes_the_attestation_of_before(notemill: Run, notes: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    common = ("run", "--input", notes, "--output", str(out), "--engine", "local", *QUICK)
    assert notemill(*common)[0] == 0
    assert notemill(*common, "--set", "deidentify.pattern_threshold=1.0", "--fresh")[0] == 1
    assert not (out / "_attestation.json").exists()
