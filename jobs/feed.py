"""`notemill feed`: a run's tables into a warehouse."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from pipelines.errors import RequestError
from pipelines.feed.feeding import feed
from pipelines.feed.mapping import Mapping, PlainTables
from pipelines.feed.run_tables import RunTables
from pipelines.feed.store import Store
from pipelines.feed.targets import model_of, open_store, opened, shown
from transforms import schema

if TYPE_CHECKING:
    from pipelines.feed.fhir.structure import Structure
    from pipelines.feed.omop.conformance import Conformance

OMOP = "omop"
FHIR = "fhir"
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
    made: AbstractContextManager[Mapping]
    if model == OMOP:
        made = _omop(source, tables, vocabulary, f"{uri.rstrip('/')}/{KEYS}" if keys is None else keys)
    elif model == FHIR:
        made = _fhir(source, tables)
    else:
        made = nullcontext(PlainTables(tables))
    with made as mapping:
        mapping.tables(source.tables)  # what cannot be fed is refused before the target is touched
        with closing(_store(model, place)) as store:
            fed = feed(source, mapping, store, _progress())
    return {"target": shown(to), **asdict(fed)}


def _store(model: str | None, place: str) -> Store:
    if model != FHIR:
        return open_store(place)
    from pipelines.feed.stores.ndjson import NdjsonStore

    return NdjsonStore(place)


@contextmanager
def _fhir(source: RunTables, tables: Sequence[str] | None) -> Iterator[Mapping]:
    from pipelines.feed.fhir.tables import FhirResources

    yield FhirResources(source.version, tables)


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
    found: Conformance | Structure
    if model == OMOP:
        from pipelines.feed.omop.conformance import check as check_omop

        with opened(place) as look:
            found = check_omop(look)
    elif model == FHIR:
        from pipelines.feed.fhir.structure import check as check_fhir

        found = check_fhir(place)
    else:
        raise RequestError(f"{shown(to)} follows no data model that could be checked: give omop://{shown(to)}")
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
