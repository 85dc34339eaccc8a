"""Ages as notes state them."""

from __future__ import annotations

import pytest

from transforms.stated_age import stated_age


@pytest.mark.parametrize(
    ("text", "years", "words"),
    [
        ("The patient is a 67-year-old woman.", 67, "67-year-old"),
        ("This 90+ year old man", 90, "90+ year old"),
        ("HPI: 54 y/o F with chest pain", 54, "54 y/o"),
        ("71yo male", 71, "71yo"),
        ("a 3-month-old girl", 0, "3-month-old"),
        ("59M with CHF", 59, "59M"),
        ("Name: [PATIENT-1]\nAge: 43  Sex: F", 43, "Age: 43"),
        ("AGE 43\n", 43, "AGE 43"),
        ("a man aged 81", 81, "aged 81"),
        ("Her mother, 90 years old, and her 30-year-old son came. She is 61 years old.", 61, "61 years old"),
        ("Menarche at age 12. Smokes since the age of 17 years old. 38 y.o. here", 38, "38 y.o"),
        ("A 12 F catheter, 20 mg, 98.6 F, and 5 years ago; 1/2/2020", None, ""),
        ("500 years old", None, ""),
        ("", None, ""),
    ],
)
def test_stated_age(text: str, years: int | None, words: str) -> None:
    found = stated_age(text)
    if years is None:
        assert found is None
    else:
        assert found is not None
        assert (found.years, text[found.start : found.end]) == (years, words)
