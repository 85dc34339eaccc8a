"""ICD-9-CM for a code of ICD-10-CM, by CMS's General Equivalence Mappings (10 to 9, of 2018, the last that there are).

Most entries are approximate, for ICD-9-CM says less. Where several codes are offered for one, all come; where only
several together say the same (a "combination"), the first choices of the first scenario come. Codes that ICD-10-CM got
after 2018 have no entry, nor have those that the mapping gives up ("NoDx").
"""

from __future__ import annotations

import csv
import gzip
from functools import lru_cache
from pathlib import Path
from typing import Final

_SHIPPED: Final = Path(__file__).parent / "gem_10_to_9.csv.gz"


def icd9_of(code: str) -> tuple[str, ...]:
    """The codes of ICD-9-CM, with their dots, for one of ICD-10-CM with its dot; none where the mapping has none."""
    return tuple(_dotted(target) for target in _shipped().get(code.replace(".", ""), ()))


@lru_cache(maxsize=1)
def icd9_codes() -> frozenset[str]:
    """Every code of ICD-9-CM, with its dot, that the mapping gives."""
    return frozenset(_dotted(target) for targets in _shipped().values() for target in targets)


def _dotted(plain: str) -> str:
    """ICD-9-CM's dot stands after three characters, of an E code after four."""
    whole = 4 if plain.startswith("E") else 3
    return plain if len(plain) <= whole else f"{plain[:whole]}.{plain[whole:]}"


@lru_cache(maxsize=1)
def _shipped() -> dict[str, tuple[str, ...]]:
    """Rows are sorted; a code is written as the number of characters shared with the row before, and the rest."""
    targets: dict[str, tuple[str, ...]] = {}
    code = ""
    with gzip.open(_SHIPPED, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)  # column names
        for shared, rest, mapped in rows:
            code = code[: int(shared)] + rest
            targets[code] = tuple(mapped.split())
    return targets
