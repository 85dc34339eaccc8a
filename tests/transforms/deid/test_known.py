"""The row's own names and ids in its text."""

from __future__ import annotations

import pytest

from transforms.deid.known import KnownPhi
from transforms.deid.lexicon import Lexicon

LEXICON = Lexicon.shipped()


def found(text: str, *names: str, ids: tuple[tuple[str | None, str], ...] = ()) -> list[str]:
    return [text[span.start : span.end] for span in KnownPhi.of(names, ids).find(text, LEXICON)]


@pytest.mark.parametrize("name", ["John A Kowalski", "KOWALSKI, JOHN A", "kowalski,john", "Kowalski, John A."])
def test_a_name_is_found_in_any_order_and_case(name: str) -> None:
    text = "Mr. Kowalski; JOHN KOWALSKI; KOWALSKI,JOHN A.; john kowalski's wife and John. Kowalskiego"
    assert found(text, name) == ["Kowalski", "JOHN KOWALSKI", "KOWALSKI,JOHN A.", "john kowalski", "John"]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("Will Young", "Will Young will see a young man. YOUNG left.", ["Will Young", "YOUNG"]),
        ("Rose May", "In may she rose. Rose came.", ["Rose"]),
        ("Church, Ann", "pt church resting; went to church", ["church"]),
        ("Li Na", "Na 138, NA-140; Li Na slept, ali, nab", ["Li Na"]),
        ("Seán O'Neil", "SEAN ONEIL and Sea\u0301n O’Neil", ["SEAN ONEIL", "Sea\u0301n O’Neil"]),
        ("Anna Smith-Jones", "Smith-Jones, Anna; Ms Smith", ["Smith-Jones, Anna", "Smith"]),
        ("Vernon Kostolzin", "Vernon Kostolzin Jr. is 53", ["Vernon Kostolzin Jr."]),
        ("Hannah Soto", "H. Soto feels better", ["H. Soto"]),
        ("Mr. X", "x-ray of Mr. X", []),
    ],
)
def test_parts_of_names(name: str, text: str, expected: list[str]) -> None:
    assert found(text, name) == expected


def test_ids_count_as_whole_tokens_of_five_characters_or_more() -> None:
    ids = (("10000032", "MEDICALRECORD"), ("10000032-DS-21", "IDNUM"), ("123", "IDNUM"), (None, "IDNUM"))
    assert found("MRN 10000032, x10000032, 10000032-DS-21, 123", ids=ids) == ["10000032", "10000032", "10000032-DS-21"]
    with pytest.raises(ValueError, match="no label"):
        KnownPhi.of((), (("12345", "NAME"),))
