"""The ICD-10-CM code table of one release.

The shipped table is made by `infra/make_icd_table.py` from the package simple-icd-10-cm, which holds the
tabular list and the code list that the CDC's National Center for Health Statistics publishes.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

SYSTEM: Final = "ICD-10-CM"
_SHIPPED: Final = Path(__file__).parent / "icd10cm.csv.gz"


class Entry(NamedTuple):
    """A code with its dot, whether it may be billed (nothing stands below it), and its description."""

    code: str
    billable: bool
    description: str


class CodeTable:
    """Codes with their dots. Codes of three to seven characters are in it; chapters and blocks are not.

    Args:
        release: name of the release.
        entries: the codes.
    """

    def __init__(self, release: str, entries: Iterable[Entry]) -> None:
        self.release = release
        self._entries = {entry.code: entry for entry in entries}

    @classmethod
    def shipped(cls) -> CodeTable:
        """The table that comes with the package; read once per process."""
        return _shipped()

    @classmethod
    def read(cls, path: Path) -> CodeTable:
        """Reads a gzipped CSV whose first line is `# <release>` and whose columns are those of `Entry`."""
        with gzip.open(path, "rb") as packed:
            file = io.StringIO(packed.read().decode("utf-8"))
        release = file.readline().removeprefix("#").strip()
        rows = csv.reader(file)
        next(rows)  # column names
        return cls(release, (Entry(code, billable == "1", description) for code, billable, description in rows))

    def __contains__(self, code: str) -> bool:
        return code in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def is_billable(self, code: str) -> bool:
        """Whether the code is in the release and no code stands below it. `E11.9` is, `E11` and `E119` are not."""
        entry = self._entries.get(code)
        return entry is not None and entry.billable

    def description(self, code: str) -> str:
        """The code's title.

        Raises:
            KeyError: the code is not in the release.
        """
        return self._entries[code].description


@lru_cache(maxsize=1)
def _shipped() -> CodeTable:
    return CodeTable.read(_SHIPPED)
