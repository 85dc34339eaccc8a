"""The parts of which notes are made: header, history, lists, findings, plan, signature.

What does not change during a stay (history, home drugs) is written once into the `Chart` and copied forward, as
clinicians do; now and then an author writes it anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from jobs.synthetic import phi
from jobs.synthetic.draft import Fragment
from jobs.synthetic.grammar import parse
from jobs.synthetic.scene import Scene
from jobs.synthetic.slots.story import chronic_mention, lab_value
from jobs.synthetic.story import Dose

_ANEW: Final = 0.15
"""How often an author writes a history anew instead of copying it."""

_LASTING: Final = ("psh", "social", "family", "allergies")
"""The histories that are copied even from an earlier stay."""

_TODAY, _MAIN = parse("{date today}"), parse("{main}")
_OPERATED = parse("[ on {date surgery}| {date surgery}| ({date surgery}, {dr surgeon})|]")
_SINCE = parse(
    "[, dx {date.month}|, since {date.month}|, followed by {dr any}| ({hosp})| (diagnosed {date.month})|, dx {year}]"
)


class Chart:
    """What has been written about a stay so far and may be copied forward.

    Args:
        earlier: the chart of the stay before, from which the histories that do not change are copied.
    """

    def __init__(self, earlier: Chart | None = None) -> None:
        pieces = earlier._pieces if earlier is not None else {}
        self._pieces: dict[str, Fragment] = {name: pieces[name] for name in _LASTING if name in pieces}

    def paste(self, name: str, scene: Scene, make: Callable[[Scene], None]) -> None:
        """Writes the piece of this name: the copy, or a new one that becomes the copy."""
        piece = self._pieces.get(name)
        if piece is None or scene.chance(_ANEW):
            piece = scene.capture(lambda: make(scene))
            self._pieces[name] = piece
        if "\n" in piece.text and scene.draft.text_ends_inline():
            scene.draft.put("\n")
        scene.draft.paste(piece)
        scene.draft.end_line()


def header(scene: Scene, title: str, fields: list[str]) -> None:
    """Title, letterhead and a block of fields, each note in a layout of its own."""
    draft, rng = scene.draft, scene.rng
    if scene.chance(0.5):
        scene.say("letterhead")
        if scene.chance(0.5):
            draft.put("\n")
    if scene.chance(0.7):
        draft.put(f"{title.upper() if scene.chance(0.6) else title.capitalize()}\n")
        if scene.chance(0.4):
            draft.put("\n")
    between = rng.choice(("\n", "\n", "\n", "    ", "  |  ", "\t", "\n\n"))
    for index, name in enumerate(fields):
        if index:
            # Rows of two or three fields are as common as one field a line.
            draft.put("\n" if between == "\n" or index % 3 == 0 else between)
        scene.write(rng.choice(scene.book.fields[name]))
    draft.put("\n")


_FURTHER_FIELDS: Final = (
    "account", "ssn", "address", "phone", "email", "insurance", "contact", "case", "location", "employer", "pcp",
    "service", "age",
)  # fmt: skip


def identity_fields(scene: Scene, dates: list[str], people: list[str]) -> list[str]:
    """Which fields a header shows, in order: who, when, by whom, and some others."""
    rng = scene.rng
    fields = ["name"]
    if scene.chance(0.85):
        fields.append("mrn")
    if scene.chance(0.7):
        fields.append("dob")
    if scene.chance(0.5):
        fields.append("sex")
    if scene.chance(0.3):
        rng.shuffle(fields)
    fields += [name for name in dates if scene.chance(0.85)]
    fields += [name for name in people if scene.chance(0.7)]
    fields += rng.sample(_FURTHER_FIELDS, int(rng.random() ** 1.5 * 6))
    return list(dict.fromkeys(fields))


def history(scene: Scene) -> None:
    """History of the present illness: who, what, how it came, what it is not, and what happened before."""
    stay = scene.stay
    scene.say("hpi_open")
    scene.write(scene.rng.choice(stay.acute.story))
    scene.draft.put(" ")
    scene.say("hpi_end")
    if scene.background.noncompliant:
        scene.say("noncompliant")
    prior = "0" if stay.prior_admissions == 0 else "1" if stay.prior_admissions == 1 else "many"
    scene.say(f"hpi_prior_{prior}")
    scene.say("hpi_ed")


def past_history(scene: Scene) -> None:
    """The chronic diseases, as a list or in a row."""

    def mention(index: int) -> None:
        chronic_mention(scene, index)
        if scene.chance(0.15):
            scene.write(_SINCE)

    fragments = [
        scene.capture(lambda index=index: mention(index))  # type: ignore[misc]
        for index in range(len(scene.background.chronic))
    ]
    _list(scene, fragments, ", ")


def past_operations(scene: Scene) -> None:
    """Earlier operations."""
    if scene.chance(0.4):
        scene.say("psh_none")
    else:
        _list(scene, scene.drafts(scene.several("psh_line", 1, 3)), "; ")


def _list(scene: Scene, fragments: list[Fragment], comma: str) -> None:
    if not scene.style.inline_lists:
        scene.items(fragments)
        return
    for index, fragment in enumerate(fragments):
        if index:
            scene.draft.put(comma)
        scene.draft.paste(fragment)


def drug_list(scene: Scene, doses: list[Dose]) -> None:
    """A list of drugs with doses."""
    if not doses:
        scene.draft.put("None")
        return
    form = scene.rng.choice(("{d} {r} {o}", "{d} {o}", "{d} {r} {o}", " - {d} {r} {o}", "{d} tab {o}", "{d}, {o}"))

    def line(dose: Dose) -> None:
        scene.draft.put_entity("Chemical", dose.name[0].upper() + dose.name[1:] if capital else dose.name)
        if form[0] == "{":
            scene.draft.put(" ")
        scene.draft.put(form.format(d=dose.dose, r=dose.route, o=dose.often))

    capital = scene.chance(0.5)
    _list(scene, [scene.capture(lambda dose=dose: line(dose)) for dose in doses], ", ")  # type: ignore[misc]


def allergies(scene: Scene) -> None:
    """Allergies with reactions, or none."""
    known = scene.background.allergies
    if not known:
        scene.say("allergy_none")
        return
    for index, allergy in enumerate(known):
        if index:
            scene.draft.put(", ")
        scene.draft.paste(scene.about(allergy, "allergy_line"))


def social(scene: Scene) -> None:
    """Social history."""
    scene.say("social")


def family(scene: Scene) -> None:
    """What relatives have."""
    known = scene.background.family
    if not known:
        scene.say("family_none")
        return
    for index, item in enumerate(known):
        if index:
            scene.draft.put(scene.rng.choice((". ", ", ", "; ")) if index == 1 else ", ")
        scene.draft.paste(scene.about(item, "family_line"))


_SYSTEMS: Final = (
    ("gen", ("General", "Gen", "GENERAL", "GEN", "Const")), ("heent", ("HEENT", "HEENT", "Head/Eyes")),
    ("neck", ("Neck", "NECK")), ("lungs", ("Lungs", "Resp", "LUNGS", "Pulm", "Chest", "PULM")),
    ("cv", ("CV", "Heart", "Cardiac", "CARDIOVASCULAR", "Cor")), ("abd", ("Abd", "Abdomen", "GI", "ABD")),
    ("ext", ("Ext", "Extremities", "EXT", "MSK")), ("skin", ("Skin", "SKIN")),
    ("neuro", ("Neuro", "NEURO", "Neurologic")),
)  # fmt: skip


def exam(scene: Scene) -> None:
    """Findings by organ system: the disease's own where it has some, else normal ones."""
    abnormal = scene.stay.acute.exam
    inline = scene.style.inline_lists
    colon = scene.rng.choice((": ", ": ", ": ", " - ", ":  "))
    first = True
    for system, labels in _SYSTEMS:
        if system not in abnormal and scene.chance(0.25):
            continue
        if inline:
            scene.draft.put("" if first else " ")
        else:
            scene.draft.end_line()
        first = False
        scene.draft.put_heading("physical_exam", scene.rng.choice(labels), "", colon, level=2)
        if system in abnormal:
            scene.write(scene.rng.choice(abnormal[system]))
        else:
            scene.say(f"exam_{system}")
        scene.draft.put(".")


