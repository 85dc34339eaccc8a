"""Mode `surrogate`: other content in the same form, the same for a patient everywhere."""

from __future__ import annotations

import datetime as dt
import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.deid.replacement.marked import KEY, facts, news, replaced, unmarked
from transforms.deid.labels import SAFE_HARBOR
from transforms.deid.pseudonyms import Key
from transforms.deid.replace import replace
from transforms.deid.replacement import MODES, Mode, NoteFacts, replacer
from transforms.deid.replacement.names import key_of, parts
from transforms.deid.replacement.pools import Pools
from transforms.deid.spans import PhiSpan

JOHN = facts(names=("SMITH, JOHN A",), year=2019)


def one(label: str, raw: str, note: NoteFacts = JOHN) -> str:
    (new,) = news("surrogate", f"{{{label}:{raw}}}", note)
    return new


# -- names


def test_the_parts_of_a_name_agree_in_all_forms() -> None:
    surname, given_, _ = re.split(r"\W+", one("PATIENT", "SMITH, JOHN A"))
    first, last = given_.title(), surname.title()
    assert one("PATIENT", "John Smith") == f"{first} {last}"
    assert one("PATIENT", "Mr. Smith") == f"Mr. {last}"
    assert one("PATIENT", "Smith") == last
    assert one("PATIENT", "john") == first.lower()
    assert one("PATIENT", "J. Smith") == f"{first[0]}. {last}"
    assert one("PATIENT", "SMITH,J") == f"{surname},{first[0]}"
    assert one("PATIENT", "JS") == first[0] + last[0]
    assert one("PATIENT", "J.S.") == f"{first[0]}.{last[0]}."
    assert one("PATIENT", "Smith's") == f"{last}'s"
    assert one("PATIENT", "SMITH-JONES").startswith(f"{surname}-")
    assert one("PATIENT", "smith") == last.lower()
    assert one("PATIENT", "John\n  Smith") == f"{first}\n  {last}"
    assert one("DOCTOR", "John Smith, M.D.") == f"{first} {last}, M.D."


@pytest.mark.parametrize(
    "names", [("John", "Smith"), ("SMITH", "JOHN"), ("John A Smith",), ("Smith, John", "J Smith"), ("J John",)]
)
def test_the_columns_of_a_name_do_not_matter(names: tuple[str, ...]) -> None:
    first, last = one("PATIENT", "John Smith", facts(names=names)).split()
    assert one("PATIENT", "SMITH, JOHN", facts()) == f"{last}, {first}".upper()
    if len(names) == 2:
        assert one("PATIENT", "J. Smith", facts(names=names)) == f"{first[0]}. {last}"
    one("PATIENT", "JS", facts(names=names))


def test_one_patient_agrees_across_notes_and_two_differ() -> None:
    here = [one("PATIENT", "SMITH, JOHN A", facts("p", JOHN.names)) for _ in range(2)]
    assert here[0] == here[1]
    others = {one("PATIENT", "SMITH, JOHN A", facts(f"p{number}", JOHN.names)) for number in range(40)}
    assert len(others) > 35
    assert news("surrogate", "{PATIENT:Smith}", JOHN, Key.from_text("another key of tests")) != news(
        "surrogate", "{PATIENT:Smith}", JOHN
    )


@pytest.mark.parametrize(
    ("raw", "sex"), [("Mary", "female"), ("John", "male"), ("Thomas", "male"), ("Ashley", "female")]
)
def test_the_sex_of_a_given_name_stays(raw: str, sex: str) -> None:
    pools = Pools.shipped()
    for number in range(30):
        assert pools.sex[one("PATIENT", raw, facts(str(number))).lower()] == sex


