"""Persons and the forms in which their names are typed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from jobs.synthetic.inject.page import lowered, mistyped, raised
from jobs.synthetic.inject.pools import World

FEMALE_KIN: Final = (
    "wife", "daughter", "mother", "sister", "aunt", "niece", "granddaughter", "girlfriend", "mom", "grandmother",
    "daughter-in-law", "step-daughter", "mother-in-law", "sister-in-law", "stepmother", "ex-wife", "cousin", "fiancee",
    "godmother", "foster mother", "twin sister", "older sister", "eldest daughter", "great aunt", "grandma",
)  # fmt: skip
MALE_KIN: Final = (
    "husband", "son", "father", "brother", "uncle", "nephew", "grandson", "boyfriend", "dad", "grandfather",
    "son-in-law", "stepson", "father-in-law", "brother-in-law", "stepfather", "ex-husband", "fiance",
    "younger brother", "oldest son", "foster father", "twin brother", "godson", "grandpa", "half-brother",
)  # fmt: skip
ANY_KIN: Final = (
    "friend", "neighbor", "roommate", "caregiver", "partner", "HCP", "health care proxy", "emergency contact",
    "guardian", "landlord", "coworker", "spouse", "next of kin", "POA", "sibling", "case manager at work", "boss",
    "pastor", "cousin", "legal guardian", "significant other", "NOK", "family friend", "housemate", "live-in aide",
)  # fmt: skip
_KIN_SEX: Final = dict.fromkeys(FEMALE_KIN, True) | dict.fromkeys(MALE_KIN, False)

# {F} given name, {L} surname, {M} middle initial, {N} middle name, {I} first initial, {J} last initial.
FIELD: Final = (
    "{L}, {F}", "{F} {L}", "{LU},{FU}", "{L}, {F} {M}", "{F} {M}. {L}", "{LU}, {FU}", "{L},{F}", "{LU}, {FU} {M}",
    "{F} {M} {L}", "{L}, {F} {M}.", "{LU},{FU} {M}", "{F} {LU}", "{FU} {LU}", "{L} {F}", "{LU} {FU} {M}", "{LU}^{FU}",
    "{LU}, {F}", "{F} {N} {L}", "{L}, {F} {N}", "{LU}, {FU} {NU}", "{l}, {f}", "{f} {l}", "{L} , {F}", "{LU}^{FU}^{M}",
    "{I}. {L}", "{L}; {F}", "{LU} {FU}", "{F} \"{K}\" {L}", "{L}, {F} ({K})", "{F} ({K}) {L}", "{FU} {NU} {LU}",
)  # fmt: skip
FULL: Final = (
    "{F} {L}", "{F} {L}", "{F} {L}", "{F} {M}. {L}", "{F} {L}", "{F} {M} {L}", "{F} {L}", "{I}. {L}", "{F} {N} {L}",
    "{F} {L}{S}", "{F} {LU}", "{I}. {M}. {L}", "{I} {L}",
)  # fmt: skip
INITIALS: Final = (
    "{I}{J}",
    "{I}.{J}.",
    "{I}{M}{J}",
    "{I}. {J}.",
    "{I}.{M}.{J}.",
    "{I}{J}",
    "{I}/{J}",
    "{i}{j}",
    "{I}.{J}",
)
LAST_FIRST: Final = (
    "{L}, {F}",
    "{L}, {F}",
    "{L},{F}",
    "{LU}, {FU}",
    "{L}, {F} {M}.",
    "{LU},{FU}",
    "{L}, {F} {M}",
    "{L} {F}",
)
SIGNED: Final = (
    "{F} {L}", "{F} {M}. {L}", "{F} {L}", "{I}. {L}", "{L}, {F}", "{F} {M} {L}", "{FU} {LU}", "{L}", "{FU} {M}. {LU}",
    "{I}. {M}. {L}", "{L},{F}", "{L}, {F} {M}", "{LU}, {FU}", "{F} {LU}", "{I} {L}", "{I}.{L}", "{f} {l}",
)  # fmt: skip
ONE: Final = {
    "first": ("{F}",),
    "last": ("{L}",),
    "full": FULL,
    "last_first": LAST_FIRST,
    "initials": INITIALS,
    "field": FIELD,
    "signed_name": SIGNED,
    "plain": ("{F} {L}",),
    "middle": ("{F} {M}. {L}", "{F} {N} {L}"),
    "initial_last": ("{I}. {L}", "{I} {L}", "{I}.{L}"),
    "nick": ("{K}",),
    "upper": ("{FU} {LU}", "{LU}, {FU}", "{LU},{FU} {M}", "{LU}"),
    "lower": ("{f} {l}", "{l}", "{l}, {f}"),
}
"""Form of a slot -> ways to write the name."""

MD: Final = (
    ", MD", ", M.D.", " MD", ", DO", " M.D.", ", MD, PhD", ", MD, FACS", ", MD MPH", ", M.D., F.A.C.C.", ",MD", " md",
    ", D.O.", ", MBBS", ", MD FACP", ", NP", ", PA-C", " PA-C", ", APRN", ", FNP-BC", ", DPM", ", DDS", ", PhD",
    ", PGY-2", " MD PGY3", ", MS4", " (attending)", ", MD (resident)", "",
)  # fmt: skip
RN: Final = (
    ", RN", " RN", ", R.N.", ", LPN", " rn", ", RN, BSN", ", CNA", ", LVN", ", RN, CCRN", ",RN", ", RN-BC", ", BSN RN",
    " (RN)", ", charge RN", ", MSN", ", CRNA",
)  # fmt: skip
STAFF: Final = (
    ", LCSW", ", MSW", " LICSW", ", PT", ", DPT", ", OTR/L", ", RD", ", PharmD", ", CCC-SLP", " SLP", ", CCM",
    ", RN CM", ", RRT", ", MA", ", EMT-P", ", PsyD", ", Ph.D.", ", Chaplain", " PT, DPT", ", LMHC", ", RDN, CDE",
    ", CST", " (MA)", ", R.T.(R)", ", COTA", ", RPh", ", CT(ASCP)", ", M.Div.", ", intern", ", ATC",
)  # fmt: skip
DEGREES: Final = {"DOCTOR": MD, "NURSE": RN, "STAFF": STAFF}
_SUFFIXES: Final = (" Jr.", " Sr.", " III", ", Jr.", " II", " Jr", " IV")

Form = tuple[str, str, str]
"""What stands before a name, the name's form, what stands after. Titles and degrees are not PHI."""
MR: Final = ("Mr. ", "Mr. ", "Mr. ", "Mr ", "Mister ", "MR. ", "mr. ", "Mr. ", "Mr. ", "Mr.")
MS: Final = ("Ms. ", "Mrs. ", "Mrs. ", "Ms ", "Miss ", "Mrs ", "MRS. ", "ms. ", "Ms. ", "Mrs. ", "Ms.", "Mme. ")
DR: Final = ("Dr. ", "Dr. ", "Dr. ", "Dr ", "Doctor ", "DR. ", "dr. ", "Dr. ", "Dr. ", "Dr.", "Prof. ", "dr ")
TOLD: Final[dict[str, tuple[Form, ...]]] = {
    "PATIENT": (
        ("Mr. ", "last", ""), ("Mr. ", "last", ""), ("Mr. ", "full", ""), ("", "full", ""), ("", "first", ""),
        ("", "plain", ""), ("Mr. ", "last", ""), ("", "last", ""), ("pt ", "last", ""), ("Patient ", "plain", ""),
        ("", "last_first", ""), ("pt. ", "full", ""), ("", "initials", ""), ("", "middle", ""), ("Pt ", "first", ""),
    ),
    "DOCTOR": (
        ("Dr. ", "last", ""), ("Dr. ", "last", ""), ("Dr. ", "plain", ""), ("Dr ", "last", ""), ("", "plain", ", MD"),
        ("", "plain", " MD"), ("Dr. ", "initial_last", ""), ("DR. ", "upper", ""), ("dr. ", "lower", ""),
        ("", "middle", ", M.D."), ("", "last", " MD"), ("Doctor ", "last", ""), ("Dr.", "last", ""),
        ("", "plain", ", NP"), ("", "last", ""), ("", "plain", ""), ("PA ", "last", ""), ("Dr. ", "middle", ""),
        ("", "initial_last", ", DO"),
    ),
    "NURSE": (
        ("", "plain", ", RN"), ("", "first", " RN"), ("RN ", "last", ""), ("nurse ", "first", ""), ("", "plain", ""),
        ("", "initial_last", ", RN"), ("", "first", ""), ("", "last", ", RN"), ("Nurse ", "last", ""),
        ("RN ", "plain", ""), ("", "initial_last", " LPN"), ("", "last_first", " RN"), ("charge RN ", "first", ""),
        ("", "first", ", RN"),
    ),
    "STAFF": (
        ("", "plain", ""), ("", "first", ""), ("", "plain", ", LCSW"), ("", "initial_last", ""), ("", "last", ""),
        ("", "plain", ", PT"), ("", "full", ""), ("Mr. ", "last", ""), ("", "first", ""), ("", "plain", " RD"),
    ),
    "RELATIVE": (
        ("", "first", ""), ("", "plain", ""), ("Mr. ", "last", ""), ("", "full", ""), ("", "first", ""),
        ("", "nick", ""), ("Mr. ", "plain", ""), ("", "first", ""),
    ),
}  # fmt: skip
"""How a sentence names a person; `Mr. ` stands for whatever title fits."""
NAMED_KIN: Final[tuple[Form, ...]] = (
    (" ", "first", ""), (" ", "first", ""), (" ", "plain", ""), (" (", "first", ")"), (", ", "first", ","),
    (", ", "full", ""), (" (", "full", ")"), (" ", "full", ""), (", ", "plain", ","), (" - ", "first", ""),
    (" named ", "first", ""), (": ", "first", ""), (" ", "nick", ""), ("/HCP ", "first", ""), (" (", "plain", ")"),
)  # fmt: skip
"""What joins a relation and a name: `wife Carla`, `son (Tom)`."""