_PANELS: Final = (
    ("wbc", "hgb", "plt"), ("na", "k", "cl", "hco3", "bun", "cr", "glu"), ("ca", "mg", "phos"), ("inr",),
    ("alt", "ast", "tbili", "alb"),
)  # fmt: skip


def labs(scene: Scene) -> None:
    """Laboratory values: the disease's own first, then panels."""
    rng, draft = scene.rng, scene.draft
    layout = rng.choice(("row", "row", "lines", "stamped"))
    panels = [tuple(scene.stay.acute.labs), _PANELS[0], _PANELS[1]]
    panels += [panel for panel in _PANELS[2:] if scene.chance(0.35)]
    equals = rng.choice((" ", " ", ": ", "-", " = "))
    clinic = scene.book.clinic
    for panel in panels:
        draft.end_line()
        if layout == "stamped":
            scene.write(_TODAY)
            draft.put(f" {phi.number(1, 12, rng):02}:{phi.number(0, 59, rng):02}AM BLOOD ")
        for index, key in enumerate(panel):
            if index:
                draft.put("\n" if layout == "lines" else rng.choice((", ", "  ")) if layout == "row" else " ")
            lab = clinic.labs[key]
            value = lab_value(scene, key)
            draft.put_entity("Lab", lab.names[0] if scene.chance(0.8) else rng.choice(lab.names))
            mark = ""
            if layout != "row" and not lab.low <= float(value) <= lab.high:
                mark = rng.choice(("*", " (H)", " H")) if float(value) > lab.high else rng.choice(("*", " (L)", " L"))
            draft.put(("-" if layout == "stamped" else equals) + value + mark)


