"""Which heading stands for which section.

`headings.toml` is the knowledge; `HeadingTable` is its frozen value, small in a log and in a fingerprint;
`HeadingIndex` is what a worker builds from it to look titles up.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

OTHER: Final = "other"
"""Category of a heading that the table does not know, and of a note without headings."""

HEADER: Final = "header"
"""Category of what stands before the first heading."""


@dataclass(frozen=True)
class Category:
    """One canonical kind of section.

    Attributes:
        name: in snake case.
        loinc: document-section code, or None where LOINC has none that fits.
        headings: as people type them; case, plural and punctuation do not matter.
        nested_in: categories in which these headings are sub-headings.
        capitals_only: with text after them in the line they count in capitals only.
    """

    name: str
    loinc: str | None
    headings: tuple[str, ...]
    nested_in: frozenset[str] = frozenset()
    capitals_only: bool = False


@dataclass(frozen=True)
class SubHeadings:
    """Headings of the parts of an examination (HEENT, LUNGS ...).

    Attributes:
        headings: as people type them.
        hosts: categories in which they are sub-headings, with the category of the section around them.
        follows: categories after whose sections they are recognised in small letters too.
        category: what they stand for elsewhere.
    """

    headings: tuple[str, ...]
    hosts: frozenset[str]
    follows: frozenset[str]
    category: str


@dataclass(frozen=True)
class Context:
    """Headings that stand for `category` in a note that also has a section of a category in `seen`."""

    headings: tuple[str, ...]
    seen: frozenset[str]
    category: str


@dataclass(frozen=True)
class HeadingTable:
    """Everything `headings.toml` says, as a value.

    Two tables are equal when their version and digest are. The digest is of the source's bytes.
    """

    version: str
    digest: str
    categories: tuple[Category, ...] = field(repr=False, compare=False)
    subheadings: SubHeadings = field(repr=False, compare=False)
    contexts: tuple[Context, ...] = field(repr=False, compare=False)
    words: tuple[tuple[str, str], ...] = field(repr=False, compare=False)

    @classmethod
    @cache
    def shipped(cls) -> HeadingTable:
        """The table that comes with the package."""
        return cls.parse(resources.files(__package__).joinpath("headings.toml").read_bytes())

    @classmethod
    def load(cls, path: Path) -> HeadingTable:
        """Reads a table of one's own, written like the shipped one."""
        return cls.parse(path.read_bytes())

    @classmethod
    def parse(cls, source: bytes) -> HeadingTable:
        """Reads a table from the bytes of a TOML document.

        Raises:
            ValueError: the document is not TOML, lacks a key, or gives one heading to two categories.
        """
        document = tomllib.loads(source.decode())
        try:
            table = cls(
                version=document["version"],
                digest=hashlib.sha256(source).hexdigest()[:12],
                categories=tuple(_category(entry) for entry in document["category"]),
                subheadings=_subheadings(document["subheadings"]),
                contexts=tuple(_context(entry) for entry in document.get("context", [])),
                words=tuple(document.get("words", {}).items()),
            )
        except KeyError as missing:
            raise ValueError(f"the heading table lacks the key {missing}") from None
        HeadingIndex(table)  # Finds what contradicts itself.
        return table


def _category(entry: Mapping[str, Any]) -> Category:
    return Category(
        name=entry["name"],
        loinc=entry.get("loinc"),
        headings=tuple(entry["headings"]),
        nested_in=frozenset(entry.get("nested_in", ())),
        capitals_only=entry.get("capitals_only", False),
    )


def _subheadings(entry: Mapping[str, Any]) -> SubHeadings:
    return SubHeadings(
        headings=tuple(entry["headings"]),
        hosts=frozenset(entry["hosts"]),
        follows=frozenset(entry.get("follows", ())),
        category=entry["category"],
    )


def _context(entry: Mapping[str, Any]) -> Context:
    return Context(tuple(entry["headings"]), frozenset(entry["seen"]), entry["category"])


@dataclass(frozen=True)
class Entry:
    """What the index knows of one heading.

    Attributes:
        category: canonical category.
        nested_in: categories in which it is a sub-heading.
        capitals_only: see `Category`.
        part: a sub-heading of an examination, which takes the category of its host.
        follows: see `SubHeadings`.
        contexts: other meanings, by the categories seen in the same note.
    """

    category: str
    nested_in: frozenset[str] = frozenset()
    capitals_only: bool = False
    part: bool = False
    follows: frozenset[str] = frozenset()
    contexts: tuple[Context, ...] = ()


class HeadingIndex:
    """Looks up the titles of a note."""

    def __init__(self, table: HeadingTable) -> None:
        self._words = dict(table.words)
        self.loinc = {category.name: category.loinc for category in reversed(table.categories)}
        self._entries: dict[str, Entry] = {}
        by_heading: dict[str, list[Context]] = {}
        for context in table.contexts:
            for heading in context.headings:
                by_heading.setdefault(self.normalise(heading), []).append(context)

        for category in table.categories:
            for key in self._keys(category.headings):
                contexts = tuple(by_heading.get(key, ()))
                self._add(key, Entry(category.name, category.nested_in, category.capitals_only, contexts=contexts))
        parts = table.subheadings
        for key in self._keys(parts.headings):
            self._add(key, Entry(parts.category, parts.hosts, part=True, follows=parts.follows))

        named = {OTHER, *self.loinc}
        used = {parts.category, *(context.category for context in table.contexts)}
        if unknown := used - named:
            raise ValueError(f"the heading table uses categories that it does not have: {sorted(unknown)}")
        # Titles repeat from note to note; the size bounds what one worker keeps.
        self.find = lru_cache(maxsize=1 << 14)(self._find)

    def _keys(self, headings: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(self.normalise(heading) for heading in headings))

    def _add(self, key: str, entry: Entry) -> None:
        if key in self._entries:
            both = sorted({self._entries[key].category, entry.category})
            raise ValueError(f"the heading table has {key!r} twice: {both}")
        self._entries[key] = entry

    def normalise(self, title: str) -> str:
        """Strips from a title what does not change its meaning: case, punctuation, plural, articles."""
        text = _BRACKETED.sub("", title.lower())
        text = _NUMBERED.sub(" number", text)
        text = _JOINED.sub("", text)
        words = [self._word(word) for word in _WORD.findall(text)]
        kept = [word for word in words if word not in _EMPTY]
        return " ".join(kept or words)

    def _word(self, word: str) -> str:
        if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
            word = word[:-1]
        return self._words.get(word, word)

    def _find(self, title: str) -> Entry | None:
        return self._entries.get(self.normalise(title))

    def resembling(self, title: str) -> Entry | None:
        """The entry for the longest run of at least two words at the title's end or beginning."""
        words = self.normalise(title).split(" ")
        for length in range(len(words) - 1, 1, -1):
            for run in (words[-length:], words[:length]):
                entry = self._entries.get(" ".join(run))
                if entry is not None and not entry.part:
                    return entry
        return None


_BRACKETED: Final = re.compile(r"\([^()]*\)")
_NUMBERED: Final = re.compile(r"#[ \t]*[0-9]+")
_JOINED: Final = re.compile(r"[.'’]|(?<=\w)-(?=\w)")
_WORD: Final = re.compile(r"[^\W_]+")
_EMPTY: Final = frozenset({"and", "the", "an", "this"})
