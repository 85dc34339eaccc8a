"""What happens to a note, as two things: a `Stage` (the spec) and a `Worker` (what the spec opens).

The spec is a small frozen dataclass: it is pickled to other machines, compared, and its `repr` enters the
run's fingerprint, so a field that must not (a secret) has `repr=False`. The worker holds models and
lexicons. It is built once per process or actor, and nowhere else.

A worker adds columns or replaces them. It never changes the number or the order of rows. It may raise on any
note: the guard (`pipelines.guard`) finds the note that failed and rejects it alone. A worker that knows why a
note cannot be done raises `NoteError`, whose message is shown to people, so it never holds note text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa


@dataclass(frozen=True)
class Resources:
    """What one worker of a stage needs.

    Attributes:
        cpus: processor cores.
        gpus: accelerators; a fraction shares one between workers.
    """

    cpus: float = 1.0
    gpus: float = 0.0


class NoteError(Exception):
    """This note cannot be done. The message goes into `rejects.detail` and must hold no note text."""


class Worker(Protocol):
    """A live stage, with its models loaded."""

    def process(self, notes: pa.Table) -> pa.Table:
        """Returns the same rows in the same order, with the stage's columns added or replaced."""
        ...

    def close(self) -> None:
        """Releases what `open` took."""
        ...


@runtime_checkable
class Stage(Protocol):
    """A spec: frozen, picklable, comparable; `repr` is its identity in the run's fingerprint."""

    @property
    def name(self) -> str: ...

    @property
    def reads(self) -> pa.Schema: ...

    @property
    def adds(self) -> pa.Schema: ...

    @property
    def resources(self) -> Resources: ...

    def open(self) -> Worker: ...


def with_column(notes: pa.Table, field: pa.Field, values: Sequence[Any] | pa.Array | pa.ChunkedArray) -> pa.Table:
    """Adds a column or replaces the one of that name, with the type of `field`."""
    if not isinstance(values, pa.Array | pa.ChunkedArray):
        values = pa.array(values, type=field.type)
    position = notes.schema.get_field_index(field.name)
    if position < 0:
        return notes.append_column(field, values)
    return notes.set_column(position, field, values)
