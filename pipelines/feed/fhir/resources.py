"""Resources of FHIR R4, each made of rows of a run.

`meta.source` names what a resource was made of, and is the key by which it is replaced: the note's DocumentReference,
or the encounter. Times of notes have no zone, without which FHIR takes none: resources have dates.

https://hl7.org/fhir/R4/condition.html, observation.html, riskassessment.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

from pipelines.feed.findings import Row, has, is_of_patient

Resource = dict[str, Any]

CONDITION: Final = "Condition"
OBSERVATION: Final = "Observation"
RISK: Final = "RiskAssessment"
NOTE: Final = "DocumentReference"
ENCOUNTER: Final = "Encounter"

ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
_SYSTEMS: Final = {
    "ICD-10-CM": "http://hl7.org/fhir/sid/icd-10-cm",
    "ICD-9-CM": "http://hl7.org/fhir/sid/icd-9-cm",
    "ICD-10-PCS": "http://hl7.org/fhir/sid/icd-10-pcs",
}
_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"


def fhir_id(own: str) -> str:
    """An id as FHIR allows it: 64 letters, digits, dots and hyphens at most; of any other its hash."""
    return own if ID.fullmatch(own) else hashlib.sha256(own.encode()).hexdigest()


def reference(kind: str, own: str) -> str:
    return f"{kind}/{fhir_id(own)}"


def condition(note: Row, code: Row, mentions: Sequence[Row]) -> Resource:
    """A code of a note that has a patient, as a diagnosis that nobody has confirmed.

    Args:
        mentions: that the code rests on. Where all of them are historical, it is not said that it is active.
    """
    past = bool(mentions) and all(mention["historical"] for mention in mentions)
    evidence = [{"text": span["text"]} for span in code["evidence"] or ()]
    return {
        **_begun(CONDITION, f"{note['note_id']}.{code['system']}.{code['code']}", reference(NOTE, note["note_id"])),
        **({} if past else {"clinicalStatus": _coded("condition-clinical", "active", "Active")}),
        "verificationStatus": _coded("condition-ver-status", "unconfirmed", "Unconfirmed"),
        **({} if note["encounter_id"] is None else {"category": [_DIAGNOSIS]}),
        "code": {"coding": [_coding(code)], "text": code["description"] or code["code"]},
        **_context(note),
        **_dated("recordedDate", note),
        "evidence": [
            {**({"code": evidence} if evidence else {}), "detail": [{"reference": reference(NOTE, note["note_id"])}]}
        ],
    }


def observation(note: Row, mention: Row, code: Row | None) -> Resource:
    """A mention in a note that has a patient: positive, negative, or not decided.

    Args:
        code: the surest that rests on it.
    """
    coding = {} if code is None else {"coding": [_coding(code)]}
    said = _interpretation(mention)
    told = {"historical": mention["historical"], "hypothetical": mention["hypothetical"]}
    return {
        **_begun(OBSERVATION, f"{note['note_id']}.{mention['entity_id']}", reference(NOTE, note["note_id"])),
        "status": "preliminary",
        "code": {"text": mention["label"]},
        **_context(note),
        **_dated("effectiveDateTime", note),
        "valueCodeableConcept": {**coding, "text": mention["text"]},
        **({} if said is None else {"interpretation": [_coded("v3-ObservationInterpretation", *said)]}),
        "derivedFrom": [{"reference": reference(NOTE, note["note_id"])}],
        "component": [
            {"code": {"text": "start"}, "valueInteger": mention["start"]},
            {"code": {"text": "end"}, "valueInteger": mention["end"]},
            *({"code": {"text": name}, "valueBoolean": flag} for name, flag in told.items() if flag is not None),
        ],
    }


def risk_assessment(admission: Row, version: str) -> Resource:
    """The risk of readmission after an admission of a patient, on the notes with the highest chunks."""
    notes = dict.fromkeys(chunk["note_id"] for chunk in admission["top_chunks"] or ())
    basis = [{"reference": reference(NOTE, own)} for own in notes if own is not None]
    return {
        **_begun(RISK, f"{admission['encounter_id']}.readmission", reference(ENCOUNTER, admission["encounter_id"])),
        "status": "final",
        "method": {"text": f"Notemill {version}: chunks of notes, combined as by Huang et al. (2019)"},
        "code": {"text": "Readmission risk"},
        **_context(admission),
        **({"basis": basis} if basis else {}),
        "prediction": [{"outcome": {"text": "Readmission"}, "probabilityDecimal": admission["probability"]}],
    }


def _begun(kind: str, own: str, source: str) -> Resource:
    return {"resourceType": kind, "id": fhir_id(own), "meta": {"source": source}}


def _context(row: Row) -> Resource:
    encounter = row["encounter_id"]
    return {
        "subject": {"reference": reference("Patient", row["patient_id"])},
        **({} if encounter is None else {"encounter": {"reference": reference(ENCOUNTER, encounter)}}),
    }


def _dated(name: str, note: Row) -> Resource:
    return {} if note["note_time"] is None else {name: note["note_time"].date().isoformat()}


def _coding(code: Row) -> Resource:
    system = _SYSTEMS.get(code["system"])
    return {
        **({} if system is None else {"system": system}),
        "code": code["code"],
        **({"display": code["description"]} if code["description"] else {}),
    }


def _coded(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": f"{_TERMINOLOGY}/{system}", "code": code, "display": display}]}


_DIAGNOSIS: Final = _coded("condition-category", "encounter-diagnosis", "Encounter Diagnosis")


def _interpretation(mention: Row) -> tuple[str, str] | None:
    assert is_of_patient(mention)
    if (there := has(mention)) is None:
        return None
    if there:
        return "POS", "Positive"
    return ("NEG", "Negative") if mention["negated"] else ("IND", "Indeterminate")
