"""Runs with rows that a test writes by hand, as `notemill run` would leave them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipelines.finish import account
from pipelines.io.ledger import Ledger, Receipt, part_name
from pipelines.io.sink import encode
from pipelines.io.storage import Folder
from transforms import schema

Rows = Sequence[Mapping[str, Any]]

PRESENT = {
    "negated": False,
    "uncertain": False,
    "historical": False,
    "hypothetical": False,
    "experiencer": "patient",
    "score": 0.9,
}


def write_run(uri: str, tables: Mapping[str, Rows | pa.Table], *, mode: str = "surrogate", **facts: Any) -> str:
    """Writes tables as a complete run of one split. Columns that a row leaves out are null."""
    folder, made = Folder(uri), {"rejects": [], **tables}
    sizes: dict[str, dict[str, int]] = {}
    rows: dict[str, int] = {}
    for name, given in made.items():
        table = given if isinstance(given, pa.Table) else table_of(name, given)
        data = encode(table)
        admissions = name == "readmission"
        folder.put(f"{name}/{part_name('encounters-00000' if admissions else 's0')}", data)
        rows[name] = table.num_rows
        if not admissions:
            sizes[name] = {"rows": table.num_rows, "bytes": len(data)}
    ledger = Ledger(folder)
    written, rejected = rows["notes"], rows["rejects"]
    receipt = Receipt("s0", 0, written + rejected, written, rejected, tables=sizes, **facts.pop("receipt", {}))
    ledger.write(receipt)
    folder.put("_plan.json", json.dumps({"run_id": "toy", "version": "test", "fingerprint": "toy"}).encode())
    manifest = {
        "run_id": "toy",
        **account({"s0": receipt}),
        "tables": rows,
        "job": {"deidentify": {"mode": mode}},
        **facts,
    }
    ledger.finish(manifest)
    return uri


def table_of(name: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows of a table with all its columns."""
    fields = schema.TABLES[name]
    return pa.Table.from_pylist([{field: row.get(field) for field in fields.names} for row in rows], schema=fields)


class Chart:
    """Notes and what stands in them, written one after another; each row finds its words in the text.

    Attributes:
        tables: the rows of a run's tables so far.
    """

    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = {
            name: [] for name in ("notes", "sections", "entities", "codes", "readmission")
        }

    def note(self, patient: str | None, time: str | None, text: str, **more: Any) -> str:
        """Adds a note and gives its id."""
        notes = self.tables["notes"]
        note_id = more.pop("note_id", f"n{len(notes):03}")
        written = None if time is None else dt.datetime.fromisoformat(time)
        notes.append(
            {
                "note_id": note_id,
                "patient_id": patient,
                "encounter_id": None,
                "note_type": "progress note",
                "note_time": written,
                "text": text,
                "text_length": len(text),
                **more,
            }
        )
        return note_id

    def entity(self, note_id: str, words: str, label: str = "Disease", **flags: Any) -> None:
        self.tables["entities"].append({**self._span(note_id, words), **PRESENT, "label": label, **flags})

    def code(self, note_id: str, code: str, words: str | None = None, **more: Any) -> None:
        evidence = [{key: self._span(note_id, words)[key] for key in ("start", "end", "text")}] if words else []
        self.tables["codes"].append(
            {"note_id": note_id, "code": code, "system": "ICD-10-CM", "score": 0.9, "evidence": evidence, **more}
        )

    def section(self, note_id: str, title: str, category: str, loinc: str | None = None) -> None:
        """A section from its heading to the next empty line, or the end."""
        text = self._text(note_id)
        start = text.index(title)
        end = text.find("\n\n", start)
        rows = self.tables["sections"]
        rows.append(
            {
                "note_id": note_id,
                "section_id": sum(row["note_id"] == note_id for row in rows),
                "category": category,
                "loinc": loinc,
                "title": title,
                "start": start,
                "end": len(text) if end < 0 else end,
                "body_start": start + len(title),
            }
        )

    def admission(self, encounter: str, patient: str, probability: float, chunk: tuple[str, str] | None = None) -> None:
        told = []
        if chunk is not None:
            span = self._span(*chunk)
            told = [{"note_id": chunk[0], "start": span["start"], "end": span["end"], "score": probability}]
        self.tables["readmission"].append(
            {"encounter_id": encounter, "patient_id": patient, "probability": probability, "top_chunks": told}
        )

    def _text(self, note_id: str) -> str:
        return next(str(row["text"]) for row in self.tables["notes"] if row["note_id"] == note_id)

    def _span(self, note_id: str, words: str) -> dict[str, Any]:
        start = self._text(note_id).index(words)
        return {"note_id": note_id, "start": start, "end": start + len(words), "text": words}
