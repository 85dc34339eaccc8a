"""The words of a set: its names, places, number formats, sentences and where its templates lie."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

HERE = Path(__file__).parent
SETS = ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")


@dataclass(frozen=True, eq=False)
class Words:
    """The files of one set, read when first asked for; `eq=False` so that a set is hashed as itself."""

    folder: Path

    @cached_property
    def lists(self) -> dict[str, dict[str, str]]:
        """The tables of lists.toml as they stand."""
        return tomllib.loads((self.folder / "lists.toml").read_text(encoding="utf-8"))

    @cached_property
    def banks(self) -> dict[str, list[str]]:
        """The sentences of banks.toml by bank."""
        return tomllib.loads((self.folder / "banks.toml").read_text(encoding="utf-8"))

    @cached_property
    def dates(self) -> dict[str, list[str]]:
        """The formats of dates by kind; `any` is the numeric, slashed and written-out ones together."""
        kinds: dict[str, list[str]] = self._formats["dates"]  # type: ignore[assignment]
        return kinds | {"any": kinds["num"] + kinds["slash"] + kinds["text"]}

    @cached_property
    def _formats(self) -> dict[str, list[str] | dict[str, list[str]]]:
        return tomllib.loads((self.folder / "formats.toml").read_text(encoding="utf-8"))

    @cached_property
    def _entries(self) -> dict[tuple[str, str, str], tuple[str, ...]]:
        return {}

    def formats(self, name: str) -> list[str]:
        """One list of formats.toml."""
        found = self._formats[name]
        assert isinstance(found, list), name
        return found

    def entries(self, table: str, name: str, separator: str = "|") -> tuple[str, ...]:
        """One list of lists.toml, without the line breaks that fold it."""
        key = (table, name, separator)
        if key not in self._entries:
            folded = self.lists[table][name].split(separator)
            self._entries[key] = tuple(entry.strip() for entry in folded if entry.strip())
        return self._entries[key]


@lru_cache
def words(name: str) -> Words:
    """The set of this name.

    Raises:
        ValueError: there is no such set.
    """
    if name not in SETS:
        raise ValueError(f"no set: {name}")
    return Words(HERE / name)