def test_a_name_of_no_list_is_neutral_wherever_it_stands() -> None:
    new = one("PATIENT", "Zyxara")
    assert new.lower() in Pools.shipped().names["either"]
    assert one("PATIENT", "Zyxara Smith").split()[0] == new
    assert one("PATIENT", "SMITH, ZYXARA").split()[1] == new.upper()
    assert one("DOCTOR", "John Zyxara").split()[1] == new


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        ("O'Brien", r"[A-Z][a-z]+"),
        ("O’BRIEN", r"[A-Z]{3,}"),
        ("McDonald", r"[A-Z][a-z]+"),
        ("Maria de la Cruz", r"[A-Z][a-z]+ [A-Z][a-z]+"),
        ("van der Berg, Jan", r"[A-Z][a-z]+, [A-Z][a-z]+"),
        ("José García-López", r"[A-Z][a-z]+ [A-Z][a-z]+-[A-Z][a-z]+"),
        ("SMITH,JOHN", r"[A-Z]+,[A-Z]+"),
        ("John Smith Jr.", r"[A-Z][a-z]+ [A-Z][a-z]+ Sr\."),
        ("Dr Jones", r"Dr [A-Z][a-z]+"),
        ("Li Wu", r"[A-Z][a-z]+ [A-Z][a-z]+"),
        ("山田 太郎", r"[A-Z][a-z]+ [A-Z][a-z]+"),
        ("Anna and Tom", r"[A-Z][a-z]+ and [A-Z][a-z]+"),
        ("Smi\u00adth", r"[A-Z][a-z]+"),
        ("Josè\u0301", r"[A-Z][a-z]+"),
    ],
)
def test_forms_of_names(raw: str, form: str) -> None:
    assert re.fullmatch(form, one("PATIENT", raw))


def test_spellings_of_one_name_agree() -> None:
    assert one("PATIENT", "O'Brien").lower() == one("PATIENT", "O’BRIEN").lower() == one("PATIENT", "obrien")
    assert one("PATIENT", "José") == one("PATIENT", "Jose")


def test_initials_of_others_follow_their_surrogates() -> None:
    full, short, alone = news("surrogate", "{DOCTOR:Mary Jones} {DOCTOR:M. Jones} {DOCTOR:M Jones, RN}", JOHN)
    assert short == f"{full[0]}. {full.split()[1]}"
    assert alone == f"{full[0]} {full.split()[1]}, RN"


def test_no_surrogate_is_the_patients_own_name() -> None:
    pool = Pools.shipped().names["surname"]
    own = facts(names=tuple(f"{name}, JOHN" for name in pool[:480]))
    news_ = news("surrogate", " ".join(f"{{DOCTOR:Qzx{chr(97 + number)}y}}" for number in range(20)), own)
    assert not {new.lower() for new in news_} & set(pool[:480])


@given(st.text(min_size=1, max_size=40), st.sampled_from(["PATIENT", "DOCTOR"]))
def test_a_surrogate_name_holds_no_part_of_the_name(raw: str, label: str) -> None:
    (new,) = replacer("surrogate", KEY).replacements(raw, [PhiSpan(0, len(raw), label, 1.0, "t")], facts())
    words = [key_of(word) for word in re.split(r"[\s,.]+", new)]
    for part in parts(raw, label == "DOCTOR"):
        if part.kind == "name" and new != f"[{label}]":
            assert part.key not in words


NAMES = st.sampled_from([*Pools.shipped().names["surname"], *sorted(Pools.shipped().given)[::7], "li", "wu", "ng"])


@given(NAMES, NAMES, st.sampled_from(["{1}, {0}", "{0} {1}", "{0} X {1}", "{0}-{1}"]), st.text("pqr", min_size=1))
def test_a_surrogate_holds_no_part_of_a_common_name(first: str, last: str, form: str, patient: str) -> None:
    raw = form.format(first.title(), last.title())
    for names in ((), (raw,)):
        new = one("PATIENT", raw, facts(patient, names)).lower()
        assert first not in new
        assert last not in new


# -- dates and ages


def test_all_dates_of_a_patient_move_alike() -> None:
    note = "{DATE:3/4/2019} {DATE:March 14, 2019} {DATE:24-MAR-2019}"
    for number in range(20):
        first, second, third = news("surrogate", note, facts(str(number), year=2019))
        start = dt.datetime.strptime(first, "%m/%d/%Y")
        assert dt.datetime.strptime(second, "%B %d, %Y") - start == dt.timedelta(10)
        assert dt.datetime.strptime(third, "%d-%b-%Y") - start == dt.timedelta(20)
        offset = start - dt.datetime(2019, 3, 4)
        time = replacer("surrogate", KEY).note_time(facts(str(number), year=2019))
        assert time == dt.datetime(2019, 6, 1, 10, 30) + offset


def test_offsets_differ_between_patients() -> None:
    assert len({one("DATE", "3/4/2019", facts(str(number))) for number in range(200)}) > 140


