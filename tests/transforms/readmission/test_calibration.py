from __future__ import annotations

from typing import Any

import pytest

from transforms.readmission import Calibration
from transforms.readmission.calibration import METHOD

CALIBRATION = Calibration(slope=0.5, intercept=-1.0, admissions=200, readmitted=30)


def test_it_is_kept_in_json() -> None:
    assert CALIBRATION.to_json()["method"] == METHOD
    assert Calibration.from_json(CALIBRATION.to_json()) == CALIBRATION


@pytest.mark.parametrize(
    "content",
    [
        {"slope": 0.0},
        {"slope": -1.0},
        {"slope": float("nan")},
        {"intercept": float("inf")},
        {"slope": "steep"},
        {"method": "isotonic"},
        {"intercept": None},
    ],
)
def test_another_one_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Calibration.from_json(CALIBRATION.to_json() | content)
