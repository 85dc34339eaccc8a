"""Names by their company."""

from __future__ import annotations

import pytest

from tests.transforms.deid.recognizers.find import found, labelled
from transforms.deid.recognizers.names import Names

NAMES = Names()


@pytest.mark.parametrize(
    ("text", "label", "name"),
    [
        ("seen by Dr. Maria Young today", "DOCTOR", "Maria Young"),
        ("Dr Kaczander agreed", "DOCTOR", "Kaczander"),
        ("DR. SMITH WILL SEE HIM", "DOCTOR", "SMITH"),
        ("dr. kaczander agreed", "DOCTOR", "kaczander"),
        ("Mr. Brown denies", "PATIENT", "Brown"),
        ("Mrs. O'Neil-Lopez's leg", "PATIENT", "O'Neil-Lopez"),
        ("Ms. van der Berg", "PATIENT", "van der Berg"),
        ("Alan Grant, MD", "DOCTOR", "Alan Grant"),
        ("J. R. Kowalski, M.D.", "DOCTOR", "J. R. Kowalski"),
        ("KOWALSKI,JOHN MD", "DOCTOR", "KOWALSKI,JOHN"),
        ("Jane Roe PA-C", "DOCTOR", "Jane Roe"),
        ("Dictated by: Alan Kowalski", "DOCTOR", "Alan Kowalski"),
        ("discussed with Alan Kowalski at", "DOCTOR", "Alan Kowalski"),
        ("Attending: Kowalski, Alan", "DOCTOR", "Kowalski, Alan"),
        ("/s/ Alan Kowalski", "DOCTOR", "Alan Kowalski"),
        ("cc: Alan Kowalski", "DOCTOR", "Alan Kowalski"),
        ("Patient: KOWALSKI, JOHN A\n", "PATIENT", "KOWALSKI, JOHN A"),
        ("Name: John Kowalski\n", "PATIENT", "John Kowalski"),
        ("RE: John Kowalski\n", "PATIENT", "John Kowalski"),
        ("KOWALSKI, JOHN\n", "PATIENT", "KOWALSKI, JOHN"),
        ("pt Kowalski,John A came", "PATIENT", "Kowalski,John A"),
        ("his wife, Maria, called", "PATIENT", "Maria"),
        ("daughter (Ann Kowalski)", "PATIENT", "Ann Kowalski"),
        ("a son named Tomasz.", "PATIENT", "Tomasz"),
        ("Maria Lopez, RN (mlopez34) 4 pm", "DOCTOR", "Maria Lopez"),
    ],
)
def test_a_name_is_found_whole(text: str, label: str, name: str) -> None:
    assert (label, name) in labelled(NAMES, text)


@pytest.mark.parametrize(
    "text",
    [
        "Dr. X and Mr. ABC; Ms. XXXX; Dr. ___",
        "Patient: Alert and oriented",
        "Name: none. Attending: Cardiology",
        "RE: Follow up",
        "discussed with ENT and GI",
        "seen by Cardiology",
        "MS Contin 15 mg; MR angiogram; mild MR. No gradient",
        "MR HEAD W/WO CONTRAST",
        "CBC, PT, PTT; Boston, MA 02139",
        "Foley catheter; Parkinson disease",
        "Family history: father: RA, mother - HTN",
        "his wife denies; mother with Crohn's disease",
        "Dear Colleague:",
        "cycle length 600 ms. The node",
        "PLAN:\nFollow up with the doctor OR return",
        "Prior auth approved by Medicare",
    ],
)
def test_what_is_no_name_stays(text: str) -> None:
    assert found(NAMES, text) == []


def test_a_heading_below_a_name_is_not_part_of_it() -> None:
    assert found(NAMES, "Attending: Dr. Alan Kowalski\nChief Complaint: cough") == ["Alan Kowalski"]
    wrapped = "This note was dictated and will be sent to the office of Dr. Alan\nKowalski for review."
    assert found(NAMES, wrapped) == ["Alan\nKowalski"]


@pytest.mark.parametrize(
    ("text", "label", "name"),
    [
        ("pt john smith 68yo", "PATIENT", "john smith"),
        ("spoke w/ dtr maria, who", "PATIENT", "maria"),
        ("HER BROTHER NGUYEN WAS CALLED", "PATIENT", "NGUYEN"),
        ("lives w sister hope 555-0192", "PATIENT", "hope"),
        ("son Will (414-382-3254) noted", "PATIENT", "Will"),
        ("PT:WHITE,MILES J  MR:1", "PATIENT", "WHITE,MILES J"),
        ("CM Adaeze Ramaswamy ext 5178", "DOCTOR", "Adaeze Ramaswamy"),
        ("under Drs. Mark and Pope.", "DOCTOR", "Pope"),
        ("cc: Kevin Anderson, MD; H. Bone", "DOCTOR", "H. Bone"),
        ("CALLED TO O'BRIEN,RN 12/18", "DOCTOR", "O'BRIEN"),
        ("T: 2/2/2019\nSBH/PSH   JOB# 1", "DOCTOR", "SBH/PSH"),
    ],
)
def test_names_in_notes_typed_in_haste(text: str, label: str, name: str) -> None:
    assert (label, name) in labelled(NAMES, text)


@pytest.mark.parametrize("text", ["His wife may come", "pt will return", "Patient: Will be seen", "mother rheumatoid"])
def test_words_in_the_place_of_names_stay(text: str) -> None:
    assert found(NAMES, text) == []


@pytest.mark.parametrize("text", ["A 16 Fr Foley was placed.", "19 Fr Blake drain"])
def test_a_gauge_is_no_title(text: str) -> None:
    assert found(Names(), text) == []
