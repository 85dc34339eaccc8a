"""How fast is a BERT-base encoder in each backend and precision of this machine?

    python -m infra.bench.backends --data NOTES.parquet --output infra/bench/backends.json

Runs random weights over windows of real notes in every backend and precision that can be had here, round by round in
one process, and prints tokens per second: the order that `model.backend = "auto"` goes by. Beside each stands how far
its states are from those of PyTorch in float32.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq
import torch

from infra.bench import conditions
from jobs.bench.checkpoint import quiet, random_classifier
from transforms.clinical_bert.backends import BackendError, BackendName, Precision, open_backend
from transforms.clinical_bert.backends.base import Backend
from transforms.clinical_bert.backends.precision import COMPUTES, NEEDS
from transforms.clinical_bert.backends.support import Computing, check, features
from transforms.clinical_bert.checkpoints.loading import load_tokenizer
from transforms.clinical_bert.packed import Job, Packed, pack
from transforms.clinical_bert.windows import Window

EXACT = Computing("torch", "fp32")


def windows(data: Path, column: str, folder: Path, count: int, length: int) -> Packed:
    """The first windows of so many positions at most, special tokens included, end to end; as the notes fill them."""
    texts = pq.read_table(data, columns=[column])[column].slice(0, count).to_pylist()
    tokenizer = load_tokenizer(folder)
    notes = tokenizer([text for text in texts if text])
    step = length - 2
    jobs = [
        Job(number, Window(at, min(at + step, len(note)), 0, 0))
        for number, note in enumerate(notes)
        for at in range(0, len(note), step)
    ]
    return pack(notes, jobs[:count], tokenizer)


def available() -> list[Computing]:
    """Every backend and precision that this machine computes."""
    found = []
    for name, precisions in COMPUTES.items():
        for precision in precisions:
            computing = Computing(cast("BackendName", name), cast("Precision", precision))
            try:
                check(computing, [{"model_type": "bert"}])
            except BackendError as error:
                print(f"{name} in {precision} is left out: {error}")
                continue
            found.append(computing)
    return found


def measure(encoders: dict[Computing, Backend], batch: Packed, rounds: int) -> list[dict[str, Any]]:
    """Tokens per second of each (median, least and greatest of the rounds), the fastest first."""
    states = {computing: run(batch).float() for computing, run in encoders.items()}  # and warms them up
    seconds: dict[Computing, list[float]] = {computing: [] for computing in encoders}
    for _ in range(rounds):
        for computing, run in encoders.items():
            started = time.perf_counter()
            run(batch)
            seconds[computing].append(time.perf_counter() - started)
    results = []
    for computing, taken in seconds.items():
        rates = [round(len(batch.ids) / second, 1) for second in taken]
        cosines = torch.cosine_similarity(states[computing], states[EXACT], dim=1)
        results.append(
            {
                **computing._asdict(),
                "tokens_per_second": statistics.median(rates),
                "least": min(rates),
                "greatest": max(rates),
                "cosine_with_fp32": {"mean": round(cosines.mean().item(), 5), "least": round(cosines.min().item(), 5)},
            }
        )
    return sorted(results, key=lambda result: -result["tokens_per_second"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Parquet file of notes")
    parser.add_argument("--column", default="text", help="that holds the text")
    parser.add_argument("--windows", type=int, default=6)
    parser.add_argument("--length", type=int, default=512, help="positions of a window at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="file for the result as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, quiet():
        folder = random_classifier("bert-base", Path(scratch))
        batch = windows(arguments.data, arguments.column, folder, arguments.windows, arguments.length)
        encoders = {
            computing: open_backend(folder, backend=computing.backend, precision=computing.precision, device="cpu")
            for computing in available()
        }
        runs = measure(encoders, batch, arguments.rounds)
    packages = ("notemill", "torch", "transformers", *{name for names in NEEDS.values() for name in names})
    result = {
        "bench": "backends",
        "encoder": "bert-base, random weights",
        "windows": list(batch.lengths),
        "threads": torch.get_num_threads(),
        "features": sorted(features()),
        "rounds": arguments.rounds,
        "runs": runs,
        **conditions(sorted(packages)),
    }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.output:
        arguments.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
