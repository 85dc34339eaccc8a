from __future__ import annotations

import re
from itertools import pairwise

import pytest

from transforms.icd import CodeTable


def test_codes_of_the_stated_release() -> None:
    table = CodeTable.shipped()
    assert re.fullmatch(r"ICD-10-CM, release of April 1, 2026", table.release)
    assert 74_000 < sum(entry.billable for entry in table) < 76_000  # the release has 74,719 billable codes
    assert table.description("E11.9") == "Type 2 diabetes mellitus without complications"


@pytest.mark.parametrize("code", ["E11.9", "I10", "S52.521A", "Z99.2", "B20", "Z66"])
def test_billable(code: str) -> None:
    assert CodeTable.shipped().is_billable(code)


@pytest.mark.parametrize("code", ["E11", "E119", "S52.521", "A00-A09", "1", "e11.9", "E11.9 ", "", "X99.99"])
def test_not_billable(code: str) -> None:
    assert not CodeTable.shipped().is_billable(code)


def test_every_code_is_a_code_with_its_dot() -> None:
    shape = re.compile(r"[A-Z][0-9A-Z]{2}(\.[0-9A-Z]{1,4})?")
    assert all(shape.fullmatch(entry.code) and entry.description for entry in CodeTable.shipped())


def test_nothing_stands_below_a_billable_code() -> None:
    table = CodeTable.shipped()
    plain = sorted(entry.code.replace(".", "") for entry in table)
    for code, following in pairwise(plain):
        dotted = code if len(code) == 3 else f"{code[:3]}.{code[3:]}"
        assert table.is_billable(dotted) != following.startswith(code)


def test_unknown_code_has_no_description() -> None:
    with pytest.raises(KeyError):
        CodeTable.shipped().description("E11.99999")
