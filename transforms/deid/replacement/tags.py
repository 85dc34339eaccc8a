"""Mode `tag`: labels in square brackets, and of dates, ages and ZIP codes what Safe Harbor lets stay.

People and the places between which they move are numbered within a patient, so that a reader can tell who did what:
`[DOCTOR-4821]`. The number hangs on the key, the patient and the name, so it is the same in all of the patient's notes,
and tells nothing of the name. `[PATIENT-1]` is the patient, where the input's own columns say his name.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from transforms.deid.replacement.dates import Date, latest_year, read, tells_birth, years_named
from transforms.deid.replacement.draws import Draws, PatientDraws
from transforms.deid.replacement.facilities import place_key
from transforms.deid.replacement.interface import NoteFacts
from transforms.deid.replacement.people import Patient, mentions, person_keys
from transforms.deid.replacement.safe_harbor import aggregated, may_tell_year, year_of, zip3
from transforms.deid.spans import PhiSpan

_PLACES: Final = ("HOSPITAL", "ORGANIZATION", "CITY")
_PEOPLE: Final = ("PATIENT", "DOCTOR")
_FIRST, _COUNT = 1000, 9000
"""Numbers have four digits: so few share one that the notes of a patient nearly always agree."""
_ROOM: Final = 10
"""Numbers for each name, so that looking for a free one stays short."""
_OLDEST_EVER: Final = 120


class Tags:
    """`[LABEL]`, numbered for people and places.

    Args:
        draws: what the numbers hang on.
    """

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self._patient = lru_cache(maxsize=1024)(Patient)

    def replacements(self, text: str, spans: Sequence[PhiSpan], note: NoteFacts) -> list[str]:
        raws = [text[span.start : span.end] for span in spans]
        labels = {span.label for span in spans}
        new = [f"[{span.label}]" for span in spans]
        draws = self._draws.of(note.patient)
        for label in labels.intersection(_PEOPLE):
            self._number_people(new, text, spans, label, draws, self._patient(note.names))
        for label in labels.intersection(_PLACES):
            keys = [place_key(raw) if span.label == label else None for raw, span in zip(raws, spans, strict=True)]
            _number(new, label, keys, draws)
        if "DATE" in labels:
            _tell_years(new, text, spans, note.time)
        for at, span in enumerate(spans):
            if span.label == "AGE":
                new[at] = aggregated(raws[at]) or new[at]
                if text.startswith("+", span.end):  # the text's own `+` follows
                    new[at] = new[at].removesuffix("+")
            elif span.label == "ZIP":
                new[at] = zip3(raws[at]) or new[at]
        return new

    def note_time(self, note: NoteFacts) -> dt.datetime | None:
        return year_of(note.time)

    def _number_people(
        self, new: list[str], text: str, spans: Sequence[PhiSpan], label: str, draws: PatientDraws, patient: Patient
    ) -> None:
        names = mentions(text, spans, label)
        by_name = person_keys((name for name in names if name is not None), patient, label == "DOCTOR")
        _number(new, label, [None if name is None else by_name[name] for name in names], draws)


def _number(new: list[str], label: str, keys: Sequence[str | None], draws: PatientDraws) -> None:
    """Puts numbered tags where there is a key; the empty key has the number 1."""
    taken: set[int] = set()
    tags = {"": f"[{label}-1]"}
    named = sorted(set(filter(None, keys)))  # in an order that does not hang on the note
    scale = 1
    while len(named) * _ROOM > _COUNT * scale:
        scale *= 10  # a list of thousands: further digits, for there must be a number for everyone
    for key in named:
        number = draws.number("tag", label, key) % (_COUNT * scale)
        while number in taken:
            number = (number + 1) % (_COUNT * scale)
        taken.add(number)
        tags[key] = f"[{label}-{_FIRST * scale + number}]"
    for at, own in enumerate(keys):
        if own is not None:
            new[at] = tags[own]


def _tell_years(new: list[str], text: str, spans: Sequence[PhiSpan], time: dt.datetime | None) -> None:
    """Adds the year to the tags of dates where it may be told."""
    raws = {at: text[span.start : span.end] for at, span in enumerate(spans) if span.label == "DATE"}
    dates = {at: read(raw) for at, raw in raws.items()}
    births = {at for at in raws if tells_birth(text, spans[at].start)}
    note_year = None if time is None else time.year
    latest = note_year or latest_year(dates[at] for at in raws if at not in births)
    for at, raw in raws.items():
        found = dates[at]
        if found is None:
            years = set(years_named(raw))
        else:
            years = {year for date in found for year in _years(date, latest, at in births)}
        if years and all(may_tell_year(year, note_year, latest) for year in years):
            first, last = min(years), max(years)
            new[at] += f" {first}" if first == last else f" {first}-{last}"


def _years(date: Date, latest: int | None, birth: bool) -> list[int]:
    """The years that a date may mean: two digits of a birth date may lie a century further back.

    None where its form does not say which number is the year: a wrong one is worse than none.
    """
    year = date.full_year(latest)
    if year is None or date.is_year_doubtful:
        return []
    older = birth and date.short and year - 100 >= (latest or year) - _OLDEST_EVER
    return [year, year - 100] if older else [year]
