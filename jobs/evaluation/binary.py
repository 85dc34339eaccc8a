"""Figures of probabilities against yes or no: how well they rank, and how far they can be taken at their word.

Every figure takes weights, so that a resample costs no sorting: a case that is drawn twice weighs two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

BINS: Final = 10
PRECISION: Final = 0.8

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Outcomes:
    """Probabilities and what came of them.

    Attributes:
        probability: shape (n,), each from 0 to 1.
        happened: shape (n,), 0 or 1.
    """

    probability: Floats
    happened: Floats

    def __post_init__(self) -> None:
        order = np.argsort(-self.probability, kind="stable")
        ordered = self.probability[order]
        # Cases of one probability stand or fall together: the last of each is where a threshold can lie.
        ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(ordered) else order
        object.__setattr__(self, "_order", order)
        object.__setattr__(self, "_ends", ends)

    def figures(self, weight: Floats | None = None) -> dict[str, float | None]:
        """`auroc`, `auprc` (average precision), `recall_at_precision_80`, `brier`, `ece`; None where not defined.

        Args:
            weight: of each case, shape (n,); None for 1.
        """
        weight = np.ones(len(self.probability)) if weight is None else weight
        total = float(weight.sum())
        positive = float((weight * self.happened).sum())
        negative = total - positive
        true, false = self._curve(weight)
        result: dict[str, float | None] = {
            "auroc": None,
            "auprc": None,
            "recall_at_precision_80": None,
            "brier": float((weight * (self.probability - self.happened) ** 2).sum() / total) if total else None,
            "ece": self._calibration_error(weight),
        }
        if positive:
            told = true + false
            precision = np.divide(true, told, out=np.zeros_like(true), where=told > 0)
            recall = true / positive
            result["auprc"] = float((np.diff(recall, prepend=0.0) * precision).sum())
            result["recall_at_precision_80"] = float(recall[precision >= PRECISION].max(initial=0.0))
        if positive and negative:
            heights = (true + np.concatenate([[0.0], true[:-1]])) / 2
            result["auroc"] = float((np.diff(false, prepend=0.0) * heights).sum() / positive / negative)
        return result

    def reliability(self) -> list[dict[str, Any]]:
        """For each tenth of probabilities: how many cases, their mean probability, and the share that happened."""
        number = self._bins()
        rows = []
        for at in range(BINS):
            chosen = number == at
            rows.append(
                {
                    "low": at / BINS,
                    "high": (at + 1) / BINS,
                    "n": int(chosen.sum()),
                    "mean_probability": float(self.probability[chosen].mean()) if chosen.any() else None,
                    "observed": float(self.happened[chosen].mean()) if chosen.any() else None,
                }
            )
        return rows

    def _curve(self, weight: Floats) -> tuple[Floats, Floats]:
        """Weight of true and of false positives at each threshold, the highest first."""
        order, ends = self._order, self._ends  # type: ignore[attr-defined]
        of_true = np.cumsum((weight * self.happened)[order])[ends]
        of_false = np.cumsum((weight * (1 - self.happened))[order])[ends]
        return of_true, of_false

    def _bins(self) -> npt.NDArray[np.int64]:
        return np.minimum((self.probability * BINS).astype(np.int64), BINS - 1)

    def _calibration_error(self, weight: Floats) -> float | None:
        """Expected calibration error: |mean probability - share that happened|, averaged over the tenths by weight."""
        total = weight.sum()
        if not total:
            return None
        gaps = np.bincount(self._bins(), weights=weight * (self.probability - self.happened), minlength=BINS)
        return float(np.abs(gaps).sum() / total)