@dataclass(slots=True)
class Person:
    """A person of a document.

    Attributes:
        kin: how a relative stands to the patient.
    """

    female: bool
    first: str
    middle: str
    last: str
    kin: str = ""


def make(world: World, rng: random.Random, *, female: bool | None = None, last: str | None = None) -> Person:
    """A new person."""
    sex = rng.random() < 0.5 if female is None else female
    return Person(sex, world.given(sex, rng), world.given(sex, rng), last or world.surname(rng))


def kin(word: str | None, rng: random.Random) -> tuple[str, bool]:
    """A relation, or this one, and the sex that goes with it (drawn where the word leaves it open)."""
    if word is None:
        word = rng.choice(rng.choice((FEMALE_KIN[:5], FEMALE_KIN, MALE_KIN[:5], MALE_KIN, ANY_KIN)))
    return word, _KIN_SEX.get(word, rng.random() < 0.5)


def spell(forms: tuple[str, ...], person: Person, rng: random.Random) -> str:
    """The name in one of the forms; now and then in another case, or with a typing error."""
    form = forms[int(rng.random() ** 1.4 * len(forms))]
    first, last, middle = person.first, person.last, person.middle
    text = form.format(
        F=first, L=last, M=middle[0], N=middle, I=first[0], J=last[0], f=lowered(first), l=lowered(last),
        i=lowered(first[0]), j=lowered(last[0]), FU=raised(first), LU=raised(last), NU=raised(middle),
        K=nickname(person), S="" if person.female else rng.choice(_SUFFIXES),
    )  # fmt: skip
    chance = rng.random()
    if chance < 0.025:
        return raised(text)
    if chance < 0.05:
        return lowered(text)
    return mistyped(text, rng) if chance < 0.06 else text


_NICKNAMES: Final = {
    "William": "Bill", "Robert": "Bob", "Richard": "Dick", "James": "Jim", "John": "Jack", "Margaret": "Peggy",
    "Elizabeth": "Betty", "Michael": "Mike", "Thomas": "Tom", "Charles": "Chuck", "Patricia": "Pat", "Susan": "Sue",
    "Katherine": "Kate", "Barbara": "Barb", "Deborah": "Deb", "Joseph": "Joe", "Edward": "Ted", "Dorothy": "Dot",
    "Francisco": "Paco", "Jose": "Pepe", "Rebecca": "Becky", "Theodore": "Teddy", "Eleanor": "Nell", "Henry": "Hank",
}  # fmt: skip


def nickname(person: Person) -> str:
    """A short form of the given name."""
    known = _NICKNAMES.get(person.first)
    if known:
        return known
    stem = person.first[:4].rstrip("aeiouy'- .")
    return f"{stem}ie" if person.female else f"{stem}y" if len(stem) > 1 else person.first
