"""Runs to feed: toy notes through the real sinks, with rows in every table."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from pipelines.engines.local import LocalEngine
from pipelines.run import execute
from tests.pipelines.toys import Count, Quiet, make_plan, read_tables, write_notes
from transforms import schema
from transforms.stage import Resources, with_column
from transforms.validate import Validate

SPLIT_ROWS = 5


@dataclass(frozen=True)
class Spans:
    """Sections, entities, codes and PHI that depend on the text, and on `version`; a note may have none."""

    version: int = 1
    name: ClassVar[str] = "spans"
    reads: ClassVar[pa.Schema] = schema.columns("text")
    adds: ClassVar[pa.Schema] = schema.columns("sections", "entities", "codes", "phi")
    resources: ClassVar[Resources] = Resources()

    def open(self) -> _Finding:
        return _Finding(self.version)


class _Finding:
    def __init__(self, version: int) -> None:
        self._version = version

    def process(self, notes: pa.Table) -> pa.Table:
        columns: dict[str, list[list[dict[str, Any]]]] = {name: [] for name in Spans.adds.names}
        for text in notes["text"].to_pylist():
            words = [word for word in text.split() if word not in ("[IDNUM]", "Note")]
            spans = [{"start": text.index(word), "end": text.index(word) + len(word), "text": word} for word in words]
            chosen = spans[: len(words) % 4]
            plan = {"section_id": 0, "category": "plan", "loinc": "18776-5", "title": 'It\'s "the" plan', "start": 0}
            columns["sections"].append([{**plan, "end": len(text), "body_start": 0}] if chosen else [])
            flags = dict.fromkeys(("negated", "uncertain", "historical", "hypothetical"), False)
            columns["entities"].append(
                [
                    {**span, **flags, "entity_id": i, "label": "Disease", "score": 0.1 * self._version, "section_id": 0}
                    for i, span in enumerate(chosen)
                ]
            )
            code = {"code": "E11.9", "system": "ICD-10-CM", "description": "Type 2 diabetes", "score": 0.75}
            columns["codes"].append([{**code, "evidence": chosen}] if len(words) % 3 else [])
            offsets = {"raw_start": 7, "raw_end": 14, "start": 7, "end": 14}
            found = {"label": "IDNUM", "safe_harbor": "R", "recognizer": "toy", "score": 1.0, **offsets}
            columns["phi"].append([found] if "IDNUM" in text else [])
        for name, values in columns.items():
            notes = with_column(notes, schema.IN_FLIGHT.field(name), values)
        return notes

    def close(self) -> None:
        """Nothing to release."""


def make_run(
    output: Path | str, source: Path, notes: pa.Table, *, version: int = 1, split_rows: int = SPLIT_ROWS
) -> str:
    """Runs the notes; those with `REFUSED` in their text are rejected."""
    written = write_notes(source, notes)
    stages = (Validate(), Count(refuses_on="REFUSED"), Spans(version))
    execute(make_plan(written, output, *stages, split_rows=split_rows), LocalEngine(), Quiet(), facts={})
    return str(output)


def rows_of(table: pa.Table) -> Counter[str]:
    """The rows of a table, each as JSON with its columns in alphabetic order, and how often they are there."""
    return Counter(row_of(row) for row in table.to_pylist())


_LISTS = {field.name for fields in schema.TABLES.values() for field in fields if pa.types.is_list(field.type)}


def row_of(row: dict[str, Any]) -> str:
    """A row as JSON. A null list is an empty one: ClickHouse knows no other, nor PyIceberg where it rewrites."""
    return json.dumps(
        {key: _plain([] if key in _LISTS and not value else value) for key, value in row.items()}, sort_keys=True
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        value = float(f"{value:.5g}")  # of float32, whose last digits differ between readers
        return int(value) if value.is_integer() else value
    return value.isoformat() if hasattr(value, "isoformat") else value


def expected(run: str) -> dict[str, Counter[str]]:
    """The rows of the run's tables, read from its files."""
    return {name: rows_of(table) for name, table in read_tables(run).items()}
