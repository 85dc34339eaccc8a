"""`notemill cohort`: which patients of a run fit a definition, who dropped out where, and on what evidence."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.cohort.building import OUTPUTS, TABLES, build
from pipelines.cohort.definition import Definition, read
from pipelines.errors import RequestError
from pipelines.feed.run_tables import RunTables
from pipelines.io.database import RunDatabase
from pipelines.io.storage import TEMPORARY, Folder, open_filesystem

_ACCOUNT: Final = "_cohort.json"


def load(file: str) -> tuple[Definition, str]:
    """Reads a definition; any fsspec URI.

    Returns:
        The definition, and its text.

    Raises:
        RequestError: there is no such file, or the definition is wrong.
    """
    fs, path = open_filesystem(file)
    try:
        text = fs.cat_file(path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"cannot read the definition {file}: {getattr(error, 'strerror', None) or error}") from error
    return read(text, Path(path).name), text


def run(
    uri: str,
    definition: str,
    output: str,
    *,
    keys: str | None = None,
    memory: str | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """Builds a cohort and writes it.

    Args:
        uri: output of a run.
        definition: URI of the definition.
        output: URI of a folder; an earlier cohort there is replaced.
        keys: folder of the integer keys of an `omop://` feed, so that `subject_id` is its `person_id`; None: hashes.
        memory: as DuckDB's `memory_limit`.
        threads: of DuckDB.

    Returns:
        What was found, for machines: the content of `_cohort.json`.

    Raises:
        RequestError: the definition is wrong or does not fit the run, or the output cannot be written.
    """
    (wanted, text), tables = load(definition), RunTables(uri)
    target = Folder(output)
    _prepare(target)
    with RunDatabase(tables, TABLES, memory=memory, threads=threads) as database, tempfile.TemporaryDirectory() as made:
        cohort = build(
            database,
            wanted,
            Path(made),
            labels=known_labels(tables),
            keys=None if keys is None else partial(_persons, keys),
        )
        result = {**asdict(cohort), "definition": text}
        for name in OUTPUTS:
            target.put_file(f"{name}.parquet", Path(made) / f"{name}.parquet")
    target.put(_ACCOUNT, json.dumps(result, indent=1).encode())
    target.remove(TEMPORARY)
    return result


def _persons(keys: str, patients: Sequence[str]) -> list[int]:
    """The `person_id` of patients in an `omop://` feed; those that it has not met are given theirs now."""
    from pipelines.feed.omop.integers import IntegerKeys
    from pipelines.feed.omop.tables import PERSON

    with closing(IntegerKeys(keys)) as integers:
        found = [integers.key(PERSON, patient) for patient in patients]
        integers.settle()
    return found


def known_labels(run: RunTables) -> Iterable[str]:
    """The entity labels of the run's checkpoint, where it ships with the package; else those that occur must do."""
    if run.manifest.get("checkpoints", {}).get("ner", {}).get("source") != "shipped":
        return ()
    from transforms.clinical_bert.checkpoints import labels_of, shipped

    return {label.partition("-")[2] for label in labels_of(shipped("ner"), "ner") if "-" in label}


def _prepare(target: Folder) -> None:
    files = target.find("")
    ours = {_ACCOUNT, *(f"{name}.parquet" for name in OUTPUTS)}
    if others := [name for name in files if name not in ours and not name.startswith(f"{TEMPORARY}/")]:
        raise RequestError(f"{target.uri} holds {others[0]}, which is no file of a cohort; choose another --output")
    target.check_writable()
    target.remove(_ACCOUNT)


def show(result: dict[str, Any], output: str, console: Console) -> None:
    """The attrition, and how many are left."""
    table = Table(title=Text(f"Cohort {result['id']}: {result['name']}"), title_justify="left")
    for name in ("", "criterion", "fit", "dropped", "kept"):
        table.add_column(name, justify="right" if name in ("fit", "dropped", "kept") else "left")
    for step in result["attrition"]:
        kind = "" if step["kind"] in ("patients", "index") else step["kind"]
        table.add_row(
            kind, Text(step["name"]), f"{step['fit']:,}", f"{step['dropped']:,}", Text(f"{step['kept']:,}", "bold")
        )
    console.print(table)
    for remark in result["remarks"]:
        console.print(Text(remark), style="yellow", soft_wrap=True)
    people = "1 member" if result["members"] == 1 else f"{result['members']:,} members"
    console.print(f"{people}, {result['evidence']:,} rows of evidence: {output}", soft_wrap=True, highlight=False)
