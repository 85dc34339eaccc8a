"""Public bodies, locals, crews."""

from __future__ import annotations

import pytest

from tests.transforms.deid.recognizers.find import found
from transforms.deid.recognizers.bodies import Bodies

BODIES = Bodies()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a report to the Bureau of Child Welfare was made", "Bureau of Child Welfare"),
        ("plan: call the department of revenue re benefits", "department of revenue"),
        ("the Division of Aging and Disability Services called", "Division of Aging and Disability Services"),
        ("on leave from the State Board of Nursing exam", "State Board of Nursing"),
        ("Secretary of Agriculture", "Secretary of Agriculture"),
        ("Steward of Bricklayers Local 44 came along.", "Bricklayers Local 44"),
        ("ref to boilermakers local 107, bus pass", "boilermakers local 107"),
        ("camps with Cub Scout Pack 12 in summer", "Cub Scout Pack 12"),
        ("bartends at the Eagles Aerie #2290 on weekends", "Eagles Aerie #2290"),
        ("brought from home by Engine 31, on a board", "Engine 31"),
        ("Found by Tolland County Medic 3 at 4 am.", "Tolland County Medic 3"),
        ("PT BIB CITY LADDER 8 FROM A FIRE", "CITY LADDER 8"),
        ("She shows a calf at 4-H in the fall.", "4-H"),
        ("OFFICER AT BEDSIDE FROM ABILENE PD FOR THE HOLD", "ABILENE PD"),
    ],
)
def test_a_body_is_found_whole(text: str, name: str) -> None:
    assert found(BODIES, text) == [name]


@pytest.mark.parametrize(
    "text",
    [
        "Department of Surgery; the department of medicine; Division of Cardiology",
        "local 2 cm recurrence; local 5 mg injection; post 3 days; pack 20 years",
        "the squad; medic at bedside; flight 2 of stairs; engine trouble",
        "Chapter 11 of the book; den 5; every 4-6 h; 4-h infusion",
        "in the office of his doctor; board of directors; office for labs",
        "TREATED WITH CCPD AND PD",
    ],
)
def test_what_is_no_body_stays(text: str) -> None:
    assert found(BODIES, text) == []
