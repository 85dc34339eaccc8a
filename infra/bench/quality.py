"""Every figure of clinical quality, each by one command, kept in `quality.md` with its interval, target and commit.

    python -m infra.bench.quality --data DIR [--only ner ...] [--model HEAD=PATH ...] [--readmission FILE]

DIR is a folder of public corpora (`ner/`, `sections/`, `notes/`, `assertion/`, `icd/`). Rows of figures that were not
measured this time stay as they are. Readmission needs notes with real labels: `--readmission` names a Parquet file for
`notemill evaluate readmission`.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

OUTPUT: Final = Path(__file__).with_name("quality.md")
_HEAD: Final = """# Clinical quality

Measured on development data, with the shipped weights unless the command names others; no hold-out was read. Intervals
are 95% bootstrap intervals over documents. `DATA` is a folder of public corpora. Written by
`python -m infra.bench.quality`, which replaces only the rows that it measured.

A heading of MTSamples has the category that its words alone stand for in the heading table; marks that the table knows
as parts of an examination count on neither side. The labels of MTS-Dialog, written above their texts as headings, are
in the table: their figure says that they are understood, not that unknown ones would be. Entities a second are by
processor time.

| figure | measured | 95% | target | command | commit | date |
|---|---|---|---|---|---|---|
"""

# The ten types of MACCROBAT that have the most spans.
_MACCROBAT: Final = (
    "Diagnostic_procedure,Sign_symptom,Detailed_description,Biological_structure,Lab_value,Disease_disorder,Medication,"
    "Therapeutic_procedure,Date,Clinical_event"
)
# What the headers of MTS-Dialog stand for, by its authors' list.
_MTS_DIALOG: Final[Mapping[str, str]] = {
    "FAM/SOCHX": "social_history",
    "GENHX": "history_of_present_illness",
    "PASTMEDICALHX": "past_medical_history",
    "CC": "chief_complaint",
    "PASTSURGICAL": "past_surgical_history",
    "ALLERGY": "allergies",
    "ROS": "review_of_systems",
    "MEDICATIONS": "medications",
    "ASSESSMENT": "assessment",
    "EXAM": "physical_exam",
    "DIAGNOSIS": "assessment",
    "DISPOSITION": "disposition",
    "PLAN": "plan",
    "EDCOURSE": "emergency_department_course",
    "IMMUNIZATIONS": "immunizations",
    "IMAGING": "imaging",
    "GYNHX": "obstetric_history",
    "PROCEDURES": "procedures",
    "OTHER_HISTORY": "past_medical_history",
    "LABS": "results",
}
_MAPS: Final = tuple(part for names in _MTS_DIALOG.items() for part in ("--map", "=".join(names)))


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        part: what `--only` calls it; also the evaluation.
        name: the row's first cell, by which it is found again.
        arguments: of `notemill evaluate PART`; `DATA` and `READMISSION` stand for what the options name.
        at: keys to the figure in the command's JSON; its interval stands in `intervals_95` beside it.
        target: least value; None where none is set.
        share: a share, shown in per cent; else a number.
    """

    part: str
    name: str
    arguments: tuple[str, ...]
    at: tuple[str, ...]
    target: float | None = None
    share: bool = True


def _figures() -> tuple[Figure, ...]:
    def of(part: str, *arguments: str) -> Any:
        return lambda name, at, target=None, share=True: Figure(
            part, name, arguments, tuple(at.split("/")), target, share
        )

    mtsamples = of("sections", "--data", "DATA/notes/mtsamples.parquet", "--set", "preset=mimic-iv-note")
    negex = of("assertion", "--data", "DATA/assertion/negex.parquet")
    codiesp = of("icd", "--data", "DATA/icd/codiesp.parquet")
    diabetes = of("readmission", "--data", "READMISSION")
    return (
        of("ner", "--data", "DATA/ner/bc5cdr.parquet")("NER, BC5CDR: F1 of exact spans", "f1", 0.85),
        of("ner", "--data", "DATA/ner/ncbi_disease.parquet")("NER, NCBI-disease: F1 of exact spans", "f1", 0.83),
        of("ner", "--data", "DATA/ner/maccrobat.parquet", "--labels", _MACCROBAT)(
            "NER, MACCROBAT, the ten largest types: F1 of exact spans", "f1", 0.60
        ),
        of("ner", "--data", "DATA/ner/anatem.parquet")("NER, AnatEM: F1 of exact spans", "f1"),
        mtsamples("Sections, MTSamples: F1 of boundaries", "boundary/f1", 0.90),
        mtsamples("Sections, MTSamples: F1 of categories", "category/f1"),
        mtsamples("Sections, MTSamples: accuracy of categories", "category/accuracy", 0.90),
        of("sections", "--data", "DATA/sections/mts_dialog.parquet", *_MAPS)(
            "Sections, MTS-Dialog: accuracy of labels", "accuracy", 0.90
        ),
        negex("Assertion, NegEx: F1 of negated", "negated/f1", 0.94),
        negex("Assertion, NegEx: F1 of historical", "historical/f1", 0.75),
        negex("Assertion, NegEx: F1 of hypothetical", "hypothetical/f1"),
        negex("Assertion, NegEx: F1 of experiencer", "experiencer/f1"),
        negex("Assertion: entities a second on one core", "entities_per_second", 5000, share=False),
        codiesp("ICD-10-CM, CodiEsp in English: mean average precision", "map", 0.35),
        codiesp("ICD-10-CM, CodiEsp in English: micro F1", "f1"),
        codiesp("ICD-10-CM, CodiEsp in English: micro F1 over valid codes", "valid/f1", 0.42),
        codiesp("ICD-10-CM, CodiEsp in English: macro F1", "macro_f1"),
        codiesp("ICD-10-CM, CodiEsp in English: precision at 5", "p_at_5"),
        codiesp("ICD-10-CM, CodiEsp in English: precision at 8", "p_at_8"),
        codiesp("ICD-10-CM, CodiEsp in English: precision at 15", "p_at_15"),
        codiesp("ICD-10-CM, CodiEsp in English: codes whose evidence resolves", "evidence_resolved", 1.0),
        diabetes("Readmission, diabetes130 as text (real labels, synthetic text): AUROC", "auroc", 0.65),
        diabetes("Readmission, diabetes130 as text: AUPRC", "auprc"),
        diabetes("Readmission, diabetes130 as text: recall at 80% precision", "recall_at_precision_80"),
        diabetes("Readmission, diabetes130 as text: expected calibration error", "ece"),
    )


