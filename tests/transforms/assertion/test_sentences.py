from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.assertion.sentences import LONGEST, sentence_starts


def cut(text: str) -> list[str]:
    starts = sentence_starts(text)
    return [text[start:end].strip() for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("No fever. Has cough.", ["No fever.", "Has cough."]),
        ("Fever? Yes! Cough.", ["Fever?", "Yes!", "Cough."]),
        ("Dr. X saw Mr. Y vs. Z.", ["Dr. X saw Mr. Y vs. Z."]),
        ("Temp 38.5 today.", ["Temp 38.5 today."]),
        ("Took 20 mg p.o. b.i.d. for pain.", ["Took 20 mg p.o. b.i.d. for pain."]),
        ("Took 20 mg p.o. He left.", ["Took 20 mg p.o.", "He left."]),
        ("Has hepatitis C. No fever.", ["Has hepatitis C.", "No fever."]),
        ("1. Diabetes. 2. Gout.", ["1. Diabetes.", "2. Gout."]),
        ("Last seen in 2019. Well.", ["Last seen in 2019.", "Well."]),
        ("- no fever\n- cough\n", ["- no fever", "- cough"]),
        ("Fever: none\nCough: yes", ["Fever: none", "Cough: yes"]),
        ("no fever\n\nhas a cough", ["no fever", "has a cough"]),
        (
            "The patient came in because he had no fever and no\nchills but a cough.",
            ["The patient came in because he had no fever and no\nchills but a cough."],
        ),
        (
            "The patient came in because he had no fever and so on\n1. Cough",
            ["The patient came in because he had no fever and so on", "1. Cough"],
        ),
    ],
)
def test_where_sentences_end(text: str, sentences: list[str]) -> None:
    assert cut(text) == sentences


@given(st.text(alphabet="aA1.\n -:\r(é", max_size=80))
def test_starts_are_in_order_and_inside_the_text(text: str) -> None:
    starts = sentence_starts(text)

    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert starts[-1] < max(1, len(text))


@pytest.mark.parametrize("unit", [" ", ".", ".'", "a", "\n", "a. ", "A:", "1. ", "(", "-\n"])
def test_a_million_characters_of_anything_take_no_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))

    began = time.process_time()
    starts = sentence_starts(text)

    assert time.process_time() - began < 3
    assert max(end - start for start, end in zip(starts, [*starts[1:], len(text)], strict=True)) <= LONGEST
