"""Hospital encounters of diabetes130 as short notes: real labels, synthetic text.

The data set (Strack et al.: Impact of HbA1c measurement on hospital readmission rates, BioMed Research International
2014, doi:10.1155/2014/781670) holds columns of encounters and no notes. Here a template puts an encounter's columns
into the words of a discharge summary, always in the same way; nothing but the columns is told, and what a column
leaves unknown is not told at all. Whatever is measured on these texts says how a model reads this template, and not
how it reads what clinicians write.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Self

DRUGS: Final = (
    "insulin",
    "metformin",
    "glipizide",
    "glyburide",
    "glimepiride",
    "pioglitazone",
    "rosiglitazone",
    "repaglinide",
    "nateglinide",
    "acarbose",
    "miglitol",
    "chlorpropamide",
    "acetohexamide",
    "tolbutamide",
    "tolazamide",
    "troglitazone",
    "glyburide-metformin",
    "glipizide-metformin",
    "glimepiride-pioglitazone",
    "metformin-rosiglitazone",
    "metformin-pioglitazone",
)
"""Columns of drugs that at least one encounter may have; `examide` and `citoglipton` are `No` throughout."""

COLUMNS: Final = (
    "encounter_id",
    "patient_nbr",
    "race",
    "gender",
    "age",
    "admission_type_id",
    "discharge_disposition_id",
    "admission_source_id",
    "time_in_hospital",
    "payer_code",
    "medical_specialty",
    "num_lab_procedures",
    "num_procedures",
    "num_medications",
    "number_outpatient",
    "number_emergency",
    "number_inpatient",
    "diag_1",
    "diag_2",
    "diag_3",
    "number_diagnoses",
    "max_glu_serum",
    "A1Cresult",
    *DRUGS,
    "change",
    "diabetesMed",
    "readmitted",
)
"""Columns that are read."""

_NUMBERS: Final = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
)
_DECADES: Final = (
    "childhood",
    "teens",
    "twenties",
    "thirties",
    "forties",
    "fifties",
    "sixties",
    "seventies",
    "eighties",
    "nineties",
)
_PEOPLE: Final = {"Male": ("man", "his"), "Female": ("woman", "her")}
_DIABETES: Final = "250"


@dataclass(frozen=True)
class Wording:
    """What the values of the columns are called; see wording.toml."""

    tables: Mapping[str, Mapping[str, str]]
    chapters: tuple[tuple[int, str], ...]

    @classmethod
    @cache
    def shipped(cls) -> Self:
        content = tomllib.loads((files(__package__) / "wording.toml").read_text(encoding="utf-8"))
        chapters = tuple((chapter["until"], chapter["name"]) for chapter in content.pop("chapter"))
        return cls(content, chapters)

    def of(self, table: str, value: str) -> str | None:
        """The words for a value; None where it has none, as for unknown ones."""
        return self.tables[table].get(value)

    def disease(self, code: str) -> str | None:
        """The words for an ICD-9-CM code: its category's, else its chapter's. None: no code.

        Raises:
            ValueError: not a code of ICD-9-CM.
        """
        if code == "?":
            return None
        category, _, digits = code.partition(".")
        if category == _DIABETES:
            return self.tables["diabetes"][digits[:1] or "0"]
        if (named := self.tables["icd9"].get(category)) is not None:
            return named
        if category[:1] == "V":
            return "other health status"
        if category[:1] == "E":
            return "external cause of injury"
        if not category.isdigit():
            raise ValueError(f"{code!r} is no code of ICD-9-CM")
        return next(name for until, name in self.chapters if int(category) <= until)


def note(row: Mapping[str, str], wording: Wording | None = None) -> str:
    """The text of an encounter.

    Args:
        row: the columns `COLUMNS`, as text.
        wording: what values are called.

    Raises:
        ValueError: a value that the data set does not have.
    """
    wording = wording or Wording.shipped()
    sections = {
        "PATIENT": _patient(row, wording),
        "ADMISSION": _admission(row, wording),
        "PAST YEAR": _past_year(row),
        "DIAGNOSES": _diagnoses(row, wording),
        "HOSPITAL COURSE": _course(row),
        "DIABETES": _diabetes(row, wording),
        "DISPOSITION": wording.of("disposition", row["discharge_disposition_id"]),
    }
    return "\n".join(f"{heading}: {_sentences(body)}" for heading, body in sections.items() if body)


def _patient(row: Mapping[str, str], wording: Wording) -> str:
    noun, whose = _PEOPLE.get(row["gender"], ("patient", "their"))
    person = " ".join(filter(None, [wording.of("race", row["race"]), noun]))
    decade = _DECADES[int(row["age"].strip("[)").split("-")[0]) // 10]
    return f"{'an' if person[0] in 'Aa' else 'a'} {person} in {whose} {decade}"


def _admission(row: Mapping[str, str], wording: Wording) -> str:
    kind = wording.of("admission_type", row["admission_type_id"])
    parts = [f"{kind} admission" if kind else "Admitted", wording.of("admission_source", row["admission_source_id"])]
    specialty = row["medical_specialty"]
    if specialty not in ("?", "PhysicianNotFound"):
        parts.append(f"to {wording.of('specialty', specialty) or specialty.replace('-', ' ').lower()}")
    payer = wording.of("payer", row["payer_code"])
    return " ".join(filter(None, parts)) + (f". Insurance: {payer}" if payer else "")


def _past_year(row: Mapping[str, str]) -> str:
    inpatient, emergency, outpatient = (int(row[f"number_{kind}"]) for kind in ("inpatient", "emergency", "outpatient"))
    return (
        f"{_count(inpatient, 'inpatient stay')}, {_count(emergency, 'emergency visit')}, "
        f"{_count(outpatient, 'outpatient visit')}"
    )


def _diagnoses(row: Mapping[str, str], wording: Wording) -> str:
    first, *others = (wording.disease(row[name]) for name in ("diag_1", "diag_2", "diag_3"))
    told = [name for name in dict.fromkeys(others) if name and name != first]
    parts = [f"principal {first}" if first else "", f"with {' and '.join(told)}" if told else ""]
    return f"{', '.join(filter(None, parts)) or 'not told'}. {_count(int(row['number_diagnoses']), 'diagnosis')} in all"


def _course(row: Mapping[str, str]) -> str:
    days, procedures = int(row["time_in_hospital"]), int(row["num_procedures"])
    drugs, laboratory = int(row["num_medications"]), int(row["num_lab_procedures"])
    return (
        f"{_count(days, 'day')} in hospital. {_count(procedures, 'procedure')}, {_about(drugs, 5)} medications, "
        f"{_about(laboratory, 10)} laboratory tests"
    )


def _diabetes(row: Mapping[str, str], wording: Wording) -> str:
    told = [wording.of("a1c", row["A1Cresult"]), wording.of("glucose", row["max_glu_serum"])]
    doses = [(drug, wording.of("dose", row[drug])) for drug in DRUGS]
    taken = [f"{drug} {dose}" for drug, dose in doses if dose]
    if taken:
        told.append(", ".join(taken))
    elif row["diabetesMed"] == "No":
        told.append("no diabetes medication")
    if row["change"] == "Ch":
        told.append("medication changed")
    return ". ".join(filter(None, told))


def _count(number: int, unit: str) -> str:
    plural = f"{unit[:-2]}es" if unit.endswith("sis") else f"{unit}s"
    words = _NUMBERS[number] if number < len(_NUMBERS) else f"{number // 5 * 5} or more"
    return f"{words} {unit if number == 1 else plural}"


def _about(number: int, step: int) -> str:
    """A number by the step it falls in: a model that reads words learns a step from many encounters."""
    if number < step:
        return f"under {step}"
    floor = min(number // step * step, 4 * step if step == 5 else 8 * step)
    return f"over {floor}"


def _sentences(text: str) -> str:
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in text.removesuffix(".").split(". "))
