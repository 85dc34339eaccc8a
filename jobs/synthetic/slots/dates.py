"""Dates and ages."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from jobs.synthetic import phi
from jobs.synthetic.grammar import Call
from jobs.synthetic.slots.base import act, identifier, slot

if TYPE_CHECKING:
    from jobs.synthetic.scene import Scene


def _event(scene: Scene, what: str) -> dt.date:
    stay = scene.stay
    if what == "dob":
        return scene.patient.born
    if what == "prior":
        return stay.admit - dt.timedelta(days=phi.number(31, 900, scene.rng))
    if what == "fu":
        return stay.discharge + dt.timedelta(days=phi.number(5, 28, scene.rng))
    return {"today": scene.today, "admit": stay.admit, "discharge": stay.discharge, "surgery": stay.surgery}[what]


@slot("date")
def _date(argument: str) -> Call:
    """`{date admit}`: a day with its year, mostly in the author's own form."""

    def call(scene: Scene) -> None:
        form = scene.style.date if scene.random() < 0.7 else phi.early(scene.book.forms.dates, scene.rng)
        scene.draft.put_phi("DATE", form(_event(scene, argument)))

    return call


def _near(scene: Scene, day: dt.date) -> None:
    chance = scene.random()
    if chance < 0.5:
        form = scene.style.day
    elif chance < 0.65:
        form = phi.early(scene.book.forms.days, scene.rng)
    else:
        form = scene.style.date
    scene.draft.put_phi("DATE", form(day))


@slot("date.day")
def _from_admission(argument: str) -> Call:
    """`{date.day +1}`: a day counted from the admission, often without its year, never after the discharge."""
    days = dt.timedelta(days=int(argument))
    return lambda scene: _near(scene, min(scene.stay.admit + days, scene.stay.discharge))


@slot("date.end")
def _from_discharge(argument: str) -> Call:
    """`{date.end -1}`: a day counted from the discharge, never before the admission."""
    days = dt.timedelta(days=int(argument))
    return lambda scene: _near(scene, max(scene.stay.discharge + days, scene.stay.admit))


def _month(scene: Scene) -> str:
    day = scene.stay.admit - dt.timedelta(days=phi.number(40, 1400, scene.rng))
    return phi.early(scene.book.forms.months, scene.rng)(day)


def _recent_month(scene: Scene) -> str:
    """A month in which an earlier admission of the past half year may lie."""
    day = scene.stay.admit - dt.timedelta(days=phi.number(31, 180, scene.rng))
    return phi.early(scene.book.forms.months, scene.rng)(day)


def _age(scene: Scene) -> None:
    age = scene.patient.age(scene.stay.admit)
    if age > 89:
        scene.draft.put_phi("AGE", str(age))
    else:
        scene.draft.put(str(age))


identifier("date.month", "DATE", _month)
identifier("date.recent", "DATE", _recent_month)
act("age", _age)
# An age over 89 is PHI whoever's it is (45 CFR 164.514(b)(2)(i)(C)).
identifier("oldage", "AGE", lambda scene: str(phi.number(90, 103, scene.rng)))