FIGURES: Final = _figures()


def command(figure: Figure, models: Sequence[str]) -> list[str]:
    """The command of a figure, as it is shown; `models` are `HEAD=PATH`, of which it takes its own."""
    own = [part for model in models if model.startswith(f"{figure.part}=") for part in ("--model", model)]
    return ["notemill", "evaluate", figure.part, *figure.arguments, *own, "--json"]


def measured(figure: Figure, facts: Mapping[str, Any]) -> tuple[float | None, list[float] | None]:
    """The figure out of the JSON of its command, and its interval."""
    around: Any = facts
    for key in figure.at[:-1]:
        around = around[key]
    value = around[figure.at[-1]]
    interval = around.get("intervals_95", {}).get(figure.at[-1])
    return (None if value is None else float(value)), interval


def row(figure: Figure, facts: Mapping[str, Any], models: Sequence[str], commit: str, date: str) -> str:
    """A line of the table."""
    value, interval = measured(figure, facts)
    bounds = "" if interval is None else " to ".join(_shown(bound, figure) for bound in interval)
    target = "" if figure.target is None else f"{_shown(figure.target, figure)} or more"
    cells = [figure.name, _shown(value, figure), bounds, target]
    return f"| {' | '.join(cells)} | `{shlex.join(command(figure, models))}` | {commit} | {date} |"


def _shown(value: float | None, figure: Figure) -> str:
    if value is None:
        return "not defined"
    return f"{value:.1%}" if figure.share else f"{value:,.0f}"


def kept(text: str) -> dict[str, str]:
    """The lines of a table that was written before, by their figure."""
    lines = (line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| figure |"))
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines}


def table(rows: Mapping[str, str]) -> str:
    """The whole file, in the order of `FIGURES`."""
    return _HEAD + "".join(f"{rows[figure.name]}\n" for figure in FIGURES if figure.name in rows)


def measure(
    figures: Iterable[Figure], places: Mapping[str, str], models: Sequence[str]
) -> Iterable[tuple[Figure, Any]]:
    """Runs each command once; gives each figure with the JSON of its command, or None where it failed."""
    done: dict[tuple[str, ...], Any] = {}
    for figure in figures:
        shown = tuple(command(figure, models))
        if shown not in done:
            print(f"$ {shlex.join(shown)}", file=sys.stderr, flush=True)
            given = shown[1:]
            for name, place in places.items():
                given = tuple(f"{place}{part.removeprefix(name)}" if part.startswith(name) else part for part in given)
            ran = subprocess.run([sys.executable, "-m", "jobs.cli", *given], stdout=subprocess.PIPE, check=False)
            done[shown] = None if ran.returncode else json.loads(ran.stdout)
        yield figure, done[shown]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Every figure of clinical quality, into quality.md.")
    parser.add_argument("--data", required=True, help="folder of public corpora")
    parser.add_argument("--only", action="append", choices=sorted({figure.part for figure in FIGURES}))
    parser.add_argument("--model", action="append", default=[], help="HEAD=PATH, for the commands of that head")
    parser.add_argument("--readmission", help="Parquet file with text, label, encounter_id and patient_id")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    asked = parser.parse_args()
    chosen = [figure for figure in FIGURES if not asked.only or figure.part in asked.only]
    if not asked.readmission:
        if asked.only and "readmission" in asked.only:
            parser.error("--only readmission needs --readmission FILE")
        chosen = [figure for figure in chosen if figure.part != "readmission"]
        print("readmission is left out: name its notes with --readmission FILE", file=sys.stderr)
    places = {"DATA": asked.data.rstrip("/"), "READMISSION": asked.readmission or ""}
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True, cwd=OUTPUT.parent
    ).stdout.strip()
    date = datetime.now(UTC).date().isoformat()
    rows = kept(asked.output.read_text()) if asked.output.exists() else {}
    failed = []
    for figure, facts in measure(chosen, places, asked.model):
        if facts is None:
            failed.append(figure.name)
            continue
        rows[figure.name] = row(figure, facts, asked.model, commit, date)
        print(rows[figure.name], flush=True)
        asked.output.write_text(table(rows))  # at once: the next command may take long
    if failed:
        raise SystemExit(f"not measured, their rows stay: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
