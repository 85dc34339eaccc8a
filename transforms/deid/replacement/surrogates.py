"""Mode `surrogate`: other names, dates and numbers of the same form, so that a note reads as before.

All of them hang on the key, the patient and what they stand for, so that they agree in all of a patient's notes. Ages
over 89 are told as `90+` here too. Where no surrogate can be made (`Easter`, `30 February`) a tag stands: `[DATE]`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from transforms.deid.replacement import codes
from transforms.deid.replacement.date_shift import offset, shifted
from transforms.deid.replacement.dates import latest_year, read, tells_birth
from transforms.deid.replacement.draws import Draws, PatientDraws
from transforms.deid.replacement.interface import NoteFacts
from transforms.deid.replacement.names import Name
from transforms.deid.replacement.safe_harbor import aggregated, younger_or_older
from transforms.deid.replacement.surrogate_names import NameSurrogates
from transforms.deid.replacement.surrogate_places import PlaceSurrogates
from transforms.deid.spans import PhiSpan

_PEOPLE: Final = ("PATIENT", "DOCTOR")
_AGE_SHIFTS: Final = (-2, -1, 1, 2)


class PatientSurrogates:
    """Everything that stands for what is known of one patient.

    Args:
        draws: the patient's choices.
        names: the patient's own names, as the input gives them.
    """

    def __init__(self, draws: PatientDraws, names: tuple[str, ...]) -> None:
        self._draws = draws
        self.names = NameSurrogates(draws, names)
        self.places = PlaceSurrogates(draws, self.names.own_words)
        self.offset = offset(draws)
        self.age_shift = draws.choice(_AGE_SHIFTS, "age")

    def of(self, raw: str, label: str) -> str:
        """The surrogate of anything but a name or a date."""
        return _MAKERS[label](self, raw)

    def code(self, raw: str) -> str:
        return codes.code(raw, self._draws)

    def phone(self, raw: str) -> str:
        return codes.phone(raw, self._draws)

    def email(self, raw: str) -> str:
        return codes.email(raw, self._draws, self.names.spoken_of, self.places.invented)

    def user_name(self, raw: str) -> str:
        return codes.user_name(raw, self._draws, self.names.spoken_of)

    def url(self, raw: str) -> str:
        return codes.url(raw, self._draws, self.places.invented)

    def ip_address(self, raw: str) -> str:
        return codes.ip_address(raw, self._draws)

    def ssn(self, raw: str) -> str:
        return codes.ssn(raw, self._draws)

    def zip_code(self, raw: str) -> str:
        return codes.zip_code(raw, self._draws)

    def file_name(self, raw: str) -> str:
        return codes.file_name(raw, self._draws)

    def age(self, raw: str) -> str:
        return aggregated(raw) or younger_or_older(raw, self.age_shift) or raw

    def street(self, raw: str) -> str:
        return self.places.street(raw)

    def city(self, raw: str) -> str:
        return self.places.city(raw)

    def place(self, raw: str) -> str:
        return self.places.place(raw)


_MAKERS: Final[Mapping[str, Callable[[PatientSurrogates, str], str]]] = MappingProxyType(
    {
        "AGE": PatientSurrogates.age,
        "STREET": PatientSurrogates.street,
        "CITY": PatientSurrogates.city,
        "ZIP": PatientSurrogates.zip_code,
        "PHONE": PatientSurrogates.phone,
        "FAX": PatientSurrogates.phone,
        "EMAIL": PatientSurrogates.email,
        "URL": PatientSurrogates.url,
        "IPADDR": PatientSurrogates.ip_address,
        "SSN": PatientSurrogates.ssn,
        "USERNAME": PatientSurrogates.user_name,
        "PHOTO": PatientSurrogates.file_name,
        **dict.fromkeys(
            ("HOSPITAL", "ORGANIZATION", "DEPARTMENT", "ROOM", "LOCATION-OTHER"),
            PatientSurrogates.place,
        ),
        **dict.fromkeys(
            ("MEDICALRECORD", "HEALTHPLAN", "ACCOUNT", "LICENSE", "VEHICLE", "DEVICE", "BIOID", "IDNUM", "OTHER"),
            PatientSurrogates.code,
        ),
    }
)


class Surrogates:
    """Realistic replacements.

    Args:
        draws: what all choices hang on.
    """

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self._patient = lru_cache(maxsize=256)(self._make)

    def _make(self, patient: str, names: tuple[str, ...]) -> PatientSurrogates:
        return PatientSurrogates(self._draws.of(patient), names)

    def replacements(self, text: str, spans: Sequence[PhiSpan], note: NoteFacts) -> list[str]:
        patient = self._patient(note.patient, note.names)
        raws = [text[span.start : span.end] for span in spans]
        labelled = list(zip(raws, (span.label for span in spans), strict=True))
        people = patient.names.people((raw, label == "DOCTOR") for raw, label in labelled if label in _PEOPLE)
        latest = None if note.time is not None else _latest_year(text, spans)
        return [_one(patient, raw, label, people, note.time, latest) for raw, label in labelled]

    def note_time(self, note: NoteFacts) -> dt.datetime | None:
        """The time, moved as the note's dates are.

        Raises:
            OverflowError: no calendar has the moved day.
        """
        if note.time is None:
            return None
        return note.time + dt.timedelta(self._patient(note.patient, note.names).offset)


def _latest_year(text: str, spans: Sequence[PhiSpan]) -> int | None:
    """The year of a note that has no time, by its own dates."""
    return latest_year(
        read(text[span.start : span.end])
        for span in spans
        if span.label == "DATE" and not tells_birth(text, span.start)
    )


def _one(
    patient: PatientSurrogates,
    raw: str,
    label: str,
    people: tuple[Name, ...],
    time: dt.datetime | None,
    latest: int | None,
) -> str:
    """The surrogate of one span; a tag where there is none."""
    if label == "DATE":
        new = shifted(raw, patient.offset, latest) if time is None else shifted(raw, patient.offset, time.year, time)
    elif label in _PEOPLE:
        new = patient.names.of(raw, label == "DOCTOR", people)
    else:
        new = patient.of(raw, label)
    return new if new and new.casefold() != raw.casefold() else f"[{label}]"
