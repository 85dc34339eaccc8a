"""A job of toy stages as a process of its own, to be killed: python -m tests.faults.job ENGINE INPUT OUTPUT SECONDS."""

from __future__ import annotations

import logging
import os
import sys

from pipelines.engines import Engine
from pipelines.run import execute
from tests.pipelines.toys import Count, Quiet, make_plan


def engine(name: str) -> Engine:
    if name == "ray":
        from pipelines.engines.ray import RayEngine

        return RayEngine(num_cpus=2)
    if name == "beam":
        from pipelines.engines.beam import BeamEngine

        return BeamEngine()
    from pipelines.engines.local import LocalEngine

    return LocalEngine()


def main(name: str, source: str, output: str, seconds: str) -> None:
    logging.basicConfig(level=os.environ.get("NOTEMILL_TEST_LOG", "ERROR"))
    # How long a stage takes is not part of the test's results, but is part of the spec: it stays the same.
    plan = make_plan(source, output, Count(fails_on="Note 33 ", seconds=float(seconds)), split_rows=5)
    plan.check()
    execute(plan, engine(name), Quiet(), facts={})


if __name__ == "__main__":
    main(*sys.argv[1:])
