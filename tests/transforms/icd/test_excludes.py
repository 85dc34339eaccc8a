from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.make_icd_table import excluded_codes
from transforms.icd.excludes import Excludes1, Stretch
from transforms.icd.table import CodeTable

SHIPPED = Excludes1.shipped()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("E11.9", "E10.9"),  # at E11: type 1 diabetes mellitus (E10.-)
        ("I10", "O10.011"),  # at I10 (and its block): hypertension complicating pregnancy (O10-O11, O13-O16)
        ("J44.9", "J42"),  # at J42: chronic obstructive pulmonary disease
        ("J45.909", "J69.8"),  # at J45: detergent asthma
        ("E11.9", "P70.2"),  # at E11, and at chapter 4
    ],
)
def test_conflicts_of_the_tabular_list_both_ways(one: str, other: str) -> None:
    assert SHIPPED.conflicts([one, "R05.9", other]) == [[other], [], [one]]
    assert SHIPPED.conflicts([other, one]) == [[one], [other]]


def test_no_conflict() -> None:
    assert SHIPPED.conflicts(["E11.9", "I10", "J18.9"]) == [[], [], []]
    assert SHIPPED.conflicts([]) == []


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("E10.-", ["E10", "E109", "E10621"], ["E11", "E1", "F10"]),
        ("O10-O16", ["O10", "O16", "O169", "O1311"], ["O17", "O099", "P10"]),
        ("M02.3-", ["M023", "M0230"], ["M022", "M024", "M02"]),
        ("A00-B99", ["A00", "B999", "A5001"], ["C00"]),
    ],
)
def test_stretches(text: str, inside: list[str], outside: list[str]) -> None:
    assert all(Stretch.of(text).holds(code) for code in inside)
    assert not any(Stretch.of(text).holds(code) for code in outside)


def test_codes_in_notes() -> None:
    assert excluded_codes("type 1 diabetes mellitus (E10.-)") == ["E10"]
    assert excluded_codes("hypertensive disease complicating pregnancy (O10-O11, O13-O16)") == ["O10-O11", "O13-O16"]
    assert excluded_codes("atherosclerosis of the extremities (I70.2--I70.7-)") == ["I70.2-I70.7"]
    assert excluded_codes("torticollis NOS M43.6") == ["M43.6"]
    assert excluded_codes("type 2 diabetes mellitus, in remission (E11.A)") == ["E11.A"]
    assert excluded_codes("specified type of rash - code to condition") == []


CODES = [entry.code for entry in CodeTable.shipped() if entry.billable]


@given(st.lists(st.sampled_from(CODES), max_size=8, unique=True))
def test_conflicts_are_mutual_and_never_with_itself(codes: list[str]) -> None:
    found = dict(zip(codes, SHIPPED.conflicts(codes), strict=True))
    for code, others in found.items():
        assert code not in others
        assert all(code in found[other] for other in others)
