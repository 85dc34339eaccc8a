"""What a document's slots write: its people, its dates and numbers, its places, and filler that is not PHI.

A document has one patient, and keeps most of that patient's numbers; relatives and staff change from template to
template, some stay. Which label a slot is gold for is said here and nowhere else.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from jobs.synthetic.alternatives import Template, TemplateError, flatten
from jobs.synthetic.inject import people, values
from jobs.synthetic.inject.fillers import FILLERS
from jobs.synthetic.inject.grammar import Slot
from jobs.synthetic.inject.page import Page, mistyped
from jobs.synthetic.inject.people import Person
from jobs.synthetic.inject.pools import World
from jobs.synthetic.inject.slots import SLOTS, WORDS
from jobs.synthetic.inject.style import Style
from jobs.synthetic.phi import MONTHS, early

T = TypeVar("T")

PEOPLE: Final = dict.fromkeys(("PATIENT", "RELATIVE", "MOTHER", "FATHER"), "PATIENT") | dict.fromkeys(
    ("DOCTOR", "NURSE", "STAFF"), "DOCTOR"
)
"""Role -> label: relatives and household are gold PATIENT, staff DOCTOR."""

_NUMBERS: Final = {
    "MEDICALRECORD": values.MRNS,
    "ACCOUNT": values.ACCOUNTS,
    "HEALTHPLAN": values.PLANS,
    "DEVICE": values.SERIALS,
    "BIOID": values.BIOMETRICS,
    "IDNUM": values.NUMBERS,
    "PAGER": values.PAGERS,
}
_KEPT: Final = frozenset({"MEDICALRECORD", "ACCOUNT", "HEALTHPLAN", "STREET", "ZIP", "PHONE", "HOSPITAL", "EMAIL"})
_LABELS: Final = {"PAGER": "PHONE"}
_HOUSES: Final = {
    "HOSPITAL": {"": "hospitals", "full": "hospitals", "snf": "facilities", "practice": "practices"},
    "ORGANIZATION": {
        "": "employers", "school": "schools", "agency": "agencies", "pharmacy": "pharmacies", "group": "groups",
    },
}  # fmt: skip
_TODAY: Final = dt.date(2024, 6, 1).toordinal()


class Cast:
    """The people and things of one document.

    Args:
        world: what names and places are drawn from.
        style: how the author types.
        rng: draws everything.
        female: the patient's sex, where the text around says it.
    """

    def __init__(self, world: World, style: Style, rng: random.Random, *, female: bool | None = None) -> None:
        self.world: World = world
        self.style: Style = style
        self.rng: random.Random = rng
        self.patient: Person = people.make(world, rng, female=female)
        self.date_form = early(values.FULL, rng)
        self.day_form = early(values.DAYS, rng)
        self.today: dt.date = dt.date.fromordinal(_TODAY - int(rng.random() * 365 * 32))
        age = rng.random() * 89
        self.born: dt.date = self.today - dt.timedelta(days=int(age * 365.25))
        self._people: dict[str, Person] = {}
        self._fresh: dict[str, Person] = {}
        self._kept: dict[str, str] = {}
        self._said: set[str] = set()

    def write(self, template: Template, page: Page, *, again: bool = False) -> None:
        """Writes a drawn version of the template to the page; `again` with the people of the last one."""
        if not again:
            self._fresh.clear()
            self._said.clear()
        for node in flatten(template, self.rng):
            if isinstance(node, Slot):
                self.slot(node, page)
            else:
                # An alternative that is empty leaves two blanks.
                page.put(self.style.typed(node[1:] if node[0] == " " and page.ends_with(" ") else node, self.rng))

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is written meanwhile has people of its own."""
        kept = dict(self._fresh)
        yield
        self._fresh = kept

    def slot(self, slot: Slot, page: Page) -> None:
        """Writes what the slot says.

        Raises:
            TemplateError: there is no such slot, or it has no such form.
        """
        name = slot.name
        if name in PEOPLE:
            self._name(slot, page)
        elif name in SLOTS:
            SLOTS[name](self, slot.form, page)
        elif name in _NUMBERS:
            self._number(name, slot.form, page)
        elif name in _HOUSES:
            page.put_phi(name, self._house(name, slot.form))
        elif name in WORDS:
            page.put(WORDS[name](self, slot))
        elif name in FILLERS:
            for node in flatten(self.choice(FILLERS[name]), self.rng):
                if isinstance(node, Slot):
                    self.slot(node, page)
                else:
                    page.put(node)
        else:
            raise TemplateError(f"unknown slot {name!r}")

    # People

    def person(self, role: str, number: int, kin: str | None = None) -> Person:
        """The person in this role. In a letter or a header they come back; from sentence to sentence most change."""
        if role == "PATIENT" and number == 1:
            return self.patient
        key = f"{role}{number}"
        if key in self._fresh:
            return self._fresh[key]
        known = self._people.get(key)
        if known is None or kin is not None or self.rng.random() < 0.55:
            known = self._new(role, kin)
            self._people[key] = known
        self._fresh[key] = known
        return known

    def _new(self, role: str, kin: str | None) -> Person:
        if PEOPLE[role] != "PATIENT" or role == "PATIENT":
            return people.make(self.world, self.rng)
        word, female = people.kin(kin if role == "RELATIVE" else role.lower(), self.rng)
        last = self.patient.last if self.rng.random() < 0.6 else None
        person = people.make(self.world, self.rng, female=female, last=last)
        person.kin = word
        return person

    def _name(self, slot: Slot, page: Page) -> None:
        role, form = slot.name, slot.form
        person = self.person(role, slot.number)
        label = PEOPLE[role]
        if form in people.ONE:
            page.put_phi(label, people.spell(people.ONE[form], person, self.rng))
        elif form == "mr":
            page.put(self.title(person))
            page.put_phi(
                label, people.spell(people.ONE["last" if self.rng.random() < 0.8 else "full"], person, self.rng)
            )
        elif form == "dr":
            page.put(self.choice(people.DR))
            page.put_phi(
                label, people.spell(people.ONE["last" if self.rng.random() < 0.7 else "full"], person, self.rng)
            )
        elif form == "signed":
            page.put_phi(label, people.spell(people.ONE["signed_name"], person, self.rng))
            page.put(early(people.DEGREES.get(role, people.MD), self.rng))
        elif form == "told":
            self._told(role, person, label, page)
        elif form == "kin":
            self._kin(person, page)
        else:
            raise TemplateError(f"{role} has no form {form!r}")

    def _told(self, role: str, person: Person, label: str, page: Page) -> None:
        """The name as a sentence says it: with a title, a degree, or alone."""
        before, form, after = self.choice(people.TOLD[role if role in people.TOLD else "STAFF"])
        page.put(self.title(person) if before == "Mr. " else before)
        page.put_phi(label, people.spell(people.ONE[form], person, self.rng))
        page.put(after)

    def _kin(self, person: Person, page: Page) -> None:
        """A relation with a name: `wife Carla`, `son (Tom)`, `daughter, Ann Lee`."""
        before, form, after = self.choice(people.NAMED_KIN)
        page.put(f"{person.kin}{before}")
        page.put_phi("PATIENT", people.spell(people.ONE[form], person, self.rng))
        page.put(after)

    def title(self, person: Person) -> str:
        return self.choice(people.MS if person.female else people.MR)

    # Dates

    def day(self, low: int = -400, high: int = 60) -> dt.date:
        """A day around the document's own."""
        return self.today + dt.timedelta(days=low + int(self.rng.random() * (high - low)))

    def date(self, form: str, page: Page) -> None:
        """A date; the year, a weekday's comma and the word between the ends of a range are not part of it.

        Raises:
            TemplateError: there is no such form.
        """
        rng = self.rng
        if form == "weekday":
            day = int(rng.random() * 7)
            text = values.WEEKDAYS[day] if rng.random() < 0.7 else self.choice(values.WEEKDAYS_SHORT[day])
        elif form == "holiday":
            text = self.choice(values.HOLIDAYS).removeprefix("the ")
        elif form == "month":
            text = early(values.MONTH_FORMS, rng)(self.day(-2500, 30))
        elif form == "month_name":
            text = self.choice(MONTHS)
        elif form == "day":
            text = (self.day_form if rng.random() < 0.5 else early(values.DAYS, rng))(self.day())
        elif form == "short":
            text = self.choice(values.NUMERIC)(self.day())
        elif form == "iso":
            text = self.day().isoformat()
        elif form == "dob":
            text = self.date_form(self.born)
        elif form == "today":
            text = self.date_form(self.today)
        elif form == "range":
            return self._range(page)
        elif form in ("", "full"):
            text = (self.date_form if rng.random() < 0.5 else early(values.FULL, rng))(self.day())
        elif form == "any":
            return self.date(self.choice(("full", "day", "day", "short", "month", "weekday")), page)
        else:
            raise TemplateError(f"DATE has no form {form!r}")
        page.put_phi("DATE", mistyped(text, rng) if rng.random() < 0.01 else text)
        return None

    def _range(self, page: Page) -> None:
        first = self.day()
        second = first + dt.timedelta(days=1 + int(self.rng.random() * 12))
        if self.rng.random() < 0.25 and first.month == second.month:
            form = self.choice(("{m} {a}-{b}, {y}", "{n}/{a}-{b}/{z}", "{m} {a}-{b}", "{n}/{a}-{b}", "{s} {a}-{b}"))
            name = MONTHS[first.month - 1]
            page.put_phi("DATE", form.format(
                m=name, s=name[:3], n=first.month, a=first.day, b=second.day, y=first.year, z=f"{first.year % 100:02}",
            ))  # fmt: skip
            return
        form_of = self.choice((self.date_form, self.day_form, early(values.DAYS, self.rng)))
        page.put_phi("DATE", form_of(first))
        page.put(self.choice((" to ", " - ", "-", " through ", " until ", " thru ", "–", " and ")))
        page.put_phi("DATE", form_of(second))

    # Numbers and places

    def kept(self, key: str, draw: Callable[[], str], chance: float = 0.8) -> str:
        """What was written for this key before, mostly; something new if the template has it already."""
        if key not in self._kept or key in self._said or self.rng.random() > chance:
            self._kept[key] = draw()
        self._said.add(key)
        return self._kept[key]

    def _number(self, name: str, form: str, page: Page) -> None:
        if form:
            raise TemplateError(f"{name} has no form {form!r}")
        patterns = _NUMBERS[name]

        def draw() -> str:
            return values.fill(early(patterns, self.rng), self.rng)

        page.put_phi(_LABELS.get(name, name), self.kept(name, draw, 0.7) if name in _KEPT else draw())

    def _house(self, name: str, form: str) -> str:
        if form == "short":
            return self._acronym(self._house(name, ""))
        if form not in _HOUSES[name]:
            raise TemplateError(f"{name} has no form {form!r}")
        if name == "HOSPITAL" and form in ("", "full"):
            return self.kept("HOSPITAL", lambda: self.world.hospital(self.rng), 0.4)
        return self.world.house(_HOUSES[name][form], self.rng)

    def _acronym(self, house: str) -> str:
        """A house as its staff call it: by its initials, or by its first words."""
        parts = [part for part in house.replace("-", " ").split() if part[0].isupper()]
        initials = "".join(part[0] for part in parts)
        if len(initials) > 2 and self.rng.random() < 0.65:
            return initials
        name = house.split(" ")[0]
        return name.rstrip(",") if len(name) > 3 else house

    def choice(self, items: Sequence[T]) -> T:
        return items[int(self.rng.random() * len(items))]


def known(slot: Slot) -> bool:
    """Whether a slot of this name can be written."""
    return any(slot.name in table for table in (PEOPLE, SLOTS, _NUMBERS, _HOUSES, WORDS, FILLERS))
