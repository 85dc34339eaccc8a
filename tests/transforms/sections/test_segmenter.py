from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.sections import HeadingTable, SectionSpan, Segmenter

SEGMENTER = Segmenter(HeadingTable.shipped())


def split(text: str) -> list[SectionSpan]:
    return SEGMENTER.split(text)


def found(text: str) -> list[tuple[str, str]]:
    return [(section.category, section.title) for section in split(text)]


def mains(sections: list[SectionSpan]) -> list[SectionSpan]:
    tiles: list[SectionSpan] = []
    for section in sections:
        if not tiles or section.start >= tiles[-1].end:
            tiles.append(section)
    return tiles


@pytest.mark.parametrize(
    "text",
    [
        "ALLERGIES: none",
        "Allergies: none",
        "allergies: none",
        "Allergies:\nnone",
        "ALLERGIES\nnone",
        "Allergies\nnone",
        "ALLERGIES:none",
        "ALLERGIES - none",
        "ALLERGIES -- none",
        "ALLERGIES :\nnone",
        "Allergies\n---------\nnone",
        "=== Allergies ===\nnone",
        "*** ALLERGIES ***\nnone",
        "== Allergies: ==\nnone",
        "Allergies:\r\nnone",
    ],
)
def test_a_heading_as_people_type_it(text: str) -> None:
    section = split(text)[-1]

    assert section.category == "allergies"
    assert section.loinc == "48765-2"
    assert section.title.lower() == "allergies"
    assert text[section.body_start : section.end] == "none"


@pytest.mark.parametrize("lead", ["2. ", "2) ", "(2) ", "B. ", "IV. ", "## ", "# ", "**", "__", "- ", "  "])
def test_numbering_and_markup_stay_outside_the_title(lead: str) -> None:
    close = lead if lead in ("**", "__") else ""
    text = f"Seen today.\n\n{lead}Allergies:{close} none"

    section = split(text)[-1]

    assert (section.category, section.title) == ("allergies", "Allergies")
    assert text[section.body_start :] == "none"


def test_a_heading_after_a_long_line_without_a_full_stop() -> None:
    text = "Fam Hx: mother with diabetes, maternal aunt with coronary artery disease\nPhysical Exam: well"

    assert found(text)[-1] == ("physical_exam", "Physical Exam")


def test_text_before_the_first_heading_is_the_header() -> None:
    text = "Name: [PATIENT]\nSex: F\n\nCHIEF COMPLAINT: cough"

    header, complaint = split(text)

    assert (header.category, header.title, header.start, header.end) == ("header", "", 0, complaint.start)
    assert complaint.loinc == "10154-3"


def test_a_note_without_headings_is_one_section() -> None:
    assert split("Slept well.\n") == [SectionSpan(0, "other", None, "", 0, 12, 0)]
    assert split("") == []


def test_parts_of_the_examination_lie_inside_it() -> None:
    text = "PHYSICAL EXAM:\nVS: 98.6\nHEENT: normal\nLungs: clear\nTATTOOS: two\n\nPLAN: home"

    exam, vitals, head, lungs, unknown, plan = split(text)

    assert [s.category for s in (vitals, head, lungs, unknown)] == ["vital_signs", *["physical_exam"] * 3]
    assert exam.end == plan.start
    assert unknown.end == plan.start
    assert (vitals.end, head.end) == (head.start, lungs.start)


def test_parts_of_the_review_of_systems_belong_to_it() -> None:
    assert found("REVIEW OF SYSTEMS:\nCARDIOVASCULAR: no pain\n")[1] == ("review_of_systems", "CARDIOVASCULAR")


def test_parts_without_an_examination_around_them_stand_for_one() -> None:
    assert found("HEENT: normal") == [("physical_exam", "HEENT")]
    assert found("ALLERGIES: none\n\nGeneral: he is well") == [("allergies", "ALLERGIES")], "small letters are a list"


def test_parts_of_the_examination_run_in_or_with_dashes() -> None:
    text = "PHYSICAL EXAM: HEENT: normal. Neck: supple. ABD: soft.\nCardiac - regular\ncv - regular"

    assert found(text)[1:] == [("physical_exam", title) for title in ("HEENT", "Neck", "ABD", "Cardiac", "cv")]
    assert found("HPI: seen. Neck: supple.") == [("history_of_present_illness", "HPI")], "no examination around it"


def test_an_examination_may_follow_the_vital_signs_without_a_heading() -> None:
    sections = split("VS: 98.6\nGen: well\nAbd: soft\n")

    assert [section.category for section in sections] == ["vital_signs", "physical_exam", "physical_exam"]
    assert sections[0].end == sections[1].start


