"""A feed in a process of its own, which dies at a certain step, or is killed from outside.

A step is any call or return of a function of `pipelines.feed`, and any call that one makes into a library: so a feed
can be killed between any two things that it does. What goes on within a call, only a kill from outside can hit.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

import pipelines.feed
from pipelines.feed.feeding import feed
from pipelines.feed.mapping import Mapping, PlainTables
from pipelines.feed.omop.integers import IntegerKeys
from pipelines.feed.omop.tables import OmopTables
from pipelines.feed.omop.vocabulary import Vocabulary
from pipelines.feed.run_tables import RunTables
from pipelines.feed.targets import open_store

_HERE = os.path.dirname(pipelines.feed.__file__)
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload([__name__])

EVERYTHING = ("notes", "sections", "entities", "codes", "readmission", "phi", "crosswalk", "rejects")


def _mapping(source: RunTables, omop_keys: str) -> Mapping:
    if not omop_keys:
        return PlainTables(EVERYTHING)
    return OmopTables(IntegerKeys(omop_keys), Vocabulary(), source.version)


def _work(run: str, target: str, omop_keys: str, dies_at: int, steps: Any) -> None:
    count = 0

    def step(frame: FrameType, _event: str, _argument: Any) -> None:
        nonlocal count
        if frame.f_code.co_filename.startswith(_HERE):
            count += 1
            if count == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(step)
    store = open_store(target)
    source = RunTables(run)
    # Small deliveries: of three splits or so, or of one.
    feed(source, _mapping(source, omop_keys), store, batch_bytes=10_000 if omop_keys else 60_000)
    store.close()
    sys.setprofile(None)
    with steps.get_lock():
        steps.value = count


def feed_apart(run: str, target: str, *, omop_keys: str = "", dies_at: int = 0, dies_after: float | None = None) -> int:
    """Feeds in a process of its own.

    Args:
        omop_keys: feeds the Common Data Model, with the integer keys of this folder.
        dies_at: the step before which it kills itself; 0 for none.
        dies_after: seconds after which it is killed.

    Returns:
        How many steps it took; 0 when it was killed.
    """
    steps = _SERVER.Value("q", 0)
    child = _SERVER.Process(target=_work, args=(run, target, omop_keys, dies_at, steps))
    child.start()
    killer = None
    if dies_after is not None:
        killer = threading.Timer(dies_after, child.kill)
        killer.start()
    child.join(120)
    if killer is not None:
        killer.cancel()
    assert child.exitcode in (0, -signal.SIGKILL), child.exitcode
    assert (child.exitcode == 0) == (steps.value > 0)
    return int(steps.value)
