from __future__ import annotations

import pytest

from tests.transforms.deid.recognizers.find import found
from transforms.deid.recognizers.plates import Plates


@pytest.mark.parametrize(
    ("text", "plate"),
    [
        ("Pt in his parked car (STL-90G) near the bridge", "STL-90G"),
        ("keys to truck (B26 VPS) to security", "B26 VPS"),
        ("Drives a Tundra (808 XBX) to church", "808 XBX"),
        ("Tow slip in chart for 4ZHD948.", "4ZHD948"),
        ("placard done for plate 0909 SE.", "0909 SE"),
        ("VEH CHZ-95K. MED CONTROL", "CHZ-95K"),
        ("dent in car (SC6 3ZG) from a bump", "SC6 3ZG"),
        ("behind blue van 1AMS319, street", "1AMS319"),
        ("a gray Corolla (GAG-1986). Pills", "GAG-1986"),
        ("ticket: tan Buick, 251-SDH, in", "251-SDH"),
        ("They took his Acura, lic 71K MB2 (NV).", "71K MB2"),
        ("Drives Chevy 480 PRN to work", "480 PRN"),
        ("parking ticket 9041773355 PRN 480. Copay", "PRN 480"),
        ("car keys (KQ 41-90). Watch", "KQ 41-90"),
    ],
)
def test_by_form_behind_a_vehicle(text: str, plate: str) -> None:
    assert found(Plates(), text) == [plate]


@pytest.mark.parametrize(
    "text",
    [
        "struck by a car at 45 MPH, GCS 15",
        "CAR AT 1120 HRS",
        "drives a 2016 Civic and a Ford F-150",
        "parked on C Street. Labs: TSH 12345",
        "STL-90G without a vehicle",
        "the van has 12 seats, bus 40 late",
    ],
)
def test_what_is_no_plate(text: str) -> None:
    assert found(Plates(), text) == []
