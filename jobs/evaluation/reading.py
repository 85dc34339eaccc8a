"""Gold notes through the stages of a run.

Gold stands at offsets of its text, so the text is read as it is: `deidentify`, which would move them, is left out.
Every other stage that an evaluation names is the job's own.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import pyarrow as pa

from jobs.config import Job
from jobs.evaluation.source import GoldNotes
from jobs.run import reading_stages
from pipelines.errors import RequestError
from pipelines.guard import Guard
from transforms.clinical_bert.checkpoints import Checkpoint

G = TypeVar("G")


class Reading:
    """The stages of a job that read text, for a `with` block.

    Args:
        job: the job; its engine has no part, for notes are read in this process.
        models: the checkpoint of each head that the stages use.
        stages: names of those that are used where the job has them.
        needed: names of those without which nothing can be measured.

    Attributes:
        notes: how many were read.
        rejected: ids of those that were given up, each with `stage/error`.
        seconds: spent in the stages.

    Raises:
        RequestError: the job leaves one out that is needed.
    """

    def __init__(
        self, job: Job, models: Mapping[str, Checkpoint], stages: Collection[str], needed: Collection[str]
    ) -> None:
        if missing := sorted(set(needed) - set(job.stages)):
            raise RequestError(f"the job leaves the stage {missing[0]} out, so there is nothing to measure")
        chosen = job.model_copy(update={"stages": [name for name in job.stages if name in (*stages, *needed)]})
        made = reading_stages(chosen, models)
        self._guards = [Guard(stage) for of_name in made.values() for stage in of_name]
        self.notes = 0
        self.rejected: list[tuple[Any, str]] = []
        self.seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for guard in self._guards:
            guard.close()

    @property
    def stages(self) -> list[str]:
        """What the stages are, in order."""
        return [repr(guard.stage) for guard in self._guards]

    def last(self, notes: pa.Table) -> pa.Table:
        """Notes through the last stage alone."""
        return self._guards[-1].process(notes)

    def read(self, parts: Iterable[GoldNotes[G]]) -> Iterator[tuple[GoldNotes[G], pa.Table]]:
        """Each stretch of notes, and its rows with the columns that the stages add; null where a note was given up."""
        for part in parts:
            started = time.perf_counter()
            done = part.notes
            for guard in self._guards:
                done = guard.process(done)
            self.seconds += time.perf_counter() - started
            self.notes += done.num_rows
            for note, reason in zip(part.ids, done["reject"].to_pylist(), strict=True):
                if reason is not None:
                    self.rejected.append((note, f"{reason['stage']}/{reason['error']}"))
            yield part, done
