"""The replica as a contender, alone or several at once, and what memory it takes.

Several replicas, and the measure of memory, run in processes of their own, started afresh (spawn), so that nothing of
the bench's own process is counted.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Final

import torch

from jobs.bench.arithmetic import wait_for
from jobs.bench.measures import Block
from jobs.config import Model
from pipelines.errors import RunError
from pipelines.guard import describe
from transforms.clinical_bert.checkpoints import Checkpoint
from transforms.clinical_bert.heads.tokens import TokenOptions
from transforms.clinical_bert.replica import Replica
from transforms.clinical_bert.spans import Span

HEAD: Final = "ner"
WARM_UP: Final = ("Chest pain, fever. " * 400, "The patient has no complaints.")
"""A note longer than any window and a short one, which no input holds."""


@dataclass(frozen=True)
class ReplicaSpec:
    """How a replica is opened, so that another process can open the same.

    Attributes:
        checkpoint: of the head.
        model: precision, window, threads, device and so on, as a job has them.
    """

    checkpoint: Checkpoint
    model: Model

    def open(self) -> Replica:
        model = self.model
        return Replica(
            {HEAD: self.checkpoint},
            precision=model.precision,
            backend=model.backend,
            compiled=model.compile,
            window=model.window,
            threads=model.threads,
            cache_mb=model.cache_mb,
            device=model.device,
            # Each word by itself, as those decide that it is held beside.
            options={HEAD: TokenOptions(decoding="best")},
        )

    def but(self, **changes: Any) -> ReplicaSpec:
        """The same with other settings of `[model]`."""
        return replace(self, model=self.model.model_copy(update=changes))


class Ours:
    """A replica with one head: texts in, entities out."""

    def __init__(self, name: str, about: str, spec: ReplicaSpec) -> None:
        self.name, self.about = name, about
        self.replica = spec.open()
        self.replica.annotate(WARM_UP)
        self.before = self.replica.counts
        """What the warm-up was counted as."""

    def run(self, block: Block) -> None:
        self.replica.annotate(block.texts, block.sections)

    def entities(self, texts: Sequence[str]) -> list[list[Span]]:
        """The entities of each text."""
        found: list[list[Span]] = self.replica.annotate(texts)[HEAD]
        return found


def several(spec: ReplicaSpec, blocks: Sequence[Block], replicas: int) -> float:
    """Tokens per second of replicas that share the device, each in a process of its own, the blocks dealt out to them.

    The clock runs from the moment at which all are warm to the end of the last.

    Raises:
        RunError: a process failed.
    """
    workers = []
    for number in range(replicas):
        workers.append(_start(_replica, spec, blocks[number::replicas]))
    for _, pipe in workers:
        _receive(pipe)
    began = time.perf_counter()
    for _, pipe in workers:
        pipe.send("go")
    for _, pipe in workers:
        _receive(pipe)
    seconds = time.perf_counter() - began
    for process, _ in workers:
        process.join()
    return sum(block.tokens for block in blocks) / seconds


def _replica(pipe: Connection, spec: ReplicaSpec, blocks: Sequence[Block]) -> None:
    ours = Ours("notemill", "", spec)
    pipe.send("ready")
    pipe.recv()
    for block in blocks:
        ours.run(block)
    wait_for(ours.replica.device)
    pipe.send("done")


def share_device(spec: ReplicaSpec, rounds: Sequence[Sequence[Block]], replicas: int) -> dict[str, Any]:
    """One replica and several in turn, over the same notes.

    On a CPU several replicas share the threads that the one has; on a GPU each has a share of its time.
    """
    threads = spec.model.threads or 1
    part = spec.but(threads=max(1, threads // replicas)) if spec.model.device == "cpu" else spec
    one, many = [], []
    for blocks in rounds:
        one.append(several(spec, blocks, 1))
        many.append(several(part, blocks, replicas))
    return {
        "replicas": replicas,
        "tokens_per_second": round(statistics.median(many), 1),
        "one_replica": round(statistics.median(one), 1),
        "ratio": round(statistics.median(b / a for a, b in zip(one, many, strict=True)), 3),
    }


def peak_memory(spec: ReplicaSpec, blocks: Sequence[Block]) -> Mapping[str, float]:
    """Memory of a process with a replica that runs over the blocks, in MiB.

    Returns:
        `loaded`: resident once the models are loaded, Python and libraries included. `peak`: the most over the whole
        life of the process. `gpu_peak`: the most that tensors took on the GPU; 0 without one.

    Raises:
        RunError: the process failed.
    """
    process, here = _start(_remember, spec, blocks)
    found: Mapping[str, float] = _receive(here)
    process.join()
    return found


def _remember(pipe: Connection, spec: ReplicaSpec, blocks: Sequence[Block]) -> None:
    replica = spec.open()
    loaded = status_mib("VmRSS")
    for block in blocks:
        replica.annotate(block.texts, block.sections)
    gpu = torch.cuda.max_memory_allocated(replica.device) / 2**20 if replica.device.type == "cuda" else 0.0
    pipe.send({"loaded": loaded, "peak": status_mib("VmHWM"), "gpu_peak": round(gpu, 1)})


def status_mib(name: str) -> float:
    """A line of Linux' account of this process' memory; unlike getrusage's, it begins with the program itself."""
    lines = Path("/proc/self/status").read_text().splitlines() if sys.platform == "linux" else []
    for line in lines:
        if line.startswith(f"{name}:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise RunError("the measure of memory needs Linux, which tells a process' peak in /proc/self/status")


def _start(work: Callable[..., None], *arguments: Any) -> tuple[SpawnProcess, Connection]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_in_process, args=(work, there, *arguments), daemon=True)
    process.start()
    there.close()  # so that its end is seen here when the process dies
    return process, here


def _in_process(work: Callable[..., None], pipe: Connection, *arguments: Any) -> None:
    """Runs in the new process. What fails is named without its message, which might quote a note."""
    try:
        work(pipe, *arguments)
    except Exception as error:  # noqa: BLE001 - the parent raises it
        pipe.send(RunError(f"a process of the bench failed: {type(error).__name__} at {describe(error)}"))


def _receive(pipe: Connection) -> Any:
    try:
        answer = pipe.recv()
    except EOFError as error:
        raise RunError("a process of the bench was killed, perhaps for want of memory") from error
    if isinstance(answer, RunError):
        raise answer
    return answer
