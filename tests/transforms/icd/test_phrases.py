from __future__ import annotations

from pathlib import Path

import pytest

from transforms.icd.phrases import INDEX, KINDS, MENTION, Sense, merged, own_index, read, shipped, write
from transforms.icd.table import CodeTable, Entry
from transforms.icd.terms import LONGEST, TITLE
from transforms.icd.wording import Wording

TABLE = CodeTable.shipped()
WORDING = Wording.shipped()


@pytest.mark.parametrize(
    ("phrase", "code"),
    [
        ("type 2 diabetes", "E11.9"),
        ("HTN", "I10"),
        ("CHF", "I50.9"),
        ("COPD", "J44.9"),
        ("breast cancer", "C50.919"),
        ("UTI", "N39.0"),
        ("GERD", "K21.9"),
        ("CKD stage 3", "N18.30"),
        ("left knee pain", "M25.562"),
        ("gallstones", "K80.20"),
        ("NSTEMI", "I21.4"),
        ("shortness of breath", "R06.02"),
        ("personal history of breast cancer", "Z85.3"),
    ],
)
def test_what_clinicians_write(phrase: str, code: str) -> None:
    assert code in [sense.code for sense in shipped(TABLE)[WORDING.key(phrase)]]


def test_every_sense_is_billable_and_counted_soundly() -> None:
    for key, senses in shipped(TABLE).items():
        assert 0 < len(key) <= LONGEST
        assert len({sense.code for sense in senses}) == len(senses)
        for sense in senses:
            assert TABLE.is_billable(sense.code)
            assert sense.kind in KINDS
            assert 0 <= sense.right <= sense.seen


def test_the_own_index_is_billable_and_says_one_thing_each() -> None:
    found = list(own_index())
    assert all(key and TABLE.is_billable(code) for key, code in found)
    codes: dict[tuple[str, ...], str] = {}
    for key, code in found:
        assert codes.setdefault(key, code) == code, key


def test_the_shipped_file_is_up_to_date_with_the_index() -> None:
    senses = shipped(TABLE)
    for key, code in own_index():
        assert (code, INDEX) in [(sense.code, sense.kind) for sense in senses[key]]


def test_an_index_entry_takes_the_place_of_a_term() -> None:
    kinds = merged(
        {("a",): ("I10", TITLE), ("b",): ("R05.9", TITLE)}, [(("a",), "R55")], [(("b",), "R42"), ((), "R42")]
    )
    assert kinds == {("a",): {"R55": INDEX}, ("b",): {"R05.9": TITLE, "R42": MENTION}}


def test_written_and_read(tmp_path: Path) -> None:
    rows = [
        (("a", "b"), Sense("I10", TITLE, 5, 3)),
        (("a", "b"), Sense("R55", MENTION, 5, 1)),
        (("c",), Sense("R42", INDEX)),
    ]
    write(tmp_path / "one.gz", rows)
    write(tmp_path / "other.gz", reversed(rows))
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "other.gz").read_bytes()
    assert read(tmp_path / "one.gz") == {("a", "b"): (rows[0][1], rows[1][1]), ("c",): (rows[2][1],)}


def test_another_release_gets_its_own_codes() -> None:
    other = CodeTable("older", [Entry("R05", True, "Cough"), Entry("I10", True, "Essential (primary) hypertension")])
    senses = shipped(other)
    assert {sense.code for of_key in senses.values() for sense in of_key} <= {"R05", "I10"}
    assert [sense.code for sense in senses["cough",]] == ["R05"]
    assert "I10" in [sense.code for sense in senses["hypertension",]]
