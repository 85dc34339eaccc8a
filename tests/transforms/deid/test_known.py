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
        ("Karen Holt", "karen holt c/o pain, KAREN HOLT S/P CABG", ["karen holt", "KAREN HOLT"]),
        ("Hannah Soto", "H. Soto feels better", ["H. Soto"]),
        ("Mr. X", "x-ray of Mr. X", []),
        ("Imrie, Tamsin", "told Tamsin. Imrie left; T. Imrie", ["Tamsin", "Imrie", "T. Imrie"]),
    ],
)
def test_parts_of_names(name: str, text: str, expected: list[str]) -> None:
    assert found(text, name) == expected


def test_ids_count_as_whole_tokens_of_five_characters_or_more() -> None:
    ids = (("10000032", "MEDICALRECORD"), ("10000032-DS-21", "IDNUM"), ("123", "IDNUM"), (None, "IDNUM"))
    assert found("MRN 10000032, x10000032, 10000032-DS-21, 123", ids=ids) == ["10000032", "10000032", "10000032-DS-21"]
    with pytest.raises(ValueError, match="no label"):
        KnownPhi.of((), (("12345", "NAME"),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ms. Kowalksi came", "Kowalksi"),
        ("Ms. Kowalsky came", "Kowalsky"),
        ("Ms. Kowaski came", "Kowaski"),
        ("seen with Bill today", "Bill"),
        ("Bill states he fell", "Bill"),
        ("pt smith jones resting", "smith jones"),
        ("SMITHJONES, W", "SMITHJONES"),
    ],
)
def test_typing_errors_nicknames_and_compounds(text: str, expected: str) -> None:
    assert expected in found(text, "William Smith-Jones", "Kowalski")


@pytest.mark.parametrize("text", ["the hospital bill is paid", "Bill for services", "a kowalskiite rock", "smithing"])
def test_ordinary_words_are_no_misspelt_names(text: str) -> None:
    assert found(text, "William Smith-Jones", "Kowalski") == []


@pytest.mark.parametrize(
    ("value", "label", "text", "expected"),
    [
        ("617-555-0192", "PHONE", "call (617) 555.0192 now", "(617) 555.0192"),
        ("(617) 555-0192", "PHONE", "call +1 617 555 0192", "+1 617 555 0192"),
        ("6175550192", "PHONE", "at 555-0192", "555-0192"),
        ("123-45-6789", "SSN", "ss 123 45 6789", "123 45 6789"),
        ("123456789", "SSN", "ss 123-45-6789.", "123-45-6789"),
        ("00123456", "MEDICALRECORD", "MR 123-456", "123-456"),
        ("123456", "MEDICALRECORD", "MR 00123456", "00123456"),
        ("1950-01-02", "DATE", "born Jan 2nd, 1950", "Jan 2nd, 1950"),
        ("01/02/1950", "DATE", "dob 1-2-50", "1-2-50"),
        ("1950-01-02 00:00:00", "DATE", "2-JAN-1950", "2-JAN-1950"),
        ("19500102", "DATE", "January 2, 1950", "January 2, 1950"),
        ("12 Oak Street, Apt 4", "STREET", "lives 12 oak st apt 4, upstairs", "12 oak st apt 4"),
        ("Ann.Roe@Mail.org", "EMAIL", "mail ann.roe@mail.org", "ann.roe@mail.org"),
        ("Old  Harbor", "CITY", "from Old\nHarbor", "Old\nHarbor"),
        ("Kowalski, Johanna", "DOCTOR", "per Johanna Kowalski", "Johanna Kowalski"),
    ],
)
def test_values_are_found_however_they_are_written(value: str, label: str, text: str, expected: str) -> None:
    assert expected in found(text, ids=((value, label),))


@pytest.mark.parametrize(
    ("value", "label", "text"),
    [
        ("617-555-0192", "PHONE", "617-555-01923"),
        ("123456", "MEDICALRECORD", "platelets 1234567"),
        ("1950-01-02", "DATE", "1/2/1951, 11/2/1950, 1-2-500"),
        ("Mobile", "CITY", "a mobile mass"),
        ("12 Oak Street", "STREET", "12 patients in oak beds"),
        ("1234", "IDNUM", "1234 units"),
    ],
)
def test_other_values_stay(value: str, label: str, text: str) -> None:
    assert found(text, ids=((value, label),)) == []
