"""`notemill evaluate deid`: the de-identification stages of a run over notes with gold PHI."""

from __future__ import annotations

import importlib.metadata
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from jobs.config import models as models_of
from jobs.evaluate import Request
from jobs.evaluation.gold import GoldNotes, GoldSource
from jobs.evaluation.scores import Scores
from jobs.run import checkpoints, deid_stages, key_from_environment
from pipelines.errors import RequestError
from pipelines.guard import Guard
from pipelines.io.storage import open_filesystem
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
_SHOWN_IDS: Final = 10


@dataclass(frozen=True)
class DeidReport:
    """What `evaluate` measured.

    Attributes:
        scores: over the notes that were not rejected.
        rejected: ids of the notes that were, which a run would not have let out, each with `stage/error`.
        settings: how PHI was looked for.
    """

    data: str
    notes: int
    scores: Scores
    rejected: tuple[tuple[Any, str], ...]
    settings: Mapping[str, Any]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        total = self.scores.total.figures()
        precision, recall = total["precision"], total["recall"]
        return {
            "evaluation": "deid",
            "data": self.data,
            "notes": self.notes,
            "rejected": {
                "notes": len(self.rejected),
                "reasons": dict(Counter(reason for _, reason in self.rejected)),
                "ids": [note for note, _ in self.rejected],
            },
            **total,
            "f1": None if not precision or not recall else 2 * precision * recall / (precision + recall),
            "masked_other": self.scores.masked_other,
            "intervals_95": self.scores.intervals(),
            "by_label": {label: tally.figures() for label, tally in sorted(self.scores.by_label.items())},
            "by_class": {letter: tally.figures() for letter, tally in self.scores.by_class.items()},
            "stays": {name: {"n": it.n, "masked": it.masked} for name, it in sorted(self.scores.stays.items())},
            "settings": dict(self.settings),
            "version": importlib.metadata.version("notemill"),
            "seconds": round(self.seconds, 2),
            "notes_per_second": round(self.notes / self.seconds, 2) if self.seconds else None,
        }

    def show(self, console: Console) -> None:
        facts = self.to_json()
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
        say(f"recall of whole spans {_share(facts['recall'])}{_between(intervals['recall'])}", highlight=False)
        say(
            f"other characters masked {_share(facts['masked_other'], 3)}{_between(intervals['masked_other'], 3)}",
            highlight=False,
        )
        if facts["stays"]:
            kinds = (f"{name}: {it['masked']:,} of {it['n']:,} masked" for name, it in facts["stays"].items())
            say(f"may stay by Safe Harbor, counted apart: {'; '.join(kinds)}", highlight=False, soft_wrap=True)
        if self.rejected:
            shown = ", ".join(str(note) for note, _ in self.rejected[:_SHOWN_IDS])
            more = f" and {len(self.rejected) - _SHOWN_IDS:,} more" if len(self.rejected) > _SHOWN_IDS else ""
            say(f"{len(self.rejected):,} notes rejected, not counted above: {shown}{more}", style="yellow")


def _cells(figures: Mapping[str, Any]) -> list[str]:
    shares = [_share(figures[name]) for name in ("recall", "recall_labelled", "character_recall")]
    return [f"{figures['n']:,}", *shares, f"{figures['found']:,}", _share(figures["precision"])]


def _share(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}%}"


def _between(interval: list[float] | None, digits: int = 2) -> str:
    if interval is None:
        return ""
    return f" (95%: {_share(interval[0], digits)} to {_share(interval[1], digits)})"


def evaluate(request: Request, *, tagger: bool | None = None) -> DeidReport:
    """Runs the stages of a run over the notes and counts.

    Args:
        tagger: whether the PHI tagger has its say; None leaves that to the job.

    Raises:
        RequestError: the data or an option is wrong.
    """
    if others := sorted(set(models_of(request.model)) - {"deid"}):
        raise RequestError(f"--model {others[0]}=…: evaluate deid uses the head deid alone")
    if tagger is False and request.model:
        raise RequestError("--no-tagger and --model exclude each other")
    job = request.job(deidentify={"tagger": tagger})
    source = GoldSource(job.input, job.column_map(), job.split_rows, "phi")
    source.check()
    labels = LabelMap(job.deidentify.labels.items())
    key = key_from_environment() or Key.random()
    models = checkpoints(job, heads=["deid"] if job.deidentify.tagger else [])
    out = _Predictions(request.predictions, source) if request.predictions else None
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
    if out is not None:
        out.write()
    checkpoint = models.get("deid")
    settings = {
        **job.deidentify.model_dump(),
        "checkpoint": None if checkpoint is None else {"source": checkpoint.source, "sha256": checkpoint.sha256},
        "split_rows": job.split_rows,
    }
    return DeidReport(request.data, notes, scores, tuple(rejected), settings, seconds)


def _score(part: GoldNotes, done: pa.Table, scores: Scores, out: _Predictions | None) -> list[tuple[Any, str]]:
    """Counts a stretch of notes; gives those that were rejected."""
    rejected = []
    texts, phi, reasons = part.notes["text"].to_pylist(), done["phi"].to_pylist(), done["reject"].to_pylist()
    for note, text, gold, rows, reason in zip(part.ids, texts, part.spans, phi, reasons, strict=True):
        if reason is not None:
            rejected.append((note, f"{reason['stage']}/{reason['error']}"))
            continue
        found = [PhiSpan(r["raw_start"], r["raw_end"], r["label"], r["score"], r["recognizer"]) for r in rows]
        scores.add(text, gold, found)
        if out is not None:
            out.add(note, found)
    return rejected


class _Predictions:
    """Parquet of what was found: the note's id, start, end, label, score, recognizer; offsets into the raw text.

    Raises:
        RequestError: the file cannot be written.
    """

    def __init__(self, uri: str, source: GoldSource) -> None:
        self._uri = uri
        self._schema = pa.schema([source.id_field, *_SPAN_FIELDS])
        self._rows: list[tuple[Any, ...]] = []
        self._fs, self._path = open_filesystem(uri)
        if self._path in source.files.values():
            raise RequestError(f"the predictions would replace the data {uri}; name another file")
        self._write([])  # so that a place where nothing can be written is refused now

    def add(self, note: Any, found: list[PhiSpan]) -> None:
        self._rows += [(note, *span) for span in found]

    def write(self) -> None:
        """Writes the file."""
        self._write(self._rows)

    def _write(self, rows: list[tuple[Any, ...]]) -> None:
        columns = zip(*rows, strict=True) if rows else [()] * len(self._schema)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        try:
            self._fs.makedirs(self._path.rpartition("/")[0] or ".", exist_ok=True)
            with self._fs.open(self._path, "wb") as handle:
                pq.write_table(pa.Table.from_arrays(arrays, schema=self._schema), handle, compression="zstd")
        except OSError as error:
            raise RequestError(
                f"cannot write the predictions to {self._uri}: {error.strerror or type(error).__name__}"
            ) from error
