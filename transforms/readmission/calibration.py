"""Chunk scores that give calibrated admissions.

Platt's method (Platt: Probabilistic outputs for support vector machines, 1999) passes a score's logit through a
straight line and the logistic function. Here the line lies under Huang's formula and not behind it: chunk scores are
mapped so that the *formula's* result is calibrated over admissions. So a table's probability is at once calibrated and
the formula of its own `max_chunk` and `mean_chunk`, and chunks are told on the scale of the probability.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

METHOD: Final = "platt"


@dataclass(frozen=True)
class Calibration:
    """A line through logits.

    Attributes:
        slope: above 0, so that the order of chunks stays.
        intercept: in logits.
        admissions, readmitted: that it was fitted on, held out of training.
    """

    slope: float
    intercept: float
    admissions: int
    readmitted: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and self.slope > 0 and math.isfinite(self.intercept)):
            raise ValueError(f"a calibration needs a slope above 0, not {self.slope} and {self.intercept}")

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Reads what `to_json` made.

        Raises:
            ValueError: another method, or parameters that are missing or out of range.
        """
        if content.get("method") != METHOD:
            raise ValueError(f"calibration of method {content.get('method')!r} is not known")
        try:
            slope, intercept = float(content["slope"]), float(content["intercept"])
            return cls(slope, intercept, int(content["admissions"]), int(content["readmitted"]))
        except (KeyError, TypeError) as error:
            raise ValueError("a calibration needs slope, intercept, admissions, readmitted") from error

    def to_json(self) -> dict[str, Any]:
        """As it stands in the head's description."""
        return {"method": METHOD, **asdict(self)}
