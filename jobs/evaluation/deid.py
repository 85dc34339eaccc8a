"""`notemill evaluate deid`: the de-identification stages of a run over notes with gold PHI."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from jobs.evaluate import Request
from jobs.evaluation.gold import Entities, GoldSpan
from jobs.evaluation.predictions import Predictions
from jobs.evaluation.report import Measured, between, share
from jobs.evaluation.scores import Scores
from jobs.evaluation.source import GoldNotes, GoldSource
from jobs.run import checkpoints, deid_stages, key_from_environment
from pipelines.errors import RequestError
from pipelines.guard import Guard
from transforms.deid.labels import SAFE_HARBOR, LabelMap, UnknownLabelError
from transforms.deid.pseudonyms import Key, Pseudonyms
from transforms.deid.spans import PhiSpan

CLASSES: Final[Mapping[str, str]] = {
    "A": "names",
    "B": "places",
    "C": "dates, ages",
    "D": "phone",
    "E": "fax",
    "F": "e-mail",
    "G": "SSN",
    "H": "medical record",
    "I": "health plan",
    "J": "account",
    "K": "licence",
    "L": "vehicle",
    "M": "device",
    "N": "URL",
    "O": "IP address",
    "P": "biometric",
    "Q": "photograph",
    "R": "any other",
}
"""Short names of 45 CFR 164.514(b)(2)(i)(A) to (R)."""

_SPAN_FIELDS: Final = [
    pa.field("start", pa.int32()),
    pa.field("end", pa.int32()),
    pa.field("label", pa.string()),
    pa.field("score", pa.float32()),
    pa.field("recognizer", pa.string()),
]


@dataclass(frozen=True)
class DeidReport(Measured):
    """Figures by label and by Safe Harbor class, of the notes that were not rejected."""

    kind = "deid"

    def show(self, console: Console) -> None:
        facts = self.figures
        table = Table(title=f"De-identification of {self.notes:,} notes", title_justify="left")
        table.add_column(no_wrap=True)
        for name in ("gold", "recall", "+ label", "chars", "found", "precision"):
            table.add_column(name, justify="right", no_wrap=True)
        for letter, figures in facts["by_class"].items():
            labels = [label for label in facts["by_label"] if SAFE_HARBOR[label] == letter]
            if not labels:
                continue
            table.add_row(f"{letter} {CLASSES[letter]}", *_cells(figures), style="bold")
            if len(labels) > 1:
                for label in labels:
                    table.add_row(f"  {label}", *_cells(facts["by_label"][label]))
        table.add_section()
        table.add_row("all", *_cells(facts), style="bold")
        console.print(table)
        intervals = facts["intervals_95"]
        say = console.print
        say(f"recall of whole spans {share(facts['recall'])}{between(intervals['recall'])}", highlight=False)
        say(
            f"other characters masked {share(facts['masked_other'], 3)}{between(intervals['masked_other'], 3)}",
            highlight=False,
        )
        if facts["stays"]:
            kinds = (f"{name}: {it['masked']:,} of {it['n']:,} masked" for name, it in facts["stays"].items())
            say(f"may stay by Safe Harbor, counted apart: {'; '.join(kinds)}", highlight=False, soft_wrap=True)
        self.show_rejected(console, "not counted above")


def _cells(figures: Mapping[str, Any]) -> list[str]:
    shares = [share(figures[name]) for name in ("recall", "recall_labelled", "character_recall")]
    return [f"{figures['n']:,}", *shares, f"{figures['found']:,}", share(figures["precision"])]


def evaluate(request: Request, *, tagger: bool | None = None) -> DeidReport:
    """Runs the stages of a run over the notes and counts.

    Args:
        tagger: whether the PHI tagger has its say; None leaves that to the job.

    Raises:
        RequestError: the data or an option is wrong.
    """
    request.refuse_other_heads("deid")
    if tagger is False and request.model:
        raise RequestError("--no-tagger and --model exclude each other")
    job = request.job(deidentify={"tagger": tagger})
    source = GoldSource(job.input, job.column_map(), job.split_rows, Entities("phi"))
    source.check()
    labels = LabelMap(job.deidentify.labels.items())
    key = key_from_environment() or Key.random()
    models = checkpoints(job, heads=["deid"] if job.deidentify.tagger else [])
    out = Predictions(request.predictions, [source.id_field, *_SPAN_FIELDS], source.files.values())
    guards = [Guard(stage) for stage in (Pseudonyms(key, job.ids), *deid_stages(job, models, key))]
    scores = Scores(labels)
    rejected: list[tuple[Any, str]] = []
    notes = 0
    started = time.perf_counter()
    try:
        for part in source.read():
            done = part.notes
            for guard in guards:
                done = guard.process(done)
            notes += done.num_rows
            rejected += _score(part, done, scores, out)
    except UnknownLabelError as error:
        raise RequestError(f"gold: {error}") from error
    finally:
        for guard in guards:
            guard.close()
    seconds = time.perf_counter() - started
    out.write()
    checkpoint = models.get("deid")
    settings = {
        **job.deidentify.model_dump(),
        "checkpoint": None if checkpoint is None else {"source": checkpoint.source, "sha256": checkpoint.sha256},
        "split_rows": job.split_rows,
    }
    return DeidReport(request.data, notes, tuple(rejected), settings, seconds, _figures(scores))


def _figures(scores: Scores) -> dict[str, Any]:
    total = scores.total.figures()
    precision, recall = total["precision"], total["recall"]
    return {
        **total,
        "f1": None if not precision or not recall else 2 * precision * recall / (precision + recall),
        "masked_other": scores.masked_other,
        "intervals_95": scores.intervals(),
        "by_label": {label: tally.figures() for label, tally in sorted(scores.by_label.items())},
        "by_class": {letter: tally.figures() for letter, tally in scores.by_class.items()},
        "stays": {name: {"n": it.n, "masked": it.masked} for name, it in sorted(scores.stays.items())},
    }


def _score(part: GoldNotes[list[GoldSpan]], done: pa.Table, scores: Scores, out: Predictions) -> list[tuple[Any, str]]:
    """Counts a stretch of notes; gives those that were rejected."""
    rejected = []
    texts, phi, reasons = part.notes["text"].to_pylist(), done["phi"].to_pylist(), done["reject"].to_pylist()
    for note, text, gold, rows, reason in zip(part.ids, texts, part.gold, phi, reasons, strict=True):
        if reason is not None:
            rejected.append((note, f"{reason['stage']}/{reason['error']}"))
            continue
        found = [PhiSpan(r["raw_start"], r["raw_end"], r["label"], r["score"], r["recognizer"]) for r in rows]
        scores.add(text, gold, found)
        out.add((note, *span) for span in found)
    return rejected
