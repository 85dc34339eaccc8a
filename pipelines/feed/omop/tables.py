"""A run's tables as those of the OMOP Common Data Model.

- NOTE: every note that has a patient, its text de-identified. A note without a time has the date 1970-01-01 and no
  `note_datetime`.
- NOTE_NLP: every entity of these notes. `term_exists` is `N` for what is negated, uncertain, hypothetical or another
  person's, null where the run asserted nothing; `term_temporal` is `past` or `present`; the rest of what is known
  stands in `term_modifiers`, the code too, for which the table has no column of its own.
- CONDITION_OCCURRENCE: the ICD codes of diagnoses of these notes that have a date, each once for each standard concept,
  unless all mentions that a code rests on are denied, uncertain, expected or another person's.

Conventions: https://ohdsi.github.io/CommonDataModel/cdm54.html.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import pyarrow as pa

from pipelines.errors import RequestError
from pipelines.feed.findings import Row, by_note, code_of, has, is_asserted, is_diagnosis
from pipelines.feed.mapping import choose
from pipelines.feed.omop import cdm
from pipelines.feed.omop.integers import IntegerKeys
from pipelines.feed.omop.vocabulary import ENGLISH, FOUND_BY_NLP, NOTE_OF_RECORD, UTF8, Concept, Vocabulary
from pipelines.feed.run_tables import UnitTables
from pipelines.feed.store import Part, Store, TableSpec, length_of

NOTE: Final = "note"
NOTE_NLP: Final = "note_nlp"
CONDITION: Final = "condition_occurrence"
PERSON: Final = "person"
_VISIT: Final = "visit_occurrence"

SPECS: Final = tuple(
    TableSpec(name, cdm.TABLES[name], key, reads)
    for name, key, reads in (
        (NOTE, "note_id", ("notes",)),
        (NOTE_NLP, "note_id", ("notes", "entities")),
        (CONDITION, "condition_occurrence_id", ("notes", "codes")),
    )
)

UNDATED: Final = dt.date(1970, 1, 1)


class OmopTables:
    """Makes the tables.

    Args:
        keys: gives integers to ids; what it gave is settled before each delivery.
        vocabulary: knows concepts.
        version: of the Notemill that made the run.
        chosen: tables to deliver; None for all.
    """

    def __init__(
        self, keys: IntegerKeys, vocabulary: Vocabulary, version: str, chosen: Sequence[str] | None = None
    ) -> None:
        self._keys = keys
        self._vocabulary = vocabulary
        self._system = f"Notemill {version}"
        self._chosen = chosen
        self._left_out: Counter[str] = Counter()

    def tables(self, present: Sequence[str]) -> tuple[TableSpec, ...]:
        return choose(SPECS, present, self._chosen)

    def begin(self, store: Store, specs: Sequence[TableSpec]) -> None:
        """Marks the tables as fed with these keys.

        Raises:
            RequestError: a table has rows with other keys: two crosswalks give the same integer to different ids.
        """
        mark = {"keys": self._keys.identity}
        for spec in specs:
            if store.delivered(spec.name, _MARK, mark):
                continue
            if store.holds_rows(spec.name):
                raise RequestError(
                    f"the table {spec.name} has rows whose integer keys are not those of {self._keys.uri}: give --keys "
                    "the folder that it was fed with, or feed a place of its own"
                )
            empty = pa.array([], spec.fields.field(spec.key).type)
            store.deliver([Part(spec, _MARK, spec.fields.empty_table(), empty, mark)])

    def settle(self) -> None:
        self._keys.settle()

    @property
    def remarks(self) -> Sequence[str]:
        return tuple(f"{count:,} {what}" for what, count in sorted(self._left_out.items()))

    def keys(self, spec: TableSpec, unit: UnitTables) -> pa.Array:
        ids = unit.note_ids.to_pylist()
        if spec.name == CONDITION:
            found: Iterable[int | None] = (key for own in ids for key in self._keys.held_in_blocks(CONDITION, own))
        else:
            found = (self._keys.held(NOTE, own) for own in ids)
        return pa.array((key for key in found if key is not None), pa.int32())

    def rows(self, spec: TableSpec, unit: UnitTables) -> pa.Table:
        notes = {row["note_id"]: row for row in unit.table("notes").to_pylist()}
        with_patient = {own: note for own, note in notes.items() if note["patient_id"] is not None}
        if spec.name == NOTE:
            self._left_out["notes without a patient are left out"] += len(notes) - len(with_patient)
            self._left_out[f"notes without a time have the date {UNDATED}"] += sum(
                note["note_time"] is None for note in with_patient.values()
            )
            rows = [self._note(note) for note in with_patient.values()]
        else:
            make = self._mentions if spec.name == NOTE_NLP else self._conditions
            rows = make(with_patient, unit)
        self._left_out = +self._left_out
        return pa.table({field.name: _column(rows, field) for field in spec.fields}, schema=spec.fields)

    def _note(self, note: Row) -> Row:
        time = note["note_time"]
        return {
            "note_id": self._keys.key(NOTE, note["note_id"]),
            "person_id": self._keys.key(PERSON, note["patient_id"]),
            "note_date": UNDATED if time is None else time.date(),
            "note_datetime": time,
            "note_type_concept_id": self._vocabulary.named(NOTE_OF_RECORD),
            "note_class_concept_id": self._vocabulary.code("LOINC", note["note_type"] or "").source,
            "note_title": note["note_type"],
            "note_text": note["text"],
            "encoding_concept_id": self._vocabulary.named(UTF8),
            "language_concept_id": self._vocabulary.named(ENGLISH),
            "visit_occurrence_id": self._visit(note),
            "note_source_value": note["note_type"],
        }

    def _visit(self, note: Row) -> int | None:
        encounter = note["encounter_id"]
        return None if encounter is None else self._keys.key(_VISIT, encounter)

    def _mentions(self, notes: Mapping[str, Row], unit: UnitTables) -> list[Row]:
        sections = {
            (row["note_id"], row["section_id"]): row["loinc"]
            for row in (unit.table("sections").to_pylist() if "sections" in unit.unit.sizes else ())
        }
        codes = by_note(unit, "codes")
        moment = dt.datetime.fromtimestamp(unit.unit.finished, dt.UTC).replace(tzinfo=None)
        rows = []
        for own, mentions in by_note(unit, "entities").items():
            if own not in notes:
                continue
            text, note_key = notes[own]["text"], self._keys.key(NOTE, own)
            for key, mention in zip(self._keys.block(NOTE_NLP, own, len(mentions)), mentions, strict=True):
                code = code_of(mention, codes.get(own, ()))
                concept = Concept() if code is None else self._vocabulary.code(code["system"], code["code"])
                rows.append(
                    {
                        "note_nlp_id": key,
                        "note_id": note_key,
                        "section_concept_id": self._section(sections.get((own, mention["section_id"]))),
                        "snippet": snippet(text, mention["start"], mention["end"]),
                        "offset": str(mention["start"]),
                        "lexical_variant": mention["text"],
                        "note_nlp_concept_id": concept.standard[0][0] if concept.standard else 0,
                        "note_nlp_source_concept_id": concept.source,
                        "nlp_system": self._system,
                        "nlp_date": moment.date(),
                        "nlp_datetime": moment,
                        "term_exists": _said(has(mention), "Y", "N"),
                        "term_temporal": _said(mention["historical"], "past", "present"),
                        "term_modifiers": _modifiers(mention, code),
                    }
                )
        return rows

    def _section(self, loinc: str | None) -> int:
        concept = self._vocabulary.code("LOINC", loinc or "")
        return concept.standard[0][0] if concept.standard else concept.source

    def _conditions(self, notes: Mapping[str, Row], unit: UnitTables) -> list[Row]:
        mentions = by_note(unit, "entities")
        rows = []
        for own, codes in by_note(unit, "codes").items():
            if own not in notes:
                continue
            if notes[own]["note_time"] is None:
                self._left_out["codes of notes without a time are no condition_occurrence"] += len(codes)
                continue
            found = [pair for code in codes for pair in self._condition(code, mentions.get(own, ()))]
            for key, (code, concept, source) in zip(
                self._keys.block(CONDITION, own, len(found)) if found else (), found, strict=True
            ):
                time = notes[own]["note_time"]
                rows.append(
                    {
                        "condition_occurrence_id": key,
                        "person_id": self._keys.key(PERSON, notes[own]["patient_id"]),
                        "condition_concept_id": concept,
                        "condition_start_date": time.date(),
                        "condition_start_datetime": time,
                        "condition_type_concept_id": self._vocabulary.named(FOUND_BY_NLP),
                        "visit_occurrence_id": self._visit(notes[own]),
                        "condition_source_value": code["code"],
                        "condition_source_concept_id": source,
                    }
                )
        return rows

    def _condition(self, code: Row, mentions: Sequence[Row]) -> list[tuple[Row, int, int]]:
        """The code with each standard concept that it stands for, and its own concept; none for no condition."""
        concept = self._vocabulary.code(code["system"], code["code"])
        if not is_diagnosis(code) or not (standard := concept.conditions()):
            self._left_out["codes that are no conditions are left out of condition_occurrence"] += 1
            return []
        if not is_asserted(code, mentions):
            self._left_out["codes whose mentions are not asserted are left out of condition_occurrence"] += 1
            return []
        return [(code, one, concept.source) for one in standard]


_MARK: Final = "_omop_keys"
"""Stands in the place of a run in a store's record, to tell which crosswalk a table is fed with."""


