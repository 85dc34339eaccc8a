"""The command of the package; see its docstring."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from infra.bench.holdout.background import Background
from infra.bench.holdout.build import build
from infra.bench.holdout.words import SETS


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m infra.bench.holdout", description="Write the hold-out for de-identification."
    )
    parser.add_argument("--set", choices=SETS, default="b", help="which set (default: b)")
    parser.add_argument("--notes", type=int, default=400)
    parser.add_argument("--output", type=Path, required=True, help="the Parquet file to write")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--background", type=Path, help="Parquet file with de-identified notes in a column `text`")
    given = parser.parse_args()
    background = Background(given.background) if given.background else None
    table = build(given.notes, given.seed, background, given.set)
    pq.write_table(table, given.output, compression="zstd")
    counts = Counter(entity["label"] for entities in table["entities"].to_pylist() for entity in entities)
    for label, count in sorted(counts.items()):
        print(f"{label:16}{count:7}")


if __name__ == "__main__":
    main()
