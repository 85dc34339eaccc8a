from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from transforms.icd import CodeTable
from transforms.icd.table import Release, UnknownReleaseError


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


ORDER_FILE = [
    f"00001 A00     0 {'Cholera':<60} Cholera",
    f"00002 A000    1 {'Cholera due to Vibrio cholerae':<60} Cholera due to Vibrio cholerae 01, biovar cholerae",
    f"00003 S52521A 1 {'Torus fx lower end of r radius, init':<60} Torus fracture of lower end of right radius",
]


def test_an_order_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "icd10cm_order_2020.txt"
    path.write_text("\n".join(ORDER_FILE) + "\n")
    release = Release.of(str(path))
    table = release.table()
    assert [entry.code for entry in table] == ["A00", "A00.0", "S52.521A"]
    assert not table.is_billable("A00")
    assert table.is_billable("A00.0")
    assert table.description("S52.521A").startswith("Torus fracture")
    with pytest.raises(UnknownReleaseError, match="changed since"):
        Release(path.name, "another digest", str(path)).table()


def test_the_shipped_release_by_its_name() -> None:
    assert Release.of("2026-04").table() is CodeTable.shipped()
    assert Release.of("2026-04") == Release()


@pytest.mark.parametrize("content", [None, "", "code,title\nA00,Cholera\n"])
def test_an_unknown_release_is_refused(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "codes.txt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UnknownReleaseError, match="2026-04" if content is None else "order file|empty"):
        Release.of(str(path))
