"""What happens to a patient: chronic diseases, home drugs, and encounters one after the other.

The readmission label is drawn from a logistic risk over facts that the notes tell: earlier admissions, heart
failure and other grave diseases, length of stay, number of drugs, where the patient went. A patient who is
readmitted has the next encounter within thirty days; nobody else has.
"""

from __future__ import annotations

import datetime as dt
import math
import random
from dataclasses import dataclass
from typing import Final

from jobs.synthetic import phi
from jobs.synthetic.clinic import Acute, Chronic, Clinic
from jobs.synthetic.names import Pools
from jobs.synthetic.patients import Patient, Person, make_person

_BASE_LOGIT: Final = -4.3
"""Sets the share of readmitted stays to about one in six (17% of US Medicare-like admissions)."""

_MAX_ENCOUNTERS: Final = 6

DISPOSITIONS: Final = ("home", "home_services", "snf", "rehab", "ama")
_DISPOSITION_RISK: Final = {"home": 0.0, "home_services": 0.3, "snf": 0.6, "rehab": 0.2, "ama": 1.3}


@dataclass(frozen=True, slots=True)
class Dose:
    """A drug that the patient takes."""

    key: str
    name: str
    dose: str
    route: str
    often: str


@dataclass(slots=True)
class Background:
    """What is true of the patient at every encounter."""

    chronic: list[Chronic]
    home: list[Dose]
    allergies: list[tuple[str, str]]
    family: list[tuple[str, Chronic]]
    smoker: str
    drinks: str
    lives: str
    noncompliant: bool


@dataclass(slots=True)
class Staff:
    """The clinicians of a stay."""

    attending: Person
    resident: Person
    surgeon: Person
    consultant: Person
    nurse: Person
    radiologist: Person


@dataclass(slots=True)
class Encounter:
    """One stay in hospital."""

    encounter_id: str
    admit: dt.date
    discharge: dt.date
    acute: Acute
    staff: Staff
    prior_admissions: int
    discharge_drugs: list[Dose]
    disposition: str
    labs: dict[str, float]
    pulse: int
    systolic: int
    weight: int
    surgery: dt.date
    readmitted: bool


def make_dose(key: str, clinic: Clinic, rng: random.Random) -> Dose:
    """How a patient takes a drug."""
    drug = clinic.drugs[key]
    name = drug.names[0] if rng.random() < 0.6 else rng.choice(drug.names)
    return Dose(key, name, rng.choice(drug.doses), drug.route, rng.choice(drug.often))


def make_background(patient: Patient, on: dt.date, clinic: Clinic, rng: random.Random) -> Background:
    """Draws chronic diseases by age and sex, and what goes with them."""
    sex = "F" if patient.name.female else "M"
    age = patient.age(on)
    fit = [c for c in clinic.chronic.values() if c.sex in ("", sex) and c.older <= age]
    count = min(len(fit), max(1, int(rng.gauss(2.2 + age / 28, 1.6))))
    # Weighted draw without replacement: the largest of u**(1/w) (Efraimidis and Spirakis 2006).
    one_a_group: dict[str, Chronic] = {}
    for disease in sorted(fit, key=lambda c: -(rng.random() ** (1 / c.weight))):
        one_a_group.setdefault(disease.group, disease)
    chronic = list(one_a_group.values())[:count]
    keys = dict.fromkeys(rng.choice(group) for c in chronic for group in c.drugs)
    home = [make_dose(key, clinic, rng) for key in keys if key]
    if rng.random() < 0.3:
        home.append(make_dose(rng.choice(("docusate", "acetaminophen", "vitamin_d", "senna")), clinic, rng))
    home = list({dose.key: dose for dose in home}.values())
    allergies = []
    if rng.random() < 0.5:
        allergies = rng.sample(ALLERGIES, 1 if rng.random() < 0.7 else 2)
    hereditary = [c for c in clinic.chronic.values() if c.family]
    family = [(rng.choice(("mother", "father", "sister", "brother", "maternal aunt", "paternal grandfather")), c)
              for c in rng.sample(hereditary, phi.number(0, 3, rng))]  # fmt: skip
    return Background(
        chronic=chronic,
        home=home,
        allergies=allergies,
        family=family,
        smoker=rng.choice(("never", "never", "former", "former", "current")),
        drinks=rng.choice(("none", "social", "social", "heavy")),
        lives=rng.choice(("spouse", "alone", "relative", "facility", "spouse")),
        noncompliant=rng.random() < 0.15,
    )


