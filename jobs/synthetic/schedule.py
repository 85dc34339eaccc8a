"""Which notes a stay has, and when."""

from __future__ import annotations

import datetime as dt
import random

from jobs.synthetic import phi
from jobs.synthetic.story import Encounter


def plan_stay(stay: Encounter, rng: random.Random) -> list[tuple[dt.datetime, str]]:
    """Which notes a stay has, and when, in order of time."""
    days = max(1, (stay.discharge - stay.admit).days)
    planned: list[tuple[dt.date, int, str]] = []
    if rng.random() < 0.55:
        planned.append((stay.admit, 9, "history and physical"))
    for _ in stay.acute.images:
        if rng.random() < 0.75:
            planned.append((stay.admit + dt.timedelta(days=int(rng.random() ** 3 * days)), 8, "radiology report"))
    if stay.acute.operation and rng.random() < 0.9:
        planned.append((stay.surgery, 12, "operative note"))
    planned += [
        (stay.admit + dt.timedelta(days=phi.number(0, days, rng)), 19, "nursing note")
        for _ in range(phi.number(0, 2, rng))
    ]
    planned += [
        (stay.admit + dt.timedelta(days=phi.number(1, days, rng)), 7, "progress note")
        for _ in range(phi.number(0, min(days, 3), rng))
    ]
    planned.append((stay.discharge, 16, "discharge summary"))
    if rng.random() < 0.2:
        planned.append((stay.discharge + dt.timedelta(days=phi.number(1, 9, rng)), 10, "telephone encounter"))
    if rng.random() < 0.15:
        planned.append((stay.discharge + dt.timedelta(days=phi.number(5, 20, rng)), 11, "letter"))
    planned.sort()
    return [
        (dt.datetime(day.year, day.month, day.day, hour + phi.number(0, 3, rng), phi.number(0, 59, rng)), kind)
        for day, hour, kind in planned
    ]
