"""Reads `words.toml`: words that go with names and numbers."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any, Final

_TABLES: Final[dict[str, Any]] = tomllib.loads(
    (files("transforms.deid.replacement") / "words.toml").read_text(encoding="utf-8")
)


def words(table: str, name: str) -> tuple[str, ...]:
    """The words of one list, in its order."""
    return tuple(_TABLES[table][name].split())
