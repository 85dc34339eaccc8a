"""`notemill evaluate sections`: sections against marked headings, or against the labels of sections.

With `headings` (where each begins, and its words) a boundary is right when a section begins at that very character.
Marks mix main headings and sub-headings, and no mark says which it is: those whose words the heading table has as a
part of an examination, or as nested in another section, are left out on both sides, and of the sections only the main
ones count. `all_headings` counts every section against every mark.

The category of a mark is the one that it gives (`category` beside `start`), else the one that its words alone stand for
in the heading table; then what is measured is whether the section got it in its note. `loinc` beside `start` is
measured too. A mark without a category counts for boundaries alone.

Data with a column `label` instead: see `section_labels`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
import pyarrow as pa
from rich.console import Console

from jobs.evaluate import Request, renames
from jobs.evaluation import section_labels
from jobs.evaluation.bootstrap import bounds, by_unit, resampled_sums
from jobs.evaluation.gold import holds_spans, in_text
from jobs.evaluation.predictions import SECTION_FIELDS, Predictions, kept
from jobs.evaluation.reading import Reading
from jobs.evaluation.report import Measured, between, matches_cells, matches_table, share
from jobs.evaluation.source import GoldSource
from pipelines.errors import RequestError
from transforms.sections.headings import OTHER, HeadingIndex, HeadingTable


class Mark(NamedTuple):
    """A gold heading; `main` is None where the gold does not say whether it is one."""

    start: int
    title: str
    category: str | None = None
    loinc: str | None = None
    main: bool | None = None


@dataclass(frozen=True)
class Marks:
    """Gold headings in a column `headings`, or in the sections of a generated folder."""

    table: str = "sections"
    key: ClassVar[str] = "note_id"

    def check(self, fields: pa.Schema, name: str) -> None:
        kind = fields.field("headings").type
        if not holds_spans(kind, "text"):
            raise RequestError(
                f"column headings of {name} is of type {kind}, but it must be a list of structs with start, end "
                "(whole numbers) and text"
            )

    def prepare(self, rows: pa.Table) -> pa.Table:
        return rows

    def parse(self, row: dict[str, Any], text: str | None, place: str) -> list[Mark]:
        marks = []
        for one in row["headings"] or ():
            start, end = in_text(one, text, place)
            title = (text or "")[start:end].rstrip(" :")
            marks.append(Mark(start, title, one.get("category") or None, one.get("loinc") or None))
        return sorted(marks)

    def generated(self, rows: list[dict[str, Any]], text: str | None, place: str) -> list[Mark]:
        marks, end = [], 0
        for row in sorted(rows, key=lambda row: (row["start"], -row["end"])):
            in_text(row, text, place)
            if row["title"]:
                marks.append(Mark(row["start"], row["title"], row["category"], main=row["start"] >= end))
            end = max(end, row["end"])
        return marks


class SectionsReport(Measured):
    """Boundaries and categories."""

    kind = "sections"

    def show(self, console: Console) -> None:
        figures = self.figures
        table = matches_table(f"Sections of {self.notes:,} notes")
        for category, of_category in figures["by_category"].items():
            table.add_row(category, *matches_cells(of_category))
        table.add_section()
        for name in ("category", "boundary", "all_headings"):
            table.add_row(name.replace("_", " "), *matches_cells(figures[name]), style="bold")
        console.print(table)
        for name in _MATCHES[::2]:
            of_name = figures[name]
            said = f"{name} F1 {share(of_name['f1'])}{between(of_name['intervals_95']['f1'])}"
            console.print(said, highlight=False)
        accuracy = figures["category"]["accuracy"]
        console.print(
            f"category accuracy {share(accuracy)}{between(figures['category']['intervals_95']['accuracy'])} of found "
            "headings that have a category",
            highlight=False,
        )
        if figures["loinc"]["n"]:
            of_code = figures["loinc"]
            said = f"LOINC codes {share(of_code['accuracy'])}{between(of_code['interval_95'])} of {of_code['n']:,}"
            console.print(said, highlight=False)
        self.show_rejected(console, "their headings count as missed")


_MATCHES: Final = ("boundary", "all_headings", "category")
"""What is counted in triples of right, found and gold, before the triples of each category."""


@dataclass
class SectionCounts:
    """Counts notes.

    Attributes:
        index: what headings stand for by themselves.
    """

    index: HeadingIndex
    units: list[str] = field(default_factory=list)
    notes: list[Counter[tuple[str, str]]] = field(default_factory=list)

    def add(self, unit: str, gold: Sequence[Mark], found: Sequence[Mapping[str, Any]]) -> None:
        """Counts one note; `found` are its sections."""
        count: Counter[tuple[str, str]] = Counter()
        sections = {section["start"]: section for section in found if section["title"]}
        mains, end = set(), 0
        for start, section in sorted(sections.items()):
            if start >= end:
                mains.add(start)
                end = section["end"]
        parts = {mark.start for mark in gold if self._is_part(mark)}
        marks = {mark.start: mark for mark in gold}
        self._match(count, "all_headings", set(marks), set(sections))
        self._match(count, "boundary", set(marks) - parts, mains - parts)

        of_gold = {(start, category) for start, mark in marks.items() if (category := self._category(mark)) is not None}
        of_gold = {(start, category) for start, category in of_gold if start not in parts}
        unknown = set(marks) - {start for start, _ in of_gold}
        of_found = {(start, sections[start]["category"]) for start in mains - unknown}
        of_found = {(start, category) for start, category in of_found if category != OTHER}
        self._match(count, "category", of_gold, of_found)
        for category in {category for _, category in of_gold | of_found}:
            one, other = ({pair for pair in pairs if pair[1] == category} for pairs in (of_gold, of_found))
            self._match(count, f"category {category}", one, other)
        placed = [(start, category) for start, category in of_gold if start in sections]
        count["accuracy", "whole"] += len(placed)
        count["accuracy", "part"] += sum(sections[start]["category"] == category for start, category in placed)
        coded = [mark for mark in gold if mark.loinc is not None]
        count["loinc", "whole"] += len(coded)
        count["loinc", "part"] += sum(sections.get(mark.start, {}).get("loinc") == mark.loinc for mark in coded)
        self.units.append(unit)
        self.notes.append(count)

    def _is_part(self, mark: Mark) -> bool:
        if mark.main is not None:
            return not mark.main
        entry = self.index.find(mark.title)
        return entry is not None and (entry.part or bool(entry.nested_in))

    def _category(self, mark: Mark) -> str | None:
        if mark.category is not None:
            return None if mark.category == OTHER else mark.category
        entry = self.index.find(mark.title)
        return None if entry is None or entry.category == OTHER else entry.category

    @staticmethod
    def _match(count: Counter[tuple[str, str]], what: str, gold: set[Any], found: set[Any]) -> None:
        count[what, "right"] += len(gold & found)
        count[what, "found"] += len(found)
        count[what, "gold"] += len(gold)

    def figures(self) -> dict[str, Any]:
        """All of them, with 95% intervals."""
        keys = sorted({key for count in self.notes for key in count})
        rows = np.array([[count[key] for key in keys] for count in self.notes], dtype=np.int64)
        counts = by_unit(self.units, rows.reshape(len(self.notes), len(keys)))
        drawn = dict(zip(keys, resampled_sums(counts).T, strict=True))
        sums = dict(zip(keys, counts.sum(axis=0).tolist(), strict=True))

        def matched(what: str) -> dict[str, Any]:
            right, found, gold = (sums.get((what, name), 0) for name in ("right", "found", "gold"))
            of_draws = (drawn[what, name] for name in ("right", "found", "gold"))
            drawn_right, drawn_found, drawn_gold = of_draws
            return {
                "precision": right / found if found else 0.0,
                "recall": right / gold if gold else 0.0,
                "f1": 2 * right / (found + gold) if found + gold else 0.0,
                "support": gold,
                "found": found,
                "right": right,
                "intervals_95": {
                    "precision": bounds(drawn_right, drawn_found),
                    "recall": bounds(drawn_right, drawn_gold),
                    "f1": bounds(2 * drawn_right, drawn_found + drawn_gold),
                },
            }

        def accuracy(what: str) -> tuple[float | None, list[float] | None]:
            part, whole = sums[what, "part"], sums[what, "whole"]
            return part / whole if whole else None, bounds(drawn[what, "part"], drawn[what, "whole"])

        boundary, everything, category = (matched(what) for what in _MATCHES)
        category["accuracy"], category["intervals_95"]["accuracy"] = accuracy("accuracy")
        of_codes, codes_interval = accuracy("loinc")
        names = sorted({what for what, _ in keys if what.startswith("category ")})
        return {
            **{name: boundary[name] for name in ("precision", "recall", "f1")},
            "boundary": boundary,
            "category": category,
            "all_headings": everything,
            "by_category": {name.removeprefix("category "): matched(name) for name in names},
            "loinc": {"n": sums["loinc", "whole"], "accuracy": of_codes, "interval_95": codes_interval},
            "intervals_95": boundary["intervals_95"],
        }


def evaluate(request: Request, names: Sequence[str] = ()) -> Measured:
    """Runs the stage `sections` over the notes and counts.

    Args:
        names: `LABEL=CATEGORY` for data with a column `label`.

    Raises:
        RequestError: the data or an option is wrong.
    """
    request.refuse_other_heads()
    job = request.job()
    source = GoldSource(job.input, job.column_map(), job.split_rows, Marks(), request.split)
    table = HeadingTable.shipped()
    index = HeadingIndex(table)
    settings = {"headings": {"version": table.version, "digest": table.digest}, "split": request.split}
    if not source.is_generated and not source.has("headings"):
        if not source.has("label"):
            raise RequestError(
                f"{request.data} has neither a column headings (a list of structs with start, end and text) nor a "
                f"column label; it has: {', '.join(source.columns)}"
            )
        return section_labels.evaluate(request, job, index, renames(names), settings)
    if names:
        raise RequestError("--map is for data with a column label; headings give their category themselves")
    source.check()
    counts = SectionCounts(index)
    out = Predictions(request.predictions, [source.id_field, *SECTION_FIELDS], source.files.values())
    with Reading(job, {}, ("validate",), ("sections",)) as reading:
        for part, done in reading.read(source.read()):
            out.add(kept(part.ids, done["sections"].to_pylist(), SECTION_FIELDS))
            for unit, gold, found in zip(part.units, part.gold, done["sections"].to_pylist(), strict=True):
                counts.add(unit, gold, found or ())
    out.write()
    return SectionsReport(
        request.data, reading.notes, tuple(reading.rejected), settings, reading.seconds, counts.figures()
    )
