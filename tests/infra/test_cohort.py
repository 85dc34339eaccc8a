"""The tables that the bench of cohorts makes are a run, and the cohort over them is that of plain SQL."""

from __future__ import annotations

from pathlib import Path

import duckdb

from infra.bench.cohort import DEFINITIONS, FIRST, make
from pipelines.cohort.building import TABLES, build
from pipelines.cohort.definition import read
from pipelines.feed.run_tables import RunTables
from pipelines.io.database import RunDatabase


def test_members_are_those_of_plain_sql(tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    rows = make(run, 60_000)
    assert (rows["entities"], rows["notes"]) == (60_000, 3_000)
    with RunDatabase(RunTables(run), TABLES, memory="500MB", threads=1) as database:
        found = build(database, read(next(iter(DEFINITIONS.values())), "bench"), tmp_path)
    ((expected,),) = duckdb.sql(FIRST.format(run=run)).fetchall()
    assert found.members == expected > 10
