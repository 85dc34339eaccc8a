"""`notemill evaluate`: how good a part of a run is, on notes with gold.

A kind of evaluation is a module under `jobs/evaluation` with a function that takes a `Request` and gives a
`Report`; its command in `jobs/cli.py` adds only the options that are its own. Figures and ids come out, never text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rich.console import Console

from jobs.config import Job, load, models
from pipelines.errors import RequestError


@dataclass(frozen=True)
class Request:
    """What every evaluation is asked for.

    Attributes:
        data: URI of the gold.
        model: `HEAD=PATH_OR_ID` as on the command line of a run.
        config: path of a job file, so that what is measured is that job.
        settings: `key=value` of the job file.
        predictions: URI of a Parquet file for what was found; None for none.
        split: which rows of a column `split` count; `all`, or None for those that are not `train`.
    """

    data: str
    model: Sequence[str] = ()
    config: str | None = None
    settings: Sequence[str] = ()
    predictions: str | None = None
    split: str | None = None

    def job(self, **options: Any) -> Job:
        """The job that is measured; its output is never written.

        Raises:
            RequestError: an unknown key, a wrong value.
        """
        model = {**models(self.model), **options.pop("model", {})}
        asked = {"input": self.data, "output": self.data, "engine": "local", "model": model, **options}
        return load(self.config, self.settings, asked)

    def refuse_other_heads(self, *heads: str) -> None:
        """Refuses a checkpoint for a head that the evaluation does not use.

        Raises:
            RequestError: there is one.
        """
        if others := sorted(set(models(self.model)) - set(heads)):
            used = f"the head {heads[0]} alone" if len(heads) == 1 else f"the heads {', '.join(heads)}"
            raise RequestError(f"--model {others[0]}=…: this evaluation uses {used if heads else 'no head'}")


def renames(entries: Sequence[str]) -> dict[str, str]:
    """What `--map A=B` asks for, as A -> B.

    Raises:
        RequestError: one has another form, or A is named twice.
    """
    names: dict[str, str] = {}
    for entry in entries:
        old, mark, new = entry.partition("=")
        if not mark or not old or not new:
            raise RequestError(f"--map takes A=B, not {entry!r}")
        if names.setdefault(old, new) != new:
            raise RequestError(f"--map renames {old} twice")
    return names


class Report(Protocol):
    """The outcome of an evaluation."""

    def to_json(self) -> dict[str, Any]:
        """All figures, under names that stay."""
        ...

    def show(self, console: Console) -> None:
        """Prints what a person wants to know."""
        ...


def present(report: Report, *, as_json: bool) -> None:
    """Prints a report."""
    if as_json:
        sys.stdout.write(json.dumps(report.to_json()) + "\n")
    else:
        report.show(Console())
