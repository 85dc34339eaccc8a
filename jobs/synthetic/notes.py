"""The types of note, each a function that writes one, and the finished note with its gold."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from jobs.synthetic import parts, phi
from jobs.synthetic.draft import Draft, mistype, recase, wrap
from jobs.synthetic.grammar import parse
from jobs.synthetic.parts import Chart
from jobs.synthetic.patients import Patient
from jobs.synthetic.scene import Book, Scene, make_style
from jobs.synthetic.story import Background, Encounter

Writer: TypeAlias = "Callable[[Scene, Chart], None]"

_MAIN, _MAIN_FORMAL, _OP = map(parse, ("{main}", "{main formal}", "{op}"))


@dataclass(frozen=True, slots=True)
class Case:
    """Whose stay the notes are about, and what they are written with."""

    book: Book
    patient: Patient
    background: Background
    stay: Encounter
    rng: random.Random


@dataclass(frozen=True, slots=True)
class Note:
    """A finished note: its final text, and the draft whose spans fit that text."""

    kind: str
    when: dt.datetime
    text: str
    draft: Draft


def discharge_summary(scene: Scene, chart: Chart) -> None:
    """The summary of a stay."""
    stay = scene.stay
    parts.header(scene, "discharge summary", parts.identity_fields(scene, ["admit", "discharge"], ["attending", "pcp"]))
    if scene.chance(0.3):
        scene.heading("admission_diagnosis")
        scene.write(_MAIN_FORMAL)
    if scene.chance(0.8):
        scene.heading("discharge_diagnosis")
        scene.write(_MAIN_FORMAL)
        scene.draft.put("\n")
        parts.secondary(scene)
    if scene.chance(0.5):
        scene.heading("allergies", inline=scene.chance(0.5))
        chart.paste("allergies", scene, parts.allergies)
    if scene.chance(0.4):
        scene.heading("chief_complaint")
        scene.write(scene.rng.choice(stay.acute.complaint))
    if stay.acute.operation and scene.chance(0.7):
        scene.heading("procedures")
        parts.operations(scene)
    scene.heading("history_of_present_illness")
    chart.paste("hpi", scene, parts.history)
    if scene.chance(0.8):
        scene.heading("past_medical_history")
        chart.paste("pmh", scene, parts.past_history)
    if scene.chance(0.4):
        scene.heading("past_surgical_history")
        chart.paste("psh", scene, parts.past_operations)
    if scene.chance(0.5):
        scene.heading("social_history")
        chart.paste("social", scene, parts.social)
    if scene.chance(0.4):
        scene.heading("family_history")
        chart.paste("family", scene, parts.family)
    if scene.chance(0.6):
        scene.heading("physical_exam")
        scene.say("vitals")
        scene.draft.put("\n")
        parts.exam(scene)
    if scene.chance(0.6):
        scene.heading("results")
        parts.labs(scene)
    if scene.chance(0.5):
        scene.heading("imaging")
        parts.images(scene)
    scene.heading("hospital_course")
    parts.course(scene)
    if scene.chance(0.4):
        scene.heading("admission_medications")
        chart.paste("home", scene, lambda s: parts.drug_list(s, s.background.home))
    scene.heading("discharge_medications")
    parts.drug_list(scene, stay.discharge_drugs)
    if scene.chance(0.85):
        scene.heading("disposition")
        scene.say(f"disposition_{stay.disposition}")
    if scene.chance(0.6):
        scene.heading("discharge_condition")
        scene.say("condition_poor" if stay.readmitted and scene.chance(0.3) else "condition")
    if scene.chance(0.2):
        scene.heading("diet")
        scene.say("diet")
    if scene.chance(0.2):
        scene.heading("activity")
        scene.say("activity")
    if scene.chance(0.6):
        scene.heading("discharge_instructions")
        scene.say("instructions")
    if scene.chance(0.75):
        scene.heading("follow_up")
        parts.follow_up(scene)
    parts.extras(scene, 0.35)
    parts.signature(scene)


def admission_note(scene: Scene, chart: Chart) -> None:
    """The history and physical (or consult) of the first day."""
    title = scene.rng.choice(
        ("history and physical", "consultation", f"{scene.stay.acute.service} admission note", "consult note")
    )
    parts.header(scene, title, parts.identity_fields(scene, ["visit"], ["attending", "pcp"]))
    if scene.chance(0.7):
        scene.heading("chief_complaint")
        scene.write(scene.rng.choice(scene.stay.acute.complaint))
    scene.heading("history_of_present_illness")
    chart.paste("hpi", scene, parts.history)
    scene.heading("past_medical_history")
    chart.paste("pmh", scene, parts.past_history)
    if scene.chance(0.6):
        scene.heading("past_surgical_history")
        chart.paste("psh", scene, parts.past_operations)
    scene.heading("medications")
    chart.paste("home", scene, lambda s: parts.drug_list(s, s.background.home))
    scene.heading("allergies")
    chart.paste("allergies", scene, parts.allergies)
    scene.heading("social_history")
    chart.paste("social", scene, parts.social)
    if scene.chance(0.7):
        scene.heading("family_history")
        chart.paste("family", scene, parts.family)
    if scene.chance(0.15):
        scene.heading("immunizations")
        scene.say("immunization")
    if scene.chance(0.7):
        scene.heading("review_of_systems")
        scene.say("ros")
    if scene.chance(0.7):
        scene.heading("vital_signs")
        scene.say("vitals")
    scene.heading("physical_exam")
    parts.exam(scene)
    if scene.chance(0.8):
        scene.heading("results")
        parts.labs(scene)
    if scene.chance(0.5):
        scene.heading("imaging")
        parts.images(scene)
    scene.heading("assessment_and_plan")
    parts.problems(scene)
    parts.extras(scene, 0.3)
    parts.signature(scene)


def progress_note(scene: Scene, chart: Chart) -> None:
    """A day's note, its histories copied from the days before (see `copying` for the rest)."""
    if scene.chance(0.75):
        parts.header(scene, "progress note", parts.identity_fields(scene, ["visit"], ["attending"]))
    else:
        scene.write(_PROGRESS_OPEN)
    scene.heading("subjective")
    scene.say("daily")
    if scene.chance(0.45):
        scene.heading("history_of_present_illness")
        chart.paste("hpi", scene, parts.history)
    if scene.chance(0.45):
        scene.heading("past_medical_history")
        chart.paste("pmh", scene, parts.past_history)
    if scene.chance(0.5):
        scene.heading("medications")
        chart.paste("current", scene, lambda s: parts.drug_list(s, s.stay.discharge_drugs))
    if scene.chance(0.3):
        scene.heading("allergies")
        chart.paste("allergies", scene, parts.allergies)
    if scene.chance(0.8):
        scene.heading("vital_signs")
        scene.say("vitals")
    scene.heading("physical_exam")
    parts.exam(scene)
    if scene.chance(0.75):
        scene.heading("results")
        parts.labs(scene)
    if scene.chance(0.3):
        scene.heading("imaging")
        parts.images(scene)
    if scene.chance(0.65):
        scene.heading("assessment_and_plan")
        parts.problems(scene)
    else:
        scene.heading("assessment")
        scene.say("assess_open")
        scene.heading("plan")
        parts.plan(scene)
    scene.draft.end_line()
    scene.draft.closing = scene.draft.length
    parts.extras(scene, 0.3)
    parts.signature(scene)


