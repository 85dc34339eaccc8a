"""Who and what a note is about, and what each slot of a template stands for there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from infra.bench.holdout import values
from infra.bench.holdout.people import Person, person, upper
from infra.bench.holdout.words import Words


class Piece(NamedTuple):
    """A stretch of a note; `label` is None where nothing is to be found."""

    text: str
    label: str | None = None


RELATIVES = {
    "wife": "F", "husband": "M", "mother": "F", "father": "M", "daughter": "F", "son": "M", "sister": "F",
    "brother": "M", "aunt": "F", "grandmother": "F", "grandson": "M", "niece": "F", "uncle": "M", "spouse": "",
    "friend": "", "neighbor": "", "roommate": "", "partner": "", "baby": "",
    "grandfather": "M", "granddaughter": "F", "nephew": "M", "cousin": "", "guardian": "",
}  # fmt: skip
"""Private persons and their sex; the spouse's is the other one."""
STAFF = frozenset(("pcp", "md", "rn", "res", "sw", "pa", "rph", "path", "rad", "tech", "clerk"))
ADDRESSES = {
    "email": "EMAIL",
    "user": "USERNAME",
    "url": "URL",
    "web": "URL",
    "vid": "URL",
    "ip": "IPADDR",
    "photo": "PHOTO",
}
LISTED = {
    "clinic": ("clinics", "HOSPITAL"),
    "snf": ("nursing", "HOSPITAL"),
    "employer": ("employers", "ORGANIZATION"),
    "school": ("schools", "ORGANIZATION"),
    "org": ("groups", "ORGANIZATION"),
    "pharmacy": ("pharmacies", "ORGANIZATION"),
    "agency": ("agencies", "ORGANIZATION"),
    "bureau": ("bureaus", "ORGANIZATION"),
    "church": ("churches", "ORGANIZATION"),
    "shelter": ("shelters", "ORGANIZATION"),
    "ems": ("ems", "ORGANIZATION"),
    "hospice": ("hospices", "ORGANIZATION"),
    "dme": ("dme", "ORGANIZATION"),
    "funeral": ("funerals", "ORGANIZATION"),
    "police": ("police", "ORGANIZATION"),
    "county": ("counties", "LOCATION-OTHER"),
    "highway": ("highways", "LOCATION-OTHER"),
    "landmark": ("landmarks", "LOCATION-OTHER"),
}
"""The list and the label of a place's key."""
KIN = set(RELATIVES) - {"friend", "neighbor", "roommate", "partner", "uncle", "niece", "guardian"}

SLOT = re.compile(r"([A-Za-z_]+\d?)(?:\.(\w+))?([+-]\d+)?(?::(\w+))?")
PRONOUNS = {
    "he": "she",
    "him": "her",
    "his": "her",
    "man": "woman",
    "gentleman": "lady",
    "male": "female",
    "M": "F",
    "boy": "girl",
}


def plain(text: str) -> str:
    """Lower-case ASCII letters alone, for user names and addresses."""
    folded = unicodedata.normalize("NFKD", text.replace("ø", "o")).encode("ascii", "ignore").decode()
    return re.sub("[^a-z]", "", folded.lower())


@dataclass
class Patient:
    """What stays the same in all notes of a patient."""

    words: Words
    who: Person
    birth: datetime
    numbers: dict[str, str]
    people: dict[str, Person] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)

    @classmethod
    def new(cls, rng: Random, words: Words, sex: str, birth: datetime) -> Patient:
        member = rng.choice(words.formats("member"))
        numbers = {
            "mrn": values.digits(rng, int(rng.choice(words.formats("mrn_lengths")))),
            "ssn": values.shaped("699999999", rng).replace("6", str(rng.randrange(1, 7)), 1),
            "acct": values.shaped(rng.choice(words.formats("acct")), rng),
            "member": values.shaped(member, rng),
            "medicare": values.shaped("1AX9-AX9-AA99".replace("1", str(rng.randrange(1, 10)), 1), rng),
            "medicaid": values.shaped(rng.choice(words.formats("medicaid")), rng),
            "phone": values.phone_number(rng),
            "cell": values.phone_number(rng),
        }
        return cls(words, person(rng, words, sex), birth, numbers)


