"""Benchmarks. Each prints what it measured, side by side in one run, with the hardware and versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any


def conditions() -> dict[str, Any]:
    """Hardware and versions, to stand beside every figure."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    packages = ("notemill", "torch", "transformers", "ray", "pyarrow", "presidio-analyzer")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
    }
