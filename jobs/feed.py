"""`notemill feed`: a run's tables into a warehouse."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.errors import RequestError
from pipelines.feed.feeding import feed
from pipelines.feed.mapping import PlainTables
from pipelines.feed.run_tables import RunTables
from pipelines.feed.targets import open_store, shown
from transforms import schema


def run(uri: str, to: str, tables: Sequence[str] | None = None, *, partial: bool = False) -> dict[str, Any]:
    """Feeds what the target does not hold yet.

    Args:
        uri: output of a run.
        to: the target.
        tables: the tables to feed; None for all that are not restricted.
        partial: feed the finished splits of a run that is not complete.

    Returns:
        What was done, for machines.

    Raises:
        RequestError: no such run, table or target; or the run is not complete.
        RunError: the feed broke off. What is delivered stays.
    """
    if unknown := [name for name in tables or () if name not in schema.TABLES]:
        raise RequestError(f"unknown table {', '.join(unknown)}; there are {', '.join(schema.TABLES)}")
    source = RunTables(uri, partial=partial)
    store = open_store(to)
    try:
        fed = feed(source, PlainTables(tables), store, _progress())
    finally:
        store.close()
    return {"target": shown(to), **asdict(fed)}


def _progress() -> Any:
    """A line for each tenth of the splits, where a person looks on."""
    told = -1

    def advance(done: int, of: int) -> None:
        nonlocal told
        if of and (tenth := 10 * done // of) > told and sys.stderr.isatty():
            told = tenth
            sys.stderr.write(f"notemill: {done:,}/{of:,} splits\n")

    return advance


def show(result: dict[str, Any], console: Console) -> None:
    """Rows delivered by table."""
    title = f"Run {result['run_id']} to {result['target']}"
    table = Table(title=title, title_justify="left", show_header=False)
    for name, rows in result["rows"].items():
        table.add_row(f"{name} (restricted)" if name in schema.RESTRICTED else name, f"{rows:,}")
    table.columns[0].style, table.columns[1].justify = "bold", "right"
    console.print(table)
    before = f"; {result['before']:,} were there before" if result["before"] else ""
    console.print(f"{result['splits']:,} splits delivered{before}", highlight=False)
    if not result["complete"]:
        console.print("The run is not complete: feed it again when it is", style="yellow")
    for remark in result["remarks"]:
        console.print(remark, style="yellow", soft_wrap=True)
