from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from pipelines.errors import RequestError
from pipelines.io.columns import PRESETS
from pipelines.io.source import ParquetSource
from pipelines.plan import Plan
from tests.pipelines.toys import KEY, Count, Scrub, make_plan, notes_table, write_notes
from transforms import schema
from transforms.deid.pseudonyms import Key, Pseudonyms
from transforms.stage import Resources


@dataclass(frozen=True)
class Needs:
    column: str
    name: ClassVar[str] = "needs"
    resources: ClassVar[Resources] = Resources()

    @property
    def reads(self) -> pa.Schema:
        return schema.columns(self.column)

    @property
    def adds(self) -> pa.Schema:
        return schema.columns("n_tokens")

    def open(self) -> Any:
        raise AssertionError("a plan is checked without opening a stage")


def plan(path: Path, *stages: Any, key: Key = KEY, split_rows: int = 10) -> Plan:
    source = ParquetSource(str(path), PRESETS["notemill"], split_rows)
    return Plan(source, Pseudonyms(key), stages, str(path.parent / "out"), "test")


@pytest.mark.parametrize("column", ["text", "patient_name", "note_type", "note_time", "admit_time"])
def test_no_stage_reads_raw_columns_before_deidentify(tmp_path: Path, column: str) -> None:
    with pytest.raises(RequestError, match=f"stage needs would read raw {column}"):
        plan(tmp_path / "in.parquet", Needs(column), Scrub()).check()
    plan(tmp_path / "in.parquet", Scrub(), Needs(column)).check()


def test_a_plan_without_deidentify_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="deidentify must be among --stages"):
        plan(tmp_path / "in.parquet").check()


def test_a_column_that_nothing_gives_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="stage needs needs sections"):
        plan(tmp_path / "in.parquet", Scrub(), Needs("sections")).check()


def test_tables_follow_from_the_stages(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    assert tuple(plan(path, Scrub()).tables) == ("notes", "phi", "crosswalk")
    assert plan(path, Scrub()).tables["phi"].equals(schema.TABLES["phi"])
    assert not plan(path, Scrub()).scores_readmission
    assert plan(path, Scrub(), Count()).scores_readmission


def test_the_identity_follows_content_not_speed(tmp_path: Path) -> None:
    path = Path(write_notes(tmp_path / "in.parquet", notes_table(20)))
    first = plan(path, Scrub(), Count())
    assert plan(path, Scrub(), Count()).identity() == first.identity()
    other_splits = plan(path, Scrub(), Count(), split_rows=5)
    assert other_splits.run_id == first.run_id
    assert other_splits.identity()["fingerprint"] != first.identity()["fingerprint"]
    assert plan(path, Scrub(), Count(most=7)).run_id != first.run_id
    assert plan(path, Scrub(), Count(), key=Key.from_text("another key of tests")).run_id != first.run_id
    write_notes(path, notes_table(20, seed=3))
    assert plan(path, Scrub(), Count()).run_id != first.run_id


def test_the_key_is_in_no_identity(tmp_path: Path) -> None:
    path = Path(write_notes(tmp_path / "in.parquet", notes_table(2)))
    assert "very secret" not in str(plan(path, Scrub(), key=Key.from_text("very secret indeed")).identity())


def test_ids_are_pseudonyms_before_any_stage(tmp_path: Path) -> None:
    path = write_notes(tmp_path / "in.parquet", notes_table(3))
    made = make_plan(path, tmp_path / "out")
    (task,) = made.source.tasks(frozenset())
    (parcel,) = made.read(task)
    assert parcel.notes["raw_note_id"].to_pylist() == ["n0-000000", "n0-000001", "n0-000002"]
    assert not set(parcel.notes["note_id"].to_pylist()) & set(parcel.notes["raw_note_id"].to_pylist())
