"""A de-identification that misses planted PHI ends the run before a note is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.engines.beam import BeamEngine
from pipelines.errors import RunError
from pipelines.io.ledger import Ledger
from pipelines.io.source import ParquetSource
from pipelines.io.storage import Folder
from pipelines.parcel import Line, units
from pipelines.plan import Plan
from pipelines.run import execute
from tests.jobs.conftest import Run, notemill
from tests.pipelines.toys import KEY, PRESETS, Quiet, notes_table, read_tables, write_notes
from transforms import schema
from transforms.deid import recognizers
from transforms.deid.canary import CanaryError
from transforms.deid.pseudonyms import Pseudonyms
from transforms.deid.stage import deidentification
from transforms.sections.stage import Sections

__all__ = ["notemill"]

QUICK = ("--stages", "validate,deidentify", "--set", "deidentify.tagger=false")


def fails(notemill: Run, tmp_path: Path, *options: str, says: str) -> None:
    source = write_notes(tmp_path / "in.parquet", notes_table(5))
    out = tmp_path / "out"
    status, printed, err = notemill("run", "--input", source, "--output", str(out), *options)
    assert (status, printed) == (1, "")
    assert says in err.splitlines()[-1]
    assert "Kowalczyk" not in err
    assert not any((out / name).exists() for name in (*schema.TABLES, "_run.json", "_attestation.json"))


@pytest.mark.parametrize(
    ("title", "says"),
    [
        ("phones", "class D (PHONE): "),
        ("dates", "class C (DATE): "),
        ("numbers", "class H (MEDICALRECORD): "),
        ("names", "class A (DOCTOR): "),
        ("places", "class B (ZIP): "),
    ],
)
def test_a_recognizer_taken_out(
    notemill: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, title: str, says: str
) -> None:
    shipped = recognizers.shipped

    def without() -> list[Any]:
        kept = [one for one in shipped() if one.title != title]
        assert len(kept) == len(shipped()) - 1
        return kept

    monkeypatch.setattr(recognizers, "shipped", without)
    fails(notemill, tmp_path, "--engine", "local", *QUICK, says=says)


def test_a_threshold_of_one(notemill: Run, tmp_path: Path) -> None:
    options = ("--engine", "local", *QUICK, "--set", "deidentify.pattern_threshold=1.0")
    fails(notemill, tmp_path, *options, says="class G (SSN): ")


def test_a_tagger_that_finds_nothing_behind_cut_patterns(notemill: Run, tmp_path: Path) -> None:
    cut = ("--set", "deidentify.pattern_threshold=1.0", "--set", "deidentify.threshold=1.0")
    fails(notemill, tmp_path, "--engine", "local", *QUICK[:2], *cut, says="class B (HOSPITAL): ")


def test_on_ray(notemill: Run, tmp_path: Path) -> None:
    options = ("--engine", "ray", "--set", "ray.num_cpus=2", *QUICK, "--set", "deidentify.pattern_threshold=1.0")
    fails(notemill, tmp_path, *options, says="CanaryError: planted PHI was not found: class A (DOCTOR)")


def plan(tmp_path: Path, **options: Any) -> Plan:
    source = ParquetSource(write_notes(tmp_path / "in.parquet", notes_table(8)), PRESETS["notemill"], 4)
    stages = (*deidentification(KEY, **options), Sections())
    return Plan(source, Pseudonyms(KEY), stages, str(tmp_path / "out"), "test")


def test_on_beam_one_worker_holds_what_is_proven(tmp_path: Path) -> None:
    whole = plan(tmp_path)
    assert [[stage.name for stage in unit] for unit in units(whole.stages)] == [
        ["find_phi", "link_names", "deidentify"],
        ["sections"],
    ]
    execute(whole, BeamEngine(), Quiet(), facts={})
    receipts = Ledger(Folder(whole.output)).receipts().values()
    assert len(receipts) == 2
    for receipt in receipts:
        first, second = receipt.workers
        assert first["canary"]["found"] == first["canary"]["planted"]
        assert "canary" not in second
    with pytest.raises(RunError, match=r"planted PHI was not found: class A \(DOCTOR\)"):
        execute(plan(tmp_path / "cut", threshold=1.0), BeamEngine(), Quiet(), facts={})


def test_a_worker_with_a_part_of_the_stages_is_refused(tmp_path: Path) -> None:
    find, link, replace = plan(tmp_path).stages[:3]
    for part in ((find,), (find, link), (link, replace), (replace, find)):
        with pytest.raises(Exception, match="must share a worker"):
            Line(part)
    assert "canary" in Line((find, replace)).worker


def test_the_very_objects_that_work_are_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each worker that is opened is proven: the second opening fails though the first passed."""
    from transforms.deid.stage import FindPhi, FindPhiWorker

    opened: list[FindPhiWorker] = []
    used: list[FindPhiWorker] = []
    make: Callable[..., Any] = FindPhi.open
    process = FindPhiWorker.process

    def opens(self: FindPhi) -> FindPhiWorker:
        worker: FindPhiWorker = make(self)
        opened.append(worker)
        return worker

    def processes(self: FindPhiWorker, notes: Any) -> Any:
        used.append(self)
        return process(self, notes)

    monkeypatch.setattr(FindPhi, "open", opens)
    monkeypatch.setattr(FindPhiWorker, "process", processes)
    stages = plan(tmp_path).stages[:3]
    Line(stages)
    assert used == opened
    monkeypatch.setattr(recognizers, "shipped", list)
    with pytest.raises(CanaryError):
        Line(stages)


def test_the_manifest_tells_of_the_canary(notemill: Run, tmp_path: Path) -> None:
    source = write_notes(tmp_path / "in.parquet", notes_table(5))
    out = tmp_path / "out"
    assert notemill("run", "--input", source, "--output", str(out), "--engine", "local", *QUICK)[0] == 0
    manifest = json.loads((out / "_run.json").read_text())
    told = manifest["workers"][0]["canary"]
    assert told["found"] == told["planted"]
    assert min(told["planted"].values()) >= 3
    # The canary's own notes and PHI are nowhere in the tables.
    tables = read_tables(out)
    assert tables["notes"].num_rows == 5
    assert not any("canary" in note for note in tables["crosswalk"]["raw_note_id"].to_pylist())
