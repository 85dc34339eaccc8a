"""The same plan as a Beam pipeline: reading tasks as elements, stages as DoFns opened in `setup`.

What is shuffled are reading tasks (names and row numbers), not notes: a worker reads a split and passes it through
all stages before it takes the next, so that memory stays bounded on every runner and raw text is never materialised.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines.errors import RequestError, RunError
from pipelines.guard import describe
from pipelines.io.ledger import Ledger, Receipt
from pipelines.io.sink import Sink
from pipelines.io.source import ReadTask
from pipelines.parcel import Line, Parcel, units
from pipelines.plan import Plan
from transforms.stage import Stage

POLL_SECONDS: Final = 0.5


class _Read(beam.DoFn):  # type: ignore[misc]
    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def process(self, task: ReadTask) -> Iterator[Parcel]:
        yield from self._plan.read(task)


class _Pass(beam.DoFn):  # type: ignore[misc]
    def __init__(self, stages: tuple[Stage, ...]) -> None:
        self._stages = stages
        self._line: Line | None = None

    def setup(self) -> None:
        self._line = Line(self._stages)

    def process(self, parcel: Parcel) -> Iterator[Parcel]:
        if self._line is None:
            raise RuntimeError("setup was not called")
        yield self._line.process(parcel)

    def teardown(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


class _Write(beam.DoFn):  # type: ignore[misc]
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def process(self, parcel: Parcel) -> Iterator[str]:
        yield self._sink.write(parcel).split


def build(pipeline: beam.Pipeline, plan: Plan, tasks: list[ReadTask]) -> beam.PCollection:
    """The graph of the plan; its result is the ids of the splits written."""
    notes = pipeline | "tasks" >> beam.Create(tasks, reshuffle=True) | "read" >> beam.ParDo(_Read(plan))
    for stages in units(plan.stages):
        notes = notes | "+".join(stage.name for stage in stages) >> beam.ParDo(_Pass(stages))
    return notes | "write" >> beam.ParDo(_Write(plan.sink))


@dataclass
class BeamEngine:
    """A Beam runner.

    Attributes:
        options: Beam's own pipeline options (`--runner=...`), passed through; in process without a runner.
    """

    options: tuple[str, ...] = ()

    def run(self, plan: Plan, tasks: Iterable[ReadTask]) -> Iterator[Receipt]:
        if not plan.folder.is_shared and self._runner() != "DirectRunner":
            raise RequestError(f"{plan.output} lives in one process; choose another --output")
        left = list(tasks)
        waiting = {split.id for task in left for split in task.splits}
        ledger = Ledger(plan.folder)
        failures: list[BaseException] = []

        def execute() -> None:
            try:
                self._execute(plan, left)
            except BaseException as error:  # noqa: BLE001 - handed to the caller's thread below
                failures.append(error)

        thread = threading.Thread(target=execute, name="beam", daemon=True)
        thread.start()
        # Runners do not hand results back while they run; the ledger, which every worker writes, does.
        finished = False
        while not finished:
            thread.join(POLL_SECONDS)
            finished = not thread.is_alive()
            for split in sorted(ledger.names() & waiting):
                receipt = ledger.read(split)
                if receipt is not None:
                    waiting.discard(split)
                    yield receipt
        if failures:
            error = failures[0]
            if isinstance(error, RequestError):
                raise error
            raise RunError(f"the Beam pipeline failed: {type(error).__name__} {describe(error)}") from error

    def _runner(self) -> str:
        return PipelineOptions(list(self.options)).view_as(StandardOptions).runner or "DirectRunner"

    def _execute(self, plan: Plan, tasks: list[ReadTask]) -> None:
        options = PipelineOptions(list(self.options))
        # DirectRunner may hand a pipeline to a runner that it downloads; the one in process is what is meant.
        runner = FnApiRunner() if self._runner() == "DirectRunner" else None
        with beam.Pipeline(runner=runner, options=options) as pipeline:
            build(pipeline, plan, tasks)
