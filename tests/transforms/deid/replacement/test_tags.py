"""Mode `tag`: who is who, and what Safe Harbor lets stay."""

from __future__ import annotations

import datetime as dt
import re
import time

import pytest

from tests.transforms.deid.replacement.marked import KEY, facts, news, replaced
from transforms.deid.pseudonyms import Key
from transforms.deid.replacement import NoteFacts, replacer

JOHN = facts(names=("SMITH, JOHN A",))


@pytest.mark.parametrize(
    "mention",
    [
        "SMITH, JOHN",
        "smith, john a.",
        "John Smith",
        "john",
        "Mr. Smith",
        "Smith",
        "J. Smith",
        "Smith, J",
        "JOHN A SMITH",
    ],
)
def test_the_patient_is_number_one_in_every_form(mention: str) -> None:
    assert news("tag", f"{{PATIENT:{mention}}}", JOHN) == ["[PATIENT-1]"]


@pytest.mark.parametrize("names", [("John", "Smith"), ("SMITH", "JOHN"), ("Smith, John",), ("John A Smith",)])
def test_names_in_one_column_or_in_several_say_the_same(names: tuple[str, ...]) -> None:
    note = facts(names=names)
    assert news("tag", "{PATIENT:J. Smith} {PATIENT:John}", note) == ["[PATIENT-1]"] * 2
    assert news("tag", "{PATIENT:Mary Smith}", note) != ["[PATIENT-1]"]


@pytest.mark.parametrize(
    "mention", ["Mary Smith", "Mary", "Mrs. Smith", "M. Smith", "Jones", "Mary Jones", "Dr. Smith", "M.S."]
)
def test_others_are_not_the_patient(mention: str) -> None:
    (tag,) = news("tag", f"{{PATIENT:{mention}}}", JOHN)
    assert re.fullmatch(r"\[PATIENT-\d{4}\]", tag)


def test_without_a_name_column_nobody_is_number_one() -> None:
    assert news("tag", "{PATIENT:John Smith}") != ["[PATIENT-1]"]


def test_a_title_before_the_span_counts() -> None:
    mother, patient = news("tag", "Mrs. {PATIENT:Smith}, Mr. {PATIENT:Smith}", JOHN)
    assert patient == "[PATIENT-1]"
    assert mother != patient


def test_relatives_of_one_surname_differ_and_keep_their_number_by_given_name() -> None:
    anna, tom, only = news("tag", "{PATIENT:Anna Smith}, {PATIENT:Tom Smith}; {PATIENT:Anna}", JOHN)
    assert anna != tom
    assert only == anna
    assert news("tag", "{PATIENT:ANNA}", JOHN) == [anna]


def test_a_doctor_keeps_the_number_of_the_surname_across_notes() -> None:
    tags = news("tag", "Dr. {DOCTOR:Mary Jones} {DOCTOR:M. Jones, M.D.} {DOCTOR:JONES, MARY} {DOCTOR:Mary}", JOHN)
    assert len(set(tags)) == 1
    assert news("tag", "Dr. {DOCTOR:Jones}", JOHN) == tags[:1]
    assert news("tag", "Dr. {DOCTOR:Brown}", JOHN) != tags[:1]


def test_a_last_name_alone_is_the_person_of_the_note() -> None:
    first, second = news("tag", "{PATIENT:Maria Lopez} ... Ms. {PATIENT:Lopez}", JOHN)
    assert first == second


def test_numbers_hang_on_patient_and_key() -> None:
    marked = "{DOCTOR:Jones}"
    here = news("tag", marked)
    assert news("tag", marked, facts("another")) != here
    assert news("tag", marked, key=Key.from_text("another key of tests")) != here
    assert news("tag", marked) == here


def test_people_of_one_note_never_share_a_number() -> None:
    names = [f"Dr{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10]}" for n in range(100)]
    found = news("tag", " ".join(f"{{DOCTOR:{name}}}" for name in names))
    assert len(set(found)) == len(names)


