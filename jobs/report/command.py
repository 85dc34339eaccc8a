"""`notemill report`: fills the page."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any, Final

import jinja2
from markupsafe import Markup

from jobs.report import drawing, facts
from jobs.report.sample import sample
from pipelines.errors import RequestError
from pipelines.feed.run_tables import RunTables
from pipelines.io.database import RunDatabase
from pipelines.io.storage import open_filesystem

_COLOURS: Final = 10
"""Colours of entity labels in `style.css`; further labels begin again, and every mention is labelled in words too."""


def run(
    uri: str,
    output: str,
    *,
    notes: int = 40,
    outcomes: str | None = None,
    memory: str | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """Writes the report of a run.

    Args:
        uri: output of a run, finished or not.
        output: URI of the page.
        notes: most notes that can be looked at; 0 for none.
        outcomes: URI of what happened after the admissions; see `facts.gather`.
        memory: as DuckDB's `memory_limit`.
        threads: of DuckDB.

    Returns:
        What the page tells, notes apart.

    Raises:
        RequestError: no such run, outcomes that do not fit, or an output that cannot be written.
    """
    fs, path = open_filesystem(output)
    tables = RunTables(uri, partial=True)
    with RunDatabase(tables, facts.TABLES, memory=memory, threads=threads) as database:
        told = facts.gather(database, outcomes)
        chosen = sample(database, notes) if notes else []
    page = render(told, chosen)
    try:
        fs.pipe_file(path, page.encode())
    except OSError as error:
        raise RequestError(f"cannot write {output}: {error.strerror or type(error).__name__}") from error
    return told


def render(told: dict[str, Any], notes: list[dict[str, Any]]) -> str:
    """The page.

    Args:
        told: from `facts.gather`.
        notes: from `sample`.
    """
    labels = [row["name"] for row in told["entities"]["labels"]]
    script = _part("viewer.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_part), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # labels keep their order
    environment.filters |= {"number": _number, "share": _share, "seconds": drawing.spoken, "plain": _plain}
    throughput = told["throughput"]
    calibration = told["readmission"]["calibration"]
    return environment.get_template("page.html").render(
        **told,
        style=Markup(_part("style.css")),
        script=Markup(script),
        script_digest=digest,
        shown={"notes": notes, "labels": {label: at % _COLOURS for at, label in enumerate(labels)}},
        plots={
            "rates": drawing.rates(throughput["points"], throughput["seconds"]) if throughput["points"] else None,
            "risk": drawing.histogram(told["readmission"]["bins"], told["readmission"]["top"])
            if told["readmission"]["admissions"]
            else None,
            "calibration": drawing.calibration(calibration["bins"]) if calibration else None,
        },
    )


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _share(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}%}"


def _plain(name: str) -> str:
    """A name in snake case, as people write it."""
    return name.replace("_", " ")
