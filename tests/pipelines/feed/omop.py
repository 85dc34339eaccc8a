"""The Common Data Model for the tests: tables made by its own column list, outside of what the feeds make."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.feed.feeding import Fed, feed
from pipelines.feed.omop.integers import IntegerKeys
from pipelines.feed.omop.tables import OmopTables
from pipelines.feed.omop.vocabulary import Vocabulary
from pipelines.feed.run_tables import RunTables
from pipelines.feed.targets import open_store

# As OHDSI's field list of v5.4 has them: name, type, whether it must not be null.
_COLUMNS = {
    "note": """note_id integer!, person_id integer!, note_date date!, note_datetime datetime,
        note_type_concept_id integer!, note_class_concept_id integer!, note_title varchar(250), note_text varchar(MAX)!,
        encoding_concept_id integer!, language_concept_id integer!, provider_id integer, visit_occurrence_id integer,
        visit_detail_id integer, note_source_value varchar(50), note_event_id integer,
        note_event_field_concept_id integer""",
    "note_nlp": """note_nlp_id integer!, note_id integer!, section_concept_id integer, snippet varchar(250),
        offset varchar(50), lexical_variant varchar(250)!, note_nlp_concept_id integer,
        note_nlp_source_concept_id integer, nlp_system varchar(250), nlp_date date!, nlp_datetime datetime,
        term_exists varchar(1), term_temporal varchar(50), term_modifiers varchar(2000)""",
    "condition_occurrence": """condition_occurrence_id integer!, person_id integer!, condition_concept_id integer!,
        condition_start_date date!, condition_start_datetime datetime, condition_end_date date,
        condition_end_datetime datetime, condition_type_concept_id integer!, condition_status_concept_id integer,
        stop_reason varchar(20), provider_id integer, visit_occurrence_id integer, visit_detail_id integer,
        condition_source_value varchar(50), condition_source_concept_id integer,
        condition_status_source_value varchar(50)""",
}


def columns(table: str) -> list[tuple[str, str, bool]]:
    """Name, type and whether it is required, of each column."""
    words = [column.split() for column in _COLUMNS[table].split(",")]
    return [(name, kind.removesuffix("!"), kind.endswith("!")) for name, kind in words]


def ddl(table: str, **changed: str) -> str:
    """SQL that makes a table, its first column the primary key, lengths held by checks as well.

    Args:
        changed: columns declared otherwise; those not of the model come last; empty for one that is left out.
    """
    declared = {}
    for name, kind, required in columns(table):
        plain = kind.replace("varchar(MAX)", "text").replace("datetime", "timestamp")
        limit = kind.removeprefix("varchar(").removesuffix(")")
        checked = f' check (length("{name}") <= {limit})' if limit.isdigit() else ""
        declared[name] = plain + (" not null" if required else "") + checked
    declared |= changed
    key = next(iter(declared))
    body = ", ".join(f'"{name}" {kind}' for name, kind in declared.items() if kind)
    return f'create table "{table}" ({body}, primary key ("{key}"))'


def feed_omop(
    run: str, place: str, keys: Path, *tables: str, vocabulary: Path | None = None, batch_bytes: int = 60_000
) -> Fed:
    """Feeds a run to a store as the Common Data Model."""
    integers, concepts = IntegerKeys(str(keys)), Vocabulary(None if vocabulary is None else str(vocabulary))
    store = open_store(place)
    source = RunTables(run)
    try:
        return feed(
            source, OmopTables(integers, concepts, source.version, tables or None), store, batch_bytes=batch_bytes
        )
    finally:
        store.close()
        concepts.close()
        integers.close()


def rows(file: Path, query: str) -> list[tuple[object, ...]]:
    """What a DuckDB file answers."""
    with duckdb.connect(str(file), read_only=True) as db:
        return db.execute(query).fetchall()


def athena(folder: Path, *, related: bool = True) -> Path:
    """A download of Athena with a few concepts, written as Athena writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    heads = "concept_id concept_name domain_id vocabulary_id concept_class_id standard_concept concept_code "
    concepts = [
        (45533022, 'Type 2 diabetes "mellitus"', "Condition", "ICD10CM", "4-char billing code", "", "E11.9"),
        (201826, "Type 2 diabetes mellitus", "Condition", "SNOMED", "Disorder", "S", "44054006"),
        (45581353, "Long term use of insulin", "Observation", "ICD10CM", "4-char billing code", "", "Z79.4"),
        (3001, "Plan of treatment", "Note", "LOINC", "Document Section", "S", "18776-5"),
        (3002, "Discharge summary", "Note", "LOINC", "Note", "S", "18842-5"),
        (32831, "EHR note", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP1"),
        (32858, "NLP", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP2"),
        (32678, "UTF-8", "Metadata", "Metadata", "Metadata", "S", "OMOP3"),
        (4180186, "English language", "Language", "SNOMED", "Qualifier Value", "S", "297487008"),
    ]
    lines = [f"{heads.replace(' ', chr(9))}valid_start_date\tvalid_end_date\tinvalid_reason"]
    lines += ["\t".join(map(str, concept)) + "\t19700101\t20991231\t" for concept in concepts]
    (folder / "CONCEPT.csv").write_text("\n".join(lines) + "\n")
    if related:
        heads = "concept_id_1\tconcept_id_2\trelationship_id\tvalid_start_date\tvalid_end_date\tinvalid_reason"
        relations = [
            (45533022, 201826, "Maps to", ""),
            (201826, 45533022, "Mapped from", ""),
            (45533022, 3001, "Maps to", "D"),
        ]
        lines = [heads, *(f"{a}\t{b}\t{name}\t19700101\t20991231\t{gone}" for a, b, name, gone in relations)]
        (folder / "CONCEPT_RELATIONSHIP.csv").write_text("\n".join(lines) + "\n")
    return folder


def arrow(table: str) -> pa.Schema:
    """A table's columns in Arrow."""
    kinds = {"integer": pa.int32(), "date": pa.date32(), "datetime": pa.timestamp("us")}
    return pa.schema([pa.field(name, kinds.get(kind, pa.string()), not must) for name, kind, must in columns(table)])
