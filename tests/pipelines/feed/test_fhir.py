"""`fhir://`: a run as resources of FHIR R4. They are read by fhir.resources, a library of their models."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.condition import Condition
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.riskassessment import RiskAssessment

from pipelines.errors import RequestError
from pipelines.feed.feeding import Fed, feed
from pipelines.feed.fhir.resources import fhir_id
from pipelines.feed.fhir.structure import check
from pipelines.feed.fhir.tables import FhirResources
from pipelines.feed.run_tables import RunTables
from pipelines.feed.stores.ndjson import NdjsonStore
from pipelines.io.storage import Folder
from tests.pipelines.feed.clinic import LONG, TEXTS, clinic
from tests.pipelines.feed.runs import make_run
from tests.pipelines.toys import KEY, notes_table, read_tables
from transforms.deid.pseudonyms import pseudonym

MODELS = {"Condition": Condition, "Observation": Observation, "RiskAssessment": RiskAssessment}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    return clinic(tmp_path_factory.mktemp("clinic"))


def feed_fhir(run: str, place: Path, *tables: str) -> Fed:
    source = RunTables(run)
    store = NdjsonStore(str(place))
    try:
        return feed(source, FhirResources(source.version, tables or None), store, batch_bytes=10_000)
    finally:
        store.close()


def resources(place: Path, kind: str) -> list[dict[str, Any]]:
    """The resources of a type, each read by the library."""
    lines = [line for file in sorted(place.glob(f"{kind}.*.ndjson")) for line in file.read_text().split("\n")[:-1]]
    for line in lines:
        MODELS[kind].model_validate_json(line)
    found = [json.loads(line) for line in lines]
    assert max(Counter(resource["id"] for resource in found).values(), default=1) == 1
    return found


def test_conditions_are_what_is_asserted_of_patients(run: str, tmp_path: Path) -> None:
    fed = feed_fhir(run, tmp_path)
    found = {resource["code"]["coding"][0]["code"]: resource for resource in resources(tmp_path, "Condition")}
    assert set(found) == {"E11.9", "I69.30", "Z79.4", "M10.9", "550.90"}
    note, patient = pseudonym(KEY, "note", "n1"), pseudonym(KEY, "patient", "pTrue")
    assert found["E11.9"] == {
        "resourceType": "Condition",
        "id": f"{note}.ICD-10-CM.E11.9",
        "meta": {"source": f"DocumentReference/{note}"},
        "clinicalStatus": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                    "code": "active",
                    "display": "Active",
                }
            ]
        },
        "verificationStatus": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
                    "code": "unconfirmed",
                    "display": "Unconfirmed",
                }
            ]
        },
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/condition-category",
                        "code": "encounter-diagnosis",
                        "display": "Encounter Diagnosis",
                    }
                ]
            }
        ],
        "code": {
            "coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "E11.9", "display": "A code"}],
            "text": "A code",
        },
        "subject": {"reference": f"Patient/{patient}"},
        "encounter": {"reference": f"Encounter/{pseudonym(KEY, 'encounter', 'e1')}"},
        "recordedDate": "2020-09-13",
        "evidence": [
            {"code": [{"text": "diabetes"}], "detail": [{"reference": f"DocumentReference/{note}"}]},
        ],
    }
    assert "clinicalStatus" not in found["I69.30"]  # an old stroke
    assert "recordedDate" not in found["M10.9"]  # of a note without a time
    assert found["550.90"]["code"]["coding"][0]["system"] == "http://hl7.org/fhir/sid/icd-9-cm"
    assert fed.rows["Condition"] == 5
    assert [line for line in fed.remarks if "Condition" in line] == [
        "1 codes that are no diagnoses are no Condition",
        "4 codes whose mentions are not asserted are no Condition",
    ]


def test_observations_are_mentions_of_the_patient(run: str, tmp_path: Path) -> None:
    fed = feed_fhir(run, tmp_path, "Observation")
    found = {one["valueCodeableConcept"]["text"]: one for one in resources(tmp_path, "Observation")}
    said = {text: one["interpretation"][0]["coding"][0]["code"] for text, one in found.items()}
    assert said == {
        **dict.fromkeys(("diabetes", "stroke", "insulin", "pain", LONG, "gout", "hernia", "repair"), "POS"),
        "fever": "NEG",
        "pneumonia": "IND",
        "rash": "IND",
    }
    components = {part["code"]["text"]: part for part in found["stroke"]["component"]}
    start = TEXTS["n1"].index("stroke")
    assert (components["start"]["valueInteger"], components["end"]["valueInteger"]) == (start, start + len("stroke"))
    assert components["historical"]["valueBoolean"] is True
    assert found["stroke"]["valueCodeableConcept"]["coding"][0]["code"] == "I69.30"
    assert set(fed.remarks) == {
        "1 mentions of other persons are no Observation",
        "1 entities of notes without a patient are left out",
    }
    assert fed.rows == {"Observation": 11}


def test_risk_assessments_are_admissions(tmp_path: Path) -> None:
    run = make_run(tmp_path / "out", tmp_path / "in.parquet", notes_table(20))
    fed = feed_fhir(run, tmp_path / "fhir")
    admissions = read_tables(run)["readmission"].to_pylist()
    wanted = {row["encounter_id"]: row for row in admissions if row["probability"] is not None}
    assert 2 < len(wanted) < len(admissions)
    unscored = len(admissions) - len(wanted)
    assert f"{unscored} admissions that could not be scored have no RiskAssessment" in fed.remarks
    assert check(f"{tmp_path}/fhir").findings == []
    found = resources(tmp_path / "fhir", "RiskAssessment")
    assert {one["encounter"]["reference"].removeprefix("Encounter/") for one in found} == set(wanted)
    for one in found:
        row = wanted[one["encounter"]["reference"].removeprefix("Encounter/")]
        assert one["prediction"][0]["probabilityDecimal"] == row["probability"]
        assert one["subject"]["reference"] == f"Patient/{row['patient_id']}"
        notes = dict.fromkeys(chunk["note_id"] for chunk in row["top_chunks"])
        assert [basis["reference"] for basis in one.get("basis", ())] == [f"DocumentReference/{own}" for own in notes]
    assert any("basis" in one for one in found)


def test_fed_again_and_replaced_each_resource_is_there_once(run: str, tmp_path: Path) -> None:
    place = tmp_path / "fhir"
    feed_fhir(run, place)
    again = feed_fhir(run, place)
    assert (again.splits, set(again.rows.values())) == (0, {0})
    before = resources(place, "Observation")
    changed = {"n1": "has_diabetes=E11.9", "n2": "REFUSED", "n5": "", "n7": "has_cough=R05.9"}
    feed_fhir(clinic(tmp_path / "amended", split_rows=3, **changed), place)
    after = resources(place, "Observation")
    gone = {"fever", "stroke", "pneumonia", "rash", "insulin"}
    texts = {one["valueCodeableConcept"]["text"] for one in before}
    assert {one["valueCodeableConcept"]["text"] for one in after} == texts - gone | {"cough"}
    codes = {one["code"]["coding"][0]["code"] for one in resources(place, "Condition")}
    assert codes == {"E11.9", "M10.9", "550.90", "R05.9"}
    assert check(str(place)).findings == []


def test_a_feed_that_breaks_off_goes_on(run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed_fhir(run, tmp_path / "whole")
    put, broken = Folder.put, 0
    for most in range(1, 8):
        left = iter(range(most))

        def breaking(*given: Any, left: Iterator[int] = left, **named: Any) -> None:
            if next(left, None) is None:
                raise OSError("gone")
            put(*given, **named)

        monkeypatch.setattr(Folder, "put", breaking)
        try:
            feed_fhir(run, tmp_path / "fhir")
        except (OSError, RequestError):
            broken += 1
        monkeypatch.undo()
    assert broken > 4
    feed_fhir(run, tmp_path / "fhir")
    for kind in MODELS:
        wanted = Counter(map(json.dumps, resources(tmp_path / "whole", kind)))
        assert Counter(map(json.dumps, resources(tmp_path / "fhir", kind))) == wanted


def test_ids_are_those_of_fhir() -> None:
    assert fhir_id("A-1.b") == "A-1.b"
    for own in ("MRN 7", "a_b", "é", "x" * 65, ""):
        assert fhir_id(own).isalnum()
        assert len(fhir_id(own)) == 64
    assert fhir_id("a_b") != fhir_id("a b")


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"status": None}, "Observation.status: 1 resource is without it"),
        ({"id": "a b"}, "Observation.id: 1 resource is with something else than id there"),
        ({"id": "same"}, "Observation.id: 1 resource is there already"),
        ({"colour": "red"}, "Observation: 1 resource is with an element that Notemill does not write"),
        ({"derivedFrom": {"reference": "x"}}, "Observation.derivedFrom: 1 resource is without a list there"),
        ({"effectiveDateTime": "2020-09-13T12:00"}, "Observation.effectiveDateTime: 1 resource is with something else"),
        ({"subject": {}}, "Observation.subject: 1 resource is without elements"),
        ({"resourceType": "Condition"}, "Observation.resourceType: 1 resource is of another type"),
        (
            {"component": [{"code": {"text": "x"}, "valueInteger": "7"}]},
            "Observation.component.valueInteger: 1 resource",
        ),
        ("{", "Observation: 1 resource is not JSON"),
    ],
)
def test_one_resource_of_another_structure_is_found(run: str, tmp_path: Path, change: Any, finding: str) -> None:
    feed_fhir(run, tmp_path, "Observation")
    assert check(str(tmp_path)).findings == []
    (first, *_) = sorted(tmp_path.glob("Observation.*.ndjson"))
    lines = first.read_text().split("\n")[:-1]
    if isinstance(change, str):
        lines[0] = change
    else:
        changed = {**json.loads(lines[0]), **change}
        lines[0] = json.dumps({name: value for name, value in changed.items() if value is not None})
        if change == {"id": "same"}:
            lines.append(lines[0])
    first.write_text("\n".join(lines) + "\n")
    (found,) = check(str(tmp_path)).findings
    assert found.startswith(finding)
