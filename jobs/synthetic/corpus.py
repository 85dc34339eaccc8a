"""The stream of patients, and of each patient's notes in order of time."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from jobs.synthetic import phi
from jobs.synthetic.copying import COPIED_KINDS, copy_forward
from jobs.synthetic.notes import Case, Note, write_note
from jobs.synthetic.parts import Chart
from jobs.synthetic.patients import Patient, make_patient
from jobs.synthetic.scene import Book
from jobs.synthetic.schedule import plan_stay
from jobs.synthetic.story import Encounter, Story
from jobs.synthetic.wording import Wording

_FIRST_DAY: Final = dt.date(2009, 1, 1)
_DAYS: Final = 14 * 365


@dataclass(frozen=True, slots=True)
class Written:
    """A note with its id, and whom and which stay it is about. `first` marks the stay's first note."""

    note_id: str
    patient: Patient
    stay: Encounter
    note: Note
    first: bool


def patient_notes(
    index: int, seed: int, wording: Wording, notes_per_patient: float | None, copied: float = 0.0
) -> Iterator[Written]:
    """All notes of patient `index`: they depend on nothing but the arguments.

    Args:
        index: the patient's number, from 0.
        seed: the corpus's seed.
        wording: which phrasings, forms and names may be used.
        notes_per_patient: notes a patient on average; None lets the story run its course (about nine).
        copied: how likely a section of a day's note is yesterday's; see `copying`.
    """
    # What is copied is drawn apart, so that all other text is the same with and without copying.
    copier = random.Random(f"notemill/{seed}/{index}/copied")
    # A text seed goes through SHA-512, so neighbouring patients share nothing.
    rng = random.Random(f"notemill/{seed}/{index}")
    book = Book.load(wording)
    start = _FIRST_DAY + dt.timedelta(days=int(rng.random() * _DAYS))
    patient = make_patient(index, start, book.pools, book.forms, rng)
    story = Story(patient, start, book.clinic, book.pools, rng)
    left = None if notes_per_patient is None else max(1, round(notes_per_patient * (0.5 + rng.random())))
    chart = None
    while (stay := story.next()) is not None:
        planned = plan_stay(stay, rng)
        if left is not None and len(planned) > left:
            planned = sorted(rng.sample(planned, left))
        chart = Chart(chart)
        case = Case(book, patient, story.background, stay, rng)
        latest: dict[str, Note] = {}
        for number, (when, kind) in enumerate(planned):
            note = write_note(kind, when, chart, case)
            if copied and kind in COPIED_KINDS:
                if kind in latest:
                    note = copy_forward(note, latest[kind], copied, copier)
                latest[kind] = note
            yield Written(f"{stay.encounter_id}-N{number + 1:02}", patient, stay, note, number == 0)
        if left is not None:
            left -= len(planned)
            if left <= 0:
                return
        elif not stay.readmitted and phi.number(1, 4, rng) > 1:
            return
