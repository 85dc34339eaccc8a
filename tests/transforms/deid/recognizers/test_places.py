"""Addresses, cities, facilities, employers."""

from __future__ import annotations

import pytest

from tests.transforms.deid.recognizers.find import found, labelled
from transforms.deid.recognizers.facilities import Facilities
from transforms.deid.recognizers.initials import Initials
from transforms.deid.recognizers.places import Places
from transforms.deid.recognizers.roads import Roads

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
        (
            "Zip codes on file: 50010, 50014 and 03601; codes 99213, 99214",
            [("ZIP", z) for z in ("50010", "50014", "03601")],
        ),
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("follows up in Walla Walla.", [("CITY", "Walla Walla")]),
        ("12 Oak Street, Hope 02139", [("STREET", "12 Oak Street"), ("CITY", "Hope"), ("ZIP", "02139")]),
        (
            "address 735 s. rose road boston 27836-2755",
            [("STREET", "735 s. rose road"), ("CITY", "boston"), ("ZIP", "27836-2755")],
        ),
        ("lives at RR 2 Box 125, Salina", [("STREET", "RR 2 Box 125"), ("CITY", "Salina")]),
        ("circle of Willis, knot of Henry, in Parkinson, to Foley", []),
        ("PUPILS 4 MM. C-COLLAR IN PLACE.", []),
    ],
)
def test_listed_cities_and_routes(text: str, expected: list[tuple[str, str]]) -> None:
    assert labelled(PLACES, text) == expected


@pytest.mark.parametrize(
    ("text", "label", "name"),
    [
        ("towed by Nez Perce County sheriff", "LOCATION-OTHER", "Nez Perce County"),
        ("pt bib yavapai county ems", "LOCATION-OTHER", "yavapai county"),
        ("camping in Pisgah National Forest with", "LOCATION-OTHER", "Pisgah National Forest"),
        ("took ticks home from Otter Hollow Preserve in", "LOCATION-OTHER", "Otter Hollow Preserve"),
        ("refills at Corner Apothecary on", "HOSPITAL", "Corner Apothecary"),
        ("referral to Giving Table Pantry for food", "ORGANIZATION", "Giving Table Pantry"),
        ("meets with the Larkspur Support League weekly", "ORGANIZATION", "Larkspur Support League"),
        ("drives for Dunlap Brothers on", "ORGANIZATION", "Dunlap Brothers"),
        ("Taken first to St. K's, where", "HOSPITAL", "St. K's"),
        (
            "He has been followed for years by the doctors of Larkspur Veterans Affairs\nMedical Center, and",
            "HOSPITAL",
            "Larkspur Veterans Affairs\nMedical Center",
        ),
        ("seen at veterans affairs medical center fargo on", "HOSPITAL", "veterans affairs medical center fargo"),
        ("sent to Piedmont Kidney Center, fax", "HOSPITAL", "Piedmont Kidney Center"),
        ("Queen Anne Women's Hospital; back at QAWH", "HOSPITAL", "QAWH"),
    ],
)
def test_organizations_areas_and_practices(text: str, label: str, name: str) -> None:
    assert (label, name) in labelled(FACILITIES, text)


@pytest.mark.parametrize(
    "text",
    [
        "New York Heart Association III; per American Diabetes Association; Fleischner Society guidance",
        "ROS Respiratory: no cough; no ETOH/Drugs; PREVIOUS LAB WORKS",
        "Urine Drug Screen; Rheumatoid Drug levels",
        "total abdominal hysterectomy (TAH); admitted to ICU",
        "REVIEW OF BODY SYSTEMS; Post Anesthesia Care",
    ],
)
def test_what_names_no_place_stays(text: str) -> None:
    assert found(FACILITIES, text) == []


@pytest.mark.parametrize(
    ("text", "road"),
    [
        ("struck on US 20 near", "US 20"),
        ("rest stops on FM 1960. An", "FM 1960"),
        ("away off US Highway\n2 in", "US Highway\n2"),
        ("Parking is off I-35. No", "I-35"),
        ("the last house before State Highway 7. No", "State Highway 7"),
        ("rollover on County Road 12 at dusk", "County Road 12"),
        ("ran out of gas at Exit 41B, walked", "Exit 41B"),
        ("late again because of the Beltway.", "Beltway"),
        ("summers at Lake Okoboji with", "Lake Okoboji"),
    ],
)
def test_roads_and_lakes(text: str, road: str) -> None:
    assert found(Roads(), text) == [road]


@pytest.mark.parametrize(
    "text", ["exit 2 mm; I-10 mg; I-131; loop 2 weeks", "secure the airway; the Pathway was clear; The Way home"]
)
def test_what_is_no_road_stays(text: str) -> None:
    assert found(Roads(), text) == []


@pytest.mark.parametrize(
    ("text", "initials"),
    [
        ("signed this morning for Jane Roe, MD, QVRMC\n", "QVRMC"),
        ("cardiology Dr. Roe (QVRX); eyes", "QVRX"),
        ("QVRH 4 WEST  night shift", "QVRH"),
        ("compared with last year (Tilden VA).", "Tilden VA"),
        ("Ann Oakes, 46F, 66259248, QVRH. Found by", "QVRH"),
        ("Subject 0023   Initials JTM   Name", "JTM"),
        ("Ann B. Roe, MD/ikq\n", "ikq"),
    ],
)
def test_initials_where_nothing_else_stands(text: str, initials: str) -> None:
    assert found(Initials(), text) == [initials]


@pytest.mark.parametrize(
    "text",
    [
        "signed this morning by Jane Roe, MD, FACS\nand Ann Roe, DO, NPI 1063566930; seen by Dr. Roe (ENT)",
        "right eye VA 20/40, distance VA 20/30; given QVRX for pain; on CPAP 4 W",
    ],
)
def test_degrees_and_abbreviations_stay(text: str) -> None:
    assert found(Initials(), text) == []