_PROGRESS_OPEN = parse(
    "[{date today} {time} |{time} {date today} |]{service} [progress note|PN|daily note] - {pt header}"
    " [(MRN {mrn})|#{mrn}|]\nHD#{hd}\n"
)


def radiology_report(scene: Scene, _: Chart) -> None:
    """The report of one imaging study."""
    rng = scene.rng
    image = rng.choice(scene.stay.acute.images)
    study = scene.book.clinic.studies[image.study]
    scene.focus = image
    fields = parts.identity_fields(scene, ["exam"], ["ordering"])
    if scene.chance(0.6):
        fields.insert(rng.randrange(len(fields) + 1), "accession")
    parts.header(scene, "radiology report", list(dict.fromkeys(fields)))
    scene.draft.put("\n")
    name = rng.choice(study.names)
    if scene.chance(0.6):
        scene.draft.put(rng.choice(("EXAM: ", "Exam: ", "EXAMINATION: ", "STUDY: ", "")))
    scene.draft.put_entity("Procedure", name if scene.chance(0.7) else name.capitalize())
    scene.draft.put("\n")
    scene.heading("indication", inline=True if scene.chance(0.6) else None)
    scene.say("radiology_indication")
    if scene.chance(0.8):
        scene.heading("comparison", inline=True if scene.chance(0.6) else None)
        scene.say("comparison")
    if scene.chance(0.7):
        scene.heading("technique", inline=True if scene.chance(0.5) else None)
        scene.write(rng.choice(study.technique))
    scene.heading("findings")
    scene.write(image.findings)
    for phrase in rng.sample(study.normal, min(len(study.normal), phi.number(1, 4, rng))):
        scene.draft.put(" " if scene.style.inline_lists else "\n")
        scene.write(phrase)
    scene.heading("impression")
    scene.write(image.impression)
    if scene.chance(0.35):
        scene.draft.put("\n\n" if scene.chance(0.5) else " ")
        scene.say("radiology_comm")
    scene.draft.put("\n\n")
    scene.say("radiology_sign")


def nursing_note(scene: Scene, _: Chart) -> None:
    """A shift's note: short sentences, few headings."""
    rng = scene.rng
    if scene.chance(0.5):
        parts.header(scene, "nursing note", parts.identity_fields(scene, ["visit"], [])[:5])
    elif scene.chance(0.7):
        scene.write(_NURSING_OPEN)
    lines = scene.several("nursing", 4, 9)
    cuts = {0, len(lines) - 1} if scene.chance(0.4) else set()
    names = iter(("nursing_assessment", "nursing_plan"))
    between = rng.choice((" ", " ", "\n"))
    for index, phrase in enumerate(lines):
        if index in cuts:
            scene.heading(next(names))
        elif index:
            scene.draft.put(between)
        scene.write(phrase)
    scene.draft.put(" " if scene.chance(0.3) else "\n")
    scene.say("nursing_end")


