"""Who a patient is: an identity with all the identifiers of 45 CFR 164.514(b)(2)(i) that notes hold."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from typing import Final

from jobs.synthetic import phi
from jobs.synthetic.names import Pools

RELATIONS: Final = (
    # The relation, and whether it is a woman; the spouse follows the patient's sex.
    ("wife", True), ("husband", False), ("daughter", True), ("son", False), ("sister", True), ("brother", False),
    ("mother", True), ("niece", True), ("nephew", False), ("friend", True), ("granddaughter", True),
    ("neighbor", False),    ("partner", False), ("daughter-in-law", True), ("grandson", False), ("aunt", True),
)  # fmt: skip
_ELDERS: Final = ("mother", "aunt")
_ORPHANED: Final = 66
"""From this age on nobody of an older generation is named."""
_SPOUSES: Final = ("wife", "husband")


@dataclass(frozen=True, slots=True)
class Person:
    """A person's name. `middle` is one letter; `suffix` is `Jr`, `III` or empty."""

    first: str
    middle: str
    last: str
    female: bool
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Relative:
    """A relative, a friend or a neighbor: with the patient's surname more often than not."""

    relation: str
    person: Person
    phone: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where the patient lives. `state` is (name, postal code)."""

    street: str
    city: str
    state: tuple[str, str]
    zip: str


@dataclass(slots=True)
class Patient:
    """An identity. It stays the same over all the patient's encounters."""

    number: int
    patient_id: str
    name: Person
    born: dt.date
    mrn: str
    ssn: tuple[str, str, str]
    account: str
    plan: str
    insurer: str
    area: int
    phone: str
    email: str
    address: Address
    relatives: tuple[Relative, ...]
    pcp: Person
    hospital: str
    hospital_short: str
    employer: str

    def age(self, on: dt.date) -> int:
        """Age in years on a day."""
        return on.year - self.born.year - ((on.month, on.day) < (self.born.month, self.born.day))


def make_person(pools: Pools, rng: random.Random, female: bool | None = None) -> Person:
    """A person; of the sex given, else of either."""
    if female is None:
        female = rng.random() < 0.5
    suffix = "" if female or rng.random() > 0.05 else rng.choice(("Jr.", "Jr", "III", "Sr.", "II"))
    middle = rng.choice("ABCDEFGHJKLMNPRSTVW") if rng.random() < 0.7 else ""
    return Person(pools.given(female, rng), middle, pools.surname(rng), female, suffix)


def short_name(hospital: str) -> str:
    """The hospital's abbreviation: the capitals of its words."""
    words = hospital.replace("'s", "").replace("-", " ").split()
    return "".join(word[0] for word in words if word[0].isupper())


def street(pools: Pools, rng: random.Random) -> str:
    """A street address, as a line of text."""
    if rng.random() < 0.06:
        return f"{rng.choice(('P.O. Box', 'PO Box'))} {phi.number(10, 9999, rng)}"
    name = pools.streets[int(rng.random() * len(pools.streets))] if rng.random() < 0.4 else pools.surname(rng)
    if rng.random() < 0.12:
        name = phi.ordinal(phi.number(1, 30, rng)) if rng.random() < 0.5 else f"{rng.choice(pools.trees)} {name}"
    direction = rng.choice(("N. ", "S ", "West ", "E. ")) if rng.random() < 0.08 else ""
    suffix = rng.choice(_SUFFIXES) if rng.random() < 0.85 else rng.choice(pools.street_suffixes)
    unit = rng.choice((" Apt {}", ", Apt. {}", " #{}", ", Unit {}", " Apt {}B")) if rng.random() < 0.2 else ""
    return f"{phi.number(1, 9899, rng)} {direction}{name} {suffix}{unit.format(phi.number(1, 420, rng))}"


_SUFFIXES: Final = (
    "Street", "St", "St.", "Ave", "Avenue", "Ave.", "Road", "Rd", "Rd.", "Drive", "Dr", "Lane", "Ln", "Blvd", "Court",
    "Ct", "Place", "Way", "Circle", "Terrace", "Parkway", "Pkwy", "Hwy",
)  # fmt: skip


def zip_code(rng: random.Random) -> str:
    """A ZIP code, one in ten with its four further digits."""
    code = f"{phi.number(1001, 99950, rng):05}"
    return f"{code}-{phi.number(1, 9999, rng):04}" if rng.random() < 0.1 else code


def make_patient(number: int, start: dt.date, pools: Pools, forms: phi.Forms, rng: random.Random) -> Patient:
    """The identity of patient `number`, whose first stay begins on `start`."""
    female = rng.random() < 0.52
    name = make_person(pools, rng, female)
    # Enough patients over 89 that their ages, which are PHI, are met often.
    age = phi.number(90, 101, rng) if rng.random() < 0.09 else min(89, max(19, int(rng.gauss(64, 16))))
    born = dt.date(start.year - 1 - age, phi.number(1, 12, rng), phi.number(1, 28, rng))
    area = phi.number(201, 989, rng)
    relatives: list[Relative] = []
    for relation, is_female in rng.sample(RELATIONS, 3):
        if age > _ORPHANED and relation in _ELDERS:
            continue
        if relation in _SPOUSES:
            relation, is_female = ("husband", False) if female else ("wife", True)
            if any(relative.relation == relation for relative in relatives):
                continue
        last = name.last if rng.random() < 0.6 else pools.surname(rng)
        person = Person(pools.given(is_female, rng), "", last, is_female)
        relatives.append(Relative(relation, person, phi.phone(phi.early(forms.phones, rng), area, rng)))
    hospital = pools.place(rng.choice(pools.hospitals), rng)
    handle = rng.choice(("{f}.{l}", "{i}{l}{n}", "{f}{l}", "{f}_{l}{n}", "{l}{n}"))
    handle = handle.format(f=name.first, l=name.last, i=name.first[0], n=phi.number(1, 99, rng))
    handle = handle.lower().replace("'", "").replace(" ", "").replace("-", "")
    return Patient(
        number=number,
        patient_id=f"P{number:08}",
        name=name,
        born=born,
        mrn=phi.fill(phi.early(forms.mrns, rng), rng),
        ssn=phi.ssn(rng),
        account=phi.fill(phi.early(forms.accounts, rng), rng),
        plan=phi.fill(phi.early(forms.plans, rng), rng),
        insurer=rng.choice(pools.insurers),
        area=area,
        phone=phi.phone(phi.early(forms.phones[: max(1, len(forms.phones) // 2)], rng), area, rng),
        email=f"{handle}@{rng.choice(phi.MAIL_HOSTS)}",
        address=Address(street(pools, rng), rng.choice(pools.cities), rng.choice(pools.states), zip_code(rng)),
        relatives=tuple(relatives),
        pcp=make_person(pools, rng),
        hospital=hospital,
        hospital_short=short_name(hospital),
        employer=pools.place(rng.choice(pools.employers), rng),
    )
