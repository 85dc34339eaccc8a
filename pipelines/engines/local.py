"""One process, one split after another: for debugging and for small inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipelines.io.ledger import Receipt
from pipelines.io.source import ReadTask
from pipelines.parcel import Line
from pipelines.plan import Plan


@dataclass
class LocalEngine:
    """Everything in this process."""

    def run(self, plan: Plan, tasks: Iterable[ReadTask]) -> Iterator[Receipt]:
        line = Line(plan.stages)
        sink = plan.sink
        try:
            for task in tasks:
                for parcel in plan.read(task):
                    yield sink.write(line.process(parcel))
        finally:
            line.close()
