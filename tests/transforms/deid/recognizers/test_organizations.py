"""Organizations that everybody knows."""

from __future__ import annotations

import pytest

from transforms.deid.recognizers.base import Note
from transforms.deid.recognizers.organizations import Organizations


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in Organizations().find(Note(text))]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Meds from Rite Aid (555-0100).", "Rite Aid"),
        ("works at home depot, nights", "home depot"),
        ("TRANSPORT: LINCARE, UNIT 7", "LINCARE"),
        ("A longtime driver for UPS, retired.", "UPS"),
        ("She worked at Ford until 2010.", "Ford"),
        ("Cashier at Lowe's.", "Lowe's"),
        ("Rx sent to Rite Aid on Alder. Recheck", "Rite Aid on Alder"),
        ("Rx sent to Rite Aid on Monday. Recheck", "Rite Aid"),
        ("Uses 2 L from Beacon Mobility. Hearing", "Beacon Mobility"),
        ("supports: Alcoholics Anonymous; sponsor", "Alcoholics Anonymous"),
    ],
)
def test_they_are_found(text: str, name: str) -> None:
    assert found(text) == [name]


@pytest.mark.parametrize(
    "text",
    [
        "Target INR 2-3.",
        "recovering from Acute Respiratory. Goals: Bed Mobility, with Joint Mobility.",
        "push ups and sit ups",
        "Delta waves on EEG",
        "to target the lesion",
        "TARGET OF THERAPY",
        "cvsx 12",
    ],
)
def test_words_stay(text: str) -> None:
    assert found(text) == []
