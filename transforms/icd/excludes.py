"""Excludes1: which codes the tabular list does not want together.

A note "Excludes1" at a code, a category, a block or a chapter names the codes that are never to be reported at the same
time as any code there, unless the two conditions have nothing to do with each other. The last is for a coder to say, so
conflicts are flagged and nothing is dropped. Notes that name no code ("code to condition") cannot be checked.
`infra/make_icd_table.py` reads them out of the tabular list.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import combinations
from pathlib import Path
from typing import Final, NamedTuple

_SHIPPED: Final = Path(__file__).parent / "excludes1.csv.gz"
_CATEGORY: Final = 3  # characters


class Stretch(NamedTuple):
    """Codes from one to another, with all that stand below them: `E10`..`E10` or `O10`..`O16`, without dots."""

    first: str
    last: str

    @classmethod
    def of(cls, text: str) -> Stretch:
        """Reads `E10`, `E10.-`, `I60-I69` or `M02.3-`."""
        first, _, last = text.replace(".", "").rstrip("-").partition("-")
        return cls(first, last or first)

    def holds(self, plain: str) -> bool:
        """Whether a code, without its dot, is one of these."""
        return self.first <= plain[: len(self.first)] and plain[: len(self.last)] <= self.last


class Excludes1:
    """The notes of a release.

    Args:
        rules: pairs of where a note stands and what it excludes there.
    """

    def __init__(self, rules: Iterable[tuple[Stretch, Stretch]]) -> None:
        self._by_category: dict[str, list[tuple[Stretch, Stretch]]] = {}
        self._wide: list[tuple[Stretch, Stretch]] = []
        for place, excluded in rules:
            if place.first == place.last:
                self._by_category.setdefault(place.first[:_CATEGORY], []).append((place, excluded))
            else:
                self._wide.append((place, excluded))
        self._excluded = cache(self._find)

    @classmethod
    def shipped(cls) -> Excludes1:
        """The notes of the release that ships; read once per process."""
        return _shipped()

    @classmethod
    def read(cls, path: Path) -> Excludes1:
        """Reads a gzipped CSV with the columns `code` and `excludes`, each a code or a range."""
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            next(rows)  # column names
            return cls([(Stretch.of(code), Stretch.of(excluded)) for code, excluded in rows])

    def conflicts(self, codes: Sequence[str]) -> list[list[str]]:
        """For each code those of the others that must not stand beside it, in the order given.

        Args:
            codes: with their dots, each once.
        """
        plain = [code.replace(".", "") for code in codes]
        found: list[list[str]] = [[] for _ in codes]
        for one, other in combinations(range(len(codes)), 2):
            if self._excludes(plain[one], plain[other]) or self._excludes(plain[other], plain[one]):
                found[one].append(codes[other])
                found[other].append(codes[one])
        return found

    def _excludes(self, one: str, other: str) -> bool:
        return any(stretch.holds(other) for stretch in self._excluded(one))

    def _find(self, plain: str) -> tuple[Stretch, ...]:
        return tuple(excluded for place, excluded in self._around(plain) if place.holds(plain))

    def _around(self, plain: str) -> Iterator[tuple[Stretch, Stretch]]:
        yield from self._by_category.get(plain[:_CATEGORY], ())
        yield from self._wide


@lru_cache(maxsize=1)
def _shipped() -> Excludes1:
    return Excludes1.read(_SHIPPED)
