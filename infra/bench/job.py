"""How fast is the main job, loading models apart?

    python -m infra.bench.job --data NOTES.parquet --preset mimic-iv-note --engine ray

Runs the whole job with the shipped checkpoint into a fresh folder and prints notes/s from the first split's start to
the last one's end, the time spent in each stage, and what was accounted for.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from infra.bench import conditions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--preset", default="notemill")
    parser.add_argument("--engine", default="ray", nargs="+")
    parser.add_argument("--set", default=[], action="append", dest="settings")
    parser.add_argument("--output", type=Path, help="file for the result as JSON")
    arguments = parser.parse_args()
    runs = []
    for engine in [arguments.engine] if isinstance(arguments.engine, str) else arguments.engine:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "jobs.cli", "run", "--input", arguments.data, "--output", folder, "--json"]
            command += ["--preset", arguments.preset, "--engine", engine]
            command += [word for setting in arguments.settings for word in ("--set", setting)]
            started = time.monotonic()
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            manifest = json.loads(done.stdout)
            wanted = ("rows_read", "rows_written", "rows_rejected", "tokens", "seconds", "notes_per_second")
            facts = {name: manifest[name] for name in (*wanted, "tokens_per_second", "stage_seconds", "tables")}
            runs.append({"engine": engine, "wall_seconds": round(time.monotonic() - started, 1), **facts})
    text = json.dumps({"bench": "job", "settings": arguments.settings, "runs": runs, **conditions()}, indent=1)
    print(text)
    if arguments.output:
        arguments.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
