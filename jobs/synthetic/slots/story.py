"""The clinical story: diseases, drugs, labs, operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobs.synthetic import phi
from jobs.synthetic.clinic import Chronic, Image, Operation
from jobs.synthetic.draft import PRESENT, Assertion
from jobs.synthetic.grammar import Call, Phrase, assertion, pick
from jobs.synthetic.slots.base import act, slot

if TYPE_CHECKING:
    from jobs.synthetic.scene import Scene

_PAST: Final = Assertion(historical=True)
_FAMILY: Final = Assertion(experiencer="family")


@slot("main")
def _main(argument: str) -> Call:
    """The disease that the patient is here for. `formal` names it in full; marks assert it (`{main ?}`)."""
    formal = argument == "formal"
    said = PRESENT if formal else assertion(argument)

    def call(scene: Scene) -> None:
        acute = scene.stay.acute
        name = acute.names[0] if formal or scene.random() < 0.4 else scene.rng.choice(acute.names)
        if formal and scene.random() < 0.5:
            name = name[0].upper() + name[1:]
        scene.draft.put_entity("Disease", name, said)
        if said == PRESENT:
            scene.draft.add_code(acute.code)

    return call


def chronic_mention(scene: Scene, index: int) -> None:
    """Writes one of the patient's chronic diseases, as past where it is over."""
    chronic = scene.background.chronic[index]
    # The formal name, else a shorter one: authors abbreviate what they write often.
    name = chronic.names[0] if scene.random() < 0.4 else scene.rng.choice(chronic.names)
    if chronic.past:
        scene.draft.put(scene.rng.choice(("h/o ", "history of ", "prior ", "s/p ")))
    scene.draft.put_entity("Disease", name, _PAST if chronic.past else PRESENT)
    scene.draft.add_code(chronic.code)


@slot("pmh")
def _pmh(argument: str) -> Call:
    """Some of the chronic diseases in a row; the argument caps how many."""
    most = int(argument or 5)

    def call(scene: Scene) -> None:
        total = min(most, len(scene.background.chronic))
        for index in range(total):
            if index:
                scene.draft.put(", " if index < total - 1 or scene.random() < 0.4 else " and ")
            chronic_mention(scene, index)

    return call


@slot("denies")
def _denies(argument: str) -> Call:
    """Some pertinent negatives in a row; the argument is the last conjunction."""
    last = f" {argument or 'or'} "

    def call(scene: Scene) -> None:
        items: list[Phrase] = scene.stay.acute.denies
        chosen = scene.rng.sample(items, min(len(items), phi.number(2, 4, scene.rng)))
        for index, item in enumerate(chosen):
            if index:
                scene.draft.put(last if index == len(chosen) - 1 else ", ")
            scene.write(item)

    return call


act("complaint", lambda scene: scene.write(pick(scene.stay.acute.complaint, scene.rng)))
act("course", lambda scene: scene.write(pick(scene.stay.acute.course, scene.rng)))


@slot("drug")
def _drug(argument: str) -> Call:
    """One of the patient's drugs by name; `dose` adds how it is taken."""

    def call(scene: Scene) -> None:
        drugs = scene.stay.discharge_drugs
        if not drugs:
            scene.draft.put_entity("Chemical", "acetaminophen")
            return
        dose = scene.rng.choice(drugs)
        scene.draft.put_entity("Chemical", dose.name)
        if argument:
            scene.draft.put(f" {dose.dose} {dose.route} {dose.often}")

    return call


def lab_value(scene: Scene, key: str) -> str:
    """The value of a lab on the day of the note: the admission's drifts towards normal."""
    lab = scene.book.clinic.labs[key]
    middle = (lab.low + lab.high) / 2
    left = max(0.15, 1 - 0.25 * (scene.today - scene.stay.admit).days)
    value = middle + (scene.stay.labs[key] - middle) * left * (0.92 + 0.16 * scene.random())
    return f"{max(value, 0.01):.{lab.decimals}f}"


@slot("lab")
def _lab(argument: str) -> Call:
    """`{lab cr}`: a lab's name and today's value."""

    def call(scene: Scene) -> None:
        scene.draft.put_entity("Lab", scene.book.clinic.labs[argument].names[0])
        scene.draft.put(f" {lab_value(scene, argument)}")

    return call


def _lungs(scene: Scene) -> None:
    abnormal = scene.stay.acute.exam.get("lungs")
    if abnormal and scene.random() < 0.7:
        scene.write(pick(abnormal, scene.rng))
    else:
        scene.say("exam_lungs")


act("lungs", _lungs)
act("smoke", lambda scene: scene.say(f"smoke_{scene.background.smoker}"))
act("drink", lambda scene: scene.say(f"drink_{scene.background.drinks}"))


# What the phrase is about: the scene's focus.


def _pair(scene: Scene) -> tuple[str, Chronic | str]:
    if not isinstance(scene.focus, tuple):
        raise TypeError("the phrase stands only where the focus is a relative's disease or an allergy")
    return scene.focus


def _family_disease(scene: Scene) -> None:
    chronic = _pair(scene)[1]
    if isinstance(chronic, Chronic):
        scene.draft.put_entity("Disease", scene.rng.choice(chronic.names), _FAMILY)


def _study(scene: Scene) -> None:
    study = scene.focus.study if isinstance(scene.focus, Image) else scene.stay.acute.images[0].study
    scene.draft.put_entity("Procedure", scene.book.clinic.studies[study].short)


def _operation(scene: Scene) -> None:
    if not isinstance(scene.focus, Operation):
        raise TypeError("the phrase stands only where the focus is an operation")
    scene.write(pick(scene.focus.names, scene.rng))


def _drugs_for(scene: Scene) -> None:
    """The patient's drugs for the disease in focus."""
    chronic = scene.focus
    wanted = {key for group in chronic.drugs for key in group} if isinstance(chronic, Chronic) else set()
    drugs = [dose for dose in scene.background.home if dose.key in wanted]
    if not drugs:
        scene.draft.put("current regimen")
    for index, dose in enumerate(drugs):
        scene.draft.put(", " if index else "")
        scene.draft.put_entity("Chemical", dose.name)


act("who", lambda scene: scene.draft.put(_pair(scene)[0]))
act("famdx", _family_disease)
act("allergen", lambda scene: scene.draft.put_entity("Chemical", _pair(scene)[0]))
act("reaction", lambda scene: scene.draft.put_entity("Disease", str(_pair(scene)[1]), _PAST))
act("short", _study)
act("op", _operation)
act("drugfor", _drugs_for)


@slot("signature")
def _signature(argument: str) -> Call:
    """`{signature Dictated by}`: the words with which a signature begins; a heading where they begin a line."""

    def call(scene: Scene) -> None:
        if scene.draft.text_ends_inline():
            scene.draft.put(argument)
        else:
            scene.draft.put_heading("signature", argument, "", "")

    return call
