"""Bootstrap intervals: documents are drawn with replacement, always the same draws.

What belongs together (the notes of a patient, the rows of a document) is drawn together, so the unit is the most
that the data tell: patient, encounter, document, row.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

RESAMPLES: Final = 1000
_SEED: Final = 0
_BOUNDS: Final = (2.5, 97.5)
_CELLS: Final = 1 << 22  # of one block of draws


def ratio(part: float, whole: float) -> float | None:
    """The share, or None of nothing."""
    return part / whole if whole else None


def bootstrap(parts: npt.NDArray[Any]) -> list[float] | None:
    """The 95% percentile interval of a ratio of sums.

    Args:
        parts: shape (units, 2): numerator and denominator of each unit.

    Returns:
        Lower and upper bound; None where there is nothing to divide by.
    """
    sums = resampled_sums(parts)
    return bounds(sums[:, 0], sums[:, 1])


def bounds(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> list[float] | None:
    """The 95% percentile interval of a ratio out of its resamples; those with nothing to divide by are left out."""
    defined = whole > 0
    if not defined.any():
        return None
    low, high = np.percentile(part[defined] / whole[defined], _BOUNDS)
    return [float(low), float(high)]


def resampled_sums(counts: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The sums over the units of each resample, shape (resamples, n), of counts of shape (units, n)."""
    units = len(counts)
    if not units:
        return np.zeros((0, counts.shape[1]))
    at_once = max(1, _CELLS // units)
    draws = _draws(units)
    sums = []
    for first in range(0, RESAMPLES, at_once):
        block = np.stack([next(draws) for _ in range(min(at_once, RESAMPLES - first))])
        cells = (block + units * np.arange(len(block))[:, None]).ravel()
        weights = np.bincount(cells, minlength=block.size).reshape(block.shape)
        sums.append(weights @ counts.astype(np.float64))
    return np.concatenate(sums)


def interval(units: int, statistic: Callable[[npt.NDArray[np.int64]], float | None]) -> list[float] | None:
    """The 95% percentile interval of any statistic.

    Args:
        units: how many there are.
        statistic: of the units with these numbers (repeated as drawn); None where it is not defined, and such draws
            are left out.

    Returns:
        Lower and upper bound; None where the statistic is defined for no draw.
    """
    return intervals(units, lambda drawn: {"value": statistic(drawn)}).get("value")


def intervals(
    units: int, statistics: Callable[[npt.NDArray[np.int64]], Mapping[str, float | None]]
) -> dict[str, list[float] | None]:
    """As `interval`, of several statistics of the same draws, by name."""
    values: dict[str, list[float]] = {}
    for drawn in _draws(units):
        for name, value in statistics(drawn).items():
            of_name = values.setdefault(name, [])
            if value is not None:
                of_name.append(value)
    return {name: np.percentile(of_name, _BOUNDS).tolist() if of_name else None for name, of_name in values.items()}


def _draws(units: int) -> Iterator[npt.NDArray[np.int64]]:
    if not units:
        return
    rng = np.random.default_rng(_SEED)
    for _ in range(RESAMPLES):
        yield rng.integers(0, units, units)


def by_unit(units: Sequence[Hashable], counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Adds up the counts of what belongs together.

    Args:
        units: to which each row of counts belongs.
        counts: shape (rows, n).

    Returns:
        Shape (distinct units, n), in the order in which they first stand.
    """
    numbers: dict[Hashable, int] = {}
    places = [numbers.setdefault(unit, len(numbers)) for unit in units]
    sums = np.zeros((len(numbers), counts.shape[1]), dtype=counts.dtype)
    np.add.at(sums, places, counts)
    return sums
