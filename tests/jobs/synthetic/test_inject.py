"""Documents of real text with PHI written in."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.synthetic.alternatives import slots
from jobs.synthetic.inject import Injected, background, compose, documents, presidio
from jobs.synthetic.inject.__main__ import main
from jobs.synthetic.inject.cast import Cast
from jobs.synthetic.inject.compose import Composer, look_alikes, notes, sentences
from jobs.synthetic.inject.grammar import data, parse, templates
from jobs.synthetic.inject.page import Page, Span
from jobs.synthetic.inject.pools import World
from jobs.synthetic.inject.style import Style
from jobs.training.documents import read
from transforms.deid.labels import SAFE_HARBOR

SURNAMES = [
    "Anders", "Bellamy", "Corwin", "Delgado", "Ekström", "Farrow", "Gable", "Hollis", "Imhoff", "Jansen", "Kovac",
    "Lorimer", "Morales", "Nakata", "Ortega", "Prentiss", "Quimby", "Rosario", "Sandoval", "Tolliver",
]  # fmt: skip
GIVEN = ["Adela", "Bertram", "Corinne", "Dorian", "Elsbeth", "Florian", "Greta", "Hamish", "Ines", "Jorge"]
NOTE = """HISTORY: This is a 54-year-old woman with asthma. She was seen by Dr. X and by Dr. Hollis on this visit.
She worked until March with her sister. The patient lives alone in the country. She takes 1/2 tab at night.
She was born in Corwin and has done well since. Strength is 5/5 on the left side. She was seen on MM/DD/YYYY by us.
The patient was given fluids in the emergency room and felt better. A Foley catheter was placed without trouble.
She has a mother aged 88 who lives alone. She denies fever, chills and night sweats at this time."""


def _table(path: Path, **columns: list[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small folder in the shape of the public corpora."""
    folder = tmp_path_factory.mktemp("data")
    percent = [1.0 / (place + 1) for place in range(len(SURNAMES))]
    _table(folder / "names" / "surnames.parquet", name=list(SURNAMES), percent=list(percent))
    for sex in ("female", "male"):
        _table(folder / "names" / f"given_{sex}.parquet", name=list(GIVEN), percent=list(percent[:10]))
    towns = ["Ashford", "Brindle Falls", "Corwin", "Dunmore", "Eastvale", "Fairhope", "Glenrock", "Hatchie"]
    _table(folder / "names" / "us_cities.parquet", CITY=list(towns), COUNTY=list(reversed(towns)))
    _table(
        folder / "names" / "us_hospitals.parquet",
        hospital_name=["BRINDLE MEDICAL CENTER, THE", "DUNMORE VA HOSPITAL"],
        address=["12 HIGH ROAD", "900 EAST MAIN ST"],
    )
    _table(folder / "notes" / "mtsamples.parquet", text=[NOTE, NOTE.replace("asthma", "gout")])
    rows = [
        ("Call Ann Lee on 555-0199 please.", [(5, 12, "PERSON"), (16, 24, "PHONE_NUMBER")]),
        ("She is from Peru.", [(12, 16, "GPE")]),
        ("He moved to Springtown.", [(12, 22, "GPE")]),
        ("Born in 1984, aged 40.", [(8, 12, "DATE_TIME"), (19, 21, "AGE")]),
    ]
    _table(
        folder / "deid" / "presidio_research.parquet",
        text=[text for text, _ in rows],
        entities=[[dict(zip(("start", "end", "label"), span, strict=True)) for span in spans] for _, spans in rows],
    )
    return folder


@pytest.fixture(scope="module")
def world(folder: Path) -> World:
    return World.load(folder, "all")


def _written(text: str, world: World, seed: int) -> Injected:
    page = Page()
    cast = Cast(world, Style(), random.Random(seed))
    cast.write(parse(text), page)
    return page.finish()


