"""What travels between an engine's workers: a split and its notes so far."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import pyarrow as pa

from pipelines.guard import Guard
from pipelines.io.source import Split
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


class Line:
    """Stages opened in this process, one after another.

    Attributes:
        worker: who this is: its stages, host, process id and the accelerators it was given.
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

    def close(self) -> None:
        for guard in self._guards:
            guard.close()
