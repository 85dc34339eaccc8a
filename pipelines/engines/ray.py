"""Ray Data over splits; stages live in pools of actors, those that want an accelerator pinned to one each.

A row of the data set is a split: its label and its notes as one Arrow stream. So a block never mixes splits, an
empty split is not lost, and Ray may do with blocks what it likes. Neighbouring stages that need the same kind of
device share an actor, and the last pool writes.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any, Final

import pyarrow as pa
import ray
import ray.data
import ray.exceptions

from pipelines.errors import RequestError, RunError
from pipelines.guard import describe
from pipelines.io.ledger import Receipt
from pipelines.io.sink import Sink
from pipelines.io.source import ReadTask
from pipelines.parcel import Line, Parcel, units
from pipelines.plan import Plan
from transforms.stage import Stage

READER_CPUS: Final = 0.25
"""Processor share of a reading task; reading is a small part of the work."""

SPARE_CPUS: Final = 0.5
"""Left free of actors: were they to hold every CPU, no reader could start, and the job would wait for ever."""


@dataclass(frozen=True)
class Pool:
    """Stages that share an actor, and how many such actors there are."""

    stages: tuple[Stage, ...]
    size: int
    cpus: float
    gpus: float


def arrange(stages: tuple[Stage, ...], cpus: float, gpus: float, replicas: int | None) -> tuple[Pool, ...]:
    """Shares a cluster's processors and accelerators out among the stages.

    Args:
        cpus: CPUs of the cluster.
        gpus: accelerators of the cluster, logical ones too.
        replicas: how many actors hold the stages with accelerators (without any: all stages); None for as many as
            the cluster holds.

    Raises:
        RequestError: the cluster cannot hold the actors.
    """
    groups = [tuple(chain.from_iterable(group)) for _, group in groupby(units(stages), key=_gpus)]
    pinned = [group for group in groups if _gpus(group) > 0]
    sizes: dict[int, int] = {}
    if pinned:
        wanted = sum(_gpus(group) for group in pinned)
        count = replicas or math.floor(gpus / wanted + 1e-9)
        if count < 1 or count * wanted > gpus + 1e-9:
            raise RequestError(
                f"{max(count, 1)} replicas with {wanted:g} GPU each were asked for, but Ray has {gpus:g}; "
                "lower [ray] replicas or num_gpus, or give Ray more (--set ray.logical_gpus=N on one machine)"
            )
        sizes = {id(group): count for group in pinned}
    free = cpus - SPARE_CPUS
    if free <= 0:
        raise RequestError(f"Ray has {cpus:g} CPUs; at least 1 is needed")
    others = [group for group in groups if id(group) not in sizes]
    # A pinned replica wants a processor to feed it, but all of them together leave half to the other stages.
    share = free * (0.5 if others else 1.0)
    pinned_cpus = {id(group): min(1.0, share / sum(sizes.values())) for group in pinned}
    free -= sum(pinned_cpus[id(group)] * sizes[id(group)] for group in pinned)
    weight = sum(stage.resources.cpus for group in others for stage in group) or 1.0
    pools = []
    for group in groups:
        if id(group) in sizes:
            size, each = sizes[id(group)], pinned_cpus[id(group)]
        else:
            part = free * sum(stage.resources.cpus for stage in group) / weight
            size = (replicas if not pinned else None) or max(1, math.ceil(part - 1e-9))
            each = min(1.0, part / size)
        pools.append(Pool(group, size, math.floor(each * 1e4) / 1e4, _gpus(group)))
    return tuple(pools)


def _gpus(stages: tuple[Stage, ...]) -> float:
    """Accelerators of a worker that holds all of these."""
    return max(stage.resources.gpus for stage in stages)


class _Reader:
    """Reads tasks; one row per split."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        try:
            for task in batch["task"].to_pylist():
                for parcel in self._plan.read(pickle.loads(task)):
                    yield _table([parcel.to_row()])
        except Exception as error:  # noqa: BLE001 - told to the driver, see `_failed`
            yield _failed(error)