def test_same_arguments_same_documents_and_gold_is_apart_and_known(folder: Path) -> None:
    first = list(documents(folder, notes=60, seed=5, wording="all"))
    assert first == list(documents(folder, notes=60, seed=5, wording="all"))
    assert first != list(documents(folder, notes=60, seed=6, wording="all"))
    assert len(first) == 60
    for document in first:
        at = 0
        for start, end, label in document.entities:
            assert at <= start < end <= len(document.text)
            assert label in SAFE_HARBOR
            assert document.text[start:end].strip() == document.text[start:end]
            at = end
    assert any(not document.entities for document in first)


def test_a_longer_run_begins_with_the_shorter_one(folder: Path) -> None:
    assert list(documents(folder, notes=40, seed=2, wording="all"))[:15] == list(
        documents(folder, notes=15, seed=2, wording="all")
    )


def test_every_template_can_be_written(world: World) -> None:
    blocks = templates("blocks.toml")
    fields = tuple(parse(text) for texts in data("headers.toml")["fields"].values() for text in texts)
    said = tuple(one for rule in background.rules() for one in rule.say)
    cast = Cast(world, Style(), random.Random(1))
    for template in (*sentences(), *look_alikes(), *notes(), *blocks, *fields, *said):
        without_body = tuple(node for node in template if getattr(node, "name", "") != "body")
        for _ in range(4):
            page = Page()
            cast.write(without_body, page)
            assert page.finish().text


def test_there_are_many_templates_and_none_twice() -> None:
    assert len(set(sentences())) == len(sentences()) >= 500
    assert len(set(look_alikes())) == len(look_alikes()) >= 220
    assert len(set(notes())) == len(notes()) >= 70
    for key, least in (("headers", 60), ("footers", 40), ("letters", 25)):
        found = templates("blocks.toml", key)
        assert len(set(found)) == len(found) >= least, key


def test_look_alikes_hold_no_phi_and_the_others_do(world: World) -> None:
    cast = Cast(world, Style(), random.Random(1))
    for template in look_alikes():
        assert not [slot for slot in slots(template) if slot.name.isupper() and len(slot.name) > 1]
        page = Page()
        cast.write(template, page)
        assert not page.spans
    for template in sentences():
        assert any(slot.name.isupper() and len(slot.name) > 1 for slot in slots(template)), template


@pytest.mark.parametrize(
    ("text", "label", "pattern"),
    [
        ("Dr. {DOCTOR.last} came", "DOCTOR", r"Dr\. <[^<>]+> came"),
        ("{PATIENT.mr} came", "PATIENT", r"(?i:(mr|mrs|ms|miss|mister|mme)\.? ?)<[^<>]+> came"),
        ("{NURSE.signed} came", "DOCTOR", r"<[^<>]+>[ ,(].* came"),
        ("wife {RELATIVE.first} came", "PATIENT", r"wife <[^<>]+> came"),
        ("page {PAGER} now", "PHONE", r"page <[^<>]+> now"),
        ("in {COUNTY}, {st}", "LOCATION-OTHER", r"in <[^<>]+(?i: county)>, [A-Z]{2}"),
        ("aged {AGE}", "AGE", r"aged <(9\d|10\d)>"),
        ("MRN {MEDICALRECORD}.", "MEDICALRECORD", r"MRN <[^<>]+>\."),
        ("photo {PHOTO}", "PHOTO", r"photo <[^<>]*[A-Za-z][^<>]*>"),
        ("at {HOSPITAL.snf}.", "HOSPITAL", r"at <[^<>]+>\."),
        ("over {DATE.holiday}.", "DATE", r"over <(?!the )[^<>]+>\."),
    ],
)
def test_what_is_gold_and_what_stays_outside(world: World, text: str, label: str, pattern: str) -> None:
    for seed in range(60):
        document = _written(text, world, seed)
        marked = document.text
        for span in reversed(document.entities):
            assert span.label == label
            marked = f"{marked[: span.start]}<{marked[span.start : span.end]}>{marked[span.end :]}"
        assert re.fullmatch(pattern, marked), marked


