"""What may stay in `note_type`."""

from __future__ import annotations

import pytest

from transforms.deid.lexicon import Lexicon
from transforms.deid.note_kinds import note_kind

_KINDS = (
    # MIMIC-III and MIMIC-IV
    "Case Management ,Consult,Discharge summary,ECG,Echo,General,Nursing,Nursing/other,Nutrition,Pharmacy,Physician ,"
    "Radiology,Rehab Services,Respiratory ,Social Work,DS,RR,AR,"
    # Synthetic notes
    "progress note,radiology report,discharge summary,nursing note,history and physical,operative note,letter,"
    "telephone encounter,"
    # Transcripts and hospitals
    "H&P,ED Note,OB Triage Note,Post-op Note,Pre-op Evaluation,CARDIAC CATHETERIZATION REPORT,Patient Message,"
    "SOAP / Chart / Progress Notes,ENT - Otolaryngology,Obstetrics / Gynecology,Physical Medicine - Rehab,Care Plan,"
    "Emergency Department Report,Discharge_Summary,PT Evaluation,MICU Transfer Note,Labor and Delivery Note"
)


@pytest.mark.parametrize("kind", [*_KINDS.split(","), ""])
def test_kinds_stay(kind: str) -> None:
    assert note_kind(kind, Lexicon.shipped()) == kind


@pytest.mark.parametrize(
    "text",
    [
        "Note by Dr. Petrov for Kowalski",
        "Progress note 03/04/2019",
        "Progress note ٣",
        "Note Kowalski",
        "note for young",
        "Letter to Mrs. Brown",
        "Letter, March",
        "Visit in May",
        "Transfer from Springfield",
        "Discharge_Kowalski",
        "progress note, " * 6,
    ],
)
def test_what_could_be_phi_goes(text: str) -> None:
    assert note_kind(text, Lexicon.shipped()) is None


def test_nothing_stays_nothing() -> None:
    assert note_kind(None, Lexicon.shipped()) is None