class Scene:
    """One note: its patient, its day, and the staff and places met in it."""

    def __init__(self, rng: Random, patient: Patient, day: datetime) -> None:
        self.rng, self.patient, self.day = rng, patient, day
        self.words = patient.words
        self._people: dict[str, Person] = {}
        self._chosen: dict[str, str] = {}

    @property
    def age(self) -> int:
        birth = self.patient.birth
        return self.day.year - birth.year - ((self.day.month, self.day.day) < (birth.month, birth.day))

    def fill(self, slot: str) -> list[Piece]:
        """The pieces that a slot `key.form+shift:kind` stands for; an article before a name is not marked."""
        found = []
        for piece in self._fill(slot):
            if piece.label and piece.text.startswith("the "):
                found += [Piece("the "), piece._replace(text=piece.text[4:])]
            else:
                found.append(piece)
        return found

    def _fill(self, slot: str) -> list[Piece]:
        """What `fill` gives, articles not yet set apart.

        Raises:
            ValueError: the slot is not of that shape or its key is unknown.
        """
        match = SLOT.fullmatch(slot)
        if not match:
            raise ValueError(f"no slot: {slot}")
        key, form, shift, kind = match.groups()
        if key in PRONOUNS or key.lower() in PRONOUNS or key == "title":
            return [Piece(self._pronoun(key))]
        base = key.rstrip("0123456789")
        if key in ("d", "dob", "holiday", "dr"):
            return self._date(key, int(shift or 0), kind or "any")
        if base in ("age", "ageword", "old", "oldword"):
            return self._age(base)
        if base == "year":
            return [Piece(str((self.day + timedelta(days=int(shift or 0))).year))]
        if base in self.words.lists["shapes"]:
            label, _, folded = self.words.lists["shapes"][base].partition(": ")
            shapes = folded.split("|")
            number = self._once(
                key, lambda: values.shaped(self.rng.choice(shapes), self.rng), keep=base in ("dl", "plate", "vin")
            )
            return [Piece(number, label)]
        if base == "ssn":
            return self._ssn(kind)
        for piece in (self._number(base, kind), self._contact(key, base, form, kind), self._place(key, base, form)):
            if piece:
                return [piece]
        return [self._person(key, form or "full")]

    # -- persons

    def someone(self, key: str) -> Person:
        """The person of a key: relatives and `pcp` stay with the patient, staff with the note."""
        if key == "pt":
            return self.patient.who
        base = key.rstrip("0123456789")
        store = self.patient.people if base in RELATIVES or base == "pcp" else self._people
        if key not in store:
            sex = RELATIVES.get(base, "")
            if base == "spouse":
                sex = "M" if self.patient.who.sex == "F" else "F"
            shared = base in KIN and self.rng.random() < 0.65
            store[key] = person(self.rng, self.words, sex, self.patient.who.last if shared else "")
        return store[key]

    def _person(self, key: str, form: str) -> Piece:
        base = key.rstrip("0123456789")
        if base not in RELATIVES and base not in STAFF and key != "pt":
            raise ValueError(f"no person: {key}")
        label = "PATIENT" if base in RELATIVES or key == "pt" else "DOCTOR"
        return Piece(self.someone(key).form(form, self.rng), label)

    def _pronoun(self, key: str) -> str:
        female = self.patient.who.sex == "F"
        if key == "title":
            return self.rng.choice(("Ms.", "Mrs.")) if female else "Mr."
        if not female:
            return key
        if key in PRONOUNS:
            return PRONOUNS[key]
        return PRONOUNS[key.lower()].capitalize()

    # -- dates and ages

    def _date(self, key: str, shift: int, kind: str) -> list[Piece]:
        if key == "holiday":
            return [Piece(self.rng.choice(self.words.formats("holidays")), "DATE")]
        if key == "dr":
            return [Piece(values.month_range(self.day + timedelta(days=shift), self.rng.randrange(2, 6)), "DATE")]
        day = self.patient.birth if key == "dob" else self.day + timedelta(days=shift)
        if key == "dob" and kind == "any":
            kind = self.rng.choice(("slash", "slash", "num", "text"))
        clock = f"{self.rng.randrange(24):02}:{self.rng.randrange(60):02}"
        if kind == "stamp":
            return [Piece(values.date(day, self.words.dates["slash"], self.rng), "DATE"), Piece(f" {clock}")]
        if kind == "isostamp":
            return [Piece(values.date(day, self.words.dates["iso"], self.rng), "DATE"), Piece(f"T{clock}:00Z")]
        return [Piece(values.date(day, self.words.dates[kind], self.rng), "DATE")]

    def _age(self, base: str) -> list[Piece]:
        age = self.age if base.startswith("age") else self.rng.randrange(90, 103)
        text = values.spelled(age) if base.endswith("word") else str(age)
        return [Piece(text, "AGE" if age > 89 else None)]

    # -- numbers, addresses, places

    def _number(self, base: str, kind: str | None) -> Piece | None:
        numbers, rng = self.patient.numbers, self.rng
        if base == "mrn":
            mrn = numbers["mrn"]
            written = rng.choice(self.words.formats("mrn")) if kind != "plain" else "{mrn}"
            parts = {"head": mrn[:3], "tail": mrn[3:], "body": mrn[:-4], "last": mrn[-4:]}
            return Piece(written.format(mrn=mrn, **parts), "MEDICALRECORD")
        if base in ("member", "medicare", "medicaid"):
            text = numbers[base]
            return Piece(text.replace("-", "") if base == "medicare" and rng.random() < 0.4 else text, "HEALTHPLAN")
        return Piece(numbers["acct"], "ACCOUNT") if base == "acct" else None

    def _ssn(self, kind: str | None) -> list[Piece]:
        """The whole number, or its last four digits alone, which are all that a masked one gives away."""
        ssn = self.patient.numbers["ssn"]
        if kind == "last":
            return [Piece(ssn[-4:], "SSN")]
        if self.rng.random() < 0.2:
            return [Piece(self.rng.choice(self.words.formats("ssn_masks"))), Piece(ssn[-4:], "SSN")]
        written = self.rng.choice(self.words.formats("ssn"))
        return [Piece(written.format(ssn[:3], ssn[3:5], ssn[5:]), "SSN")]

    def _contact(self, key: str, base: str, form: str | None, kind: str | None) -> Piece | None:
        numbers, rng = self.patient.numbers, self.rng
        domain = self._once("domain", lambda: rng.choice(self.words.entries("places", "domains")))
        if base in ("phone", "fax", "home", "cell"):
            number = self._once(key, lambda: values.phone_number(rng))
            number = {"home": numbers["phone"], "cell": numbers["cell"]}.get(base, number)
            return Piece(values.phone(number, kind or "", self.words, rng), "FAX" if base == "fax" else "PHONE")
        if base == "ext":
            return Piece(values.digits(rng, rng.choice((3, 4, 5))), "PHONE")
        if base in ADDRESSES:
            return self._formed(base, form or ("md" if base == "user" else "pt"), domain)
        return None

    def _formed(self, base: str, key: str, domain: str) -> Piece:
        """An address or a file name put together from a person's name, the day and digits."""
        rng, who = self.rng, self.someone(key)
        own = key == "pt" or key in RELATIVES
        fields = {
            "first": plain(who.first),
            "last": plain(who.last),
            "LAST": plain(who.last).upper(),
            "host": rng.choice(self.words.entries("places", "mail")) if own else domain,
            "domain": domain,
            "mrn": self.patient.numbers["mrn"],
            "day": self.day,
        }
        fields |= {f"n{count}": values.digits(rng, count) for count in range(1, 7)}
        fields |= {f"byte{place}": rng.randrange(10, 250) for place in "abc"}
        text = rng.choice(self.words.entries("forms", base)).format(**fields)
        return Piece(upper(text) if base == "email" and rng.random() < 0.08 else text, ADDRESSES[base])

    def _place(self, key: str, base: str, form: str | None) -> Piece | None:
        rng = self.rng
        if base in ("street", "city", "state", "zip"):
            return self._address(base, own=key == base, form=form)
        if base == "hosp":
            listed = self.words.entries("places", "hospitals", ";")
            name = self._once(key, lambda: rng.choice(listed), keep=key == "hosp")
            text, label = name.split("|")[1 if form == "short" else 0], "HOSPITAL"
        elif base in LISTED:
            table, label = LISTED[base]
            named = self.words.entries("places", table)
            text = self._once(key, lambda: rng.choice(named), keep=base in ("employer", "school", "county"))
        else:
            return None
        return Piece(upper(text) if form == "UP" else text, label)

    def _address(self, base: str, own: bool, form: str | None) -> Piece:
        rng = self.rng
        mark = "" if own else "2"
        city, state, zip3 = self._once(
            "cityline" + mark, lambda: rng.choice(self.words.entries("places", "cities", ";")), keep=own
        ).split("|")
        if base == "city":
            return Piece(upper(city) if form == "UP" else city, "CITY")
        if base == "state":
            return Piece(state)
        if base == "zip":
            code = self._once("zip" + mark, lambda: zip3 + values.shaped("99", rng), keep=own)
            return Piece(code + (f"-{rng.randrange(1000, 9999)}" if rng.random() < 0.12 else ""), "ZIP")
        return Piece(self._once("street" + mark, lambda: self._street(), keep=own), "STREET")

    def _street(self) -> str:
        rng = self.rng
        if rng.random() < 0.08:
            return rng.choice(self.words.formats("boxes")).format(values.digits(rng, 3))
        number = values.digits(rng, rng.choice((2, 3, 4, 4, 5)))
        way = rng.choice(self.words.formats("ways")) + rng.choice(self.words.entries("places", "streets"))
        unit = rng.choice(self.words.formats("units"))
        return f"{number} {way} {rng.choice(self.words.entries('places', 'kinds'))}{unit}"

    def _once(self, key: str, make: Callable[[], str], keep: bool = False) -> str:
        """The value of a key in this note, or with `keep` in all notes of the patient; made when first met."""
        store = self.patient.chosen if keep else self._chosen
        if key not in store:
            store[key] = make()
        return store[key]
