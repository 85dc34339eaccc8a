"""`notemill evaluate ner`: entities against gold spans, exact spans counted as seqeval counts them.

A span is right when start, end and label are those of a gold span; precision, recall and F1 are over all labels that
the data have (micro average; a share of nothing is 0, as in seqeval). Spans of the model's other labels are left out.
Labels may overlap: each is counted by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from rich.console import Console

from jobs.evaluate import Request, renames
from jobs.evaluation.bootstrap import bounds, by_unit, resampled_sums
from jobs.evaluation.gold import GoldSpan, TokensOrEntities
from jobs.evaluation.predictions import Predictions
from jobs.evaluation.reading import Reading
from jobs.evaluation.report import Measured, between, checkpoint_facts, matches_cells, matches_table, share
from jobs.evaluation.source import GoldSource
from jobs.run import checkpoints
from pipelines.errors import RequestError
from transforms.clinical_bert.checkpoints import Checkpoint
from transforms.clinical_bert.checkpoints.layouts import labels_in
from transforms.clinical_bert.heads.labels import OUTSIDE, read_scheme

_FIELDS: Final = [
    pa.field("start", pa.int32()),
    pa.field("end", pa.int32()),
    pa.field("label", pa.string()),
    pa.field("score", pa.float32()),
]


class NerReport(Measured):
    """Figures by label and over all."""

    kind = "ner"

    def show(self, console: Console) -> None:
        figures = self.figures
        table = matches_table(f"Entities of {self.notes:,} notes")
        for label, of_label in figures["by_label"].items():
            table.add_row(label, *matches_cells(of_label))
        table.add_section()
        table.add_row("all", *matches_cells(figures), style="bold")
        console.print(table)
        f1 = f"F1 of exact spans {share(figures['f1'])}{between(figures['intervals_95']['f1'])}"
        console.print(f1, highlight=False)
        for whose, names in figures["other_labels"].items():
            if names:
                what = "not known to the model" if whose == "data" else "of the model, not in the data, left out"
                console.print(f"labels {what}: {', '.join(names)}", highlight=False, soft_wrap=True)
        self.show_rejected(console, "their gold counts as missed")


class SpanCounts:
    """Counts right, found and gold spans by note and label."""

    def __init__(self) -> None:
        self._units: list[str] = []
        self._notes: list[dict[str, list[int]]] = []

    def add(self, unit: str, gold: Iterable[tuple[int, int, str]], found: Iterable[tuple[int, int, str]]) -> None:
        """Counts one note; what is given twice counts once."""
        of_gold, of_found = set(gold), set(found)
        counts: dict[str, list[int]] = {}
        for column, spans in enumerate((of_gold & of_found, of_found, of_gold)):
            for label, number in Counter(label for _, _, label in spans).items():
                counts.setdefault(label, [0, 0, 0])[column] += number
        self._units.append(unit)
        self._notes.append(counts)

    def figures(self, labels: Collection[str]) -> dict[str, Any]:
        """Precision, recall and F1 over these labels and by label, with 95% intervals."""
        names = sorted(labels)
        nothing = [0, 0, 0]
        notes = [[counts.get(label, nothing) for label in names] for counts in self._notes]
        counts = by_unit(self._units, np.array(notes, dtype=np.int64).reshape(len(notes), 3 * len(names)))
        drawn = resampled_sums(counts).reshape(-1, len(names), 3)
        sums = counts.sum(axis=0).reshape(-1, 3)
        by_label = {label: _figures(sums[at], drawn[:, at]) for at, label in enumerate(names)}
        return {**_figures(sums.sum(axis=0), drawn.sum(axis=1)), "by_label": by_label}


def _figures(sums: npt.NDArray[np.int64], drawn: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Of right, found and gold spans: their sums, and those of resamples, shape (resamples, 3)."""
    right, found, gold = sums.tolist()
    intervals = {
        "precision": bounds(drawn[:, 0], drawn[:, 1]),
        "recall": bounds(drawn[:, 0], drawn[:, 2]),
        "f1": bounds(2 * drawn[:, 0], drawn[:, 1] + drawn[:, 2]),
    }
    return {
        "precision": right / found if found else 0.0,
        "recall": right / gold if gold else 0.0,
        "f1": 2 * right / (found + gold) if found + gold else 0.0,
        "support": gold,
        "found": found,
        "right": right,
        "intervals_95": intervals,
    }


def evaluate(request: Request, mapped: Sequence[str] = (), labels: Sequence[str] = ()) -> NerReport:
    """Runs `sections` and `clinical_bert` over the notes and counts entities.

    Args:
        mapped: `A=B`: what the data or the model call A is called B.
        labels: count these alone, under their new names; empty for all that the data have.

    Raises:
        RequestError: the data or an option is wrong, or model and data have no label in common.
    """
    request.refuse_other_heads("ner")
    job = request.job(model={"heads": ["ner"]})
    source = GoldSource(job.input, job.column_map(), job.split_rows, TokensOrEntities(), request.split)
    names = renames(mapped)
    in_data = {span.label for part in source.read() for spans in part.gold for span in spans}
    models = checkpoints(job, heads=["ner"])
    in_model = model_labels(models["ner"])
    if unused := sorted(set(names) - in_data - in_model):
        raise RequestError(f"--map {unused[0]}=…: {_both(in_data, in_model)}")
    in_data, in_model = ({names.get(label, label) for label in of_one} for of_one in (in_data, in_model))
    if unknown := sorted(set(labels) - in_data):
        raise RequestError(f"--labels {unknown[0]}: the data have {_listed(in_data)}")
    counted = set(labels) or in_data
    if not counted & in_model:
        raise RequestError(f"no label in common: {_both(counted, in_model)}; rename with --map A=B")
    out = Predictions(request.predictions, [source.id_field, *_FIELDS], source.files.values())
    counts = SpanCounts()
    with Reading(job, models, ("validate", "sections"), ("clinical_bert",)) as reading:
        for part, done in reading.read(source.read()):
            found = [_named(entities, names) for entities in done["entities"].to_pylist()]
            for note, unit, gold, of_note in zip(part.ids, part.units, part.gold, found, strict=True):
                renamed = [GoldSpan(start, end, names.get(label, label)) for start, end, label in gold]
                counts.add(unit, renamed, (span[:3] for span in of_note))
                out.add((note, *span) for span in of_note)
    out.write()
    figures = {
        **counts.figures(counted),
        "other_labels": {"data": sorted(counted - in_model), "model": sorted(in_model - counted)},
    }
    settings = {**job.ner.model_dump(), "map": names, "split": request.split, "checkpoints": checkpoint_facts(models)}
    return NerReport(request.data, reading.notes, tuple(reading.rejected), settings, reading.seconds, figures)


def model_labels(checkpoint: Checkpoint) -> set[str]:
    """What the entities of this checkpoint may be called."""
    labels = labels_in(checkpoint.folder(), "ner", checkpoint.source)
    return {name for _, name in read_scheme(labels)} - {OUTSIDE}


def _named(entities: list[dict[str, Any]] | None, names: Mapping[str, str]) -> list[tuple[int, int, str, float]]:
    return [
        (entity["start"], entity["end"], names.get(entity["label"], entity["label"]), entity["score"])
        for entity in entities or ()
    ]


def _both(in_data: Collection[str], in_model: Collection[str]) -> str:
    return f"the data have {_listed(in_data)}; the model has {_listed(in_model)}"


def _listed(labels: Collection[str]) -> str:
    return ", ".join(sorted(labels)) or "no label"