def test_forms_of_a_hospital_share_a_number() -> None:
    found = news("tag", "{HOSPITAL:Mercy General Hospital} {HOSPITAL:MERCY HOSPITAL} {HOSPITAL:Mercy} {HOSPITAL:Lenox}")
    assert len(set(found[:3])) == 1
    assert found[3] != found[0]
    assert re.fullmatch(r"\[HOSPITAL-\d{4}\]", found[0])


@pytest.mark.parametrize(
    ("marked", "new"),
    [
        ("{DATE:03/04/2019}", "[DATE] 2019"),
        ("{DATE:3/4/19}", "[DATE] 2019"),
        ("{DATE:3/4}", "[DATE]"),
        ("{DATE:the 4th of March}", "[DATE]"),
        ("{DATE:03-APR-19}", "[DATE] 2019"),
        ("{DATE:March 2018}", "[DATE] 2018"),
        ("{DATE:12/28/2018 - 1/3/2019}", "[DATE] 2018-2019"),
        ("{DATE:Easter 2018}", "[DATE] 2018"),
        ("{DATE:30 February 2019}", "[DATE] 2019"),
        ("DOB: {DATE:3/4/1929}", "DOB: [DATE]"),
        ("{DATE:3/4/1929}", "[DATE]"),
        ("DOB: {DATE:3/4/1930}", "DOB: [DATE] 1930"),
        ("DOB: {DATE:3/4/28}", "DOB: [DATE]"),
        ("DOB {DATE:3/4/19}", "DOB [DATE]"),
        ("DOB {DATE:3/4/85}", "DOB [DATE] 1985"),
        ("born {DATE:March 4, 1925}", "born [DATE]"),
        ("{DATE:2019-03-04T10:22}", "[DATE] 2019"),
        ("DOB {DATE:1926}", "DOB [DATE]"),
        ("b. {DATE:1929}, widow", "b. [DATE], widow"),
        ("Born in {DATE:1930}", "Born in [DATE] 1930"),
        ("Born in {DATE:1929 or 1930}", "Born in [DATE]"),
        ("Born in the {DATE:1920s}", "Born in the [DATE]"),
        ("Born {DATE:'26}", "Born [DATE]"),
        ("Seen {DATE:21-03-04}", "Seen [DATE]"),
        ("Seen {DATE:19/03/04}", "Seen [DATE]"),
        ("Seen {DATE:03-04-17}", "Seen [DATE] 2017"),
        ("Seen {DATE:24-03-98}", "Seen [DATE] 1998"),
        ("Seen {DATE:3\\4\\17}", "Seen [DATE] 2017"),
        ("Seen {DATE:03 - 04 - 2017}", "Seen [DATE] 2017"),
        ("appendectomy {DATE:1929}", "appendectomy [DATE]"),
        ("appendectomy {DATE:1930}", "appendectomy [DATE] 1930"),
        ("polio in the {DATE:1930s}", "polio in the [DATE]"),
        ("from {DATE:1929 to 1931}", "from [DATE]"),
    ],
)
def test_the_year_stays_unless_it_tells_an_age_over_89(marked: str, new: str) -> None:
    assert replaced("tag", marked, facts(year=2019)) == new


@pytest.mark.parametrize("year", [1925, 1930, 1936])
def test_an_early_year_goes_where_nothing_tells_when_the_note_was_written(year: int) -> None:
    assert replaced("tag", f"appendectomy {{DATE:{year}}}") == "appendectomy [DATE]"


def test_the_notes_own_dates_only_make_it_stricter() -> None:
    assert replaced("tag", "DOB {DATE:1/2/1955}. Seen {DATE:3/4/2044}.") == "DOB [DATE] 1955. Seen [DATE] 2044."
    assert replaced("tag", "DOB {DATE:1/2/1955}. Seen {DATE:3/4/2045}.") == "DOB [DATE]. Seen [DATE] 2045."
    # The last thing that a note names may lie decades before it.
    told = replaced("tag", "DOB: {DATE:3/4/1931}. Surgery in {DATE:6/1995}.")
    assert told == "DOB: [DATE]. Surgery in [DATE] 1995."
    assert replaced("tag", "{DATE:1/2/19} {DATE:1/2/60}") == "[DATE] 2019 [DATE] 1960"