ALLERGIES: Final = [
    ("penicillin", "rash"), ("Penicillins", "hives"), ("sulfa", "rash"), ("Bactrim", "hives"), ("codeine", "nausea"),
    ("morphine", "itching"), ("lisinopril", "cough"), ("iodinated contrast", "anaphylaxis"), ("aspirin", "angioedema"),
    ("ciprofloxacin", "tendon pain"), ("shellfish", "hives"), ("latex", "rash"), ("vancomycin", "red man syndrome"),
    ("amoxicillin", "rash"), ("erythromycin", "GI upset"), ("Keflex", "hives"), ("statins", "myalgias"),
]  # fmt: skip


class Story:
    """The encounters of one patient, made one after the other."""

    def __init__(self, patient: Patient, start: dt.date, clinic: Clinic, pools: Pools, rng: random.Random) -> None:
        self.patient = patient
        self.background = make_background(patient, start, clinic, rng)
        self._clinic = clinic
        self._pools = pools
        self._rng = rng
        self._next_admit = start
        self._count = 0
        self._prior = int(rng.random() ** 3 * 5)
        self._last: Encounter | None = None

    def next(self) -> Encounter | None:
        """The next stay, or None when the story is over."""
        rng = self._rng
        if self._count >= _MAX_ENCOUNTERS:
            return None
        if self._last is not None:
            if self._last.readmitted:
                gap = phi.number(2, 29, rng)
            else:
                gap = phi.number(45, 600, rng)
                if gap > 180:
                    self._prior = int(rng.random() * 2)
            self._next_admit = self._last.discharge + dt.timedelta(days=gap)
        encounter = self._stay(self._next_admit)
        self._last = encounter
        self._count += 1
        self._prior += 1
        return encounter

    def _acute(self) -> Acute:
        rng = self._rng
        # The dice fall for what the patient already has three times as often.
        has = {c.key for c in self.background.chronic}
        weights = [3.0 if set(a.implies) & has else 1.0 for a in self._clinic.acute]
        if self._last is not None and self._last.readmitted and rng.random() < 0.4:
            return self._last.acute if not self._last.acute.operation else rng.choice(self._clinic.acute)
        return rng.choices(self._clinic.acute, weights)[0]

    def _stay(self, admit: dt.date) -> Encounter:
        rng, clinic, background = self._rng, self._clinic, self.background
        acute = self._acute()
        has = {c.group for c in background.chronic}
        for key in acute.implies:
            disease = clinic.chronic[key]
            if disease.group not in has and disease.sex in ("", "F" if self.patient.name.female else "M"):
                background.chronic.append(disease)
        low, high = acute.stay
        days = low + int(rng.random() ** 1.7 * (high - low + 1))
        if rng.random() < 0.06:
            days += phi.number(3, 12, rng)
        discharge = admit + dt.timedelta(days=days)
        taken = {dose.key for dose in background.home}
        new = [make_dose(key, clinic, rng) for key in acute.drugs if key not in taken]
        if new and len(new) > 1 and rng.random() < 0.4:
            new.pop()
        drugs = [*background.home, *new]
        disposition = self._disposition(acute, days, admit)
        prior = min(self._prior, 6)
        logit = (
            _BASE_LOGIT
            + 0.45 * min(prior, 4)
            + sum(c.risk for c in background.chronic)
            + acute.risk
            + 0.06 * min(days, 14)
            + 0.05 * max(0, len(drugs) - 5)
            + _DISPOSITION_RISK[disposition]
            + 0.4 * background.noncompliant
        )
        people = [make_person(self._pools, rng) for _ in range(5)]
        nurse = make_person(self._pools, rng, female=rng.random() < 0.85)
        staff = Staff(people[0], people[1], people[2], people[3], nurse, people[4])
        return Encounter(
            encounter_id=f"{self.patient.patient_id}-E{self._count + 1}",
            admit=admit,
            discharge=discharge,
            acute=acute,
            staff=staff,
            prior_admissions=prior,
            discharge_drugs=drugs,
            disposition=disposition,
            labs={key: rng.uniform(*acute.labs.get(key, (lab.low, lab.high))) for key, lab in clinic.labs.items()},
            pulse=phi.number(62, 104, rng),
            systolic=phi.number(98, 164, rng),
            weight=phi.number(52, 118, rng),
            surgery=min(discharge, admit + dt.timedelta(days=phi.number(0, 1, rng))),
            readmitted=rng.random() < 1 / (1 + math.exp(-logit)),
        )

    def _disposition(self, acute: Acute, days: int, admit: dt.date) -> str:
        rng = self._rng
        old = self.patient.age(admit) > 74
        weights = [5.0, 2.0 + old, 0.4 + 1.6 * old + 0.1 * days, 0.3 + 1.5 * (acute.key in ("stroke", "hipfx")), 0.25]
        if self.background.lives == "facility":
            weights[2] += 12
        return rng.choices(DISPOSITIONS, weights)[0]
