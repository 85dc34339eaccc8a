"""A run whose notes assert and deny: mentions with all flags, codes on them, notes without patient or time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from pipelines.engines.local import LocalEngine
from pipelines.run import execute
from tests.pipelines.toys import Count, Quiet, make_plan, write_notes
from transforms import schema
from transforms.stage import Resources, with_column
from transforms.validate import Validate

_FLAG = {"deny": "negated", "maybe": "uncertain", "if": "hypothetical", "old": "historical"}
_WORD = re.compile(r"(has|deny|maybe|if|old|mother)_(\w+?)(?:=(\S+))?(?=\s|$)")
LONG = "y" * 300


@dataclass(frozen=True)
class Mentions:
    """Reads `deny_fever=R50.9` as a negated mention with a code resting on it; `sections` is one plan."""

    name: ClassVar[str] = "mentions"
    reads: ClassVar[pa.Schema] = schema.columns("text")
    adds: ClassVar[pa.Schema] = schema.columns("sections", "entities", "codes")
    resources: ClassVar[Resources] = Resources()

    def open(self) -> _Reading:
        return _Reading()


class _Reading:
    def process(self, notes: pa.Table) -> pa.Table:
        columns: dict[str, list[list[dict[str, Any]]]] = {name: [] for name in Mentions.adds.names}
        for text in notes["text"].to_pylist():
            section = {"section_id": 0, "category": "plan", "loinc": "18776-5", "title": "Plan", "start": 0}
            columns["sections"].append([{**section, "end": len(text), "body_start": 0}])
            found = list(_WORD.finditer(text))
            columns["entities"].append([self._entity(i, match) for i, match in enumerate(found)])
            columns["codes"].append([self._code(match) for match in found if match[3]])
        for name, values in columns.items():
            notes = with_column(notes, schema.IN_FLIGHT.field(name), values)
        return notes

    def _entity(self, i: int, match: re.Match[str]) -> dict[str, Any]:
        flags = {flag: match[1] == word for word, flag in _FLAG.items()}
        span = {"start": match.start(2), "end": match.end(2), "text": match[2], "label": "Disease", "score": 0.9}
        experiencer = "family" if match[1] == "mother" else "patient"
        return {"entity_id": i, **span, "section_id": 0, **flags, "experiencer": experiencer}

    def _code(self, match: re.Match[str]) -> dict[str, Any]:
        system = "ICD-9-CM" if match[3][0].isdigit() else "ICD-10-CM"
        evidence = [{"start": match.start(2), "end": match.end(2), "text": match[2]}]
        return {"code": match[3], "system": system, "description": "A code", "score": 0.8, "evidence": evidence}

    def close(self) -> None:
        """Nothing to release."""


TEXTS = {
    "n1": "has_diabetes=E11.9 deny_fever=R50.9 old_stroke=I69.30 mother_cancer=C50.919",
    "n2": "maybe_pneumonia=J18.9 if_rash=R21 has_insulin=Z79.4",
    "n3": 'é 漢 \U0001f600 it\'s a "quote" \\ ' + "x " * 200 + "has_pain " + "z " * 200,
    "n4": f"has_{LONG} and more",
    "n5": "no time: has_gout=M10.9",
    "n6": "no patient: has_asthma=J45.909",
    "n7": "nothing here",
    "n8": "REFUSED has_ache=R52",
    "n9": "old code has_hernia=550.90 and a procedure has_repair=53.00",
}


def clinic(folder: Path, *, split_rows: int = 4, **changed: str) -> str:
    """Runs the notes.

    Args:
        changed: other texts, by note id; empty for a note that is gone.
    """
    texts = {own: text for own, text in {**TEXTS, **changed}.items() if text}
    ids = list(texts)
    notes = pa.table(
        {
            "note_id": ids,
            "patient_id": [None if own == "n6" else f"p{own in ('n1', 'n2')}" for own in ids],
            "encounter_id": ["e1" if own == "n1" else None for own in ids],
            "note_type": ["18842-5" if own == "n1" else "type " * 60 for own in ids],
            "note_time": pa.array(
                [None if own == "n5" else 1_600_000_000_000_000 + i for i, own in enumerate(ids)], pa.timestamp("us")
            ),
            "text": list(texts.values()),
        }
    )
    source = write_notes(folder / "in.parquet", notes)
    stages = (Validate(), Count(refuses_on="REFUSED"), Mentions())
    execute(make_plan(source, folder / "out", *stages, split_rows=split_rows), LocalEngine(), Quiet(), facts={})
    return str(folder / "out")
