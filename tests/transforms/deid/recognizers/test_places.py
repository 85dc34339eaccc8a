"""Addresses, cities, facilities, employers."""

from __future__ import annotations

import pytest

from tests.transforms.deid.recognizers.find import found, labelled
from transforms.deid.recognizers.facilities import Facilities
from transforms.deid.recognizers.places import Places

PLACES, FACILITIES = Places(), Facilities()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "12 Oak Street Apt 4, Springfield, MA 01103",
            [("STREET", "12 Oak Street Apt 4"), ("CITY", "Springfield"), ("ZIP", "01103")],
        ),
        ("5024 Elm Old Mill Hwy", [("STREET", "5024 Elm Old Mill Hwy")]),
        ("lives at 258 Main Square, upstairs", [("STREET", "258 Main Square")]),
        ("9515 Aspen Country Club Rd. Apt 388, x", [("STREET", "9515 Aspen Country Club Rd. Apt 388")]),
        ("P.O. Box 1918", [("STREET", "P.O. Box 1918")]),
        ("6536 tang road apt 254\n", [("STREET", "6536 tang road apt 254")]),
        ("Boston MA 02139-4307", [("CITY", "Boston"), ("ZIP", "02139-4307")]),
        ("zip code 02139", [("ZIP", "02139")]),
        ("She lives in Greensboro.", [("CITY", "Greensboro")]),
        ("born in Houston, Texas", [("CITY", "Houston")]),
        ("from Rochester, NY with", [("CITY", "Rochester")]),
    ],
)
def test_addresses(text: str, expected: list[tuple[str, str]]) -> None:
    assert labelled(PLACES, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "4-0 Monocryl. Dr. Roe closed",
        "gave 10 Units Dr. Roe ordered",
        "3 Normal Spring days; 20 French Foley",
        "Smith, MD; Jones, PA; Abdomen, CT; Roe, MS",
        "Medicine, California Heart",
        "lives in Texas; born in Italy; moved to RV outflow",
        "lives in a nursing home",
        "WBC 12000 and MD 5",
    ],
)
def test_what_only_looks_like_a_place_stays(text: str) -> None:
    assert found(PLACES, text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("taken to Mercy General Hospital today", ["Mercy General Hospital"]),
        ("MERCY GENERAL HOSPITAL\nNote", ["MERCY GENERAL HOSPITAL"]),
        ("at St. Luke's Hospital in", ["St. Luke's Hospital"]),
        ("to Beth Israel Deaconess Medical Center", ["Beth Israel Deaconess Medical Center"]),
        ("The Cleveland Clinic", ["Cleveland Clinic"]),
        ("Facility: Providence Elkhart\n", ["Providence Elkhart"]),
        ("Employer: Escondido Lumber\n", ["Escondido Lumber"]),
        ("Brief Hospital Course", []),
        ("HOSPITAL COURSE: CHILLS. KNOWN TO THIS HOSPITAL", []),
        ("IRON DEFICIENCY ANEMIA HOSPITAL DAY 3", []),
        ("the Pain Clinic and the Coumadin Clinic", []),
        ("ABC Hospital, XYZ Clinic", []),
        ("an outside hospital; day hospital; the Emergency Center", []),
        ("Course in hospital: In summary, fine", []),
    ],
)
def test_facilities(text: str, expected: list[str]) -> None:
    assert found(FACILITIES, text) == expected
