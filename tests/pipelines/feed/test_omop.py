"""`omop://`: rows as the Common Data Model wants them, in tables that somebody else has made."""

from __future__ import annotations

import datetime as dt
import shutil
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import RequestError
from pipelines.feed.omop import cdm
from pipelines.feed.omop.conformance import check
from pipelines.feed.omop.integers import IntegerKeys
from pipelines.feed.omop.tables import snippet
from pipelines.feed.omop.vocabulary import Vocabulary
from pipelines.feed.targets import opened
from tests.pipelines.feed.clinic import LONG, TEXTS, clinic
from tests.pipelines.feed.killing import feed_apart
from tests.pipelines.feed.omop import arrow, athena, columns, ddl, feed_omop, rows
from tests.pipelines.feed.postgresql import server
from tests.pipelines.feed.warehouses import WAREHOUSES, PostgreSQL

TABLES = ("note", "note_nlp", "condition_occurrence")
FED = {"note": 7, "note_nlp": 12, "condition_occurrence": 4}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    return clinic(tmp_path_factory.mktemp("clinic"))


@pytest.fixture(scope="module")
def fed(run: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DuckDB file with the run in it."""
    folder = tmp_path_factory.mktemp("cdm")
    feed_omop(run, f"duckdb://{folder}/cdm.duckdb", folder / "keys")
    return folder / "cdm.duckdb"


def test_the_field_list_is_that_of_the_standard() -> None:
    assert {table: [*cdm.TABLES[table]] for table in cdm.TABLES} == {table: [*arrow(table)] for table in TABLES}
    lengths = {field.name: field.metadata for field in cdm.TABLES["note_nlp"] if field.metadata}
    wanted = {name: kind for name, kind, _ in columns("note_nlp") if kind.startswith("varchar")}
    assert {name: f"varchar({meta[b'length'].decode()})" for name, meta in lengths.items()} == wanted


# -- What rows say


def test_a_mention_says_whether_the_patient_has_it(fed: Path) -> None:
    found = rows(fed, "select lexical_variant, term_exists, term_temporal, term_modifiers from note_nlp")
    said = {str(term): (exists, temporal) for term, exists, temporal, _ in found}
    assert said == {
        "diabetes": ("Y", "present"),
        "fever": ("N", "present"),
        "stroke": ("Y", "past"),
        "cancer": ("N", "present"),
        "pneumonia": ("N", "present"),
        "rash": ("N", "present"),
        "insulin": ("Y", "present"),
        "pain": ("Y", "present"),
        LONG[:250]: ("Y", "present"),
        "gout": ("Y", "present"),
        "hernia": ("Y", "present"),
        "repair": ("Y", "present"),
    }
    modifiers = {str(term): told for term, _, _, told in found}
    assert modifiers["cancer"] == (
        "negated=no,subject=family,certainty=high,conditional=no,historical=no,label=Disease,score=0.900,"
        "code=ICD-10-CM:C50.919"
    )
    assert str(modifiers["pain"]).endswith("label=Disease,score=0.900")


def test_offsets_and_snippets_lead_back_to_the_note(fed: Path) -> None:
    query = 'select note_text, "offset", lexical_variant, snippet from note join note_nlp using (note_id)'
    found = rows(fed, query)
    assert len(found) == FED["note_nlp"]
    for text, offset, term, around in found:
        assert isinstance(text, str)
        assert isinstance(offset, str)
        assert isinstance(term, str)
        assert isinstance(around, str)
        assert text[int(offset) :].startswith(term)
        assert term in around
        assert around in text
        assert len(around) <= 250
        assert len(around) == min(250, len(text)) or term == LONG[:250]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=600), st.integers(0, 600), st.integers(1, 400))
def test_a_snippet_holds_its_term(text: str, start: int, length: int) -> None:
    start = min(start, max(0, len(text) - 1))
    end = min(len(text), start + length)
    around = snippet(text, start, end)
    assert len(around) <= 250
    assert around in text
    assert text[start:end][:250] in around


def test_notes_have_dates_types_and_patients(run: str, fed: Path, tmp_path: Path) -> None:
    found = rows(
        fed, "select note_text, note_date, note_datetime, visit_occurrence_id, note_title, person_id from note"
    )
    by_text = {str(row[0])[:6]: row[1:] for row in found}
    assert len(by_text) == 7
    assert "no pat" not in by_text
    date, time, visit, title, person = by_text["has_di"]
    assert (date, time) == (dt.date(2020, 9, 13), dt.datetime(2020, 9, 13, 12, 26, 40))
    assert (visit is None, title) == (False, "18842-5")
    assert person == by_text["maybe_"][4] != by_text["nothin"][4]
    assert by_text["no tim"][:3] == (dt.date(1970, 1, 1), None, None)
    assert len(str(by_text["nothin"][3])) == 250
    remarks = feed_omop(run, f"duckdb://{tmp_path}/x.duckdb", tmp_path / "keys").remarks
    assert sorted(remarks) == [
        "1 codes of notes without a time are no condition_occurrence",
        "1 codes that are no conditions are left out of condition_occurrence",  # a procedure of ICD-9-CM
        "1 notes without a patient are left out",
        "1 notes without a time have the date 1970-01-01",
        "4 codes whose mentions are not asserted are left out of condition_occurrence",
    ]


def test_conditions_are_what_is_asserted(fed: Path) -> None:
    found = rows(fed, "select condition_source_value, condition_concept_id, person_id from condition_occurrence")
    assert sorted((str(code), concept) for code, concept, _ in found) == [
        ("550.90", 0),
        ("E11.9", 0),
        ("I69.30", 0),
        ("Z79.4", 0),
    ]
    assert {person for *_, person in found} <= {person for (person,) in rows(fed, "select person_id from note")}


@pytest.mark.parametrize("related", [True, False])
def test_concepts_of_a_download_of_athena(run: str, tmp_path: Path, related: bool) -> None:
    place = tmp_path / "cdm.duckdb"
    vocabulary = athena(tmp_path / "athena", related=related)
    feed_omop(run, f"duckdb://{place}", tmp_path / "keys", vocabulary=vocabulary)
    standard = 201826 if related else 0
    query = (
        "select condition_source_value, condition_concept_id, condition_source_concept_id, condition_type_concept_id "
        "from condition_occurrence order by 1"
    )
    # Z79.4 is an observation; the others this download does not know.
    assert rows(place, query) == [
        ("550.90", 0, 0, 32858),
        ("E11.9", standard, 45533022, 32858),
        ("I69.30", 0, 0, 32858),
    ]
    query = "select note_nlp_concept_id, note_nlp_source_concept_id from note_nlp where lexical_variant = 'diabetes'"
    assert rows(place, query) == [(standard, 45533022)]
    assert rows(place, "select distinct section_concept_id from note_nlp") == [(3001,)]
    query = (
        "select note_type_concept_id, note_class_concept_id, encoding_concept_id, language_concept_id "
        "from note where note_title = '18842-5'"
    )
    assert rows(place, query) == [(32831, 3002, 32678, 4180186)]


def test_a_folder_that_is_no_download_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"cannot read .*CONCEPT.csv: give --vocabulary the folder"):
        Vocabulary(str(tmp_path))
    (tmp_path / "CONCEPT.csv").write_text("concept_id,concept_name\n1,x\n")
    with pytest.raises(RequestError, match="has no column concept_id, concept_name, domain_id"):
        Vocabulary(str(tmp_path))
    athena(tmp_path)
    (tmp_path / "CONCEPT.csv").write_text((tmp_path / "CONCEPT.csv").read_text().replace("45533022", "none"))
    with pytest.raises(RequestError, match="cannot read the vocabulary"):
        Vocabulary(str(tmp_path))


# -- Tables that others have made, with all constraints


def counts(place: str) -> dict[str, int]:
    with opened(place) as look:
        report = check(look)
    assert report.findings == []
    return report.rows


def test_duckdb_tables_of_the_model_take_every_row(run: str, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "cdm.duckdb")) as db:
        for table in TABLES:
            db.execute(ddl(table))
    place = f"duckdb://{tmp_path}/cdm.duckdb"
    assert feed_omop(run, place, tmp_path / "keys").rows == FED
    assert counts(place) == FED
    # Once more, from a run of the same notes: rows are replaced under primary keys.
    again = feed_omop(clinic(tmp_path / "again"), place, tmp_path / "keys")
    assert again.rows == FED
    assert counts(place) == FED


def test_postgresql_tables_of_the_model_take_every_row(run: str, tmp_path: Path) -> None:
    warehouse = PostgreSQL(tmp_path)
    name = warehouse.uri.rpartition("/")[2]
    server().psql(name, "; ".join(ddl(table) for table in TABLES))
    for again in (run, clinic(tmp_path / "again")):
        assert feed_omop(again, warehouse.uri, tmp_path / "keys").rows == FED
        assert counts(warehouse.uri) == FED
    query = "select count(*) from note_nlp left join note using (note_id) where note.note_id is null"
    assert server().psql(name, query) == "0\n"


def test_tables_with_wider_integers_are_fed_and_told(run: str, tmp_path: Path) -> None:
    """As large sites have them."""
    wide = {"note_id": "bigint not null", "note_nlp_id": "bigint not null"}
    warehouse = PostgreSQL(tmp_path)
    server().psql(warehouse.uri.rpartition("/")[2], ddl("note_nlp", **wide))
    with duckdb.connect(str(tmp_path / "cdm.duckdb")) as db:
        db.execute(ddl("note_nlp", **wide))
    for place in (warehouse.uri, f"duckdb://{tmp_path}/cdm.duckdb"):
        assert feed_omop(run, place, tmp_path / "keys").rows == FED
        with opened(place) as look:
            findings = check(look).findings
        told = {line for line in findings if "its type is" in line.lower()}
        assert {line.lower() for line in told} == {
            "note_nlp.note_nlp_id: its type is bigint, not integer",
            "note_nlp.note_id: its type is bigint, not integer",
        }


@pytest.mark.parametrize("kind", WAREHOUSES)
def test_tables_that_a_feed_makes_conform(run: str, tmp_path: Path, kind: str) -> None:
    place = WAREHOUSES[kind](tmp_path).uri
    assert feed_omop(run, place, tmp_path / "keys").rows == FED
    assert counts(place) == FED
    again = feed_omop(run, place, tmp_path / "keys")
    assert (again.splits, set(again.rows.values())) == (0, {0})
    assert counts(place) == FED


# -- Exactly once


def test_killed_and_fed_again_each_row_is_there_once(run: str, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    steps = feed_apart(run, f"duckdb://{whole}.duckdb", omop_keys=f"{whole}-keys")
    place, keys = f"duckdb://{tmp_path}/cdm.duckdb", f"{tmp_path}/keys"
    for share in (0.35, 0.6, 0.8):
        assert feed_apart(run, place, omop_keys=keys, dies_at=int(steps * share)) == 0
    feed_apart(run, place, omop_keys=keys)
    assert counts(place) == FED
    wanted = rows(Path(f"{whole}.duckdb"), "select lexical_variant, snippet, term_modifiers from note_nlp")
    found = rows(tmp_path / "cdm.duckdb", "select lexical_variant, snippet, term_modifiers from note_nlp")
    assert Counter(found) == Counter(wanted)


@pytest.mark.parametrize("kind", ["duckdb", "parquet"])
def test_notes_that_come_again_are_replaced_and_keep_their_keys(run: str, tmp_path: Path, kind: str) -> None:
    place, keys = WAREHOUSES[kind](tmp_path).uri, tmp_path / "keys"
    feed_omop(run, place, keys)
    before = keys_by_text(place)
    changed = {
        "n1": TEXTS["n1"].replace(" deny_fever=R50.9", ""),  # a mention less
        "n2": "REFUSED now",
        "n5": "",  # not in this export: it stays
        "n7": "nothing here has_edema=R60.9 has_cough=R05.9",
        "n9": TEXTS["n9"] + " has_anemia=D64.9",  # more than its block holds
    }
    feed_omop(clinic(tmp_path / "amended", split_rows=3, **changed), place, keys)
    assert counts(place) == {"note": 6, "note_nlp": 11, "condition_occurrence": 6}
    after = keys_by_text(place)
    assert {text: key for text, key in after.items() if text in before} == {
        text: key for text, key in before.items() if text != "maybe_"
    }


def keys_by_text(place: str) -> dict[str, int]:
    with opened(place) as look:
        stored = look("note")
        assert stored is not None
        notes = [row for batch in stored.batches for row in batch.to_pylist()]
    return {row["note_text"][:6]: row["note_id"] for row in notes}


def test_tables_with_other_keys_are_refused(run: str, tmp_path: Path) -> None:
    place = f"duckdb://{tmp_path}/cdm.duckdb"
    feed_omop(run, place, tmp_path / "keys")
    with pytest.raises(RequestError, match=r"the table note has rows whose integer keys are not those of .*other"):
        feed_omop(run, place, tmp_path / "other")
    assert counts(place) == FED


def test_a_table_of_the_model_by_name(run: str, tmp_path: Path) -> None:
    place, keys = f"duckdb://{tmp_path}/cdm.duckdb", tmp_path / "keys"
    assert feed_omop(run, place, keys, "note_nlp").rows == {"note_nlp": FED["note_nlp"]}
    assert feed_omop(run, place, keys).rows == {**FED, "note_nlp": 0}
    assert counts(place) == FED
    with pytest.raises(RequestError, match="unknown table person; there are note, note_nlp, condition_occurrence"):
        feed_omop(run, place, keys, "person")


# -- Integer keys


def test_keys_are_stable_and_none_is_given_twice(tmp_path: Path) -> None:
    keys = IntegerKeys(f"{tmp_path}/keys")
    first = {own: keys.key("note", own) for own in ("a", "b", "c")}
    block = keys.block("note_nlp", "a", 3)
    keys.settle()
    forgotten = keys.key("note", "d")
    keys.close()
    again = IntegerKeys(f"{tmp_path}/keys")
    assert {own: again.key("note", own) for own in "cba"} == first
    assert again.block("note_nlp", "a", 2) == block[:2]
    assert again.key("note", "e") == forgotten  # nobody was ever given it
    assert len({*first.values(), forgotten}) == 4
    wider = again.block("note_nlp", "a", 5)
    assert not {*block} & {*wider}
    assert again.held_in_blocks("note_nlp", "a") == [*block, *wider]
    assert again.held("note", "nobody") is None
    assert again.identity == keys.identity
    again.close()


def test_whole_numbers_are_their_own_keys(tmp_path: Path) -> None:
    keys = IntegerKeys(f"{tmp_path}/keys")
    assert keys.key("person", "10000032") == 10000032
    others = ["0123", "0", "-5", str(2**30), "99999999999", "1.0", "１２"]
    given_out = [keys.key("person", own) for own in others]
    assert all(key >= 2**30 for key in given_out)
    assert len(set(given_out)) == len(others)
    keys.close()


def test_when_no_integer_is_left(tmp_path: Path) -> None:
    keys = IntegerKeys(f"{tmp_path}/keys")
    keys.block("note_nlp", "a", 2**31 - 3)
    assert keys.block("note_nlp", "b", 2) == range(2**31 - 2, 2**31)
    with pytest.raises(RequestError, match="no integer of 32 bits is left for another note_nlp"):
        keys.block("note_nlp", "c", 1)
    keys.close()


def test_damaged_keys_are_refused(tmp_path: Path) -> None:
    keys = IntegerKeys(f"{tmp_path}/keys")
    keys.key("note", "a")
    keys.settle()
    keys.close()
    shutil.copy(tmp_path / "keys/part-00000000.parquet", tmp_path / "keys/part-00000001.parquet")
    with pytest.raises(RequestError, match=r"part-00000001\.parquet gives a key a second time"):
        IntegerKeys(f"{tmp_path}/keys")
    (tmp_path / "keys/_identity").unlink()
    with pytest.raises(RequestError, match="_identity is missing"):
        IntegerKeys(f"{tmp_path}/keys")


# -- The checker


@pytest.mark.parametrize(
    ("table", "changed", "finding"),
    [
        ("note_nlp", {"note_nlp_id": "bigint not null"}, "note_nlp.note_nlp_id: its type is BIGINT, not integer"),
        ("note_nlp", {"offset": "integer"}, "note_nlp.offset: its type is INTEGER, not varchar"),
        ("note_nlp", {"nlp_date": "timestamp not null"}, "note_nlp.nlp_date: its type is TIMESTAMP, not date"),
        ("note_nlp", {"lexical_variant": "varchar"}, "note_nlp.lexical_variant: it is not declared not null"),
        ("note_nlp", {"snippet": ""}, "note_nlp.snippet: the column is missing"),
        ("note_nlp", {"score": "real"}, "note_nlp.score: the model has no such column"),
        ("note", {"provider_id": "integer not null default 0"}, "note.provider_id: it is declared not null"),
        ("note", {"note_text": "blob not null"}, "note.note_text: its type is BLOB, not varchar"),
    ],
)
def test_one_column_that_is_not_the_models_is_found(
    tmp_path: Path, table: str, changed: dict[str, str], finding: str
) -> None:
    with duckdb.connect(str(tmp_path / "cdm.duckdb")) as db:
        for name in TABLES:
            db.execute(ddl(name, **(changed if name == table else {})))
    with opened(f"duckdb://{tmp_path}/cdm.duckdb") as look:
        assert check(look).findings == [finding]


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        ("update note_nlp set note_id = 7 where lexical_variant = 'gout'",
         "note_nlp.note_id: 1 row has no row in note"),
        ("delete from note where note_date = '1970-01-01'", "note_nlp.note_id: 1 row has no row in note"),
        ("update note_nlp set snippet = repeat('é', 251)",
         "note_nlp.snippet: 12 values are longer than 250 characters"),
        ("update note_nlp set term_exists = 'U' where lexical_variant = 'gout'",
         "note_nlp.term_exists: 1 value is other than Y and N"),
        ("update note set note_text = null where note_date = '1970-01-01'", "note.note_text: 1 value is null"),
        ("insert into condition_occurrence from condition_occurrence",
         "condition_occurrence.condition_occurrence_id: 4 values are there already"),
        ("drop table note_nlp", "note_nlp: the table is missing"),
    ],
)  # fmt: skip
def test_one_value_that_is_not_the_models_is_found(fed: Path, tmp_path: Path, sql: str, finding: str) -> None:
    """In tables that hold nothing back."""
    with duckdb.connect(str(tmp_path / "cdm.duckdb")) as db:
        db.execute(f"attach '{fed}' as fed (read_only)")
        for name in TABLES:
            db.execute(f"create table {name} as from fed.{name}")
        db.execute(sql)
    with opened(f"duckdb://{tmp_path}/cdm.duckdb") as look:
        findings = [line for line in check(look).findings if not line.endswith("it is not declared not null")]
    assert findings == [finding]


def test_postgresql_lengths_are_held_against_the_model(tmp_path: Path) -> None:
    warehouse = PostgreSQL(tmp_path)
    name = warehouse.uri.rpartition("/")[2]
    changed = {"snippet": "varchar(300)", "offset": "text", "term_modifiers": "jsonb", "nlp_datetime": "timestamptz"}
    server().psql(name, "; ".join(ddl(table, **(changed if table == "note_nlp" else {})) for table in TABLES))
    with opened(warehouse.uri) as look:
        assert check(look).findings == [
            "note_nlp.snippet: its length is 300, not 250",
            "note_nlp.offset: its length is unlimited, not 50",
            "note_nlp.nlp_datetime: its type is timestamp with time zone, not datetime",
            "note_nlp.term_modifiers: its type is jsonb, not varchar",
        ]


def test_one_parquet_file_of_another_type_is_found(run: str, tmp_path: Path) -> None:
    place = f"parquet://{tmp_path}/lake"
    feed_omop(run, place, tmp_path / "keys")
    (file, *_) = sorted((tmp_path / "lake/note_nlp").glob("part-*.parquet"))
    table = pq.read_table(file)
    place_of_offset = table.schema.get_field_index("offset")
    pq.write_table(table.set_column(place_of_offset, "offset", table["offset"].cast(pa.int32())), file)
    with opened(place) as look:
        (finding,) = check(look).findings
    assert finding == f"note_nlp.offset: {table.num_rows} values are of type int32, not varchar"
