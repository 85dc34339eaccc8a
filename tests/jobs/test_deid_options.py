"""`[deidentify]` and `[columns.known]` of a job: what they do to a run, and what is refused in one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pytest

from tests.jobs.conftest import Run
from tests.pipelines.toys import read_tables, write_notes

TEXTS = [
    "Band 441790 reads Zoltan Brix. Ward Marigold, study zq-118. Seen 3/4/2019.",
    "No band. Ward Hyacinth. Mr. Brix is well.",
]
QUICK = ("--engine", "local", "--stages", "validate,deidentify", "--set", "deidentify.tagger=false")
YAML = """
recognizers:
  - {name: Wards, supported_language: en, supported_entity: WARD, deny_list: [Marigold, Hyacinth]}
"""
MODULE = """
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer

class Studies(PatternRecognizer):
    def __init__(self):
        super().__init__("ROOM", name="Studies", patterns=[Pattern("study", "zq-[0-9]+", 0.9)])

class Wards(PatternRecognizer):
    def __init__(self):
        super().__init__("WARD", deny_list=["Marigold"])
"""


@pytest.fixture
def notes(tmp_path: Path) -> str:
    columns = {"note_id": ["a", "b"], "text": TEXTS, "band": [441790, None], "names": [["Zoltan Brix"], None]}
    return write_notes(tmp_path / "in" / "notes.parquet", pa.table(columns))


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "wards.yaml").write_text(YAML)
    (tmp_path / "studies_of_ours.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "studies_of_ours", raising=False)
    return tmp_path


def texts(out: Path) -> list[str]:
    notes = read_tables(out)
    by_id = dict(
        zip(notes["crosswalk"]["note_id"].to_pylist(), notes["crosswalk"]["raw_note_id"].to_pylist(), strict=True)
    )
    rows = zip(notes["notes"]["note_id"].to_pylist(), notes["notes"]["text"].to_pylist(), strict=True)
    return [text for _, text in sorted((by_id[note], text) for note, text in rows)]


def test_known_columns_and_further_recognizers(notemill: Run, notes: str, rules: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job = tmp_path / "job.toml"
    job.write_text(
        f'[deidentify]\nmode = "mask"\nrecognizers = ["{rules / "wards.yaml"}", "studies_of_ours:Studies"]\n'
        '[deidentify.labels]\nWARD = "ROOM"\n[columns.known]\nDEVICE = "band"\nPATIENT = ["names"]\n'
    )
    assert notemill("run", "--input", notes, "--output", str(out), "--config", str(job), *QUICK)[0] == 0
    first, second = texts(out)
    assert first == "Band ****** reads ****** ****. Ward ********, study ******. Seen ********."
    assert second == "No band. Ward ********. Mr. **** is well."
    phi = {(row["label"], row["recognizer"]) for row in read_tables(out)["phi"].to_pylist()}
    assert {("DEVICE", "known"), ("PATIENT", "known"), ("ROOM", "Wards"), ("ROOM", "Studies")} <= phi


def test_what_changes_results_is_another_run(notemill: Run, notes: str, rules: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    common = ("run", "--input", notes, "--output", str(out), *QUICK)
    assert notemill(*common)[0] == 0
    wards = ("--set", f'deidentify.recognizers=["{rules / "wards.yaml"}"]', "--set", "deidentify.labels.WARD=ROOM")
    for change, what in (
        (("--set", "deidentify.pattern_threshold=0.4"), "stages"),
        (("--set", "deidentify.link_names=false"), "stages"),
        (("--set", "deidentify.mode=mask"), "stages"),
        (("--set", "deidentify.labels.WARD=ROOM"), "stages"),
        (("--set", "columns.known.DEVICE=band"), "columns"),
        (wards, "stages"),
    ):
        status, _, err = notemill(*common, *change)
        assert status == 2
        assert f"changed: {what}" in err or f", {what}" in err
    assert notemill(*common)[0] == 0
    assert notemill(*common, *wards, "--fresh")[0] == 0
    (rules / "wards.yaml").write_text(YAML.replace("Hyacinth", "Tulip"))
    assert notemill(*common, *wards)[0] == 2


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("columns.known.PHONE=cell", "no column cell, which [columns.known] names for PHONE; it has: note_id"),
        ("columns.known.CELL=cell", "columns.known.CELL is no PHI label"),
        ("deidentify.mode=hash", "deidentify.mode: Input should be 'tag', 'surrogate' or 'mask'"),
        ("deidentify.labels.WARD=BED", "label 'BED'"),
        ('deidentify.recognizers=["none.yaml"]', "deidentify.recognizers: cannot read none.yaml"),
        ('deidentify.recognizers=["Wards"]', "neither module:Name nor a file"),
        ('deidentify.recognizers=["no_such_module:X"]', "there is no module no_such_module"),
        ('deidentify.recognizers=["studies_of_ours:None"]', "AttributeError"),
        ('deidentify.recognizers=["studies_of_ours:Wards"]', "not mapped: WARD"),
        (
            'deidentify.recognizers=["presidio_analyzer.predefined_recognizers:HuggingFaceNerRecognizer"]',
            "deidentify.recognizers: ",
        ),
        (
            'deidentify.recognizers=["presidio_analyzer.predefined_recognizers:IbanRecognizer"]',
            "IbanRecognizer hides its errors",
        ),
        (
            'deidentify.recognizers=["presidio_analyzer.predefined_recognizers:EsNifRecognizer"]',
            "EsNifRecognizer",
        ),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(
    notemill: Run, notes: str, rules: Path, tmp_path: Path, setting: str, says: str
) -> None:
    assert rules.exists()
    out = tmp_path / "out"
    status, printed, err = notemill("run", "--input", notes, "--output", str(out), *QUICK, "--set", setting)
    assert (status, printed) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert says in err
    assert not out.exists()
