"""`notemill feed`: a run's tables into a warehouse."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.errors import RequestError
from pipelines.feed.feeding import feed
from pipelines.feed.mapping import Mapping, PlainTables
from pipelines.feed.run_tables import RunTables
from pipelines.feed.targets import model_of, open_store, opened, shown
from transforms import schema

OMOP = "omop"
KEYS = "crosswalk/_omop"
"""Where under a run's output the crosswalk of integer keys lies, if not elsewhere."""


def run(
    uri: str,
    to: str,
    tables: Sequence[str] | None = None,
    *,
    partial: bool = False,
    vocabulary: str | None = None,
    keys: str | None = None,
) -> dict[str, Any]:
    """Feeds what the target does not hold yet.

    Args:
        uri: output of a run.
        to: the target.
        tables: the tables to feed; None for all that are not restricted.
        partial: feed the finished splits of a run that is not complete.
        vocabulary: of `omop://`: folder of a download of Athena.
        keys: of `omop://`: folder of the crosswalk of integer keys; None for the run's own.

    Returns:
        What was done, for machines.

    Raises:
        RequestError: no such run, table or target; or the run is not complete.
        RunError: the feed broke off. What is delivered stays.
    """
    model, place = model_of(to)
    if model != OMOP and (vocabulary is not None or keys is not None):
        raise RequestError(f"--vocabulary and --keys belong to omop://, and {shown(to)} is another target")
    source = RunTables(uri, partial=partial)
    folder = f"{uri.rstrip('/')}/{KEYS}" if keys is None else keys
    with _omop(source, tables, vocabulary, folder) if model == OMOP else _plain(tables) as mapping:
        mapping.tables(source.tables)  # what cannot be fed is refused before the target is touched
        with closing(open_store(place)) as store:
            fed = feed(source, mapping, store, _progress())
    return {"target": shown(to), **asdict(fed)}


@contextmanager
def _plain(tables: Sequence[str] | None) -> Iterator[Mapping]:
    yield PlainTables(tables)


@contextmanager
def _omop(source: RunTables, tables: Sequence[str] | None, vocabulary: str | None, keys: str) -> Iterator[Mapping]:
    from pipelines.feed.omop.integers import IntegerKeys
    from pipelines.feed.omop.tables import OmopTables
    from pipelines.feed.omop.vocabulary import Vocabulary

    with closing(Vocabulary(vocabulary)) as concepts, closing(IntegerKeys(keys)) as integers:
        yield OmopTables(integers, concepts, source.version, tables)


def check(to: str) -> dict[str, Any]:
    """Looks whether what lies in a target is what its data model says.

    Returns:
        Rows looked at, and findings, for machines.

    Raises:
        RequestError: the target has no model, or cannot be read.
    """
    model, place = model_of(to)
    if model != OMOP:
        raise RequestError(f"{shown(to)} follows no data model that could be checked: give omop://{shown(to)}")
    from pipelines.feed.omop.conformance import check as check_omop

    with opened(place) as look:
        found = check_omop(look)
    return {"target": shown(to), "conforms": not found.findings, **asdict(found)}


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
    _show_rows(f"Run {result['run_id']} to {result['target']}", result["rows"], console)
    before = f"; {result['before']:,} were there before" if result["before"] else ""
    console.print(f"{result['splits']:,} splits delivered{before}", highlight=False)
    if not result["complete"]:
        console.print("The run is not complete: feed it again when it is", style="yellow")
    for remark in result["remarks"]:
        console.print(remark, style="yellow", soft_wrap=True)


def show_check(result: dict[str, Any], console: Console) -> None:
    """Rows looked at, and what does not conform."""
    _show_rows(f"Looked at in {result['target']}", result["rows"], console)
    for finding in result["findings"]:
        console.print(finding, style="red", soft_wrap=True, highlight=False)
    told = "conforms" if result["conforms"] else f"does not conform: {len(result['findings']):,} findings"
    console.print(told, highlight=False)


def _show_rows(title: str, rows: dict[str, int], console: Console) -> None:
    table = Table(title=title, title_justify="left", show_header=False)
    for name, count in rows.items():
        table.add_row(f"{name} (restricted)" if name in schema.RESTRICTED else name, f"{count:,}")
    if rows:
        table.columns[0].style, table.columns[1].justify = "bold", "right"
    console.print(table)
