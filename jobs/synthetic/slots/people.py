"""Names: of the patient, of clinicians, of relatives."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final, TypeAlias

from jobs.synthetic import phi
from jobs.synthetic.grammar import Call, Slot
from jobs.synthetic.patients import Person, make_person
from jobs.synthetic.slots.base import act, identifier, slot, words
from jobs.synthetic.wording import Wording, share

if TYPE_CHECKING:
    from jobs.synthetic.scene import Scene

# What stands before the name, the name's form, what stands after. Titles and degrees are not PHI.
Form: TypeAlias = tuple[str, str, str]

# In a header's field.
_FIELD: Final[tuple[Form, ...]] = tuple(
    ("", form, "")
    for form in (
        "{L}, {F}", "{F} {L}", "{LU},{FU}", "{L}, {F} {M}.", "{F} {M}. {L}", "{LU}, {FU}", "{L},{F}", "{LU}, {FU} {M}",
        "{F} {M} {L}", "{L}, {F} {M}", "{LU},{FU} {M}", "{F} {LU}", "{FU} {LU}", "{L} {F}", "{LU}, {F}",
        "{LU} {FU} {M}",
    )
)  # fmt: skip
# In a sentence; `Mr` stands for whatever title fits.
_TOLD: Final[tuple[Form, ...]] = (
    ("Mr. ", "{L}", ""), ("Mr. ", "{L}", ""), ("", "{F} {L}", ""), ("Mr. ", "{F} {L}", ""), ("", "{F}", ""),
    ("Mr. ", "{L}", ""), ("", "{L}", ""), ("Mr ", "{L}", ""), ("", "{F} {M}. {L}", ""), ("Mr. ", "{LU}", ""),
    ("", "{I}. {L}", ""), ("Mr. ", "{F} {M}. {L}", ""), ("Pt ", "{L}", ""), ("Mr ", "{F} {L}", ""),
    ("pt ", "{F} {L}", ""),
)  # fmt: skip
_DOCTORS: Final[tuple[Form, ...]] = (
    ("Dr. ", "{L}", ""), ("Dr. ", "{F} {L}", ""), ("", "{F} {L}", ", MD"), ("Dr ", "{L}", ""), ("Dr. ", "{L}", ""),
    ("", "{F} {M}. {L}", ", M.D."), ("Dr. ", "{I}. {L}", ""), ("DR. ", "{LU}", ""), ("Dr. ", "{L}", ""),
    ("", "{L}", " MD"), ("Doctor ", "{L}", ""), ("dr. ", "{l}", ""), ("Dr.", "{L}", ""), ("", "{I}. {L}", ", MD"),
    ("", "{F} {L}", ""), ("", "{F} {L}", ", DO"), ("Prof. ", "{L}", ""), ("", "{F} {L}", ", NP"),
    ("", "{F} {L}", " PA-C"),
)  # fmt: skip
_SIGNED: Final[tuple[Form, ...]] = (
    ("", "{F} {L}", ", MD"), ("", "{F} {M}. {L}", ", M.D."), ("", "{F} {L}", " MD"), ("", "{L}, {F}", ", MD"),
    ("", "{F} {L}", ", M.D."), ("", "{FU} {M} {LU}", ", MD"), ("", "{L}, {F} {M}", " MD"), ("Dr. ", "{F} {L}", ""),
    ("", "{LU},{FU}", ", M.D."), ("", "{I}. {M}. {L}", ", MD"), ("", "{F} {L}", ", DO"), ("", "{L},{F}", ""),
    ("", "{F} {M} {L}", ", MD PhD"), ("", "{I}. {L}", " MD"), ("", "{F} {L}", ", PA-C"), ("", "{LU}, {FU}", " MD"),
)  # fmt: skip
_NURSES: Final[tuple[Form, ...]] = (
    ("", "{F} {L}", ", RN"), ("", "{I}. {L}", ", RN"), ("", "{F} {L}", " RN"), ("", "{L}, {F}", " RN"),
    ("", "{F}", " RN"), ("", "{I}.{L}", " RN"), ("", "{F} {L}", ", RN, BSN"), ("", "{l}, {f}", " rn"),
    ("RN ", "{L}", ""),
    ("", "{F} {L}", ", LPN"), ("nurse ", "{F}", ""), ("", "{I}{M} {L}", " RN"),
)  # fmt: skip
_RELATIVES: Final[tuple[Form, ...]] = (
    (" ", "{F}", ""), (" ", "{F}", ""), (" (", "{F} {L}", ")"), (", ", "{F}", ""), (" ", "{F} {L}", ""),
    (" (", "{F}", ")"), (", ", "{F} {L}", ""),
)  # fmt: skip
# Where the phrase itself says "Dr." or "MD".
_BARE: Final[tuple[Form, ...]] = (("", "{L}", ""), ("", "{F} {L}", ""), ("", "{L}", ""), ("", "{F} {L}", ""))
_LAST: Final[tuple[Form, ...]] = (("", "{L}", ""),)
_INITIALS: Final[tuple[Form, ...]] = (("", "{I}{M}{J}", ""),)


@functools.cache
def _shared(forms: tuple[Form, ...], wording: Wording) -> list[Form]:
    return share(forms, wording)


def spell(form: str, person: Person) -> str:
    """The name in a form. A form with a middle initial falls back on one without when there is none."""
    if not person.middle and "{M}" in form:
        form = form.replace(" {M}.", "").replace(" {M}", "").replace("{M}. ", "").replace("{M}", "")
    last = f"{person.last} {person.suffix}" if person.suffix and form == "{F} {L}" else person.last
    return form.format(
        F=person.first, L=last, M=person.middle, I=person.first[0], J=person.last[0], f=person.first.lower(),
        l=last.lower(), FU=person.first.upper(), LU=last.upper(),
    )  # fmt: skip


def _put(scene: Scene, label: str, form: Form, person: Person) -> None:
    before, name, after = form
    if before.startswith("Mr") and person.female:
        before = before.replace("Mr", "Mrs" if scene.random() < 0.3 else "Ms")
    scene.draft.put(before)
    scene.draft.put_phi(label, spell(name, person))
    scene.draft.put(after)


_FIXED: Final = {"last": "{L}", "first": "{F}", "full": "{F} {L}", "lastfirst": "{L}, {F}", "lower": "{l}"}


@slot("pt")
def _patient(argument: str) -> Call:
    """The patient's name: `last`, `first`, `full`, `lower`, `header` (as in a field), else as told in a sentence."""
    if argument in _FIXED:
        fixed = _FIXED[argument]
        return lambda scene: scene.draft.put_phi("PATIENT", spell(fixed, scene.patient.name))
    forms = _FIELD if argument == "header" else _TOLD

    def call(scene: Scene) -> None:
        _put(scene, "PATIENT", phi.early(_shared(forms, scene.book.wording), scene.rng), scene.patient.name)

    return call


