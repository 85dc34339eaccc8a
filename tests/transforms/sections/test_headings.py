from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from transforms.sections.headings import HeadingIndex, HeadingTable

SMALL = """
version = "7"
[words]
hx = "history"
[[category]]
name = "social_history"
loinc = "29762-2"
headings = ["social history"]
[[category]]
name = "plan"
headings = ["plan", "plan of care"]
[subheadings]
category = "plan"
hosts = ["plan"]
headings = ["neuro"]
"""


@pytest.fixture(scope="module")
def index() -> HeadingIndex:
    return HeadingIndex(HeadingTable.shipped())


def test_the_shipped_table_is_as_broad_as_promised() -> None:
    table = HeadingTable.shipped()

    assert sum(len(category.headings) for category in table.categories) >= 150
    assert len({category.name for category in table.categories}) >= 40
    assert all(re.fullmatch("[a-z_]+", category.name) for category in table.categories)


def test_each_loinc_code_has_its_check_digit() -> None:
    """Mod 10 (Luhn), as LOINC's manual gives it: a mistyped code does not pass."""
    codes = {category.loinc for category in HeadingTable.shipped().categories} - {None}
    assert len(codes) > 20
    for code in codes:
        number, check = str(code).split("-")
        doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(number))]
        assert (10 - sum(value // 10 + value % 10 for value in doubled) % 10) % 10 == int(check), code


@pytest.mark.parametrize(
    ("title", "category"),
    [
        ("PAST MEDICAL HX", "past_medical_history"),
        ("Past Medical Histories", "past_medical_history"),
        ("PREOPERATIVE DIAGNOSIS (ES)", "preoperative_diagnosis"),
        ("Pre-Op Dx", "preoperative_diagnosis"),
        ("Post-operative Diagnoses", "postoperative_diagnosis"),
        ("Description of the Procedure #2", "operative_description"),
        ("ASSESSMENT & PLAN", "assessment_and_plan"),
        ("A/P", "assessment_and_plan"),
        ("A&P", "assessment_and_plan"),
        ("Patient's Goal", "plan"),
        ("H.P.I.", "history_of_present_illness"),
        ("Labs", "results"),
        ("A", "assessment"),
    ],
)
def test_spelling_does_not_matter(index: HeadingIndex, title: str, category: str) -> None:
    entry = index.find(title)

    assert entry is not None
    assert entry.category == category


@pytest.mark.parametrize("title", ["", "THE", "GLUCOSE", "HISTORY OF SMOKING", "PLANTAR"])
def test_what_is_no_heading_is_not_found(index: HeadingIndex, title: str) -> None:
    assert index.find(title) is None


def test_an_unknown_title_takes_after_its_longest_known_end_or_beginning(index: HeadingIndex) -> None:
    resembling = index.resembling("CORRECTED DISCHARGE MEDICATIONS")

    assert resembling is not None
    assert resembling.category == "discharge_medications"
    assert index.resembling("MAIN PLAN") is None, "one word alone is too little"


def test_a_table_is_small_in_a_log_and_travels() -> None:
    table = HeadingTable.shipped()

    assert repr(table) == f"HeadingTable(version='{table.version}', digest='{table.digest}')"
    assert pickle.loads(pickle.dumps(table)) == table
    assert hash(pickle.loads(pickle.dumps(table))) == hash(table)


def test_a_table_of_ones_own_differs_by_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "headings.toml"
    path.write_text(SMALL)
    own = HeadingTable.load(path)

    path.write_text(SMALL.replace("plan of care", "plan of action"))

    assert HeadingTable.load(path) != own
    entry = HeadingIndex(own).find("Social Hx")
    assert entry is not None
    assert entry.category == "social_history"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"plan of care"', '"Social Hx"', "'social history' twice"),
        ('category = "plan"', 'category = "plans"', "plans"),
        ('version = "7"', "", "version"),
        ("[words]", "[words", "TOML|key|Expected"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HeadingTable.parse(SMALL.replace(old, new).encode())