def test_a_date_that_is_none_becomes_a_tag() -> None:
    assert one("DATE", "2/30/2019") == "[DATE]"
    assert one("DATE", "Easter") == "[DATE]"
    assert one("DATE", "10:22") == "[DATE]"


def test_a_note_without_a_time_has_none() -> None:
    assert replacer("surrogate", KEY).note_time(NoteFacts("p")) is None


@pytest.mark.parametrize(("raw", "new"), [("93", "90+"), ("93-year-old", "90+-year-old"), ("ninety-three", "90+")])
def test_ages_over_89_are_aggregated(raw: str, new: str) -> None:
    assert one("AGE", raw) == new


def test_other_ages_move_a_little() -> None:
    for number in range(20):
        note = facts(str(number))
        moved = int(one("AGE", "45", note)) - 45
        assert abs(moved) in (1, 2)
        assert one("AGE", "61 years old", note) == f"{61 + moved} years old"
        assert 0 <= int(one("AGE", "0", note)) <= 2
        assert int(one("AGE", "89", note)) <= 88
        assert (
            one("AGE", "Forty-five", note)
            == {43: "Forty-three", 44: "Forty-four", 46: "Forty-six", 47: "Forty-seven"}[45 + moved]
        )
        assert one("AGE", "80s", note) == "70s"
    assert one("AGE", "45 or 46") == "[AGE]"
    assert one("AGE", "elderly") == "[AGE]"


# -- numbers and addresses


@pytest.mark.parametrize(
    "label", ["MEDICALRECORD", "ACCOUNT", "IDNUM", "LICENSE", "DEVICE", "VEHICLE", "HEALTHPLAN", "SSN"]
)
def test_numbers_keep_their_shape_and_nothing_else(label: str) -> None:
    raw = "AB-00123/45c"
    new = one(label, raw)
    assert re.fullmatch(r"[A-Z]{2}-\d{5}/\d{2}[a-z]", new)
    assert not any(a == b for a, b in zip(raw, new, strict=True) if a.isalnum())


def test_marks_within_a_number_do_not_matter() -> None:
    assert one("MEDICALRECORD", "MRN#00123-45").replace("-", "") == "MRN#" + one("IDNUM", "0012345")


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        ("(617) 555-0192 x12", r"\([2-9]\d\d\) 555-01\d\d x\d\d"),
        ("617-432-9911", r"[2-9]\d\d-555-01\d\d"),
        ("1-617-432-9911", r"1-[2-9]\d\d-555-01\d\d"),
        ("+1 617.432.9911", r"\+1 [2-9]\d\d\.555\.01\d\d"),
        ("617 432\n9911", r"[2-9]\d\d 555\n01\d\d"),
        ("6174329911", r"[2-9]\d\d55501\d\d"),
        ("432-9911", r"555-01\d\d"),
        ("617-432-9911 or 617-432-9912", r"[2-9]\d\d-555-01\d\d or [2-9]\d\d-555-01\d\d"),
        ("x4411", r"x\d{4}"),
        ("pager 44112", r"pager \d{5}"),
        ("+44 20 7946 0958", r"\+\d\d \d\d \d{4} \d{4}"),
        ("1-800-FLOWERS", r"\d-\d{3}-[A-Z]{7}"),
    ],
)
def test_phones(raw: str, form: str) -> None:
    new = one("PHONE", raw)
    assert re.fullmatch(form, new)
    assert new != raw


def test_a_phone_is_the_same_with_and_without_its_area() -> None:
    assert one("PHONE", "(617) 432-9911").endswith(one("FAX", "432-9911"))
    for line in range(100):
        assert one("PHONE", f"555-01{line:02d}") != f"555-01{line:02d}"


def test_social_security_numbers_are_none() -> None:
    new = one("SSN", "123-45-6789")
    assert re.fullmatch(r"9\d\d-[1-4]\d-\d{4}", new)
    assert one("SSN", "xxx-xx-6789") == f"xxx-xx-{new[-4:]}"
    assert one("SSN", "6789") == new[-4:]
    assert one("SSN", "987654321") != "987654321"


