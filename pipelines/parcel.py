"""What travels between an engine's workers: a split and its notes so far."""

from __future__ import annotations

import gc
import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import pyarrow as pa

from pipelines.guard import ContractError, Guard
from pipelines.io.source import Split
from transforms.deid import canary
from transforms.stage import Stage


@dataclass(frozen=True)
class Parcel:
    """A split on its way through the stages.

    Attributes:
        notes: one row per note read, rejected ones too.
        skipped: rows of the split that the source marks as not to be read.
        seconds: time spent in each stage.
        workers: who worked on it, see `Line.worker`.
        started: when the first stage took it (seconds since the epoch).
    """

    split: Split
    notes: pa.Table
    skipped: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    workers: tuple[Mapping[str, Any], ...] = ()
    started: float = 0.0

    def to_row(self) -> dict[str, Any]:
        """The parcel as one row of a data set."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.notes.schema) as writer:
            writer.write_table(self.notes)
        label = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "notes"}
        return {"label": json.dumps({**label, "split": asdict(self.split)}), "notes": sink.getvalue().to_pybytes()}

    @staticmethod
    def from_row(row: Mapping[str, Any]) -> Parcel:
        label = json.loads(row["label"])
        notes = pa.ipc.open_stream(pa.py_buffer(row["notes"])).read_all()
        split = Split(**label.pop("split"))
        return Parcel(split, notes, workers=tuple(label.pop("workers")), **label)


def units(stages: tuple[Stage, ...]) -> tuple[tuple[Stage, ...], ...]:
    """The stages, in order, in groups that must share a worker.

    Those that de-identify stand together, from the one that finds PHI to the one that replaces it: the canary passes
    through all of them. Any other stage stands alone.
    """
    first, last = _deidentifying(stages)
    if first < 0 or last < 0:
        return tuple((stage,) for stage in stages)
    before, after = stages[:first], stages[last + 1 :]
    return (*((stage,) for stage in before), stages[first : last + 1], *((stage,) for stage in after))


def _deidentifying(stages: tuple[Stage, ...]) -> tuple[int, int]:
    """Positions of the stage that finds PHI and of the one that replaces what was found; -1 for one that is not."""
    first = last = -1
    for at, stage in enumerate(stages):
        if "found" in stage.adds.names and "found" not in stage.reads.names:
            first = at
        if "phi" in stage.adds.names and "found" in stage.reads.names:
            last = at
    return first, last


class Line:
    """Stages opened in this process, one after another.

    Stages that de-identify first pass the canary (`transforms.deid.canary`): these live objects, before any note.

    Attributes:
        worker: who this is: its stages, host, process id, the accelerators it was given and what its canary said.

    Raises:
        CanaryError: planted PHI was not found.
        ContractError: some of the stages that de-identify are missing, so nothing could be proven.
    """

    def __init__(self, stages: tuple[Stage, ...], devices: tuple[str, ...] = ()) -> None:
        self.worker: Mapping[str, Any] = {
            "stages": [stage.name for stage in stages],
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "devices": list(devices),
        }
        self._guards: list[Guard] = []
        try:
            for stage in stages:
                self._guards.append(Guard(stage))
            report = self._prove()
            if report is not None:
                self.worker = {**self.worker, "canary": report.to_json()}
            # Models and modules live as long as the worker: sweeping them again and again for garbage halves the speed
            # of what runs between.
            gc.collect()
            gc.freeze()
        except BaseException:
            self.close()
            raise

    def process(self, parcel: Parcel) -> Parcel:
        """The parcel after these stages."""
        notes, seconds = parcel.notes, dict(parcel.seconds)
        started = parcel.started or time.time()
        for guard in self._guards:
            before = guard.seconds
            notes = guard.process(notes)
            seconds[guard.stage.name] = seconds.get(guard.stage.name, 0.0) + guard.seconds - before
        return replace(parcel, notes=notes, seconds=seconds, workers=(*parcel.workers, self.worker), started=started)

    def _prove(self) -> canary.CanaryReport | None:
        stages = tuple(guard.stage for guard in self._guards)
        first, last = _deidentifying(stages)
        if first < 0 and last < 0:
            return None
        if not 0 <= first < last:
            raise ContractError("the stages that de-identify must share a worker")
        guards = self._guards[first : last + 1]

        def process(notes: pa.Table) -> pa.Table:
            for guard in guards:
                notes = guard.process(notes)
            return notes

        links = any("found" in stage.adds.names for stage in stages[first + 1 : last])
        return canary.prove(process, links=links)

    def close(self) -> None:
        for guard in self._guards:
            guard.close()
