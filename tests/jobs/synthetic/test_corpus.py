"""What is true of the generated notes and of their gold."""

from __future__ import annotations

import itertools
import re
from collections import Counter

import pytest
import simple_icd_10_cm as icd
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.synthetic import gold
from jobs.synthetic.clinic import Clinic
from jobs.synthetic.corpus import Written, patient_notes
from jobs.synthetic.names import data
from jobs.synthetic.notes import KINDS
from jobs.synthetic.wording import Wording

I2B2 = {
    "PATIENT", "DOCTOR", "USERNAME", "HOSPITAL", "ORGANIZATION", "STREET", "CITY", "STATE", "ZIP", "DATE", "AGE",
    "PHONE", "FAX", "EMAIL", "URL", "IPADDR", "SSN", "MEDICALRECORD", "HEALTHPLAN", "ACCOUNT", "LICENSE", "VEHICLE",
    "DEVICE", "BIOID", "IDNUM",
}  # fmt: skip


@pytest.fixture(scope="module")
def notes() -> list[Written]:
    return [item for index in range(150) for item in patient_notes(index, 11, "all", None)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 10**6), st.sampled_from(["all", "train", "heldout"]), st.floats(0, 1))
def test_spans_lie_in_the_text_and_sections_tile_it(seed: int, index: int, wording: Wording, copied: float) -> None:
    for item in patient_notes(index, seed, wording, 6, copied):
        note, text = item.note, item.note.text
        previous = 0
        for _, label, start, end, surface in gold.phi_rows("n", note):
            assert label in I2B2
            assert previous <= start < end <= len(text)
            assert text[start:end] == surface
            assert surface == surface.strip()
            previous = end
        previous = 0
        for _, start, end, surface, *_ in gold.entity_rows("n", note):
            assert previous <= start < end <= len(text)
            assert text[start:end] == surface == surface.strip()
            previous = end
        at, outer = 0, 0
        for _, _, category, title, start, end, body in gold.section_rows("n", note):
            assert text[start : start + len(title)] == title
            assert start + len(title) <= body <= end
            if start >= outer:
                assert start == at if category == "header" else start >= at
                at, outer = end, end
            else:
                assert end <= outer, "a sub-heading ends with its section"
        assert at == len(text)


def test_no_identifier_stands_outside_the_gold(notes: list[Written]) -> None:
    """Long identifiers of a note's own gold, and whatever looks like one, never stand unmarked."""
    looks = re.compile(
        r"\b\d{3}-\d{2}-\d{4}\b|\b\d{3}[-.]\d{3}[-.]\d{4}\b|\b[01]?\d/[0-3]?\d/(?:19|20)\d\d\b|\w@\w|www\.|https?:"
    )
    for item in notes:
        text, rest = item.note.text, list(item.note.text)
        for span in item.note.draft.phi:
            rest[span.start : span.end] = "\0" * (span.end - span.start)
        unmarked = "".join(rest)
        assert not looks.search(unmarked)
        for span in item.note.draft.phi:
            surface = text[span.start : span.end]
            if len(surface) > 6 and any(char.isdigit() for char in surface):
                assert not re.search(rf"(?<!\w){re.escape(surface)}(?!\w)", unmarked)


def test_the_patient_is_never_named_outside_the_gold(notes: list[Written]) -> None:
    for item in notes:
        rest = list(item.note.text)
        for span in item.note.draft.phi:
            rest[span.start : span.end] = "\0" * (span.end - span.start)
        name = item.patient.name
        # A surname may be a word of medicine as well (walker, wells): the full name never is.
        assert not re.search(rf"{re.escape(name.first)}\s+{re.escape(name.last)}", "".join(rest), re.IGNORECASE)


def test_all_kinds_labels_and_assertions_occur(notes: list[Written]) -> None:
    assert {item.note.kind for item in notes} == set(KINDS)
    labels = Counter(span.label for item in notes for span in item.note.draft.phi)
    assert set(labels) == I2B2
    entities = [span for item in notes for span in item.note.draft.entities]
    assert {span.label for span in entities} == {"Disease", "Chemical", "Procedure", "Lab"}
    for flag in ("negated", "uncertain", "historical", "hypothetical"):
        assert any(getattr(span.assertion, flag) for span in entities)
    assert {span.assertion.experiencer for span in entities} == {"patient", "family"}


def test_ages_over_89_and_only_those_are_phi(notes: list[Written]) -> None:
    ages = [item.note.text[s.start : s.end] for item in notes for s in item.note.draft.phi if s.label == "AGE"]
    assert ages
    assert all(int(age) > 89 for age in ages)


def test_text_is_copied_forward_within_a_stay(notes: list[Written]) -> None:
    copied = 0
    for _, stay in itertools.groupby(notes, key=lambda item: item.stay.encounter_id):
        bodies: Counter[str] = Counter()
        for item in stay:
            for _, _, category, _, _, end, body in gold.section_rows("n", item.note):
                if category == "history_of_present_illness":
                    bodies[" ".join(item.note.text[body:end].lower().split())] += 1
        copied += sum(count - 1 for count in bodies.values())
    assert copied > 30


def test_every_code_is_billable() -> None:
    clinic = Clinic.load("all")
    codes = {c.code for c in clinic.chronic.values()} | {a.code for a in clinic.acute}
    assert len(codes) > 60
    for code in codes:
        assert icd.is_valid_item(code), code
        assert icd.is_leaf(code), code


def test_codes_are_those_of_the_story(notes: list[Written]) -> None:
    known = {c.code for c in Clinic.load("all").chronic.values()} | {a.code for a in Clinic.load("all").acute}
    for item in notes:
        assert set(item.note.draft.codes) <= known
        if item.note.kind == "discharge summary":
            assert item.stay.acute.code in item.note.draft.codes


def test_readmission_follows_from_the_story() -> None:
    stays = {}
    for index in range(600):
        last = None
        for item in patient_notes(index, 2, "all", None):
            if last is not None and last.encounter_id != item.stay.encounter_id:
                gap = (item.stay.admit - last.discharge).days
                assert (0 < gap < 30) == last.readmitted
            last = item.stay
            stays[item.stay.encounter_id] = item.stay
    rate = {
        prior: [s.readmitted for s in stays.values() if (s.prior_admissions > 1) == prior] for prior in (True, False)
    }
    overall = sum(map(sum, rate.values())) / len(stays)
    assert 0.13 < overall < 0.22
    assert sum(rate[True]) / len(rate[True]) > 1.5 * sum(rate[False]) / len(rate[False])


def test_data_files_refer_to_what_exists() -> None:
    clinic = Clinic.load("all")
    for acute in clinic.acute:
        assert set(acute.drugs) <= set(clinic.drugs)
        assert set(acute.labs) <= set(clinic.labs)
        assert set(acute.implies) <= set(clinic.chronic)
        assert acute.operation == "" or acute.operation in clinic.operations
        assert {image.study for image in acute.images} <= set(clinic.studies)
    for chronic in clinic.chronic.values():
        assert {drug for group in chronic.drugs for drug in group} - {""} <= set(clinic.drugs)
    assert len(clinic.acute) + len(clinic.chronic) > 60
    assert all("**" not in text for group in data("phrases.toml").values() for text in group)