def images(scene: Scene) -> None:
    """The impressions of the stay's imaging, as they are quoted in other notes."""
    for index, image in enumerate(scene.stay.acute.images):
        if index and scene.chance(0.4):
            break
        scene.draft.end_line()
        scene.draft.paste(scene.about(image, "prior_image"))
        scene.write(image.impression)


def problems(scene: Scene) -> None:
    """Assessment and plan by problem."""
    rng, draft = scene.rng, scene.draft
    scene.say("assess_open")
    dash = rng.choice(("- ", "-", "  - ", "-> ", "* "))
    mark = rng.choice(("# ", "#", "1. ", "1) ", ""))

    def problem(number: int, name: Callable[[], None]) -> None:
        draft.put("\n" + mark.replace("1", str(number)))
        name()
        draft.put(rng.choice((":", ":", " -", ".")))

    problem(1, lambda: scene.write(_MAIN))
    for phrase in scene.several("plan_item", 2, 5):
        draft.put("\n" + dash)
        scene.write(phrase)
    for number in range(min(len(scene.background.chronic), phi.number(1, 4, rng))):
        problem(number + 2, lambda number=number: chronic_mention(scene, number))  # type: ignore[misc]
        draft.put(" ")
        draft.paste(scene.about(scene.background.chronic[number], "chronic_plan"))
    draft.put("\n")


def plan(scene: Scene) -> None:
    """A plain plan."""
    _list(scene, scene.drafts(scene.several("plan_item", 3, 7)), ". ")


def course(scene: Scene) -> None:
    """What happened during the stay."""
    scene.say("assess_open")
    scene.draft.put(" ")
    scene.write(scene.rng.choice(scene.stay.acute.course))
    if scene.chance(0.5):
        scene.draft.put(" ")
        scene.say("plan_item")
        scene.draft.put(".")
    for number in range(min(len(scene.background.chronic), phi.number(0, 4, scene.rng))):
        scene.draft.put("\n" + scene.style.bullet.replace("1", str(number + 2)))
        chronic_mention(scene, number)
        scene.draft.put(": ")
        scene.draft.paste(scene.about(scene.background.chronic[number], "chronic_plan"))
        scene.draft.put(".")
    if scene.stay.disposition == "ama":
        scene.draft.put("\n")
        scene.say("disposition_ama")


def extras(scene: Scene, probability: float) -> None:
    """Addenda: the odd facts, with identifiers, that gather at the end of notes."""
    while scene.chance(probability):
        scene.draft.end_line()
        scene.say("addendum")
        scene.draft.put("\n")
        probability /= 2


def signature(scene: Scene) -> None:
    """Who signed, and who gets a copy."""
    scene.draft.end_line()
    if scene.chance(0.6):
        scene.draft.put("\n")
    scene.say("signature")
    scene.draft.put("\n")
    if scene.chance(0.3):
        scene.say("copies")
        scene.draft.put("\n")


def secondary(scene: Scene) -> None:
    """Secondary diagnoses."""
    count = min(len(scene.background.chronic), phi.number(0, 5, scene.rng))
    scene.items([scene.capture(lambda index=index: chronic_mention(scene, index)) for index in range(count)])  # type: ignore[misc]


def operations(scene: Scene) -> None:
    """The stay's operation with its day."""
    operation = scene.book.clinic.operations[scene.stay.acute.operation]
    scene.write(scene.rng.choice(operation.names))
    scene.write(_OPERATED)


def follow_up(scene: Scene) -> None:
    """Appointments."""
    _list(scene, scene.drafts(scene.several("follow_up", 1, 3)), " ")
