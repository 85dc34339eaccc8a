"""Engines move parcels: read a split, pass it through the stages, write it. They know nothing of notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from pipelines.io.ledger import Receipt
from pipelines.io.source import ReadTask
from pipelines.plan import Plan


class Engine(Protocol):
    """Runs the splits of `tasks` and yields a receipt for each as it is written."""

    def run(self, plan: Plan, tasks: Iterable[ReadTask]) -> Iterator[Receipt]: ...
