"""No word of a note in what is logged, printed, or written beside the tables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.pipelines.toys import notes_table, write_notes

MARK = "zebrafinch"


@pytest.fixture
def ray_logs() -> Iterator[Path]:
    """A short path: Ray keeps its sockets there, and a socket's path is short."""
    folder = Path(tempfile.mkdtemp(prefix="nm", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("engine", ["local", "beam", "ray"])
def test_marked_text_is_in_no_log(engine: str, tmp_path: Path, ray_logs: Path) -> None:
    table = notes_table(40)
    texts = [f"{text} {MARK}" for text in table["text"].to_pylist()]
    table = table.set_column(table.column_names.index("text"), "text", [texts])
    source = write_notes(tmp_path / "in" / "notes.parquet", table)
    output = tmp_path / "out"
    done = subprocess.run(
        # The stage's own errors quote the note, as a library's may.
        [sys.executable, "-m", "tests.faults.job", engine, source, str(output), "0"],
        capture_output=True,
        env={**os.environ, "NOTEMILL_TEST_LOG": "DEBUG", "RAY_TMPDIR": str(ray_logs)},
    )
    assert done.returncode == 0
    assert pq.read_table(output / "rejects").num_rows == 1
    assert all(MARK in text for text in pq.read_table(output / "notes")["text"].to_pylist())
    said = done.stdout + done.stderr
    if engine != "ray":  # there the workers log, into Ray's own files
        assert b"note rejected in count: ValueError (toys.py:" in said
    assert MARK.encode() not in said
    written = [path for path in output.rglob("*") if path.is_file() and path.parent.name != "notes"]
    assert {"_run.json", "_plan.json"} <= {path.name for path in written}
    for path in written:
        assert MARK.encode() not in path.read_bytes()
    assert MARK not in str(pq.read_table(output / "rejects").to_pylist())
    logs = [path for path in ray_logs.rglob("*") if path.is_file() and "logs" in path.parts]
    assert bool(logs) == (engine == "ray")
    for path in logs:
        assert MARK.encode() not in path.read_bytes(), path.name
