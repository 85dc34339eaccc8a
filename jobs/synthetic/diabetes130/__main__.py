"""Writes the encounters of diabetes130 as notes, for `notemill train readmission --data FILE`.

python -m jobs.synthetic.diabetes130 --data FOLDER --output encounters.parquet --encounters 20000

The labels are real, the text is synthetic: every figure that is measured on it must say so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.synthetic.diabetes130 import note, read

SCHEMA: Final = pa.schema(
    [
        ("note_id", pa.string()),
        ("encounter_id", pa.string()),
        ("patient_id", pa.string()),
        ("note_type", pa.string()),
        ("text", pa.string()),
        ("label", pa.bool_()),
        ("split", pa.string()),
    ]
)


def write(data: Path, output: Path, *, encounters: int | None = None, within_30_days: bool = True) -> Counter[str]:
    """Writes one note for each encounter.

    Args:
        data: as of `read`.
        output: Parquet file to write.
        encounters: most encounters; None for all.
        within_30_days: the label is a readmission within 30 days, else any.

    Returns:
        How many notes each split has, and how many of them with a readmission.
    """
    counts: Counter[str] = Counter()
    rows = []
    for encounter in islice(read(data), encounters):
        columns, label = encounter.columns, encounter.readmitted(within_30_days=within_30_days)
        counts[encounter.split] += 1
        counts[f"{encounter.split}, readmitted"] += label
        rows.append(
            {
                "note_id": columns["encounter_id"],
                "encounter_id": columns["encounter_id"],
                "patient_id": columns["patient_nbr"],
                "note_type": "discharge summary",
                "text": note(columns),
                "label": label,
                "split": encounter.split,
            }
        )
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), output, compression="zstd")
    return counts


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m jobs.synthetic.diabetes130", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of public corpora, or the Parquet file")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--encounters", type=int, help="most encounters, by whole patients; default: all")
    parser.add_argument("--any", action="store_true", help="label any readmission, not only within 30 days")
    arguments = parser.parse_args()
    try:
        counts = write(
            arguments.data, arguments.output, encounters=arguments.encounters, within_30_days=not arguments.any
        )
    except (FileNotFoundError, ValueError) as error:
        parser.exit(2, f"--data: {error}\n")
    sys.stdout.write(json.dumps(counts, indent=2) + "\n")


if __name__ == "__main__":
    main()
