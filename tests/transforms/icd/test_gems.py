from __future__ import annotations

import pytest

from infra.make_icd_gems import chosen
from transforms.icd.gems import icd9_of
from transforms.icd.systems import ICD9CM, systems_of
from transforms.icd.table import CodeTable


@pytest.mark.parametrize(
    ("code", "icd9"),
    [
        ("E11.9", ("250.00",)),
        ("S72.001A", ("820.8",)),
        ("Z95.1", ("V45.81",)),
        ("W10.0XXA", ("E880.0",)),
        ("I10", ("401.0", "401.1", "401.9")),
        ("F32.A", ()),  # of 2021
        ("X", ()),
    ],
)
def test_icd_9_cm(code: str, icd9: tuple[str, ...]) -> None:
    assert icd9_of(code) == icd9


def test_every_target_has_the_form_of_its_system() -> None:
    targets = {target for entry in CodeTable.shipped() for target in icd9_of(entry.code)}
    assert len(targets) > 10_000
    assert set(systems_of(sorted(targets))) == {ICD9CM}


def test_alternatives_all_come_and_of_combinations_the_first() -> None:
    rows = [
        {"source": '"A1"', "target": '"001"', "flags": '"10000"'},
        {"source": '"A1"', "target": '"002"', "flags": '"10000"'},
        {"source": '"B1"', "target": '"010"', "flags": '"10111"'},
        {"source": '"B1"', "target": '"011"', "flags": '"10111"'},
        {"source": '"B1"', "target": '"020"', "flags": '"10112"'},
        {"source": '"B1"', "target": '"030"', "flags": '"10121"'},
        {"source": '"C1"', "target": '"NoDx"', "flags": '"11000"'},
        {"source": '"icd10cm"', "target": '"icd9cm"', "flags": '"flags"'},
    ]
    assert chosen(rows) == {"A1": ["001", "002"], "B1": ["010", "020"]}
