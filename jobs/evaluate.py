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


@dataclass(frozen=True)
class Request:
    """What every evaluation is asked for.

    Attributes:
        data: URI of the gold.
        model: `HEAD=PATH_OR_ID` as on the command line of a run.
        config: path of a job file, so that what is measured is that job.
        settings: `key=value` of the job file.
        predictions: URI of a Parquet file for what was found; None for none.
    """

    data: str
    model: Sequence[str] = ()
    config: str | None = None
    settings: Sequence[str] = ()
    predictions: str | None = None

    def job(self, **options: Any) -> Job:
        """The job that is measured; its output is never written.

        Raises:
            RequestError: an unknown key, a wrong value.
        """
        asked = {"input": self.data, "output": self.data, "model": models(self.model), **options}
        return load(self.config, self.settings, asked)


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
