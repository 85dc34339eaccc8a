from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.icd.wording import TOKEN, Wording

WORDING = Wording.shipped()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Type II diabetes mellitus", "type 2 diabetes"),
        ("T2DM", "type 2 diabetes"),
        ("gastric cancer", "malignant neoplasm of the stomach"),
        ("Haemorrhoids", "hemorrhoid"),
        ("Crohn's disease", "Crohn disease"),
        ("pain in left knee", "left knee pain"),
        ("HTN", "hypertension"),
        ("MI", "myocardial infarct"),
        ("CHF", "congestive heart failure"),
    ],
)
def test_the_same_in_other_words(one: str, other: str) -> None:
    assert WORDING.key(one) == WORDING.key(other) != ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("hepatitis A", "hepatitis B"),
        ("type 1 diabetes", "type 2 diabetes"),
        ("left knee pain", "right knee pain"),
        ("diabetes", "diabetes insipidus"),
        ("ms", "MS"),
        ("ascites", "ascite"),
    ],
)
def test_not_the_same(one: str, other: str) -> None:
    assert WORDING.key(one) != WORDING.key(other)


def test_nothing_is_said_by_stop_words() -> None:
    assert WORDING.key("of the unspecified") == ()


@given(st.text(max_size=60))
def test_a_key_is_sorted_without_repetition_and_stable(text: str) -> None:
    key = WORDING.key(text)
    assert list(key) == sorted(set(key))
    assert key == WORDING.key(text) == WORDING.key(text + " of")
    assert all(word for match in TOKEN.finditer(text) for word in WORDING.normal(match[0]))