def test_a_range_is_two_dates_or_one_that_cannot_be_parted(world: World) -> None:
    found = [_written("{DATE.range}", world, seed) for seed in range(80)]
    assert {len(document.entities) for document in found} == {1, 2}
    for document in found:
        if len(document.entities) == 2:
            between = document.text[document.entities[0].end : document.entities[1].start]
            assert between.strip() in ("to", "-", "through", "until", "thru", "–", "and")


def test_people_keep_their_names_within_a_template(world: World) -> None:
    for seed in range(30):
        document = _written("{DOCTOR.initials}|{DOCTOR2.last}|{DOCTOR.first}|{DOCTOR.first}", world, seed)
        third, fourth = document.text.split("|")[2:]
        assert third.casefold()[0] == fourth.casefold()[0]
        assert document.text.casefold()[0] == third.casefold()[0]


@pytest.mark.parametrize(
    ("text", "case"), [("seen w/ {DOCTOR.plain}", str.islower), ("SEEN BY {DOCTOR.plain} RN", str.isupper)]
)
def test_a_line_in_one_case_mostly_has_its_names_so_too(world: World, text: str, case: Callable[[str], bool]) -> None:
    rng = random.Random(3)
    cast = Cast(world, Style(), rng)
    found = []
    for _ in range(100):
        page = Page()
        compose._lines(cast, page, [parse(text)], "\n")
        found.append(case(page.finish().text))
    assert 45 < sum(found) < 85


def test_sentences_with_something_left_in_are_not_used(folder: Path) -> None:
    kept = " ".join(sentence.text for note in background.load(folder) for sentence in note.sentences)
    for gone in ("Hollis", "March", "Corwin"):
        assert gone not in kept
    for stays in ("5/5", "1/2 tab", "Foley catheter", "asthma", "emergency room"):
        assert stays in kept


def test_placeholders_are_always_filled(folder: Path) -> None:
    text = NOTE.replace("Dr. X and by Dr. Hollis", "Dr. X and by Dr. ABC")
    places = background._places(text)
    assert {text[start:end] for start, end, rule in places if rule.chance == 1.0} == {"X", "ABC", "MM/DD/YYYY"}
    page = Page()
    cast = Cast(World.load(folder, "all"), Style(), random.Random(4))
    background.write(background.Sentence(text, places, " ", 90), cast, page, 0.0)
    out = page.finish()
    assert "Dr. X" not in out.text
    assert "MM/DD" not in out.text
    assert [span.label for span in out.entities] == ["DOCTOR", "DOCTOR", "DATE"]


def test_the_patient_has_the_sex_of_the_note(folder: Path) -> None:
    assert all(note.female for note in background.load(folder))


def test_everyday_sentences_get_our_labels(folder: Path) -> None:
    (document,) = presidio.load(folder)
    assert document.text == "Call Ann Lee on 555-0199 please.\nShe is from Peru.\nBorn in 1984, aged 40."
    assert document.entities == [Span(5, 12, "PATIENT"), Span(16, 24, "PHONE")]


def test_documents_are_long_enough(folder: Path) -> None:
    composer = Composer.load(folder, "all")
    lengths = [len(composer.document(random.Random(seed)).text.split()) for seed in range(80)]
    assert min(lengths) > 30
    assert max(lengths) < 1000


def test_the_file_is_read_by_training(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "injected.parquet"
    line = ["inject", "--data", str(folder), "--notes", "40", "--output", str(out), "--wording", "all"]
    monkeypatch.setattr(sys, "argv", line)
    main()
    (found,) = read(str(out), ["deid"])
    assert (len(found.train), len(found.dev)) == (38, 2)
    assert any(document.spans["deid"] for document in found.train)


def test_a_missing_corpus_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["inject", "--data", str(tmp_path), "--notes", "1", "--output", str(tmp_path / "x.parquet")]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "is missing" in capsys.readouterr().err