def _column(rows: Sequence[Row], field: pa.Field) -> pa.Array:
    values = [row.get(field.name) for row in rows]
    most = length_of(field)
    if most is not None:
        values = [None if value is None else value[:most] for value in values]
    return pa.array(values, field.type)


def snippet(text: str, start: int, end: int) -> str:
    """The text round a term, the term in its middle; of a longer term its beginning."""
    most = length_of(cdm.TABLES[NOTE_NLP].field("snippet")) or 0
    room = max(0, most - (end - start))
    first = max(0, min(start - room // 2, len(text) - most))
    return text[min(first, start) :][:most]


def _said(flag: bool | None, yes: str, no: str) -> str | None:
    return None if flag is None else yes if flag else no


def _modifiers(mention: Row, code: Row | None) -> str:
    told = {
        "negated": _said(mention["negated"], "yes", "no"),
        "subject": mention["experiencer"],
        "certainty": _said(mention["uncertain"], "low", "high"),
        "conditional": _said(mention["hypothetical"], "yes", "no"),
        "historical": _said(mention["historical"], "yes", "no"),
    }
    known = {name: value or "undef" for name, value in told.items()} | {"label": mention["label"]}
    if mention["score"] is not None:
        known["score"] = f"{mention['score']:.3f}"
    if code is not None:
        known["code"] = f"{code['system']}:{code['code']}"
    return ",".join(f"{name}={value}" for name, value in known.items())