def _person(scene: Scene, role: str) -> Person:
    if role == "pcp":
        return scene.patient.pcp
    if role == "any":
        return make_person(scene.book.pools, scene.rng)
    person: Person = getattr(scene.stay.staff, role)
    return person


def _staff(forms: tuple[Form, ...], default: str) -> Slot:
    """A slot whose argument is a role of `Staff`, `pcp`, or `any` for somebody new."""

    def make(argument: str) -> Call:
        role = argument or default

        def call(scene: Scene) -> None:
            _put(scene, "DOCTOR", phi.early(_shared(forms, scene.book.wording), scene.rng), _person(scene, role))

        return call

    return make


slot("dr")(_staff(_DOCTORS, "attending"))
slot("signed")(_staff(_SIGNED, "attending"))
slot("rn")(_staff(_NURSES, "nurse"))
slot("dr.name")(_staff(_BARE, "attending"))
slot("dr.last")(_staff(_LAST, "attending"))
slot("dr.lower")(_staff((("", "{l}", ""),), "attending"))
slot("dr.initials")(_staff(_INITIALS, "attending"))


def _relative(scene: Scene) -> None:
    """A relative, most often by name: `wife Maria`, `his daughter (Ann Lee)`; capitalised where a sentence begins."""
    relative, draft = scene.rng.choice(scene.patient.relatives), scene.draft
    chance = scene.random()
    his = "her" if scene.patient.name.female else "his"
    said = f"{his} {relative.relation}" if chance < 0.6 else relative.relation
    draft.put(said[0].upper() + said[1:] if draft.ends_sentence() else said)
    if chance >= 0.25:
        form = phi.early(_shared(_RELATIVES, scene.book.wording), scene.rng)
        _put(scene, "PATIENT", form, relative.person)


def _contact(scene: Scene) -> None:
    """Name, relation and number of the next of kin, as contact fields have it."""
    relative, draft = scene.patient.relatives[0], scene.draft
    draft.put_phi("PATIENT", spell("{L}, {F}" if scene.random() < 0.3 else "{F} {L}", relative.person))
    draft.put(f" ({relative.relation}) " if scene.random() < 0.7 else f", {relative.relation}, ")
    draft.put_phi("PHONE", relative.phone)


act("rel", _relative)
act("contact", _contact)
words("kin", lambda scene: scene.patient.relatives[0].relation)
identifier("kin.first", "PATIENT", lambda scene: scene.patient.relatives[0].person.first)
