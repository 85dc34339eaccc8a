"""The renderer of diabetes130, on encounters made up here in the data set's columns."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.synthetic.diabetes130 import note, read
from jobs.synthetic.diabetes130.__main__ import SCHEMA, write
from jobs.synthetic.diabetes130.notes import COLUMNS, DRUGS, Wording
from jobs.training.documents import read as read_documents

PLAIN = {
    "encounter_id": "12",
    "patient_nbr": "7",
    "race": "AfricanAmerican",
    "gender": "Female",
    "age": "[70-80)",
    "admission_type_id": "1",
    "discharge_disposition_id": "3",
    "admission_source_id": "7",
    "time_in_hospital": "6",
    "payer_code": "MC",
    "medical_specialty": "InternalMedicine",
    "num_lab_procedures": "43",
    "num_procedures": "1",
    "num_medications": "17",
    "number_outpatient": "0",
    "number_emergency": "1",
    "number_inpatient": "4",
    "diag_1": "428",
    "diag_2": "250.43",
    "diag_3": "585",
    "number_diagnoses": "9",
    "max_glu_serum": "None",
    "A1Cresult": ">8",
    **dict.fromkeys(DRUGS, "No"),
    "insulin": "Up",
    "metformin": "Steady",
    "change": "Ch",
    "diabetesMed": "Yes",
    "readmitted": "<30",
}


def test_an_encounter_reads_as_a_note() -> None:
    assert note(PLAIN).splitlines() == [
        "PATIENT: An African American woman in her seventies.",
        "ADMISSION: Emergency admission through the emergency room to internal medicine. Insurance: Medicare.",
        "PAST YEAR: Four inpatient stays, one emergency visit, no outpatient visits.",
        "DIAGNOSES: Principal heart failure, with diabetic kidney disease and chronic kidney disease. "
        "Nine diagnoses in all.",
        "HOSPITAL COURSE: Six days in hospital. One procedure, over 15 medications, over 40 laboratory tests.",
        "DIABETES: HbA1c above 8 percent. Insulin increased, metformin unchanged. Medication changed.",
        "DISPOSITION: Discharged to a skilled nursing facility.",
    ]


def test_what_is_not_known_is_not_told() -> None:
    unknown = {
        "race": "?",
        "gender": "Unknown/Invalid",
        "age": "[0-10)",
        "admission_type_id": "6",
        "admission_source_id": "17",
        "discharge_disposition_id": "18",
        "payer_code": "?",
        "medical_specialty": "?",
        "diag_2": "?",
        "diag_3": "428",
        "A1Cresult": "None",
        "insulin": "No",
        "metformin": "No",
        "change": "No",
        "diabetesMed": "No",
    }
    text = note(PLAIN | unknown)
    assert text.splitlines()[0] == "PATIENT: A patient in their childhood."
    assert text.splitlines()[1] == "ADMISSION: Admitted."
    assert "Principal heart failure. Nine" in text
    assert "DIABETES: No diabetes medication." in text
    assert "DISPOSITION" not in text
    assert "?" not in text
    assert "None" not in text


def test_the_label_is_not_in_the_text() -> None:
    assert len({note(PLAIN | {"readmitted": told}) for told in ("<30", ">30", "NO")}) == 1
    assert "12" not in note(PLAIN | {"encounter_id": "12", "patient_nbr": "12"})


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("250", "diabetes"),
        ("250.02", "diabetes"),
        ("250.6", "diabetic neuropathy"),
        ("428", "heart failure"),
        ("427.31", "cardiac arrhythmia"),
        ("V45", "cardiac device or dialysis status"),
        ("V99", "other health status"),
        ("E888", "external cause of injury"),
        ("999", "injury or poisoning"),
        ("1", "infectious disease"),
        ("?", None),
    ],
)
def test_codes_have_words(code: str, words: str | None) -> None:
    assert Wording.shipped().disease(code) == words


def test_what_is_no_code_is_refused() -> None:
    with pytest.raises(ValueError):
        Wording.shipped().disease("heart")


def made_up(folder: Path, count: int = 300) -> Path:
    rng = random.Random(4)
    rows = [
        PLAIN
        | {
            "encounter_id": str(number),
            "patient_nbr": str(rng.randrange(count // 2)),
            "number_inpatient": str(rng.randrange(9)),
            "discharge_disposition_id": rng.choice(["1", "3", "11"]),
            "readmitted": rng.choice(["<30", ">30", "NO"]),
        }
        for number in range(count)
    ]
    (folder / "readmission").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), folder / "readmission" / "diabetes130.parquet")
    return folder


def test_patients_are_in_one_split_and_the_dead_are_left_out(tmp_path: Path) -> None:
    encounters = read(made_up(tmp_path))
    assert 150 < len(encounters) < 250
    assert {e.columns["discharge_disposition_id"] for e in encounters} == {"1", "3"}
    patients = {split: {e.columns["patient_nbr"] for e in encounters if e.split == split} for split in ("train", "dev")}
    assert not patients["train"] & patients["dev"]
    assert 0.1 < len(patients["dev"]) / len(patients["train"] | patients["dev"]) < 0.32
    labels = {(e.columns["readmitted"], e.readmitted(), e.readmitted(within_30_days=False)) for e in encounters}
    assert labels == {("<30", True, True), (">30", False, True), ("NO", False, False)}


def test_it_writes_what_training_reads(tmp_path: Path) -> None:
    output = tmp_path / "encounters.parquet"
    counts = write(made_up(tmp_path), output, encounters=120)
    table = pq.read_table(output)
    assert table.schema.equals(SCHEMA)
    assert table.num_rows == 120 == counts["train"] + counts["dev"]
    (data,) = read_documents(str(output), ["readmission"])
    assert (len(data.train), len(data.dev)) == (counts["train"], counts["dev"])
    assert sum(bool(d.readmitted) for d in data.dev) == counts["dev, readmitted"]
    assert all(d.group and d.patient for d in data.train)


def test_another_table_is_refused_in_a_line(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "other.parquet")
    command = [sys.executable, "-m", "jobs.synthetic.diabetes130", "--data", str(tmp_path / "other.parquet")]
    done = subprocess.run([*command, "--output", str(tmp_path / "out")], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "it is not diabetes130" in done.stderr
    assert set(COLUMNS) >= {"number_inpatient", "discharge_disposition_id"}