class _Replica:
    """An actor: a line of stages, and the sink behind the last of them."""

    def __init__(self, stages: tuple[Stage, ...], sink: Sink | None) -> None:
        devices = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
        self._sink = sink
        self._line: Line | None = None
        self._failure: pa.Table | None = None
        try:
            self._line = Line(stages, tuple(str(device) for device in devices))
        except Exception as error:  # noqa: BLE001 - told to the driver, see `_failed`
            self._failure = _failed(error)

    def __call__(self, batch: pa.Table) -> pa.Table:
        if batch["failure"].null_count < batch.num_rows:
            return batch
        if self._line is None:
            return self._failure
        try:
            parcels = [self._line.process(Parcel.from_row(row)) for row in batch.to_pylist()]
            if self._sink is None:
                return _table([parcel.to_row() for parcel in parcels])
            return _table([{"label": self._sink.write(parcel).to_json()} for parcel in parcels])
        except Exception as error:  # noqa: BLE001 - told to the driver, see `_failed`
            return _failed(error)


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    fields = [("label", pa.string()), ("notes", pa.large_binary()), ("failure", pa.string())]
    return pa.Table.from_pylist(rows, pa.schema(fields))


def _failed(error: Exception) -> pa.Table:
    """A row that tells the driver why a worker cannot go on.

    An exception that leaves a worker is printed by Ray with all its tracebacks and messages, on the terminal and in
    its logs; and a worker that cannot be opened is opened again for ever.
    """
    return _table([{"failure": f"{type(error).__name__}: {describe(error)}"}])


@contextmanager
def _no_chatter() -> Iterator[None]:
    """Ray's core tells the terminal that it has been told its log level; what goes wrong, it raises."""
    sys.stderr.flush()
    terminal = os.dup(2)
    try:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


@dataclass
class RayEngine:
    """Ray on this machine, or the cluster at an address.

    Attributes:
        address: of a cluster; None for `RAY_ADDRESS`, and without that for an embedded Ray.
        replicas: actors of the stages with accelerators; None for as many as there is room for.
        logical_gpus: accelerators that an embedded Ray shall claim to have; None for those that it finds.
        num_cpus: CPUs of an embedded Ray; None for those of the machine.
    """

    address: str | None = None
    replicas: int | None = None
    logical_gpus: int | None = None
    num_cpus: int | None = None

    def run(self, plan: Plan, tasks: Iterable[ReadTask]) -> Iterator[Receipt]:
        if not plan.folder.is_shared:
            raise RequestError(f"{plan.output} lives in one process; use --engine local, or another --output")
        ours = not ray.is_initialized()
        if ours:
            self._connect()
        try:
            yield from self._run(plan, list(tasks))
        finally:
            if ours:
                ray.shutdown()

    def _connect(self) -> None:
        # No note and no metadata of a job leaves the machine: Ray's usage reports are off unless asked for.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Its core logs as an error, on the terminal, that an actor was given arguments.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        # A pool of more actors than there are blocks just now is no fault: the reader has not got that far.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"ray\.data\.")
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        address = self.address or os.environ.get("RAY_ADDRESS")
        if address:
            options["address"] = address
        else:
            options |= {"num_cpus": self.num_cpus, "num_gpus": self.logical_gpus, "include_dashboard": False}
        try:
            with _no_chatter():
                ray.init(**options)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise RequestError(f"cannot start or reach Ray at {address or 'this machine'}: {error}") from error

    def _run(self, plan: Plan, tasks: list[ReadTask]) -> Iterator[Receipt]:
        total = ray.cluster_resources()
        pools = arrange(plan.stages, total.get("CPU", 0.0), total.get("GPU", 0.0), self.replicas)
        context = ray.data.DataContext.get_current().copy()
        context.enable_progress_bars = False
        # Bytes: each row becomes a block of its own as soon as it is yielded. Larger, or None, and all splits of a
        # reading task would wait for each other and go to one actor.
        context.target_max_block_size = 1
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        with ray.data.DataContext.current(context):
            rows = [{"task": pickle.dumps(task)} for task in tasks]
            notes = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
                _Reader(plan).__call__, batch_size=1, batch_format="pyarrow", num_cpus=READER_CPUS
            )
            for pool in pools:
                notes = notes.map_batches(
                    _Replica,
                    fn_constructor_args=(pool.stages, plan.sink if pool is pools[-1] else None),
                    batch_size=1,
                    batch_format="pyarrow",
                    num_cpus=pool.cpus,
                    num_gpus=pool.gpus or None,
                    compute=ray.data.ActorPoolStrategy(size=pool.size),
                )
            try:
                for batch in notes.iter_batches(batch_size=None, batch_format="pyarrow"):
                    for row in batch.to_pylist():
                        if row["failure"] is not None:
                            raise RunError(f"a worker failed: {row['failure']}")
                        yield Receipt.from_json(row["label"])
            except ray.exceptions.RayError as error:
                raise RunError(f"Ray failed: {type(error).__name__}; its logs say more") from error
