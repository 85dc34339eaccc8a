"""Lists of names and places: evidence beside other evidence, never alone.

Made by `infra/make_name_lists.py`, which names the sources; all are in the public domain or under the MIT licence.
`nicknames.toml` is written by hand.
"""

from __future__ import annotations

import gzip
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

FILES: Final = (
    *("given.txt.gz", "surnames.txt.gz", "cities.txt.gz", "counties.txt.gz", "hospitals.txt.gz"),
    "nicknames.toml",
)


@dataclass(frozen=True, eq=False)
class NameLists:
    """Everything in lower case.

    Attributes:
        given: given names and their short forms.
        frequent_given: those that at least 4 of 100,000 bear.
        surnames, frequent_surnames: the same of surnames.
        cities: name of a US city -> postal codes of the states that have one, `MA,NH`.
        counties: names of US counties.
        hospitals: heads of hospitals' names (`beth israel deaconess`).
        nicknames: given name -> its short forms, and short form -> the names it stands for.
    """

    given: frozenset[str]
    frequent_given: frozenset[str]
    surnames: frozenset[str]
    frequent_surnames: frozenset[str]
    cities: Mapping[str, str]
    counties: frozenset[str]
    hospitals: frozenset[str]
    nicknames: Mapping[str, frozenset[str]]

    @classmethod
    @cache
    def shipped(cls) -> NameLists:
        """The lists that come with the package, read once per process."""
        given, surnames = _lines("given.txt.gz"), _lines("surnames.txt.gz")
        nicknames = _nicknames()
        towns = (line.partition("|") for line in _lines("cities.txt.gz"))
        return cls(
            given=frozenset(line.rstrip("*") for line in given) | nicknames.keys(),
            frequent_given=frozenset(line[:-1] for line in given if line.endswith("*")),
            surnames=frozenset(line.rstrip("*") for line in surnames),
            frequent_surnames=frozenset(line[:-1] for line in surnames if line.endswith("*")),
            cities=MappingProxyType({city: states for city, _, states in towns}),
            counties=frozenset(_lines("counties.txt.gz")),
            hospitals=frozenset(_lines("hospitals.txt.gz")),
            nicknames=MappingProxyType(nicknames),
        )


def fingerprints() -> dict[str, str]:
    """SHA-256 of each list, for a run's manifest."""
    here = files("transforms.deid.lists")
    return {name: hashlib.sha256((here / name).read_bytes()).hexdigest() for name in FILES}


def _lines(name: str) -> list[str]:
    content = (files("transforms.deid.lists") / name).read_bytes()
    return gzip.decompress(content).decode("utf-8").splitlines()


def _nicknames() -> dict[str, frozenset[str]]:
    groups = tomllib.loads((files("transforms.deid.lists") / "nicknames.toml").read_text(encoding="utf-8"))
    forms: dict[str, set[str]] = {}
    for name, shorts in groups.items():
        for short in shorts.split():
            forms.setdefault(name, set()).add(short)
            forms.setdefault(short, set()).add(name)
    return {name: frozenset(others) for name, others in forms.items()}
