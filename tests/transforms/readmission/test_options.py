from __future__ import annotations

import pytest

from transforms.readmission import ReadmissionOptions


@pytest.mark.parametrize(
    ("mode", "hours"), [("all", None), ("discharge", None), ("24h", 24), ("72h", 72), ("6h", 6), ("8784h", 8784)]
)
def test_modes(mode: str, hours: int | None) -> None:
    assert ReadmissionOptions(mode).hours == hours


@pytest.mark.parametrize("mode", ["", "early", "0h", "-24h", "24", "24 h", "2d", "8785h", "24h\n"])
def test_other_modes_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match='"all", "discharge", or hours'):
        ReadmissionOptions(mode)


@pytest.mark.parametrize(
    ("note_type", "is_discharge"),
    [
        ("DS", True),
        ("Discharge summary", True),
        ("discharge_summary", True),
        ("Discharge Summary Addendum", True),
        ("18842-5", True),
        ("RR", False),
        ("Discharge planning", False),
        ("Nursing", False),
        ("", False),
    ],
)
def test_discharge_summaries(note_type: str, is_discharge: bool) -> None:
    assert ReadmissionOptions("discharge").is_discharge(note_type) is is_discharge


def test_types_of_discharge_summaries_may_be_named() -> None:
    options = ReadmissionOptions("discharge", discharge_types=("Epicrisis*",))
    assert options.is_discharge("EPICRISIS (final)")
    assert not options.is_discharge("DS")


@pytest.mark.parametrize(
    ("options", "needs"),
    [
        (ReadmissionOptions(), ()),
        (ReadmissionOptions("discharge"), ("encounter_id", "note_type")),
        (ReadmissionOptions("48h"), ("encounter_id", "note_time", "admit_time")),
        (ReadmissionOptions("48h", "first-note"), ("encounter_id", "note_time")),
    ],
)
def test_what_the_input_must_have(options: ReadmissionOptions, needs: tuple[str, ...]) -> None:
    assert options.needs == needs
