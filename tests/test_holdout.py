"""The hold-out: exact marks, every label, the same notes for the same seed."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.bench.holdout.background import Background
from infra.bench.holdout.build import build
from infra.bench.holdout.render import Template, render, templates
from infra.bench.holdout.scene import Patient, Scene
from infra.bench.holdout.words import SETS, words

LABELS = {
    "PATIENT", "DOCTOR", "DATE", "AGE", "PHONE", "FAX", "EMAIL", "URL", "IPADDR", "SSN", "MEDICALRECORD", "HEALTHPLAN",
    "ACCOUNT", "LICENSE", "VEHICLE", "DEVICE", "BIOID", "PHOTO", "IDNUM", "USERNAME", "STREET", "CITY", "ZIP",
    "HOSPITAL", "ORGANIZATION", "LOCATION-OTHER",
}  # fmt: skip

SHAPES = {
    "ZIP": r"\d{5}(-\d{4})?",
    "EMAIL": r"[\w.]+@[\w.-]+",
    "AGE": r"9\d|1\d\d|(?i:ninety.*|one\s+hundred.*)",
    "SSN": r"(\d{3}\D{0,3}\d\d\D{0,3})?\d{4}",
    "IPADDR": r"\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:]+",
    "PHOTO": r"\S+\.\w{3,4}",
    "FAX": r"[\d\s()\[\].+/-]{10,}",
}


@pytest.fixture(scope="module", params=SETS)
def chosen(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def notes(chosen: str) -> pa.Table:
    return build(400, seed=1, name=chosen)


def scene(rng: Random) -> Scene:
    return Scene(rng, Patient.new(rng, words("b"), "F", datetime(1920, 5, 4)), datetime(2015, 3, 9))


def test_marks_hold_what_their_label_says_and_do_not_overlap(notes: pa.Table) -> None:
    for note in notes.to_pylist():
        at = 0
        for entity in note["entities"]:
            start, end, label = entity["start"], entity["end"], entity["label"]
            assert at <= start < end <= len(note["text"])
            value = note["text"][start:end]
            assert value == value.strip()
            assert re.fullmatch(SHAPES.get(label, r"(?s).*\w.*"), value), (note["template"], label, value)
            at = end


def test_every_label_stands_often_enough_to_be_judged(notes: pa.Table) -> None:
    counts = Counter(entity["label"] for entities in notes["entities"].to_pylist() for entity in entities)
    assert set(counts) == LABELS
    assert min(counts.values()) >= 60


def test_numbers_of_a_patient_stand_nowhere_unmarked(notes: pa.Table) -> None:
    telling = re.compile(
        r"\d{3}-\d{2}-\d{4}|(?<![.\d])(?:0?[1-9]|1[0-2])/(?:[0-2]?\d|3[01])/\d{2,4}|@|https?:"
        r"|\d{3}[-.) ]+\d{3}[-.]\d{4}|\d{7,}|[{}]"
    )
    for note in notes.to_pylist():
        rest, at = "", 0
        for entity in note["entities"]:
            rest += note["text"][at : entity["start"]] + "~"
            at = entity["end"]
        found = telling.search((rest + note["text"][at:]).replace(" @ ", " "))
        assert not found or note["template"] in ("dietitian", "front_desk"), (note["template"], found)


def test_same_seed_same_notes_and_another_seed_or_set_others(chosen: str) -> None:
    made = build(60, seed=3, name=chosen)
    assert made.equals(build(60, seed=3, name=chosen))
    assert not made.equals(build(60, seed=4, name=chosen))
    assert not made.equals(build(60, seed=3, name="a" if chosen == "b" else "b"))


def test_a_set_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="no set: z"):
        build(5, name="z")


def test_half_of_the_patients_have_a_known_name_and_some_several_notes(notes: pa.Table) -> None:
    rows = {row["patient_id"]: row["patient_name"] for row in notes.to_pylist()}
    assert 0.35 < sum(name is not None for name in rows.values()) / len(rows) < 0.65
    assert max(Counter(notes["patient_id"].to_pylist()).values()) > 2


def test_there_are_many_templates_and_all_are_used(notes: pa.Table, chosen: str) -> None:
    found = templates(words(chosen))
    least = {"a": 40, "b": 25, "c": 60, "d": 70, "e": 45, "f": 65, "g": 65, "h": 85, "i": 85, "j": 65}
    assert len(found) >= least[chosen]
    assert set(notes["template"].to_pylist()) == {template.name for template in found}


def test_the_sets_have_nothing_in_common_but_the_machinery() -> None:
    one, other = words("a"), words("b")
    for table, name, separator in [
        *(("names", name, "|") for name in ("female", "male", "last")),
        *(("places", name, "|") for name in other.lists["places"] if name not in ("mail", "kinds")),
    ]:
        separator = ";" if name in ("cities", "hospitals") else separator
        assert not set(one.entries(table, name, separator)) & set(other.entries(table, name, separator)), name
    lines = [
        {line.strip() for template in templates(drawn) for line in template.body.splitlines() if len(line) > 60}
        for drawn in (one, other)
    ]
    assert not lines[0] & lines[1]


def test_identifiers_of_set_b_are_as_sparse_as_in_real_notes() -> None:
    made = build(300, seed=1, name="b").to_pylist()
    marked = sum(entity["end"] - entity["start"] for note in made for entity in note["entities"])
    assert 0.08 < marked / sum(len(note["text"]) for note in made) < 0.15


@pytest.mark.parametrize(
    ("case", "wrap", "crlf"), [("", 0, False), ("upper", 0, False), ("lower", 24, True), ("", 20, True)]
)
def test_case_wrapping_and_line_ends_keep_offsets(case: str, wrap: int, crlf: bool) -> None:
    body = (
        "Seen by Dr. {md.full} and then by {rn.full}, RN.\nAge {age}, {~male|female}, BP {#100-120}/70 in {d:text}.\n"
    )
    for seed in range(30):
        plain = render(Template("t", "t", body), scene(Random(seed)))
        note = render(Template("t", "t", body, case=case, wrap=wrap), scene(Random(seed)), crlf=crlf)
        assert [label for _, _, label in note.marks] == ["DOCTOR", "DOCTOR", "AGE", "DATE"]
        for (start, end, _), (first, last, _) in zip(note.marks, plain.marks, strict=True):
            assert note.text[start:end].split() == change(plain.text[first:last], case).split()
        assert ("\r\n" in note.text) == crlf


def change(text: str, case: str) -> str:
    return {"upper": text.upper(), "lower": text.lower(), "": text}[case]


@pytest.mark.parametrize("slot", ["{nobody}", "{pt.nothing}", "{d:nothing}", "{pt.last", "{a b}"])
def test_a_slot_that_does_not_exist_is_an_error(slot: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        render(Template("t", "t", slot), scene(Random(1)))


def test_background_leaves_out_what_may_be_an_identifier(tmp_path: Path) -> None:
    clean = [f"The patient was seen with pain of grade {n}/10 and took Lasix daily." for n in range(1, 9)]
    doubtful = [
        "He was seen by Dr. Smith on the ward today.",
        "She came on 3/14/2009 with the same pain.",
        "Then Quibbley took Lasix.",
    ]
    texts = [" ".join([*clean[:4], *doubtful, *clean[4:]]), *[" ".join(clean)] * 7]
    pq.write_table(pa.table({"text": texts}), tmp_path / "notes.parquet")
    background = Background(tmp_path / "notes.parquet")
    passages = " ".join(background.passage(Random(seed)) for seed in range(50))
    assert "Lasix" in passages
    assert not re.search("Smith|2009|Quibbley|Dr", passages)
    table = build(40, seed=2, background=background, name="a")
    assert 8 < sum("of grade" in text.lower() for text in table["text"].to_pylist()) < 32
