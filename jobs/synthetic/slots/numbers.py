"""Numbers and words that are not PHI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobs.synthetic import phi
from jobs.synthetic.grammar import Call
from jobs.synthetic.slots.base import slot, words

if TYPE_CHECKING:
    from jobs.synthetic.scene import Scene


@slot("n")
def _integer(argument: str) -> Call:
    """`{n 2 9}`: a whole number, both ends included."""
    low, high = map(int, argument.split())
    return lambda scene: scene.draft.put(str(phi.number(low, high, scene.rng)))


@slot("x")
def _decimal(argument: str) -> Call:
    """`{x 0.6 1.4}`: a number with one decimal."""
    low, high = map(float, argument.split())
    return lambda scene: scene.draft.put(f"{low + scene.random() * (high - low):.1f}")


_BY_SEX: Final = {
    "he": ("he", "she"), "his": ("his", "her"), "him": ("him", "her"), "himself": ("himself", "herself"),
    "He": ("He", "She"), "His": ("His", "Her"), "Title": ("Mr.", "Ms."), "Sex": ("Male", "Female"), "S": ("M", "F"),
    "guy": ("gentleman", "lady"),
}  # fmt: skip


def _by_sex(name: str, male: str, female: str) -> None:
    words(name, lambda scene: female if scene.patient.name.female else male)


for _name, (_male, _female) in _BY_SEX.items():
    _by_sex(_name, _male, _female)

_SEXES: Final = (("male", "female"), ("man", "woman"), ("M", "F"), ("gentleman", "lady"), ("male", "female"))
_TIMES: Final = (
    "{h:02}:{m:02}", "{h}:{m:02}", "{h:02}{m:02}", "{g}:{m:02} {ap}", "{g}{ap}", "{h:02}:{m:02}", "{g}:{m:02}{ap}",
)  # fmt: skip
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")


def _time(scene: Scene) -> str:
    hour, minute = phi.number(0, 23, scene.rng), phi.number(0, 59, scene.rng)
    half = "am" if hour < 12 else "pm"
    return scene.rng.choice(_TIMES).format(h=hour, m=minute, g=hour % 12 or 12, ap=half)


def _pressure(scene: Scene) -> str:
    systolic = scene.stay.systolic + phi.number(-9, 9, scene.rng)
    return f"{systolic}/{systolic * 6 // 10 + phi.number(-9, 6, scene.rng)}"


words("sex", lambda scene: scene.rng.choice(_SEXES)[scene.patient.name.female])
words("time", _time)
# A year alone is not PHI (45 CFR 164.514(b)(2)(i)(C)).
words("year", lambda scene: str(scene.stay.admit.year - phi.number(2, 30, scene.rng)))
words("insurer", lambda scene: scene.patient.insurer)
words("service", lambda scene: scene.stay.acute.service)
words("follow", lambda scene: scene.stay.acute.follow)
words("los", lambda scene: str((scene.stay.discharge - scene.stay.admit).days))
words("hd", lambda scene: str((scene.today - scene.stay.admit).days + 1))
words("pod", lambda scene: str(max(0, (scene.today - scene.stay.surgery).days)))
words("kg", lambda scene: str(scene.stay.weight))
words("pulse", lambda scene: str(scene.stay.pulse + phi.number(-8, 8, scene.rng)))
words("bp", _pressure)
words("weekday", lambda scene: _WEEKDAYS[scene.today.weekday()])
words("prior_ordinal", lambda scene: _ORDINALS[scene.stay.prior_admissions])
words("prior_count", lambda scene: str(scene.stay.prior_admissions))
