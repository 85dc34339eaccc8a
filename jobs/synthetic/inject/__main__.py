"""Writes injected documents to a Parquet file that `notemill train deid --data FILE` reads.

python -m jobs.synthetic.inject --data FOLDER --notes 6000 --output injected.parquet --seed 1
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.synthetic.inject import documents
from jobs.synthetic.wording import WORDINGS, Wording

SCHEMA: Final = pa.schema(
    [
        ("text", pa.string()),
        ("entities", pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())]))),
        ("split", pa.string()),
    ]
)
_DEV_EVERY: Final = 20


def write(data: Path, output: Path, *, notes: int, seed: int, wording: Wording = "train") -> Counter[str]:
    """Writes the documents, every twentieth as dev; gives the number of spans by label.

    Raises:
        FileNotFoundError: a file of `data` is missing.
    """
    counts: Counter[str] = Counter()
    rows = []
    for number, document in enumerate(documents(data, notes=notes, seed=seed, wording=wording), start=1):
        counts.update(span.label for span in document.entities)
        entities = [span._asdict() for span in document.entities]
        rows.append({"text": document.text, "entities": entities, "split": "train" if number % _DEV_EVERY else "dev"})
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), output, compression="zstd")
    return counts


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m jobs.synthetic.inject", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of public corpora")
    parser.add_argument("--notes", type=int, required=True, help="how many documents")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wording", choices=WORDINGS, default="train", help="which part of the names")
    arguments = parser.parse_args()
    try:
        counts = write(
            arguments.data, arguments.output, notes=arguments.notes, seed=arguments.seed, wording=arguments.wording
        )
    except FileNotFoundError as error:
        parser.exit(2, f"{error.filename} is missing: --data names a folder with notes/, names/ and deid/\n")
    sys.stdout.write(json.dumps(dict(counts.most_common()), indent=2) + "\n")


if __name__ == "__main__":
    main()
