"""A run's tables as resources of FHIR R4.

- Condition: codes of diagnoses that rest on something asserted.
- Observation: mentions that speak of the patient; those of others have no place among the patient's observations.
- RiskAssessment: readmission, by admission.

All of them need a subject: rows without a patient are left out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pyarrow as pa

from pipelines.feed.fhir import resources
from pipelines.feed.fhir.resources import CONDITION, ENCOUNTER, NOTE, OBSERVATION, RISK, Resource, reference
from pipelines.feed.findings import Row, by_note, code_of, is_asserted, is_diagnosis, is_of_patient, mentions_of
from pipelines.feed.mapping import choose
from pipelines.feed.run_tables import UnitTables
from pipelines.feed.store import Store, TableSpec

_FIELDS: Final = pa.schema([("source", pa.string()), ("resource", pa.string())])

SPECS: Final = tuple(
    TableSpec(name, _FIELDS, "source", reads)
    for name, reads in (
        (CONDITION, ("notes", "codes")),
        (OBSERVATION, ("notes", "entities")),
        (RISK, ("readmission",)),
    )
)


class FhirResources:
    """Makes the resources.

    Args:
        version: of the Notemill that made the run.
        chosen: types of resources to deliver; None for all.
    """

    def __init__(self, version: str, chosen: Sequence[str] | None = None) -> None:
        self._version = version
        self._chosen = chosen
        self._left_out: Counter[str] = Counter()

    def tables(self, present: Sequence[str]) -> tuple[TableSpec, ...]:
        return choose(SPECS, present, self._chosen)

    def begin(self, store: Store, specs: Sequence[TableSpec]) -> None:
        """Any resources go with these."""

    def settle(self) -> None:
        """Resources rest on nothing else."""

    @property
    def remarks(self) -> Sequence[str]:
        return tuple(f"{count:,} {what}" for what, count in sorted(self._left_out.items()))

    def keys(self, spec: TableSpec, unit: UnitTables) -> pa.Array:
        if spec.name == RISK:
            kind, ids = ENCOUNTER, unit.table("readmission")["encounter_id"].unique().drop_null()
        else:
            kind, ids = NOTE, unit.note_ids
        return pa.array((reference(kind, own) for own in ids.to_pylist()), pa.string())

    def rows(self, spec: TableSpec, unit: UnitTables) -> pa.Table:
        make = {CONDITION: self._conditions, OBSERVATION: self._observations, RISK: self._risks}[spec.name]
        made = list(make(unit))
        columns = {
            "source": [resource["meta"]["source"] for resource in made],
            "resource": [json.dumps(resource, ensure_ascii=False, separators=(",", ":")) for resource in made],
        }
        return pa.table(columns, schema=spec.fields)

    def _conditions(self, unit: UnitTables) -> Iterator[Resource]:
        mentions = by_note(unit, "entities")
        for own, note, codes in self._of_patients(unit, "codes"):
            for code in codes:
                if not is_diagnosis(code):
                    self._left_out["codes that are no diagnoses are no Condition"] += 1
                elif not is_asserted(code, mentions.get(own, ())):
                    self._left_out["codes whose mentions are not asserted are no Condition"] += 1
                else:
                    yield resources.condition(note, code, mentions_of(code, mentions.get(own, ())))

    def _observations(self, unit: UnitTables) -> Iterator[Resource]:
        codes = by_note(unit, "codes")
        for own, note, mentions in self._of_patients(unit, "entities"):
            for mention in mentions:
                if is_of_patient(mention):
                    yield resources.observation(note, mention, code_of(mention, codes.get(own, ())))
                else:
                    self._left_out["mentions of other persons are no Observation"] += 1

    def _risks(self, unit: UnitTables) -> Iterator[Resource]:
        for admission in unit.table("readmission").to_pylist():
            if admission["patient_id"] is None:
                self._left_out["admissions without a patient have no RiskAssessment"] += 1
            elif admission["probability"] is None:
                self._left_out["admissions that could not be scored have no RiskAssessment"] += 1
            else:
                yield resources.risk_assessment(admission, self._version)

    def _of_patients(self, unit: UnitTables, table: str) -> Iterator[tuple[str, Row, list[Row]]]:
        """Notes that have a patient, each with its rows of a table."""
        notes: Mapping[str, Row] = {row["note_id"]: row for row in unit.table("notes").to_pylist()}
        for own, rows in by_note(unit, table).items():
            if notes[own]["patient_id"] is None:
                self._left_out[f"{table} of notes without a patient are left out"] += len(rows)
            else:
                yield own, notes[own], rows
