"""The encounters of diabetes130: which count, who is held out, what is to be foretold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.synthetic.diabetes130.notes import COLUMNS

FILE: Final = "readmission/diabetes130.parquet"
"""Where a folder of public corpora has it."""

EXPIRED: Final = frozenset({"11", "19", "20", "21"})
"""`discharge_disposition_id` of patients who died: they cannot come back, and telling them apart is no achievement."""

_DEV_OF: Final = 5  # every fifth patient is held out


@dataclass(frozen=True)
class Encounter:
    """One stay in hospital.

    Attributes:
        columns: its columns, as text.
        split: `train` or `dev`; all encounters of a patient are in one.
    """

    columns: Mapping[str, str]
    split: Literal["train", "dev"]

    def readmitted(self, *, within_30_days: bool = True) -> bool:
        """Whether the patient came back within 30 days, or ever in the ten years of the data."""
        told = self.columns["readmitted"]
        return told == "<30" if within_30_days else told != "NO"


def read(data: Path) -> list[Encounter]:
    """Reads all encounters but those that ended in death.

    Args:
        data: the Parquet file, or a folder of public corpora that has it as `readmission/diabetes130.parquet`.

    Returns:
        The encounters in an order that hangs on the patients alone, so that the first so many are a sample by patient.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file lacks a column.
    """
    file = data / FILE if data.is_dir() else data
    if missing := set(COLUMNS) - set(pq.read_schema(file).names):
        raise ValueError(f"{file.name} has no column {', '.join(sorted(missing))}: it is not diabetes130")
    table = pq.read_table(file, columns=list(COLUMNS))
    rows = pa.table([column.cast(pa.string()) for column in table.columns], table.column_names).to_pylist()
    keyed = [(_place(row["patient_nbr"]), row) for row in rows if row["discharge_disposition_id"] not in EXPIRED]
    keyed.sort(key=lambda pair: (pair[0], pair[1]["encounter_id"]))
    return [Encounter(row, "train" if place % _DEV_OF else "dev") for place, row in keyed]


def _place(patient: str) -> int:
    return int.from_bytes(hashlib.sha256(patient.encode()).digest()[:8], "big")