def test_the_time_of_the_note_stands_over_its_dates() -> None:
    told = replaced("tag", "DOB {DATE:1/2/1935}, due {DATE:3/4/2030}", facts(year=2019))
    assert told == "DOB [DATE] 1935, due [DATE] 2030"


def test_a_year_before_1945_goes_where_nothing_tells_when_the_note_was_written() -> None:
    # A date of birth does not tell it, and makes no 1919 of the year of the visit.
    assert replaced("tag", "DOB {DATE:1/2/1944}") == "DOB [DATE]"
    assert replaced("tag", "DOB {DATE:1/2/1945}") == "DOB [DATE] 1945"
    assert replaced("tag", "DOB {DATE:1/2/1951}, seen {DATE:3/4/19}") == "DOB [DATE] 1951, seen [DATE] 2019"
    assert replaced("tag", "DOB {DATE:1/2/1929}, seen {DATE:3/4/19}") == "DOB [DATE], seen [DATE] 2019"


@pytest.mark.parametrize(
    ("raw", "new"),
    [
        ("93", "90+"),
        ("93-year-old", "90+-year-old"),
        ("93 y/o", "90+ y/o"),
        ("ninety-three", "90+"),
        ("Ninety three year old", "90+ year old"),
        ("one hundred and two", "90+"),
        ("101", "90+"),
        ("90s", "90+"),
        ("nineties", "90+"),
        ("93 and 95", "90+"),
        ("90+ year old", "90+ year old"),
        ("99-year-11-month-old", "90+"),
        ("ninety\none", "90+"),
        ("ninety-  three-year-old", "90+-year-old"),
        ("ninety-\nthree", "90+"),
        ("one  hundred\n and two", "90+"),
        ("097", "90+"),
        ("one-hundred-and-one years", "90+ years"),
        ("Centenarian", "90+"),
        ("nonagenarians", "90+"),
        ("1948", "[AGE]"),
        ("89", "[AGE]"),
        ("eighty-nine", "[AGE]"),
        ("elderly", "[AGE]"),
    ],
)
def test_ages(raw: str, new: str) -> None:
    assert news("tag", f"{{AGE:{raw}}}") == [new]


def test_a_plus_behind_the_age_is_not_doubled() -> None:
    assert replaced("tag", "{AGE:90}+ year old") == "90+ year old"


@pytest.mark.parametrize(
    ("raw", "new"),
    [
        ("02139", "021"),
        ("02139-1234", "021"),
        ("03601", "000"),
        ("82101", "000"),
        ("021391234", "021"),
        ("0213", "[ZIP]"),
    ],
)
def test_zip_codes(raw: str, new: str) -> None:
    assert news("tag", f"{{ZIP:{raw}}}") == [new]


@pytest.mark.parametrize("label", ["PHONE", "SSN", "URL", "EMAIL", "STREET", "MEDICALRECORD", "OTHER"])
def test_numbers_are_not_numbered(label: str) -> None:
    assert news("tag", f"{{{label}:617-555-0192}}") == [f"[{label}]"]


def test_note_time_is_cut_to_the_year() -> None:
    tags = replacer("tag", KEY)
    assert tags.note_time(facts(year=2019)) == dt.datetime(2019, 1, 1)
    assert tags.note_time(NoteFacts("p")) is None


def test_there_is_a_number_for_each_of_thousands_and_time_grows_with_them() -> None:
    def seconds(count: int) -> float:
        text = " ".join(f"Dr. {{DOCTOR:Ada{_word(at)} Zed{_word(at)}}} signed." for at in range(count))
        began = time.process_time()
        assert len(set(news("tag", text, facts()))) == count
        return time.process_time() - began

    few, many = seconds(2_500), seconds(10_000)
    assert many < 0.3 + 8 * few  # four times as many: quadratic would be 16


def _word(number: int) -> str:
    return "".join(chr(97 + int(digit)) for digit in str(number))