def test_fields_of_the_header_do_not_cut_it() -> None:
    text = "DISCHARGE SUMMARY\n\nNAME: x\nDATE OF BIRTH: y. Sex: F\n\nPLAN: home\n\nATTENDING: x"

    assert found(text) == [("header", ""), ("plan", "PLAN"), ("header", "ATTENDING")]


def test_vital_signs_outside_an_examination_are_a_section_of_their_own() -> None:
    sections = split("ALLERGIES: none\n\nVITAL SIGNS: stable\n\nLABS: normal")

    assert mains(sections) == sections


def test_headings_inside_a_line_count_after_the_end_of_a_sentence() -> None:
    text = "ALLERGIES: None. SOCIAL HISTORY: Smokes. Family History: None. He said: PLAN nothing. PLAN: Home."

    assert [title for _, title in found(text)] == ["ALLERGIES", "SOCIAL HISTORY", "Family History", "PLAN"]


@pytest.mark.parametrize(
    "text",
    [
        "He agreed with the PLAN: go home.",
        "Seen at 10:30 for a rash.",
        "Blood pressure: 120/80",
        "WBC: 7.2",
        "L4-L5: bulge",
        "[PATIENT]: seen",
        "RATIO IS 3. THIS IS A WHOLE SENTENCE: yes",
        "The patient was sent home with a\nplan",
        "He was admitted for observation to the medical floor with the\nplan: to go home tomorrow",
        "Dear Dr. Smith:\nThank you.",
        "Took 1. PENICILLIN.",
    ],
)
def test_what_only_looks_like_a_heading(text: str) -> None:
    assert [category for category, _ in found(text)] == ["other"]


def test_unknown_headings_keep_their_title() -> None:
    text = "TATTOO REMOVAL: done\n\nLASER SAFETY BRIEFING\n\nGiven.\n\nRange Time Log:\n2 h\n\n**Odd thing**\nx"

    assert found(text) == [
        ("other", "TATTOO REMOVAL"),
        ("other", "LASER SAFETY BRIEFING"),
        ("other", "Range Time Log"),
        ("other", "Odd thing"),
    ]


def test_a_line_in_capitals_under_a_bare_heading_is_its_content() -> None:
    assert found("PROCEDURE:\n\nLEFT KNEE ARTHROSCOPY\n\nANESTHESIA: General") == [
        ("procedures", "PROCEDURE"),
        ("anesthesia", "ANESTHESIA"),
    ]


def test_the_kind_of_note_decides_what_findings_are() -> None:
    operation = found("PREOPERATIVE DIAGNOSIS: cyst\nFINDINGS: cyst\nTECHNIQUE: cut")
    study = found("HISTORY: fall\nCOMPARISON: none\nTECHNIQUE: CT\nFINDINGS: none")

    assert [category for category, _ in operation] == [
        "preoperative_diagnosis",
        "operative_findings",
        "operative_description",
    ]
    assert [category for category, _ in study] == ["indication", "comparison", "technique", "findings"]


MARKS = ["\n", "\n\n", "\r\n", " ", "  ", "\t", ":", ": ", ". ", "- ", "**", "__", "# ", "## ", "1. ", "---", "==="]
WORDS = ["ALLERGIES", "Plan", "HEENT", "physical exam", "UNKNOWN WORDS", "MIXED up", "[DATE]", "A", "(", "é", "\x00"]


@given(st.lists(st.sampled_from(MARKS + WORDS), max_size=40).map("".join))
def test_sections_tile_the_note_and_titles_resolve(text: str) -> None:
    sections = split(text)

    position = 0
    for section in mains(sections):
        assert section.start == position
        position = section.end
    assert position == len(text)
    assert [section.section_id for section in sections] == list(range(len(sections)))
    assert [section.start for section in sections] == sorted({section.start for section in sections})
    for section in sections:
        assert text[section.start : section.start + len(section.title)] == section.title
        assert section.start + len(section.title) <= section.body_start <= section.end
        assert section.start < section.end


@pytest.mark.parametrize(
    "unit",
    [" ", ":", "A", "\n", ". A", "AB  ", "AB: ", "*", "- ", "1. ", "A - ", " \n", "(A", "x. ALLERGIES: ", "AB CD "],
)
def test_a_million_characters_of_anything_take_no_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))

    began = time.process_time()
    split(text)

    assert time.process_time() - began < 2
