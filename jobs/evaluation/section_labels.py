"""Sections against the labels of sections: data with a column `label`, where each row is the text of one section.

The label is written above the text as its heading; accuracy is the share of rows whose heading is found and gets the
category that the label stands for: what `--map LABEL=CATEGORY` says, else what the heading table does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from jobs.config import Job
from jobs.evaluate import Request
from jobs.evaluation.bootstrap import bounds, by_unit, resampled_sums
from jobs.evaluation.gold import is_text
from jobs.evaluation.predictions import SECTION_FIELDS, Predictions, kept
from jobs.evaluation.reading import Reading
from jobs.evaluation.report import Measured, between, share
from jobs.evaluation.source import GoldSource
from pipelines.errors import RequestError
from transforms.sections.headings import HeadingIndex


@dataclass(frozen=True)
class SectionLabels:
    """A section's label in a column `label`; it is written above the text as its heading."""

    table: None = None
    key: ClassVar[str] = "note_id"

    def check(self, fields: pa.Schema, name: str) -> None:
        if not is_text(kind := fields.field("label").type):
            raise RequestError(f"column label of {name} is of type {kind}, but it must be text")

    def prepare(self, rows: pa.Table) -> pa.Table:
        if "text" not in rows.column_names:
            return rows
        pairs = zip(rows["label"].to_pylist(), rows["text"].to_pylist(), strict=True)
        texts = [None if not text else f"{label}:\n{text}" for label, text in pairs]
        return rows.drop_columns(["text"]).append_column("text", pa.array(texts, pa.string()))

    def parse(self, row: dict[str, Any], text: str | None, place: str) -> str:  # noqa: ARG002
        if not row["label"]:
            raise RequestError(f"{place}: the label is empty")
        return str(row["label"])

    def generated(self, rows: list[dict[str, Any]], text: str | None, place: str) -> str:  # noqa: ARG002
        raise RequestError(f"{place}: generated notes hold no such gold")


class SectionLabelsReport(Measured):
    """Accuracy by label."""

    kind = "sections"

    def show(self, console: Console) -> None:
        table = Table(title=f"Labels of {self.notes:,} sections", title_justify="left")
        for name, justify in (("label", "left"), ("category", "left"), ("n", "right"), ("accuracy", "right")):
            table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]  # rich's own literal
        for label, of_label in self.figures["by_label"].items():
            table.add_row(label, of_label["category"] or "–", f"{of_label['n']:,}", share(of_label["accuracy"]))
        console.print(table)
        accuracy = f"accuracy {share(self.figures['accuracy'])}{between(self.figures['intervals_95']['accuracy'])}"
        console.print(accuracy, highlight=False)
        self.show_rejected(console, "counted as wrong")


def evaluate(
    request: Request, job: Job, index: HeadingIndex, names: Mapping[str, str], settings: Mapping[str, Any]
) -> SectionLabelsReport:
    """Runs the stage `sections` over the rows.

    Args:
        request: what was asked for, and `job` made of it.
        index: what headings stand for by themselves.
        names: label -> category.
        settings: of the stage.

    Raises:
        RequestError: the data or a name is wrong.
    """
    source = GoldSource(job.input, job.column_map(), job.split_rows, SectionLabels(), request.split)
    stands_for = _categories(names, index, {label for part in source.read() for label in part.gold})
    out = Predictions(request.predictions, [source.id_field, *SECTION_FIELDS], source.files.values())
    rows: list[tuple[str, str, bool]] = []
    with Reading(job, {}, ("validate",), ("sections",)) as reading:
        for part, done in reading.read(source.read()):
            sections = done["sections"].to_pylist()
            out.add(kept(part.ids, sections, SECTION_FIELDS))
            for unit, label, found in zip(part.units, part.gold, sections, strict=True):
                first = found[0]["category"] if found else None
                rows.append((unit, label, first is not None and first == stands_for[label]))
    out.write()
    figures = _figures(rows, stands_for)
    done_by = {**settings, "map": dict(names)}
    return SectionLabelsReport(request.data, reading.notes, tuple(reading.rejected), done_by, reading.seconds, figures)


def _categories(names: Mapping[str, str], index: HeadingIndex, labels: set[str]) -> dict[str, str | None]:
    """The category that each label stands for; None where nothing says it, and then no section can be right."""
    if unused := sorted(set(names) - labels):
        raise RequestError(f"--map {unused[0]}=…: the data have {', '.join(sorted(labels))}")
    if unknown := sorted(set(names.values()) - set(index.loinc)):
        raise RequestError(f"--map …={unknown[0]}: the categories are {', '.join(sorted(index.loinc))}")
    found = {label: index.find(label) for label in labels}
    return {label: names.get(label) or (entry.category if entry else None) for label, entry in found.items()}


def _figures(rows: Sequence[tuple[str, str, bool]], stands_for: Mapping[str, str | None]) -> dict[str, Any]:
    counts = by_unit([unit for unit, _, _ in rows], np.array([[right, 1] for _, _, right in rows], dtype=np.int64))
    drawn = resampled_sums(counts)
    of_label: dict[str, list[bool]] = {}
    for _, label, right in rows:
        of_label.setdefault(label, []).append(right)
    return {
        "accuracy": float(np.mean([right for _, _, right in rows])),
        "n": len(rows),
        "intervals_95": {"accuracy": bounds(drawn[:, 0], drawn[:, 1])},
        "by_label": {
            label: {"category": stands_for[label], "n": len(rights), "accuracy": float(np.mean(rights))}
            for label, rights in sorted(of_label.items(), key=lambda item: -len(item[1]))
        },
    }