def test_net_addresses_are_kept_for_documentation() -> None:
    assert re.fullmatch(r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}", one("IPADDR", "10.1.22.3"))
    assert re.fullmatch(r"(198\.51\.100|203\.0\.113)\.\d{1,3}", one("IPADDR", "192.0.2.7"))
    assert re.fullmatch(r"2001:db8:[a-f\d]{4}::[a-f\d]{4}", one("IPADDR", "fe80:12:a2cd::8f3e"))
    assert re.fullmatch(r"[A-F\d]{2}(:[A-F\d]{2}){5}", one("DEVICE", "0A:1B:2C:3D:4E:5F"))
    assert re.fullmatch(r"[a-z.]+@[a-z]+\.example\.org", one("EMAIL", "j.q.public@mgh.harvard.edu"))
    assert re.fullmatch(r"[a-z]+\d\d@[a-z]+\.example\.com", one("EMAIL", "public77@gmail.com"))
    assert re.fullmatch(
        r"https://www\.[a-z]+\.example\.org/[a-z]+/[a-z]\d\.html\?a?[a-z]=\d",
        one("URL", "https://www.mgh.org/staff/p1.html?k=2"),
    )
    assert one("URL", "www.mgh.org").split(".")[1] == one("EMAIL", "x@mgh.org").split("@")[1].split(".")[0]


def test_names_in_addresses_are_the_surrogates() -> None:
    first, last = one("PATIENT", "john smith").split()
    assert one("EMAIL", "john.smith@mgh.org").startswith(f"{first}.{last}@")
    assert one("USERNAME", "jsmith").startswith(f"{first[0]}{last}")


def test_files_keep_their_type() -> None:
    assert re.fullmatch(r"IMG_\d{4}\.jpg", one("PHOTO", "IMG_2231.jpg"))
    assert one("PHOTO", "photo.jpg") == "[PHOTO]"


def test_zip_codes_keep_their_form() -> None:
    long = one("ZIP", "02139-1234")
    assert re.fullmatch(r"\d{5}-\d{4}", long)
    assert one("ZIP", "02139") == long[:5]
    assert not any(a == b for a, b in zip("02139", long, strict=False))


# -- places


@pytest.mark.parametrize(
    ("label", "raw", "form"),
    [
        ("HOSPITAL", "Beth Israel Deaconess Medical Center", r"[A-Z][a-z]+ Medical Center"),
        ("HOSPITAL", "MERCY HOSPITAL", r"[A-Z]+ HOSPITAL"),
        ("HOSPITAL", "St. Mary's Hospital", r"[A-Z][a-z]+ Hospital"),
        ("HOSPITAL", "Memorial Hospital", r"(?!Memorial)[A-Z][a-z]+ Hospital"),
        ("HOSPITAL", "University of Michigan Hospital", r"University of (?!Mich)[A-Z][a-z]+ Hospital"),
        ("HOSPITAL", "Sacred Heart Hospital", r"[A-Z][a-z]+ Hospital"),
        ("HOSPITAL", "North Shore Hospital", r"(?!North)[A-Z][a-z]+ Hospital"),
        ("HOSPITAL", "MGH", r"(?!MGH)[A-Z]{3}"),
        ("HOSPITAL", "Brigham and Women's Hospital", r"(?!B)[A-Z][a-z]+ and Women's Hospital"),
        ("ORGANIZATION", "Acme Widgets, Inc.", r"[A-Z][a-z]+, Inc\."),
        ("ORGANIZATION", "walmart", r"(?!walmart)[a-z]+"),
        ("ROOM", "Room 412B", r"Room \d{3}[A-Z]"),
        ("DEPARTMENT", "4 West", r"\d West"),
        ("LOCATION-OTHER", "Suffolk County", r"[A-Z][a-z]+ County"),
        ("CITY", "Boston", r"(?!Boston)[A-Z][a-z]+"),
        ("CITY", "NEW YORK", r"[A-Z]+"),
        ("CITY", "Boston, MA", r"[A-Z][a-z]+, MA"),
        ("STREET", "123 Main Street Apt 4B", r"[1-9]\d\d (?!Main)[A-Z][a-z]+ Street Apt \d[A-Z]"),
        ("STREET", "42 N. Park Ave", r"[1-9]\d N\. (?!Park)[A-Z][a-z]+ Ave"),
        ("STREET", "12 Martin Luther King Blvd, Suite 300", r"\d\d [A-Z][a-z]+ Blvd, Suite \d{3}"),
        ("STREET", "W 42nd St", r"W \d\d(st|nd|rd|th) St"),
        ("STREET", "77 Route 9", r"[1-9]\d Route \d"),
        ("STREET", "P.O. Box 123", r"P\.O\. Box \d{3}"),
        ("STREET", "1 Broadway", r"\d (?!Broadway)[A-Z][a-z]+"),
        ("STREET", "300 longwood ave", r"\d{3} [a-z]+ ave"),
    ],
)
def test_places_keep_their_kind(label: str, raw: str, form: str) -> None:
    for number in range(5):
        assert re.fullmatch(form, one(label, raw, facts(str(number))))


