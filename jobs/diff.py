"""`notemill diff`: what changed between two runs in entities, codes, scores and the members of a cohort."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import duckdb
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.cohort import known_labels, load
from pipelines.cohort import building
from pipelines.difference import TABLES, differences
from pipelines.feed.run_tables import RunTables
from pipelines.io.database import RunDatabase, literal

TOLERANCE: Final = 0.001
"""Scores that differ by no more are the same: other machines and other batches round otherwise."""


def run(
    first: str,
    second: str,
    definition: str | None = None,
    *,
    examples: int = 5,
    tolerance: float = TOLERANCE,
    memory: str | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """Compares two runs.

    Args:
        first: output of a run.
        second: output of the other run.
        definition: URI of a cohort's definition, whose members are compared too.
        examples: most examples of each change, by ids and offsets.
        tolerance: scores that differ by no more are the same.
        memory: as DuckDB's `memory_limit`.
        threads: of DuckDB.

    Returns:
        `runs` (their ids), and what `differences` tells; with a definition `members` too.

    Raises:
        RequestError: no such run, no note in common, or a wrong definition.
    """
    wanted = load(definition)[0] if definition is not None else None
    runs = [RunTables(uri) for uri in (first, second)]
    with RunDatabase(runs[0], TABLES, memory=memory, threads=threads) as database:
        found = {
            "runs": [run.run_id for run in runs],
            **differences(database, runs[1], examples=examples, tolerance=tolerance),
        }
    if wanted is not None:
        with tempfile.TemporaryDirectory(prefix="notemill-") as made:
            for at, of in enumerate(runs):
                folder = Path(made) / str(at)
                folder.mkdir()
                with RunDatabase(of, building.TABLES, memory=memory, threads=threads) as database:
                    building.build(database, wanted, folder, labels=known_labels(of))
            found["members"] = {"cohort": wanted.name, **_members(Path(made), examples)}
    return found


def _members(made: Path, examples: int) -> dict[str, Any]:
    """Who joined, who left, and whose dates moved, by `patient_id`."""
    sides = []
    for at in ("0", "1"):
        rows, people = (literal(str(made / at / f"{name}.parquet")) for name in ("cohort", "crosswalk"))
        sides.append(f"(from read_parquet({rows}) c join read_parquet({people}) p using (subject_id))")
    both = "a.subject_id is not null and b.subject_id is not null"
    dates = f"{both} and (a.cohort_start_date, a.cohort_end_date) <> (b.cohort_start_date, b.cohort_end_date)"
    pairs = f"{sides[0]} a full join {sides[1]} b using (patient_id)"
    found: dict[str, Any] = {}
    told: dict[str, list[str]] = {}
    with duckdb.connect() as db:
        for name, said in (
            ("before", "a.subject_id is not null"),
            ("after", "b.subject_id is not null"),
            ("removed", "b.subject_id is null"),
            ("added", "a.subject_id is null"),
            ("dates_changed", dates),
        ):
            ((found[name],),) = db.execute(f"select count(*) from {pairs} where {said}").fetchall()
            if name not in ("before", "after"):
                chosen = f"select patient_id from {pairs} where {said} order by patient_id limit {int(examples)}"
                told[name] = [patient for (patient,) in db.execute(chosen).fetchall()]
    return {**found, "examples": told}


def show(found: Mapping[str, Any], console: Console) -> None:
    """A table of counts, and examples of what changed."""
    table = Table(title=f"Run {found['runs'][0]} and run {found['runs'][1]}", title_justify="left")
    for name in ("", "before", "after", "removed", "added", "changed"):
        table.add_column(name, justify="left" if not name else "right")
    kinds = {name: of for name, of in found.items() if name != "runs"}
    for name, of in kinds.items():
        changed = sum(count for key, count in of.items() if key.endswith("_changed"))
        table.add_row(name, *(f"{of[key]:,}" for key in ("before", "after", "removed", "added")), f"{changed:,}")
    console.print(table)
    for name, of in kinds.items():
        for change, rows in of["examples"].items():
            if rows:
                console.print(Text(f"{name}, {change.replace('_', ' ')}: {of[change]:,}", "bold"))
            for row in rows:
                console.print(Text(f"  {_said(row)}"), soft_wrap=True)
    if not any(of[key] for of in kinds.values() for key in of["examples"]):
        console.print("Nothing changed")


def _said(row: Any) -> str:
    if not isinstance(row, Mapping):
        return str(row)
    return "  ".join(
        f"{key} {value:.4f}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
    )
