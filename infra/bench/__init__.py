"""Benchmarks. Each prints what it measured, side by side in one run, with the hardware and versions.

The one of the encoder is a command of its own, `notemill bench encoder`; its results are kept here too.
"""

from __future__ import annotations

from jobs.bench.conditions import conditions

__all__ = ["conditions"]
