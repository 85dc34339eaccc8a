"""What is saved when text is copied from note to note: time, against the share of windows that come again.

    python -m infra.bench.copy_forward [--notes 40] [--rounds 2] [--output infra/bench/copy_forward.json]

Generated notes, each followed by the next day's: the same note under a new first section. Each model runs with the
cache of windows and without it, in turn, over all of them. `saved_over_repeated` is 1 where the time falls as much as
the windows do; what is not the encoder (tokens, heads) is done for every note and keeps it below.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.bench.checkpoint import random_classifier
from jobs.bench.conditions import conditions
from jobs.generate import generate
from transforms.clinical_bert.checkpoints import Checkpoint, resolve, shipped
from transforms.clinical_bert.counts import Counts
from transforms.clinical_bert.replica import CACHE_MB, Replica
from transforms.sections.stage import Sections

_LEAST = 900  # characters of a note that is worth copying


def copied(notes: int, folder: Path) -> list[str]:
    """So many generated notes, each followed by its copy with a new first section."""
    generate(str(folder), notes=8 * notes, seed=1)
    texts = pq.read_table(folder / "notes")["text"].to_pylist()
    pairs = []
    for number, text in enumerate([text for text in texts if len(text) > _LEAST][:notes]):
        new = f"INTERVAL HISTORY:\nHospital day {number + 2}, pulse {60 + number}, walked {number + 3} feet.\n\n"
        pairs += [text, new + text]
    return pairs


def measure(heads: dict[str, Checkpoint], texts: list[str], sections: list[Any], rounds: int) -> dict[str, float]:
    """The least time of each way, in seconds, and what follows from it."""
    best: dict[float, float] = {}
    counts = Counts()
    for _ in range(rounds):
        for megabytes in (0.0, CACHE_MB):
            with Replica(heads, cache_mb=megabytes) as replica:
                replica.annotate(texts[:2], sections[:2])
                before = replica.counts
                started = time.perf_counter()
                replica.annotate(texts, sections)
                seconds = time.perf_counter() - started
                counts = replica.counts - before
            best[megabytes] = min(best.get(megabytes, seconds), seconds)
    share = counts.repeated_positions / (counts.repeated_positions + counts.positions)
    saved = 1 - best[CACHE_MB] / best[0.0]
    return {
        "tokens": counts.tokens,
        "seconds_without": round(best[0.0], 2),
        "seconds_with": round(best[CACHE_MB], 2),
        "repeated": round(share, 3),
        "saved": round(saved, 3),
        "saved_over_repeated": round(saved / share, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.bench.copy_forward", description="Time that copies save.")
    parser.add_argument("--notes", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = resolve(str(random_classifier("bert-base", Path(folder) / "base")), "ner")
        texts = copied(given.notes, Path(folder) / "notes")
        sections = Sections().open().process(pa.table({"text": texts}))["sections"].to_pylist()
        result = {
            "bench": "copy_forward",
            **conditions(),
            "notes": len(texts),
            "models": {
                "bert-base, random weights: ner": measure({"ner": base}, texts, sections, given.rounds),
                "shipped: ner": measure({"ner": shipped("ner")}, texts, sections, given.rounds),
                "shipped: ner, icd, readmission": measure(
                    {head: shipped(head) for head in ("ner", "icd", "readmission")}, texts, sections, given.rounds
                ),
            },
        }
    text = json.dumps(result, indent=1)
    print(text)
    if given.output:
        given.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
