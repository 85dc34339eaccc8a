"""Draw patients, templates and passages, and lay the notes out as a table."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pyarrow as pa

from infra.bench.holdout.background import Background
from infra.bench.holdout.render import Note, Template, render, templates
from infra.bench.holdout.scene import Patient, Scene
from infra.bench.holdout.words import Words, words

SCHEMA = pa.schema(
    [
        ("note_id", pa.string()),
        ("patient_id", pa.string()),
        ("note_type", pa.string()),
        ("note_time", pa.timestamp("us")),
        ("template", pa.string()),
        ("patient_name", pa.list_(pa.string())),
        ("text", pa.string()),
        ("entities", pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())]))),
    ]
)

FOLLOWS = 0.45
"""Chance that a note is the latest patient's again, where its template suits them."""
OLD = 0.24
"""Chance that a patient is over 89, where the template allows: the class AGE needs them."""


def build(notes: int, seed: int = 1, background: Background | None = None, name: str = "b") -> pa.Table:
    """The hold-out of `SCHEMA`: same number, seed, background and set, same notes.

    Args:
        notes: how many.
        seed: of everything that is drawn.
        background: where half of the notes take a passage from.
        name: the set, one of `SETS`.

    Raises:
        ValueError: there is no such set.
    """
    rng, drawn = Random(seed), words(name)
    patients: list[Patient] = []
    last_seen: dict[int, datetime] = {}
    named: dict[int, bool] = {}
    rows = []
    for number, template in enumerate(_deal(notes, drawn, rng)):
        known = [
            i for i in range(max(0, len(patients) - 12), len(patients)) if _suits(template, patients[i], last_seen[i])
        ]
        if known and rng.random() < FOLLOWS:
            index = rng.choice(known)
            day = last_seen[index] + timedelta(days=rng.randrange(1, 60))
        else:
            index, day = len(patients), datetime(2008, 1, 1) + timedelta(days=rng.randrange(6200))
            patients.append(_patient(template, day, drawn, rng))
            named[index] = rng.random() < 0.5
        last_seen[index] = day
        patient = patients[index]
        passage = background.passage(rng) if background and rng.random() < 0.5 else ""
        note = render(template, Scene(rng, patient, day), passage, crlf=rng.random() < 0.03)
        rows.append(
            _row(number, index, template, day, _columns_name(patient, index) if named[index] else None, note, rng)
        )
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _deal(notes: int, drawn: Words, rng: Random) -> list[Template]:
    """Every template equally often, shuffled."""
    deck: list[Template] = []
    while len(deck) < notes:
        hand = list(templates(drawn))
        rng.shuffle(hand)
        deck += hand
    return deck[:notes]


def _suits(template: Template, patient: Patient, last_seen: datetime) -> bool:
    age = (last_seen - patient.birth).days // 365
    low, high = template.ages
    return low + 1 <= age < high and template.sex in ("", patient.who.sex)


def _patient(template: Template, day: datetime, drawn: Words, rng: Random) -> Patient:
    low, high = template.ages
    years = rng.randrange(90, 103) if high >= 103 and rng.random() < OLD else rng.randrange(low, min(high, 89))
    birth = day - timedelta(days=years * 365.25 + rng.randrange(5, 360))
    return Patient.new(rng, drawn, template.sex or rng.choice("FM"), datetime(birth.year, birth.month, birth.day))


def _columns_name(patient: Patient, index: int) -> list[str]:
    """The name as a source's columns may hold it."""
    who = patient.who
    return ([who.first, who.last], [f"{who.first} {who.last}"], [f"{who.last}, {who.first} {who.middle[0]}"])[index % 3]


def _row(
    number: int, index: int, template: Template, day: datetime, name: list[str] | None, note: Note, rng: Random
) -> dict[str, object]:
    return {
        "note_id": f"N{number:05}",
        "patient_id": f"P{index:05}",
        "note_type": template.note_type,
        "note_time": day + timedelta(minutes=rng.randrange(420, 1380)),
        "template": template.name,
        "patient_name": name,
        "text": note.text,
        "entities": [{"start": start, "end": end, "label": label} for start, end, label in note.marks],
    }
