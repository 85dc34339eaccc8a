"""Cars, devices, money and roles are no names, where their neighbours say so."""

from __future__ import annotations

import pytest

from transforms.deid.lexicon import Lexicon
from transforms.deid.lookalikes import Lookalikes
from transforms.deid.plausible import Plausible
from transforms.deid.spans import TAGGER, PhiSpan

_PROSE = "The patient was seen today. He is doing well on the new dose, and his wound is clean and dry. "


def _span(text: str, part: str, label: str, score: float = 0.95) -> PhiSpan:
    start = text.index(part, len(_PROSE) if text.startswith(_PROSE) else 0)
    return PhiSpan(start, start + len(part), label, score, TAGGER)


@pytest.mark.parametrize(
    ("text", "part", "label", "lookalike"),
    [
        ("private duty at 28 to 32 dollars an hour", "28 to 32 dollars", "ORGANIZATION", True),
        ("upset re $1,240.55 for the scan", "1,240.55", "PHONE", True),
        ("drove off in a gray Corolla (ZZT 4411)", "gray Corolla", "ORGANIZATION", True),
        ("She works at Ford on the line", "Ford", "ORGANIZATION", False),
        ("Bed Quorvex KX123331S, concentrator", "Quorvex", "PATIENT", True),
        ("The wheelchair (Zavolo, serial 7E58052) is", "Zavolo", "DOCTOR", True),
        ("seen by Dr. Zavolo, serial troponins", "Zavolo", "DOCTOR", False),
        (_PROSE + "The tumor was found by EBUS at the bedside. It is small.", "EBUS", "DOCTOR", True),
        (_PROSE + "His keys were found by ZAVOLORIX at the bedside.", "ZAVOLORIX", "DOCTOR", False),
        (_PROSE + "His aunt is helping. Scan in May. Return in June.", "helping", "ORGANIZATION", True),
        (_PROSE + "He was sent by Hospital Medicine. ", "Hospital Medicine", "HOSPITAL", True),
        (_PROSE + "Fax to First Avenue Medical today.", "First Avenue Medical", "HOSPITAL", False),
        ("Recorded Jul 9, 2008, 0902-0944", "0902-0944", "IDNUM", True),
        ("order 0902-0944 was sent", "0902-0944", "IDNUM", False),
        ("E/M 99214-25, copay", "99214-25", "MEDICALRECORD", True),
        ("Sleep 2230-0615, naps", "2230-0615", "PHONE", True),
        ("Ilse Roe  31  G4P2012  due", "G4P2012", "IDNUM", True),
        ("shift 7a-7p", "7a-7p", "PHONE", True),
        ("Scope Zavolo XT-Q80 ser 41177", "XT-Q80", "DEVICE", True),
        ("pump serial XT-Q80417 works", "XT-Q80417", "DEVICE", False),
        ("CPT 97530 billed", "97530", "LICENSE", True),
        ("member 97530 billed", "97530", "HEALTHPLAN", False),
        ("Left home at seventeen. Married", "seventeen", "LOCATION-OTHER", True),
        (_PROSE + "His teacher says bright. He likes to read.", "bright", "DOCTOR", True),
        (_PROSE + "He was sent by dr black for this. It is well.", "black", "DOCTOR", False),
        ("Vehicle: 2014 Buick", "2014 Buick", "VEHICLE", True),
        ("he came in his silver Kia, plates", "silver", "STREET", True),
        ("he lives in Silver, quietly", "Silver", "CITY", False),
    ],
)
def test_neighbours_tell(text: str, part: str, label: str, lookalike: bool) -> None:
    assert Lookalikes(Lexicon.shipped())(text, _span(text, part, label)) is lookalike


@pytest.mark.parametrize(
    ("text", "part", "left"),
    [
        ("Navigator Zavolo Korrin called", "Navigator Zavolo Korrin", ["Zavolo Korrin"]),
        ("Learner verbalized four points", "Learner", []),
        ("Hepatologist Zavolo Korrin called", "Hepatologist Zavolo Korrin", ["Zavolo Korrin"]),
    ],
)
def test_a_role_is_no_part_of_a_name(text: str, part: str, left: list[str]) -> None:
    parts = Plausible(Lexicon.shipped()).parts(text, _span(text, part, "DOCTOR"))
    assert [text[span.start : span.end] for span in parts] == left