_NURSING_OPEN = parse(
    "[{date today} {time} |{time} |{date today}, {weekday}, 7a-7p. |NPN 1900-0700 {date today}\n"
    "|Nursing Progress Note {time}: ]"
)


def operative_note(scene: Scene, _: Chart) -> None:
    """The report of an operation."""
    rng = scene.rng
    operation = scene.book.clinic.operations[scene.stay.acute.operation]
    scene.focus = operation
    parts.header(
        scene, "operative report", parts.identity_fields(scene, ["surgery"], ["surgeon", "assistant", "anesthetist"])
    )
    scene.heading("preoperative_diagnosis")
    scene.write(_MAIN_FORMAL)
    scene.heading("postoperative_diagnosis")
    if scene.chance(0.3):
        scene.draft.put("Same")
    else:
        scene.write(_MAIN_FORMAL)
    scene.heading("procedures")
    scene.write(_OP)
    scene.heading("anesthesia")
    scene.write(rng.choice(operation.anesthesia))
    if scene.chance(0.8):
        scene.heading("estimated_blood_loss")
        scene.write(rng.choice(operation.blood))
    if scene.chance(0.5):
        scene.heading("specimens")
        scene.say("specimens")
    if scene.chance(0.8):
        scene.heading("complications")
        scene.say("complications")
    if scene.chance(0.8):
        scene.heading("indication")
        scene.say("operative_indication")
    scene.heading("operative_findings")
    scene.write(rng.choice(operation.findings))
    scene.heading("operative_description")
    for index, step in enumerate(operation.steps):
        scene.draft.put(" " if index else "")
        scene.write(rng.choice(step))
    scene.draft.put(" ")
    scene.say("operative_end")
    parts.signature(scene)


def telephone_encounter(scene: Scene, _: Chart) -> None:
    """A call after the stay."""
    if scene.chance(0.6):
        parts.header(scene, "telephone encounter", parts.identity_fields(scene, ["visit"], [])[:4])
    else:
        scene.write(_CALL_OPEN)
    count = phi.number(1, 3, scene.rng)
    for index, phrase in enumerate(
        scene.rng.sample(scene.book.phrases["telephone"], min(count, len(scene.book.phrases["telephone"])))
    ):
        scene.draft.put("\n" if index else "")
        scene.write(phrase)
    scene.draft.put("\n")
    scene.say("nursing_end")


_CALL_OPEN = parse("[{date today} {time}|TC {date today}|Phone note {date today}] - {pt header}\n")


def letter(scene: Scene, _: Chart) -> None:
    """A letter to the doctor who cares for the patient at home."""
    scene.say("letterhead")
    scene.write(_LETTER_OPEN)
    scene.say("letter")
    for key in ("letter_middle", "letter_middle", "letter_end"):
        scene.draft.put("\n\n")
        scene.say(key)
    scene.draft.put("\n")


_LETTER_OPEN = parse(
    "\n{date today}\n\n[{signed pcp}\n{anystreet}\n{city}, {st} {anyzip}\n\n|]"
    "RE: {pt header}[\nDOB: {date dob}|  MRN {mrn}|\nMR#: {mrn}\nDOB: {date dob}|]\n\n"
    "Dear [Dr. {dr.last pcp}|Dr. {dr.name pcp}|Doctor|Colleague]:\n\n"
)

KINDS: Final[dict[str, Writer]] = {
    "discharge summary": discharge_summary,
    "history and physical": admission_note,
    "progress note": progress_note,
    "radiology report": radiology_report,
    "nursing note": nursing_note,
    "operative note": operative_note,
    "telephone encounter": telephone_encounter,
    "letter": letter,
}


def write_note(kind: str, when: dt.datetime, chart: Chart, case: Case) -> Note:
    """Writes one note and finishes its text."""
    rng = case.rng
    style = make_style(case.book, rng)
    if kind in ("nursing note", "telephone encounter"):
        style.inline_lists = True
    scene = Scene(case.book, rng, case.patient, case.background, case.stay, when.date(), style)
    KINDS[kind](scene, chart)
    text = scene.draft.text()
    if rng.random() < 0.25:
        text = mistype(text, scene.draft, rng, phi.number(2, 30, rng))
    chance = rng.random()
    if kind == "nursing note" and chance < 0.4:
        text = recase(text, upper=False)
    elif chance < 0.04:
        text = recase(text, upper=True)
    elif chance > 0.97:
        text = recase(text, upper=False)
    if rng.random() < 0.25:
        text = wrap(text, rng.choice((65, 72, 80, 96)))
    return Note(kind, when, text, scene.draft)