def test_forms_of_a_place_agree() -> None:
    name = one("HOSPITAL", "Mercy General Hospital").split()[0]
    assert one("HOSPITAL", "MERCY HOSPITAL") == f"{name.upper()} HOSPITAL"
    assert one("HOSPITAL", "Mercy") == name
    assert one("CITY", "BOSTON").title() == one("CITY", "Boston")


def test_ordinal_streets_are_ordinals() -> None:
    for number in range(30):
        found = re.fullmatch(r"(\d\d)(st|nd|rd|th) Ave", one("STREET", "42nd Ave", facts(str(number))))
        assert found
        ends = {"1": "st", "2": "nd", "3": "rd"}
        assert found[2] == ("th" if found[1][0] == "1" else ends.get(found[1][1], "th"))


# -- all labels


def test_every_label_of_every_mode_is_replaced() -> None:
    for mode in MODES:
        for label in SAFE_HARBOR:
            assert news(mode, f"{{{label}:Quux 12345}}") != ["Quux 12345"]
    assert get_args(Mode) == MODES


RAWS = st.one_of(
    st.text(min_size=1, max_size=30),
    st.from_regex(r"[A-Za-z0-9 ,./@:#()'-]{1,30}", fullmatch=True),
    st.lists(
        st.sampled_from(
            ["\r\n", "e\u0301", "\U0001f469\u200d\u2695\ufe0f", "ש", "İ", "ß", "½", "٣", " ", "a", "3", "/"]
        ),
        min_size=1,
    ).map("".join),
)


@given(RAWS, st.sampled_from(sorted(SAFE_HARBOR)), st.text(max_size=5), st.text(max_size=10))
def test_any_text_gets_another_one_and_always_the_same(raw: str, label: str, patient: str, name: str) -> None:
    spans = [PhiSpan(0, len(raw), label, 1.0, "t")]
    note = NoteFacts(patient, (name,), dt.datetime(2019, 3, 4))
    (new,) = replacer("surrogate", KEY).replacements(raw, spans, note)
    assert new
    assert new.casefold() != raw.casefold() or raw.casefold() == f"[{label}]".casefold()
    assert replacer("surrogate", KEY).replacements(raw, spans, note) == [new]
    assert not set(re.findall(r"\d{4,}", raw)) & set(re.findall(r"\d{4,}", new)) or label == "DATE"


@given(
    st.lists(st.tuples(st.text(max_size=5), RAWS, st.sampled_from(sorted(SAFE_HARBOR))), max_size=6),
    st.sampled_from(MODES),
)
def test_outside_the_spans_nothing_changes(pieces: list[tuple[str, str, str]], mode: Mode) -> None:
    text, spans = "", []
    for between, raw, label in pieces:
        text += between
        spans.append(PhiSpan(len(text), len(text) + len(raw), label, 1.0, "t"))
        text += raw
    new, offsets = replace(text, spans, replacer(mode, KEY).replacements(text, spans, JOHN))
    at = 0
    for (between, raw, _), edit in zip(pieces, offsets.edits, strict=True):
        assert new[at : edit.start] == between
        at = edit.end
        assert mode != "mask" or edit.end - edit.start == len(raw)
    assert new[at:] == ""


def test_other_notes_do_not_matter() -> None:
    marked = "{PATIENT:John Smith} {DATE:3/4/19} {HOSPITAL:Mercy} {PHONE:617-432-9911} {DOCTOR:Jones}"
    alone = replaced("surrogate", marked, JOHN)
    text = "Ann Li 1/2/2003"
    same = replacer("surrogate", KEY)
    same.replacements(text, [PhiSpan(0, 6, "PATIENT", 1, "t"), PhiSpan(7, 15, "DATE", 1, "t")], facts("q", ("Ann Li",)))
    raw, spans = unmarked(marked)
    assert replace(raw, spans, same.replacements(raw, spans, JOHN))[0] == alone
