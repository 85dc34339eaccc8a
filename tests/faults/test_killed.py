"""The whole job is killed at a random moment; the same command goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.io.ledger import Ledger
from pipelines.io.storage import Folder
from tests.pipelines.toys import notes_table, read_tables, write_notes

SECONDS = "0.05"


def start(engine: str, source: str, output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.faults.job", engine, source, str(output), SECONDS]
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)


def times(output: Path, splits: set[str]) -> dict[str, int]:
    """When each part file of these splits was written."""
    return {
        str(path): path.stat().st_mtime_ns
        for path in output.glob("*/part-*.parquet")
        if path.stem.removeprefix("part-") in splits
    }


@pytest.mark.parametrize("engine", ["local", "beam", "ray"])
def test_killed_and_resumed(engine: str, tmp_path: Path) -> None:
    source = write_notes(tmp_path / "in" / "notes.parquet", notes_table(200), row_group_size=30)
    undisturbed, output = tmp_path / "undisturbed", tmp_path / "out"
    assert start("local", source, undisturbed).wait(120) == 0
    ledger = Ledger(Folder(str(output)))

    done: set[str] = set()
    for _ in range(2):
        job = start(engine, source, output)
        deadline = time.monotonic() + 120
        enough = len(done) + random.randint(1, 12)
        while len(ledger.names()) < enough and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(job.pid, signal.SIGKILL)
        assert job.wait() == -signal.SIGKILL
        done = ledger.names()
        assert enough <= len(done) < 40
        assert not (output / "_run.json").exists()

    # What a write that was cut off leaves behind: never under a table's folder, and gone after the next run.
    (output / "_tmp").mkdir(exist_ok=True)
    (output / "_tmp" / "part-x.parquet.123").write_bytes(b"half")
    time.sleep(2)  # the last of Ray's orphaned workers is gone
    done = ledger.names()
    before = times(output, done)
    assert len(before) == 5 * len(done)
    assert start(engine, source, output).wait(180) == 0
    assert times(output, done) == before
    assert not (output / "_tmp").exists()
    assert (output / "_run.json").exists()

    expected, found = read_tables(undisturbed), read_tables(output)
    assert found.keys() == expected.keys()
    for name, table in found.items():
        assert table.equals(expected[name]), name
    assert found["notes"].num_rows + found["rejects"].num_rows == 200
    assert found["rejects"].num_rows == 1


def test_a_finished_run_is_left_alone(tmp_path: Path) -> None:
    source = write_notes(tmp_path / "in" / "notes.parquet", notes_table(20))
    output = tmp_path / "out"
    assert start("local", source, output).wait(120) == 0
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*") if path.is_file()}
    assert start("local", source, output).wait(120) == 0
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*") if path.is_file()} == before


def test_a_lost_part_file_is_written_again(tmp_path: Path) -> None:
    source = write_notes(tmp_path / "in" / "notes.parquet", notes_table(20))
    output = tmp_path / "out"
    assert start("local", source, output).wait(120) == 0
    expected = read_tables(output)
    lost = sorted((output / "notes").iterdir())[1]
    lost.unlink()
    assert start("local", source, output).wait(120) == 0
    assert lost.exists()
    assert read_tables(output)["notes"].equals(expected["notes"])
