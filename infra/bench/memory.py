"""Does the main job's memory grow with the number of notes?

    python -m infra.bench.memory --notes 20000 100000

Generates notes, runs the main job over each set in a process of its own (local engine, the encoder's heads off) and
prints the peak resident memory of that process and its children, and the ratio of the last to the first.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from infra.bench import conditions
from jobs.generate import generate

HEADS_OFF = ("--stages", "validate,deidentify,sections", "--set", "deidentify.tagger=false")


def resident(process: psutil.Process) -> int:
    """Bytes of a process and its children."""
    total = 0
    for member in [process, *process.children(recursive=True)]:
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def measure(notes: int, folder: Path, options: list[str]) -> dict[str, float]:
    """Peak memory and speed of one run over freshly generated notes."""
    source, output = folder / f"notes-{notes}", folder / f"run-{notes}"
    generate(str(source), notes=notes, seed=1)
    command = [sys.executable, "-m", "jobs.cli", "run", "--input", str(source), "--output", str(output), "--json"]
    started = time.monotonic()
    with (folder / f"{notes}.json").open("wb") as out:
        job = subprocess.Popen([*command, *options], stdout=out)
        process, peak = psutil.Process(job.pid), 0
        while job.poll() is None:
            try:
                peak = max(peak, resident(process))
            except psutil.NoSuchProcess:
                break
            time.sleep(0.2)
    if job.wait():
        raise SystemExit(f"the run over {notes} notes failed")
    manifest = json.loads((folder / f"{notes}.json").read_text())
    if manifest["rows_written"] + manifest["rows_rejected"] != notes:
        raise SystemExit("rows are unaccounted for")
    return {
        "notes": notes,
        "peak_mib": round(peak / 2**20, 1),
        "notes_per_second": manifest["notes_per_second"],
        "seconds": round(time.monotonic() - started, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notes", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--engine", default="local")
    parser.add_argument("--output", type=Path, help="file for the result as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = [measure(notes, Path(folder), ["--engine", arguments.engine, *HEADS_OFF]) for notes in arguments.notes]
    ratio = round(runs[-1]["peak_mib"] / runs[0]["peak_mib"], 3)
    result = {"bench": "memory", "engine": arguments.engine, "runs": runs, "ratio": ratio, **conditions()}
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.output:
        arguments.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
