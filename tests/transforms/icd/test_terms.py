from __future__ import annotations

import pytest

from transforms.icd.table import CodeTable
from transforms.icd.terms import SHORTENED, TITLE, Hierarchy, best, is_for_notes, phrases_of_term, variants
from transforms.icd.wording import Wording

TABLE = CodeTable.shipped()
HIERARCHY = Hierarchy(TABLE)
WORDING = Wording.shipped()


@pytest.mark.parametrize(
    ("code", "billable"),
    [
        ("E11", "E11.9"),
        ("I10", "I10"),
        ("I50", "I50.9"),
        ("J45", "J45.909"),
        ("K80", "K80.20"),
        ("C50", "C50.919"),
        ("N18", "N18.9"),
        ("S72", "S72.90XA"),
        ("J44", "J44.9"),
        ("K56.60", "K56.609"),
    ],
)
def test_the_child_that_says_no_more(code: str, billable: str) -> None:
    assert HIERARCHY.unspecified(code) == billable


@pytest.mark.parametrize("code", ["K40", "E11.99", "A18"])
def test_no_child_where_the_coder_must_choose(code: str) -> None:
    assert HIERARCHY.unspecified(code) is None


def test_every_answer_is_billable_and_below() -> None:
    for entry in list(TABLE)[::29]:
        found = HIERARCHY.unspecified(entry.code)
        assert found is None or (TABLE.is_billable(found) and found.startswith(entry.code))


def test_what_stands_above() -> None:
    assert HIERARCHY.above("E11.621") == "E11.62"
    assert HIERARCHY.above("S72.001A") == "S72.001"
    assert HIERARCHY.above("E11") is None


def test_variants_leave_out_what_notes_leave_out() -> None:
    assert "Type 2 diabetes mellitus" in set(variants("Type 2 diabetes mellitus without complications"))
    assert "Pneumonia" in set(variants("Pneumonia, unspecified organism"))
    assert {"Essential hypertension", "Essential (primary) hypertension"} <= set(
        variants("Essential (primary) hypertension")
    )
    assert list(variants("Melena")) == ["Melena"]
    # Which two are not known must stay: this is no pneumonia in general.
    assert all("heart failure" in phrase for phrase in variants("Unspecified systolic (congestive) heart failure"))


def test_later_encounters_are_not_for_notes() -> None:
    assert is_for_notes(TABLE.description("S72.001A"))
    assert not is_for_notes(TABLE.description("S72.001D"))
    assert not is_for_notes(TABLE.description("S72.001S"))


def test_phrases_of_a_title() -> None:
    found = {
        key: (code, kind, lost)
        for key, code, kind, lost in phrases_of_term("Cough, unspecified", "R05", WORDING, HIERARCHY)
    }
    assert found == {("cough",): ("R05.9", TITLE, 1)}
    shortened = [
        kind for _, _, kind, _ in phrases_of_term("Pneumonia, unspecified organism", "J18.9", WORDING, HIERARCHY)
    ]
    assert shortened == [TITLE, SHORTENED]


def test_the_term_that_loses_least_wins() -> None:
    key = ("pneumonia",)
    assert best([(key, "J18.9", SHORTENED, 1), (key, "J12.9", SHORTENED, 2)]) == {key: ("J18.9", SHORTENED)}
