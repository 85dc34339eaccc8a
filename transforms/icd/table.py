"""The ICD-10-CM code table of one release.

The shipped table is made by `infra/make_icd_table.py` from the package simple-icd-10-cm, which holds the
tabular list and the code list that the CDC's National Center for Health Statistics publishes.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, Self

SYSTEM: Final = "ICD-10-CM"
SHIPPED: Final = "2026-04"
"""The release that ships, by its year and month: that of April 1, 2026."""

_SHIPPED: Final = Path(__file__).parent / "icd10cm.csv.gz"
_ORDER_LINE: Final = re.compile(r"\d{5} ([A-Z][0-9A-Z]{2,6}) *([01]) .{60} (.+)")


class UnknownReleaseError(ValueError):
    """There is no code table of this release."""


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

    @classmethod
    def read_order_file(cls, path: Path) -> CodeTable:
        """Reads CMS's order file (`icd10cm_order_2025.txt`): number, code, whether it may be billed, two titles.

        Raises:
            UnknownReleaseError: the file is another one, or cannot be read.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UnknownReleaseError(f"cannot read the code table {str(path)!r} ({type(error).__name__})") from error
        entries = []
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            found = _ORDER_LINE.fullmatch(line.rstrip())
            if found is None:
                raise UnknownReleaseError(f"{str(path)!r} is no order file of CMS: line {number} has another form")
            code, billable, title = found.groups()
            entries.append(Entry(code if len(code) == 3 else f"{code[:3]}.{code[3:]}", billable == "1", title.strip()))
        if not entries:
            raise UnknownReleaseError(f"the code table {str(path)!r} is empty")
        return cls(path.stem, entries)

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


@dataclass(frozen=True)
class Release:
    """Which release of ICD-10-CM codes must be valid in. Its `repr` is its identity, wherever its file lies.

    Attributes:
        name: year and month of the release that ships, or the name of a file.
        sha256: of the file's content; empty for the release that ships.
        path: of the file.
    """

    name: str = SHIPPED
    sha256: str = ""
    path: str = field(default="", repr=False, compare=False)

    @classmethod
    def of(cls, asked: str) -> Self:
        """Finds a release by its year and month (the shipped one), or by the path of CMS's order file.

        Raises:
            UnknownReleaseError: there is no such release.
        """
        if asked == SHIPPED:
            return cls()
        path = Path(asked)
        if not path.is_file():
            raise UnknownReleaseError(
                f"there is no code table for the release {asked!r}: {SHIPPED!r} ships with the package; for another "
                "one name the path of CMS's order file (icd10cm_order_YEAR.txt)"
            )
        content = path.read_bytes()
        found = cls(path.name, hashlib.sha256(content).hexdigest(), str(path.resolve()))
        found.table()  # refuses a file of another kind
        return found

    def table(self) -> CodeTable:
        """The codes.

        Raises:
            UnknownReleaseError: the file is gone, changed, or no order file.
        """
        return CodeTable.shipped() if not self.path else _other(Path(self.path), self.sha256)


@lru_cache(maxsize=1)
def _other(path: Path, sha256: str) -> CodeTable:
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise UnknownReleaseError(f"the code table {str(path)!r} is gone, or changed since the run was planned")
    return CodeTable.read_order_file(path)
