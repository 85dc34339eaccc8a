"""`notemill evaluate readmission`: the probability of each admission against what happened.

What is measured is the table `readmission` of a run: the notes go through the very job, de-identification included,
into a folder that is gone afterwards. So `readmission.mode` and all other settings hold. An admission without a
probability (its notes too short for a chunk, or none that the mode admits) is counted and left out.

Gold is `label` (true or false, 1 or 0) beside `text`; the notes of an `encounter_id` are one admission, a note without
one is an admission of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pyarrow.types as pt
from rich.console import Console
from rich.table import Table

from jobs.config import Columns, Job
from jobs.evaluate import Request
from jobs.evaluation.binary import Outcomes
from jobs.evaluation.bootstrap import intervals
from jobs.evaluation.predictions import Predictions
from jobs.evaluation.report import Measured, between, checkpoint_facts, share
from jobs.evaluation.source import GoldSource
from jobs.progress import progress_for
from jobs.run import checkpoints, run
from pipelines.errors import RequestError
from transforms import schema
from transforms.stage import with_column

_FIELDS: Final = (
    pa.field("encounter_id", pa.string()),
    pa.field("probability", pa.float64()),
    pa.field("n_notes", pa.int32()),
    pa.field("n_chunks", pa.int32()),
)
_STAGES: Final = ("validate", "deidentify", "sections", "clinical_bert")
_NOT_INPUT: Final = frozenset({"row", "reject", "known_phi"})


@dataclass(frozen=True)
class Readmitted:
    """Gold in a column `label`, or in the table of a generated folder, where it belongs to encounters."""

    table: str = "readmission"
    key: str = "encounter_id"

    def check(self, fields: pa.Schema, name: str) -> None:
        if "label" not in fields.names:
            raise RequestError(f"{name} has no column label; it has: {', '.join(fields.names)}")
        if not (pt.is_boolean(kind := fields.field("label").type) or pt.is_integer(kind)):
            raise RequestError(f"column label of {name} is of type {kind}, but it must be true or false, or 1 or 0")

    def prepare(self, rows: pa.Table) -> pa.Table:
        return rows

    def parse(self, row: dict[str, Any], text: str | None, place: str) -> bool | None:  # noqa: ARG002
        if row["label"] not in (0, 1):
            raise RequestError(f"{place}: the label {row['label']} is neither true nor false, neither 1 nor 0")
        return bool(row["label"])

    def generated(self, rows: list[dict[str, Any]], text: str | None, place: str) -> bool | None:  # noqa: ARG002
        return bool(rows[0]["readmitted_30d"]) if rows else None


class ReadmissionReport(Measured):
    """Ranking and calibration."""

    kind = "readmission"

    def show(self, console: Console) -> None:
        figures = self.figures
        table = Table(title=f"Readmission of {figures['encounters']:,} admissions", title_justify="left")
        for name, justify in (("probability", "left"), ("n", "right"), ("mean", "right"), ("observed", "right")):
            table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]  # rich's own literal
        for row in figures["reliability"]:
            shares = [share(row["mean_probability"], 1), share(row["observed"], 1)]
            table.add_row(f"{row['low']:.1f} to {row['high']:.1f}", f"{row['n']:,}", *shares)
        console.print(table)
        names = {"auroc": "AUROC", "auprc": "AUPRC", "recall_at_precision_80": "recall at 80% precision"}
        names |= {"brier": "Brier score", "ece": "expected calibration error"}
        for name, title in names.items():
            said = f"{title} {share(figures[name])}{between(figures['intervals_95'][name])}"
            console.print(said, highlight=False)
        console.print(
            f"{figures['readmitted']:,} of {figures['encounters']:,} readmitted; {figures['not_scored']:,} without a "
            "probability, left out",
            highlight=False,
        )


def evaluate(request: Request) -> ReadmissionReport:
    """Runs the job over the notes and scores its table `readmission`.

    Raises:
        RequestError: the data or an option is wrong.
        RunError: the run failed.
    """
    request.refuse_other_heads("readmission", "deid")
    job = request.job(model={"heads": ["readmission"]}, ids="keep")
    if "clinical_bert" not in job.stages:
        raise RequestError("the job leaves the stage clinical_bert out, so there is nothing to measure")
    source = GoldSource(job.input, job.column_map(), job.split_rows, Readmitted(), request.split)
    source.check()
    models = checkpoints(job, heads=["readmission", *(["deid"] if job.deidentify.tagger else [])])
    out = Predictions(request.predictions, _FIELDS, source.files.values())
    with tempfile.TemporaryDirectory(prefix="notemill-evaluate-") as folder:
        labels, patients, n_notes = _write_input(source, Path(folder) / "notes.parquet")
        told, manifest = _run(job, Path(folder))
    out.add(tuple(row[field.name] for field in _FIELDS) for row in told)
    out.write()
    scored = [row for row in told if row["probability"] is not None and row["encounter_id"] in labels]
    encounters = [row["encounter_id"] for row in scored]
    outcomes = Outcomes(
        np.array([row["probability"] for row in scored], dtype=np.float64),
        np.array([labels[encounter] for encounter in encounters], dtype=np.float64),
    )
    figures = {
        **outcomes.figures(),
        "encounters": len(scored),
        "readmitted": int(outcomes.happened.sum()),
        "not_scored": len(labels) - len(scored),
        "reliability": outcomes.reliability(),
        "intervals_95": _intervals(outcomes, [patients[encounter] for encounter in encounters]),
        "rejects": manifest["rejects"],
    }
    settings = {
        "stages": [stage for stage in job.stages if stage in _STAGES],
        "readmission": job.model_dump().get("readmission"),
        "deidentify": job.deidentify.model_dump(),
        "split": request.split,
        "checkpoints": checkpoint_facts(models),
    }
    seconds = float(manifest.get("seconds") or 0.0)
    return ReadmissionReport(request.data, n_notes, (), settings, seconds, figures)


def _write_input(source: GoldSource[bool | None], path: Path) -> tuple[dict[str, bool], dict[str, str], int]:
    """The notes as a run takes them.

    Returns:
        The label of each encounter, whom it is drawn with, and the number of notes.

    Raises:
        RequestError: an encounter has two labels.
    """
    labels: dict[str, bool] = {}
    units: dict[str, str] = {}
    n_notes = 0
    fields = pa.schema([field for field in schema.columns(*schema.READ_COLUMNS) if field.name not in _NOT_INPUT])
    with pq.ParquetWriter(path, fields) as writer:
        for part in source.read():
            given = part.notes["encounter_id"].to_pylist()
            encounters = [one or f"note {note}" for one, note in zip(given, part.ids, strict=True)]
            for encounter, unit, label in zip(encounters, part.units, part.gold, strict=True):
                if label is None:
                    continue
                if labels.setdefault(encounter, label) != label:
                    raise RequestError(f"the encounter {encounter} is labelled both ways")
                units[encounter] = unit
            notes = with_column(part.notes, schema.IN_FLIGHT.field("encounter_id"), encounters)
            writer.write_table(notes.select(fields.names).cast(fields))
            n_notes += notes.num_rows
    return labels, units, n_notes


def _run(job: Job, folder: Path) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """Rows of the table `readmission` and the manifest."""
    asked = job.model_copy(
        update={
            "input": str(folder / "notes.parquet"),
            "output": str(folder / "run"),
            "preset": "notemill",
            "columns": Columns(),
            "stages": [stage for stage in job.stages if stage in _STAGES],
        }
    )
    outcome, _ = run(asked, progress_for(Console(stderr=True)), fresh=True)
    table = pyarrow.dataset.dataset(str(folder / "run" / "readmission")).to_table()
    rows: list[dict[str, Any]] = table.select([field.name for field in _FIELDS]).to_pylist()
    return rows, outcome.manifest


def _intervals(outcomes: Outcomes, units: list[str]) -> dict[str, list[float] | None]:
    """95% intervals; the admissions of a patient are drawn together."""
    numbers: dict[str, int] = {}
    unit_of = np.array([numbers.setdefault(unit, len(numbers)) for unit in units], dtype=np.int64)

    def drawn_figures(drawn: npt.NDArray[np.int64]) -> dict[str, float | None]:
        return outcomes.figures(np.bincount(drawn, minlength=len(numbers)).astype(np.float64)[unit_of])

    return dict.fromkeys(outcomes.figures()) | intervals(len(numbers), drawn_figures)
