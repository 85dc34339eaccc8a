"""The README's walk-through does what it says, command by command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[3]


def section(heading: str) -> str:
    _, _, after = (ROOT / "README.md").read_text().partition(f"\n### {heading}\n")
    return re.split(r"\n##+ ", after)[0]


@pytest.mark.timeout(600)
def test_on_your_own_labels(tmp_path: Path) -> None:
    text = section("On your own labels")
    (program,), (commands,) = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("python", "bash"))
    (tmp_path / "my_labels.py").write_text(program)
    bin = Path(sys.executable).parent
    environment = {
        **os.environ, "PATH": f"{bin}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "NOTEMILL_KEY": "key of the tests"
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-euc", commands], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = {(row["text"], row["label"]) for row in pq.read_table(tmp_path / "my_run/entities").to_pylist()}
    assert found == {("chest tube", "Device"), ("insulin pump", "Device")}
    assert "Device" in done.stdout
