"""`--model deid=…`: whatever checkpoint tags PHI, its labels are mapped or the run is refused before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs.conftest import Run
from tests.pipelines.toys import notes_table, read_tables, write_notes
from tests.transforms.clinical_bert import families

TEXTS = ["The pain, Qorvex, the Zulmeth, no fever", "quillan Vastrop the chest pain", "the pain"]
"""No pattern and no list knows these names: only the tagger can find them."""
OBI = {"quillan": "B-PATIENT", "Vastrop": "L-PATIENT", "Qorvex": "U-STAFF", "Zulmeth": "U-HOSP"}
STANFORD = {"quillan": "PATIENT", "Vastrop": "PATIENT", "Qorvex": "HCW", "Zulmeth": "HOSPITAL"}


def arguments(tmp_path: Path, checkpoint: Path, *more: str) -> list[str]:
    notes = write_notes(tmp_path / "in" / "notes.parquet", notes_table(len(TEXTS), text=TEXTS))
    stages = ("--stages", "validate,deidentify", "--engine", "local", "--set", "ids=keep")
    out = str(tmp_path / "out")
    return ["run", "--input", notes, "--output", out, "--model", f"deid={checkpoint}", *stages, *more]


@pytest.mark.parametrize(
    ("family", "labels", "marked"), [("Roberta", families.OBI, OBI), ("Bert", families.STANFORD, STANFORD)]
)
def test_public_taggers_serve(
    notemill: Run, tmp_path: Path, family: str, labels: list[str], marked: dict[str, str]
) -> None:
    folder = families.classifier(tmp_path / "checkpoint", family, labels, marked)
    status, _, err = notemill(*arguments(tmp_path, folder))
    assert status == 0, err
    by_note: dict[str, list[tuple[str, str]]] = {}
    tables = read_tables(tmp_path / "out")
    for row in tables["phi"].to_pylist():
        if row["recognizer"] == "tagger":
            text = TEXTS[int(row["note_id"][-6:])]
            by_note.setdefault(text, []).append((row["label"], text[row["raw_start"] : row["raw_end"]]))
    assert set(by_note) == {TEXTS[0], TEXTS[1]}
    assert ("HOSPITAL", "Zulmeth") in by_note[TEXTS[0]]
    assert by_note[TEXTS[1]] == [("PATIENT", "quillan Vastrop")]
    assert "rejects" not in tables or not tables["rejects"].num_rows


def test_a_label_that_is_not_mapped_is_refused_until_it_is(notemill: Run, tmp_path: Path) -> None:
    folder = families.classifier(tmp_path / "checkpoint", "Bert", ["O", "BADGE", "DATE"], {"Qorvex": "BADGE"})
    status, _, err = notemill(*arguments(tmp_path, folder))
    assert status == 2
    (line,) = [line for line in err.splitlines() if line]
    for words in (str(folder), "not mapped: BADGE;", "[deidentify.labels]", "IDNUM"):
        assert words in line
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
    status, _, err = notemill(*arguments(tmp_path, folder, "--set", "deidentify.labels.BADGE=IDNUM"))
    assert status == 0, err


def test_labels_without_names_are_refused(notemill: Run, tmp_path: Path) -> None:
    folder = families.classifier(tmp_path / "checkpoint", "Bert", ["O", "LABEL_1", "LABEL_2"], {})
    status, _, err = notemill(*arguments(tmp_path, folder))
    assert status == 2
    assert "its labels have no names, only LABEL_1" in err
