"""A note of which the encoder misses tokens is rejected, and the manifest counts what was missed."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from tests.jobs.conftest import Run
from tests.pipelines.toys import read_tables, write_notes
from tests.transforms.clinical_bert import tiny
from transforms.clinical_bert import windows

LONG = "pain " * 300
NOTES = {"whole": "the patient has fever", "long": LONG, "another": "chest pain"}


def test_a_lost_window_is_in_the_manifest_and_its_note_in_the_rejects(
    notemill: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[int] = []
    real = windows.plan

    def leaky(n_tokens: int, length: int, overlap: int) -> list[windows.Window]:
        found = real(n_tokens, length, overlap)
        if len(found) > 1:
            dropped = found.pop(1)
            lost.append(dropped.own_stop - dropped.own_start)
        return found

    source = write_notes(tmp_path / "in.parquet", pa.table({"note_id": [*NOTES], "text": [*NOTES.values()]}))
    model = tiny.own(tmp_path / "model", heads=("ner",))
    arguments = [
        *("run", "--input", source, "--model", f"ner={model}", "--engine", "local", "--json"),
        *("--stages", "validate,deidentify,sections,clinical_bert", "--set", "deidentify.tagger=false"),
        *("--set", "model.heads=['ner']", "--set", "ids=keep"),
    ]
    status, out, err = notemill(*arguments, "--output", str(tmp_path / "whole"))
    assert status == 0, err
    assert json.loads(out)["encoded"]["encoded"]["truncated_tokens"] == 0
    monkeypatch.setattr(windows, "plan", leaky)
    status, out, err = notemill(*arguments, "--output", str(tmp_path / "leaky"))
    assert status == 0, err
    manifest = json.loads((tmp_path / "leaky" / "_run.json").read_text())
    assert manifest["encoded"]["encoded"]["truncated_tokens"] == lost[-1] > 0
    assert manifest["rejects"] == {"clinical_bert/TruncatedError": 1}
    assert (manifest["rows_read"], manifest["rows_written"], manifest["rows_rejected"]) == (3, 2, 1)
    tables = read_tables(tmp_path / "leaky")
    assert tables["rejects"]["detail"].to_pylist() == [f"{lost[-1]} of the note's tokens were not encoded"]
    assert sorted(tables["notes"]["note_id"].to_pylist()) == ["another", "whole"]
