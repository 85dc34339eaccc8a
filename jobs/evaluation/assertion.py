"""`notemill evaluate assertion`: what is asserted of entities whose place is known.

Two shapes. `concept`, `sentence`, `negation` (Affirmed, Negated), `temporality` (Recent, Historical, Not particular)
and `experiencer` (Patient or another), as the NegEx test set: the concept is looked for in its sentence without regard
to case and white space, and of one that is not found (its sentence was cut short) nothing is asserted. Or `text` and
`entities` with `start`, `end` and any of `negated`, `uncertain`, `historical`, `hypothetical`, `experiencer`; generated
notes have all of them.

The entities go through the stages `sections` and `assertion`. `experiencer` is about those who are not the patient.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import pyarrow as pa
import pyarrow.types as pt
from rich.console import Console

from jobs.evaluate import Request
from jobs.evaluation.bootstrap import bounds, by_unit, resampled_sums
from jobs.evaluation.gold import in_text, is_text
from jobs.evaluation.predictions import Predictions, kept
from jobs.evaluation.reading import Reading
from jobs.evaluation.report import Measured, between, checkpoint_facts, matches_cells, matches_table
from jobs.evaluation.source import Gold, GoldNotes, GoldSource
from jobs.run import checkpoints
from pipelines.errors import RequestError
from transforms import schema
from transforms.stage import with_column

FLAGS: Final = ("negated", "uncertain", "historical", "hypothetical")
PROPERTIES: Final = (*FLAGS, "experiencer")
_FIELDS: Final = tuple(field for field in schema.ENTITY if field.name in ("start", "end", *PROPERTIES))
_TIMED_SECONDS: Final = 2.0


@dataclass(frozen=True)
class GoldAssertion:
    """What holds for one entity.

    Attributes:
        span: start and end; None for a concept that its sentence does not hold.
        holds: property -> whether it does; what the gold does not tell is missing.
    """

    span: tuple[int, int] | None
    holds: Mapping[str, bool]


_SENTENCES: Final[Mapping[str, Mapping[str, Mapping[str, bool]]]] = {
    "negation": {"affirmed": {"negated": False}, "negated": {"negated": True}},
    "temporality": {
        "recent": {"historical": False, "hypothetical": False},
        "historical": {"historical": True, "hypothetical": False},
        "not particular": {"historical": False, "hypothetical": True},
    },
}


@dataclass(frozen=True)
class Sentences:
    """One concept in one sentence."""

    table: None = None
    key: ClassVar[str] = "note_id"

    def check(self, fields: pa.Schema, name: str) -> None:
        for column in ("concept", "sentence", *_SENTENCES, "experiencer"):
            if column not in fields.names:
                raise RequestError(f"{name} has no column {column}; it has: {', '.join(fields.names)}")
            if not is_text(kind := fields.field(column).type):
                raise RequestError(f"column {column} of {name} is of type {kind}, but it must be text")

    def prepare(self, rows: pa.Table) -> pa.Table:
        rest = rows.drop_columns(["text"]) if "text" in rows.column_names else rows
        return rest.append_column("text", rows["sentence"])

    def parse(self, row: dict[str, Any], text: str | None, place: str) -> list[GoldAssertion]:
        if not row["concept"] or not row["experiencer"]:
            raise RequestError(f"{place}: the concept or the experiencer is empty")
        holds: dict[str, bool] = {"experiencer": row["experiencer"].lower() != "patient"}
        for column, meanings in _SENTENCES.items():
            value = str(row[column]).lower()
            if value not in meanings:
                raise RequestError(f"{place}: {column} {row[column]!r} is none of {', '.join(meanings)}")
            holds |= meanings[value]
        return [GoldAssertion(locate(row["concept"], text or ""), holds)]

    def generated(self, rows: list[dict[str, Any]], text: str | None, place: str) -> list[GoldAssertion]:  # noqa: ARG002
        raise RequestError(f"{place}: generated notes hold no such gold")


@dataclass(frozen=True)
class AssertedEntities:
    """Entities with what holds for them."""

    table: str = "entities"
    key: ClassVar[str] = "note_id"

    def check(self, fields: pa.Schema, name: str) -> None:
        if "entities" not in fields.names:
            raise RequestError(
                f"{name} has neither concept and sentence nor text and entities; it has: {', '.join(fields.names)}"
            )
        kind = fields.field("entities").type
        if not (pt.is_list(kind) or pt.is_large_list(kind)) or not pt.is_struct(kind.value_type):
            raise RequestError(f"column entities of {name} is of type {kind}, but it must be a list of structs")
        names = {kind.value_type.field(at).name for at in range(kind.value_type.num_fields)}
        if not {"start", "end"} <= names or names.isdisjoint(PROPERTIES):
            raise RequestError(
                f"column entities of {name} must have start, end and some of {', '.join(PROPERTIES)}; "
                f"it has {', '.join(sorted(names))}"
            )

    def prepare(self, rows: pa.Table) -> pa.Table:
        return rows

    def parse(self, row: dict[str, Any], text: str | None, place: str) -> list[GoldAssertion]:
        return self.generated(row["entities"] or [], text, place)

    def generated(self, rows: list[dict[str, Any]], text: str | None, place: str) -> list[GoldAssertion]:
        found = []
        for row in rows:
            holds = {name: bool(row[name]) for name in FLAGS if row.get(name) is not None}
            if (experiencer := row.get("experiencer")) is not None:
                holds["experiencer"] = str(experiencer).lower() != "patient"
            found.append(GoldAssertion(in_text(row, text, place), holds))
        return found


def locate(concept: str, sentence: str) -> tuple[int, int] | None:
    """The span of the concept as whole words: written in capitals, as the NegEx set marks it, or else anywhere."""
    for written, flags in ((concept.upper(), re.NOFLAG), (concept, re.IGNORECASE)):
        words = r"\s+".join(map(re.escape, written.split()))
        match = re.search(rf"(?<!\w){words}(?!\w|['’]\w)", sentence, flags)
        if match:
            return match.span()
    return None


class AssertionReport(Measured):
    """Figures by property, and speed."""

    kind = "assertion"

    def show(self, console: Console) -> None:
        figures = self.figures
        table = matches_table(f"Assertions of {figures['entities']:,} entities")
        table.add_column("95%", justify="left", no_wrap=True)
        for name in PROPERTIES:
            if (of_name := figures[name]) is not None:
                interval = between(of_name["intervals_95"]["f1"]).removeprefix(" (95%: ").removesuffix(")")
                table.add_row(name, *matches_cells(of_name), interval)
        console.print(table)
        console.print(f"{figures['entities_per_second']:,.0f} entities a second on one core", highlight=False)
        if figures["not_found"]:
            console.print(f"{figures['not_found']:,} concepts stand nowhere in their sentence: nothing is asserted")
        self.show_rejected(console, "nothing is asserted of their entities")


def evaluate(request: Request) -> AssertionReport:
    """Runs `sections` and `assertion` over the gold entities and counts.

    Raises:
        RequestError: the data or an option is wrong.
    """
    request.refuse_other_heads("assertion")
    job = request.job()
    models = checkpoints(job, heads=["assertion"] if job.model.assertion is not None else [])
    shape: Gold[list[GoldAssertion]] = AssertedEntities()
    source = GoldSource(job.input, job.column_map(), job.split_rows, shape, request.split)
    if not source.is_generated and source.has("concept"):
        source = GoldSource(job.input, job.column_map(), job.split_rows, Sentences(), request.split)
    source.check()
    out = Predictions(request.predictions, [source.id_field, *_FIELDS], source.files.values())
    units: list[str] = []
    counts: list[list[int]] = []
    entities = not_found = 0
    timed: list[pa.Table] = []
    with Reading(job, models, ("validate",), ("sections", "assertion")) as reading:
        for part, done in reading.read(_with_entities(source.read())):
            timed.append(done)
            living = done["reject"].is_null().to_pylist()
            told = [found if alive else None for found, alive in zip(done["entities"].to_pylist(), living, strict=True)]
            out.add(kept(part.ids, told, _FIELDS))
            for unit, gold, of_note in zip(part.units, part.gold, told, strict=True):
                asserted = iter(of_note or ())
                for one in gold:
                    entities += 1
                    not_found += one.span is None
                    units.append(unit)
                    counts.append(_count(one, next(asserted, None) if one.span is not None else None))
        speed = _entities_per_second(reading, timed)
    out.write()
    figures = {
        **_figures(units, counts),
        "entities": entities,
        "not_found": not_found,
        "entities_per_second": round(speed, 1),
    }
    settings = {"stages": reading.stages, "split": request.split, "checkpoints": checkpoint_facts(models)}
    return AssertionReport(request.data, reading.notes, tuple(reading.rejected), settings, reading.seconds, figures)


def _with_entities(parts: Iterable[GoldNotes[list[GoldAssertion]]]) -> Iterator[GoldNotes[list[GoldAssertion]]]:
    """The notes with their gold entities in the column that a run fills with those it found."""
    for part in parts:
        texts = part.notes["text"].to_pylist()
        rows = [
            [
                {"entity_id": number, "start": start, "end": end, "text": (text or "")[start:end]}
                for number, (start, end) in enumerate(one.span for one in gold if one.span is not None)
            ]
            for text, gold in zip(texts, part.gold, strict=True)
        ]
        field = schema.IN_FLIGHT.field("entities")
        yield GoldNotes(with_column(part.notes, field, rows), part.ids, part.units, part.gold)


def _count(gold: GoldAssertion, told: Mapping[str, Any] | None) -> list[int]:
    """Right, found and gold of each property; nothing of what the gold does not tell."""
    counts = []
    for name in PROPERTIES:
        if name not in gold.holds:
            counts += [0, 0, 0, 0]
            continue
        says = told is not None and (told[name] != "patient" if name == "experiencer" else bool(told[name]))
        counts += [says and gold.holds[name], says, gold.holds[name], 1]
    return list(map(int, counts))


def _figures(units: list[str], counts: list[list[int]]) -> dict[str, Any]:
    """By property; None for one of which the gold tells nothing."""
    width = 4 * len(PROPERTIES)
    by_units = by_unit(units, np.array(counts, dtype=np.int64).reshape(len(counts), width))
    drawn = resampled_sums(by_units).reshape(-1, len(PROPERTIES), 4)
    sums = by_units.sum(axis=0).reshape(-1, 4)
    figures: dict[str, Any] = {}
    for at, name in enumerate(PROPERTIES):
        right, found, gold, labelled = sums[at].tolist()
        of_right, of_found, of_gold, _ = drawn[:, at].T
        figures[name] = {
            "precision": right / found if found else 0.0,
            "recall": right / gold if gold else 0.0,
            "f1": 2 * right / (found + gold) if found + gold else 0.0,
            "support": gold,
            "found": found,
            "right": right,
            "labelled": labelled,
            "intervals_95": {
                "precision": bounds(of_right, of_found),
                "recall": bounds(of_right, of_gold),
                "f1": bounds(2 * of_right, of_found + of_gold),
            },
        }
    return {name: of_name if of_name["labelled"] else None for name, of_name in figures.items()}


def _entities_per_second(reading: Reading, tables: list[pa.Table]) -> float:
    """Of the stage `assertion` alone, Arrow in and Arrow out, by processor time: all notes at once, again and again."""
    notes = pa.concat_tables(tables).combine_chunks()
    total = sum(len(of_note or ()) for of_note in notes["entities"].to_pylist())
    rounds, started = 0, time.process_time()
    while (seconds := time.process_time() - started) < _TIMED_SECONDS:
        reading.last(notes)
        rounds += 1
    return rounds * total / seconds
