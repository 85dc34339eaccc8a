"""The preset `fhir` from the command line."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.jobs.conftest import Run
from tests.pipelines.io.test_fhir import attachment, document, line
from tests.pipelines.toys import read_tables

ROOT = Path(__file__).parent.parent.parent
QUICK = ("--engine", "local", "--stages", "validate,deidentify,sections", "--set", "deidentify.tagger=false")


def test_the_line_of_the_readme(notemill: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bulk-export").mkdir()
    text = "HISTORY: Ms. Doe saw Meredith Grey at Seattle Grace. No fever."
    lines = [line(document("d1", text)), line(document("d2", content=[attachment("%PDF", "application/pdf")]))]
    Path("bulk-export/DocumentReference.000.ndjson").write_bytes(b"".join(lines))
    (readme,) = re.findall(r"^notemill (run .*--preset fhir)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    status, _, err = notemill(*shlex.split(readme), *QUICK)
    assert status == 0, err
    tables = read_tables("run")
    (note,) = tables["notes"].to_pylist()
    assert "No fever" in note["text"]
    assert not re.search("Doe|Meredith|Grey|Seattle", note["text"])
    assert note["note_type"] == "Discharge summary"
    assert tables["rejects"]["error"].to_pylist() == ["UnsupportedContentType"]
    assert {*tables["phi"]["label"].to_pylist()} >= {"DOCTOR", "HOSPITAL", "PATIENT"}


def test_what_does_not_go_with_documents_is_refused(notemill: Run, tmp_path: Path) -> None:
    (tmp_path / "in.ndjson").write_bytes(line(document()))
    common = ("run", "--input", f"{tmp_path}/in.ndjson", "--output", f"{tmp_path}/out", "--preset", "fhir", *QUICK[:2])
    for options, says in (
        (("--set", "columns.text=body"), "[columns] does not go with the preset fhir"),
        (("--set", 'readmission.mode="48h"'), 'readmission.admit = "first-note"'),
    ):
        status, out, err = notemill(*common, *options)
        assert (status, out) == (2, ""), err
        assert says in " ".join(err.split())
    assert not (tmp_path / "out").exists()
