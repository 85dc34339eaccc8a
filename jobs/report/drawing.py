"""From figures to the coordinates of plots. The templates draw them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

Scale = Callable[[float], float]

_LEFT: Final = 52
_RIGHT: Final = 14
_TOP: Final = 12
_BOTTOM: Final = 36
_SECONDS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
"""Between the marks of a time axis."""


@dataclass(frozen=True)
class Tick:
    """A mark of an axis: where it stands, and what is written there."""

    at: float
    text: str


@dataclass(frozen=True)
class Box:
    """A bar: its corner, its size, and what a reader is told of it."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Plot:
    """A plot.

    Attributes:
        path: of a line, as SVG writes it; empty for none.
        dots: of a scatter, with their radius as `width`.
    """

    x: tuple[Tick, ...] = ()
    y: tuple[Tick, ...] = ()
    bars: tuple[Box, ...] = ()
    path: str = ""
    area: str = ""
    dots: tuple[Box, ...] = ()
    width: int = 560
    height: int = 230

    @property
    def left(self) -> float:
        return _LEFT

    @property
    def right(self) -> float:
        return self.width - _RIGHT

    @property
    def top(self) -> float:
        return _TOP

    @property
    def bottom(self) -> float:
        return self.height - _BOTTOM

    def scales(self, x: float, y: float) -> tuple[Scale, Scale]:
        """From values up to `x` and `y` to the plot's coordinates."""
        return (
            lambda value: round(self.left + value / (x or 1) * (self.right - self.left), 1),
            lambda value: round(self.bottom + value / (y or 1) * (self.top - self.bottom), 1),
        )


def nice(most: float, steps: int = 4) -> list[float]:
    """Round numbers from nought to at least `most`."""
    if most <= 0:
        return [0.0, 1.0]
    raw = most / steps
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= raw * (1 - 1e-9))
    return [step * at for at in range(math.ceil(most / step - 1e-9) + 1)]


def short(value: float) -> str:
    """A number as an axis has room for it."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{sign}"
    return f"{value:.3g}"


def spoken(seconds: float) -> str:
    """A time as an axis has room for it."""
    if seconds >= 7200:
        return f"{seconds / 3600:g} h"
    return f"{seconds / 60:g} min" if seconds >= 120 else f"{seconds:g} s"


def histogram(bins: Sequence[Mapping[str, Any]], top: float) -> Plot:
    """Bars of equal width from 0 to `top`."""
    heights, plot = nice(max((row["count"] for row in bins), default=0)), Plot()
    x, y = plot.scales(top, heights[-1])
    step = top / len(bins)
    bars = tuple(
        Box(
            x(row["low"]) + 1,
            y(row["count"]),
            round(x(step) - x(0) - 2, 1),
            round(y(0) - y(row["count"]), 1),
            f"{row['low']:.3g} to {row['low'] + step:.3g}: {row['count']:,}",
        )
        for row in bins
    )
    return replace(plot, x=_ticks(x, [top * at / 5 for at in range(6)]), y=_ticks(y, heights), bars=bars)


def rates(points: Sequence[Mapping[str, float]], seconds: float) -> Plot:
    """A stepped line of notes a second over the time of the run."""
    heights, plot = nice(max((point["rate"] for point in points), default=0)), Plot(width=1160)
    x, y = plot.scales(seconds, heights[-1])
    step = next((size for size in _SECONDS if size >= seconds / 8), 86400 * math.ceil(seconds / 8 / 86400))
    marks = [step * at for at in range(int(seconds // step) + 1)]
    ends = [*(point["second"] for point in points[1:]), seconds]
    corners = [
        f"{x(point['second'])},{y(point['rate'])} {x(end)},{y(point['rate'])}"
        for point, end in zip(points, ends, strict=True)
    ]
    path = "M" + " L".join(corners)
    area = f"{path} L{x(seconds)},{y(0)} L{x(0)},{y(0)} Z"
    ticks = tuple(Tick(x(at), spoken(at)) for at in marks)
    return replace(plot, x=ticks, y=_ticks(y, heights), path=path, area=area)


def calibration(bins: Sequence[Mapping[str, Any]]) -> Plot:
    """What was foretold against what happened; the larger a dot, the more admissions."""
    plot, most = Plot(), max(row["n"] for row in bins)
    marks = nice(max(max(row["probability"], row["observed"]) for row in bins), 5)
    x, y = plot.scales(marks[-1], marks[-1])
    dots = tuple(
        Box(
            x(row["probability"]),
            y(row["observed"]),
            round(3 + 7 * math.sqrt(row["n"] / most), 1),
            0,
            f"foretold {row['probability']:.2f}, happened {row['observed']:.2f} ({row['n']:,} admissions)",
        )
        for row in bins
    )
    ideal = f"M{x(0)},{y(0)} L{x(marks[-1])},{y(marks[-1])}"
    return replace(plot, x=_ticks(x, marks), y=_ticks(y, marks), path=ideal, dots=dots)


def _ticks(scale: Scale, values: Sequence[float]) -> tuple[Tick, ...]:
    return tuple(Tick(scale(value), short(value)) for value in values)
