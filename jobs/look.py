"""A look at a run's tables with DuckDB: how many rows each has, and the first few of them.

What is shown is de-identified; of the restricted tables the ids as the input had them are neither shown nor read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pyarrow.dataset as ds
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.errors import RequestError
from pipelines.io.ledger import Ledger, part_name
from pipelines.io.storage import Folder, open_filesystem
from transforms import schema

ROWS: Final = 3
_HIDDEN: Final = frozenset({"raw_note_id", "raw_patient_id", "raw_encounter_id"})
_NUMBERS: Final = 4  # of a vector that are shown
_LONGEST: Final = 300  # characters of a value that are handed to the terminal, wider than which none is


@dataclass(frozen=True)
class TableLook:
    """What a table holds.

    Attributes:
        restricted: to be kept beside the raw notes.
        rows: how many there are.
        hidden: columns that are not shown.
        sample: the first rows, without `run_id` and the hidden columns.
    """

    name: str
    restricted: bool
    rows: int
    hidden: tuple[str, ...]
    sample: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class RunLook:
    """A run's tables, in the order of `schema.TABLES`.

    Attributes:
        complete: whether every split is done; if not, `tables` hold what the finished ones wrote.
        splits: how many are finished.
    """

    run_id: str
    complete: bool
    splits: int
    tables: tuple[TableLook, ...]


def peek(uri: str, rows: int = ROWS) -> RunLook:
    """Reads what `look` shows.

    Args:
        uri: output of a run.
        rows: how many rows of each table.

    Raises:
        RequestError: no run wrote there.
    """
    folder = Folder(uri)
    ledger = Ledger(folder)
    plan = ledger.plan()
    if plan is None:
        raise RequestError(f"{uri} holds no run: give the --output of notemill run")
    manifest = ledger.manifest()
    # While a run goes on, or after it was killed, a table may hold parts of splits that will be written again.
    finished = None if manifest is not None else {part_name(split) for split in ledger.receipts()}
    fs, _ = open_filesystem(uri)
    looks = []
    with duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}) as db:
        for name, fields in schema.TABLES.items():
            parts = sorted(part for part in folder.sizes(name) if finished is None or part in finished)
            parts = [part for part in parts if part.endswith(".parquet")]
            if not parts:
                continue
            files = [folder.path(f"{name}/{part}") for part in parts]
            db.register("part", ds.dataset(files, schema=fields, format="parquet", filesystem=fs))
            hidden = tuple(field for field in fields.names if name in schema.RESTRICTED and field in _HIDDEN)
            shown = [field for field in fields.names if field != "run_id" and field not in hidden]
            (count,) = db.execute("select count(*) from part").fetchone()
            columns = ", ".join(f'"{field}"' for field in shown)
            found = db.execute(f"select {columns} from part limit {int(rows)}").fetchall()
            sample = tuple(dict(zip(shown, row, strict=True)) for row in found)
            looks.append(TableLook(name, name in schema.RESTRICTED, count, hidden, sample))
            db.unregister("part")
    splits = manifest["splits"] if manifest is not None else len(finished or ())
    return RunLook(plan["run_id"], manifest is not None, splits, tuple(looks))


def look(uri: str, console: Console, rows: int = ROWS) -> None:
    """Prints for each table its number of rows and the first of them, one beside the other, cut to the width.

    Raises:
        RequestError: no run wrote there.
    """
    run = peek(uri, rows)
    console.print(f"Run {run.run_id}", style="bold", highlight=False)
    if not run.complete:
        console.print(
            f"not finished: {run.splits:,} splits are written; the same notemill run goes on with it", highlight=False
        )
    for table in run.tables:
        title = Text(f"\n{table.name}", style="bold")
        title.append(f"  {table.rows:,} rows" if table.rows != 1 else "  1 row", style="not bold")
        if table.restricted:
            title.append("  restricted: keep it beside the raw notes", style="not bold yellow")
        console.print(title)
        if table.sample:
            console.print(_grid(table.sample, table.hidden))


def _grid(sample: Sequence[dict[str, Any]], hidden: Sequence[str]) -> Table:
    """A line for each column, a column for each row: so that wide tables fit narrow terminals."""
    grid = Table(show_header=False, box=None, expand=True, padding=(0, 2, 0, 0))
    grid.add_column(style="cyan", no_wrap=True)
    for _ in sample:
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for column in sample[0]:
        grid.add_row(column, *(Text(_shown(row[column])) for row in sample))
    for column in hidden:
        grid.add_row(column, *(Text("not shown", style="dim") for _ in sample))
    return grid


def _shown(value: Any) -> str:
    """A value in one line. Given to rich as plain text, for `[DATE]` would be taken for markup."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, dict):
        return f"{_shown(value.get('text'))} {value.get('start')}:{value.get('end')}"
    if isinstance(value, list | tuple) and value and all(isinstance(item, float) for item in value):
        first = ", ".join(_shown(item) for item in value[:_NUMBERS])
        return f"{len(value)} numbers: {first}, …" if len(value) > _NUMBERS else first
    if isinstance(value, list | tuple):
        return "; ".join(_shown(item) for item in value)
    return " ".join(str(value)[:_LONGEST].split())
