"""The forms of PHI."""

from __future__ import annotations

import datetime as dt
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.synthetic import phi

RNG = random.Random(3)


def test_date_forms_are_different_and_show_the_day() -> None:
    day = dt.date(2019, 3, 4)
    shown = [form(day) for form in phi.DATES]
    assert len(set(shown)) == len(shown)
    for text in ("3/4/19", "03/04/2019", "March 4, 2019", "3-4-19", "2019-03-04", "04-MAR-19", "4 Mar 2019"):
        assert text in shown
    assert "4th of March" in [form(day) for form in phi.DAYS]


@pytest.mark.parametrize(
    ("number", "text"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (22, "22nd"), (30, "30th")]
)
def test_ordinals(number: int, text: str) -> None:
    assert phi.ordinal(number) == text


@given(st.integers(0, 2**32))
def test_identifiers_are_well_formed(seed: int) -> None:
    rng = random.Random(seed)
    area, group, serial = phi.ssn(rng)
    assert area not in ("000", "666")
    assert int(area) < 900
    assert int(group) > 0
    assert int(serial) > 0
    assert re.fullmatch(r"[0-9A-HJ-NPR-Z]{17}", phi.vin(rng))
    assert all(0 <= int(octet) <= 255 for octet in phi.ip(rng).split("."))
    assert phi.ip(rng).count(".") == 3


def luhn(number: str) -> int:
    digits = [int(char) for char in reversed(number)]
    return (sum(digits[0::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10


@given(st.integers(0, 2**32))
def test_npi_passes_its_check(seed: int) -> None:
    number = phi.npi(random.Random(seed))
    assert len(number) == 10
    assert luhn("80840" + number) == 0


@given(st.integers(0, 2**32))
def test_dea_passes_its_check(seed: int) -> None:
    number = phi.dea("okafor", random.Random(seed))
    digits = [int(char) for char in number[2:]]
    assert number[1] == "O"
    assert (digits[0] + digits[2] + digits[4] + 2 * (digits[1] + digits[3] + digits[5])) % 10 == digits[6]


def test_patterns_are_filled() -> None:
    assert re.fullmatch(r"[A-Z]\d\d-x", phi.fill("A##-x", RNG))


@given(st.integers(-5, 5), st.integers(0, 9), st.integers(0, 1000))
def test_numbers_keep_to_their_range(low: int, width: int, seed: int) -> None:
    assert low <= phi.number(low, low + width, random.Random(seed)) <= low + width
