"""The words that change what a mention asserts, as a frozen value.

`lexicon.toml` is the knowledge, `Lexicon` its value, small in a log and in a fingerprint, and `Phrases` what a
worker builds from it to find them in a sentence.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any, Final, NamedTuple

PROPERTIES: Final = ("negated", "uncertain", "historical", "hypothetical", "family", "other")
"""What a trigger can say of a mention; the last two are the experiencer."""

WORD: Final = re.compile(r"[a-z0-9]+(?:[/'’.-][a-z0-9]+)*+|[^\w\s]")
"""Words of lower-cased text; phrases and sentences are cut by the same rule."""


@dataclass(frozen=True)
class Trigger:
    """One way in which a phrase acts.

    Attributes:
        property: one of `PROPERTIES`.
        forward: acts on what follows; else on what stands before.
        reach: at most so many words; None for no limit but the sentence and the terminators.
        clause: ends at the next comma, colon, semicolon or bracket too.
    """

    property: str
    forward: bool
    reach: int | None
    clause: bool


@dataclass(frozen=True)
class Role:
    """All that one phrase does. A phrase without triggers and ends only hides the shorter ones inside it."""

    triggers: tuple[Trigger, ...] = ()
    ends: frozenset[str] = frozenset()

    def joined(self, other: Role) -> Role:
        return Role(self.triggers + other.triggers, self.ends | other.ends)


@dataclass(frozen=True)
class Lexicon:
    """Everything `lexicon.toml` says. Two lexicons are equal when their version and digest are.

    Attributes:
        version: of the source.
        digest: of the source's bytes.
        roles: phrase and role.
        habits: mentions that are always historical.
        lasting: mentions that are historical as a list's item.
        qualifiers: words that such an item may have beside them.
        historical_sections: categories whose mentions are historical.
        family_sections: categories whose mentions are of the family.
        unplaced_sections: categories that do not say whether their items are history.
    """

    version: str
    digest: str
    roles: tuple[tuple[str, Role], ...] = field(repr=False, compare=False)
    habits: frozenset[str] = field(repr=False, compare=False)
    lasting: frozenset[str] = field(repr=False, compare=False)
    qualifiers: frozenset[str] = field(repr=False, compare=False)
    historical_sections: frozenset[str] = field(repr=False, compare=False)
    family_sections: frozenset[str] = field(repr=False, compare=False)
    unplaced_sections: frozenset[str] = field(repr=False, compare=False)

    @classmethod
    @cache
    def shipped(cls) -> Lexicon:
        """The lexicon that comes with the package."""
        return cls.parse(resources.files(__package__).joinpath("lexicon.toml").read_bytes())

    @classmethod
    def load(cls, path: Path) -> Lexicon:
        """Reads a lexicon of one's own, written like the shipped one."""
        return cls.parse(path.read_bytes())

    @classmethod
    def parse(cls, source: bytes) -> Lexicon:
        """Reads a lexicon from the bytes of a TOML document.

        Raises:
            ValueError: the document is not TOML, lacks a key, or names an unknown property or direction, or
                has a phrase without words.
        """
        document = tomllib.loads(source.decode())
        try:
            lexicon = cls(
                version=document["version"],
                digest=hashlib.sha256(source).hexdigest()[:12],
                roles=tuple(_roles(document).items()),
                habits=frozenset(document["habits"]["phrases"]),
                lasting=frozenset(document["lasting"]["phrases"]),
                qualifiers=frozenset(document["lasting"]["qualifiers"]),
                historical_sections=frozenset(document["sections"]["historical"]),
                family_sections=frozenset(document["sections"]["family"]),
                unplaced_sections=frozenset(document["sections"]["unplaced"]),
            )
        except KeyError as missing:
            raise ValueError(f"the assertion lexicon lacks the key {missing}") from None
        Phrases(lexicon.roles)  # Finds phrases that cannot match.
        return lexicon


def _roles(document: Mapping[str, Any]) -> dict[str, Role]:
    roles: dict[str, Role] = {}
    lists = document.get("lists", {})
    for entry in document["trigger"]:
        _check("property", [entry["property"]], PROPERTIES)
        _check("direction", [entry["direction"]], ("forward", "backward"))
        forward = entry["direction"] == "forward"
        trigger = Trigger(entry["property"], forward, entry.get("reach"), entry.get("clause", False))
        _join(roles, _expanded(entry["phrases"], lists), Role(triggers=(trigger,)))
    for entry in document["terminator"]:
        _check("property", entry["ends"], PROPERTIES)
        _join(roles, _expanded(entry["phrases"], lists), Role(ends=frozenset(entry["ends"])))
    for entry in document["pseudo"]:
        _join(roles, _expanded(entry["phrases"], lists), Role())
    return roles


def _expanded(phrases: Sequence[str], lists: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Each phrase, with each of the words for which a `{name}` in it stands."""
    for phrase in phrases:
        names = _NAME.findall(phrase)
        for words in product(*(lists[name] for name in names)):
            yield _NAME.sub("{}", phrase).format(*words)


_NAME: Final = re.compile(r"\{([a-z]+)\}")


def _join(roles: dict[str, Role], phrases: Iterable[str], role: Role) -> None:
    for phrase in phrases:
        roles[phrase] = roles.get(phrase, Role()).joined(role)


def _check(what: str, found: Sequence[str], allowed: Sequence[str]) -> None:
    if unknown := set(found) - set(allowed):
        raise ValueError(f"the assertion lexicon has an unknown {what} {sorted(unknown)}; there are {sorted(allowed)}")


class Match(NamedTuple):
    """A phrase in a list of words; positions are indices of words, half open."""

    start: int
    end: int
    role: Role


class _Node:
    """A phrase's beginning: what may follow, and what it does if it is a whole phrase."""

    __slots__ = ("following", "role")

    def __init__(self) -> None:
        self.following: dict[str, _Node] = {}
        self.role: Role | None = None


class Phrases:
    """Finds phrases in a list of words, the longest first, none inside another.

    Raises:
        ValueError: a phrase has no words.
    """

    def __init__(self, roles: Iterable[tuple[str, Role]]) -> None:
        self._root = _Node()
        for phrase, role in roles:
            node = self._root
            for word in WORD.findall(phrase.lower()):
                node = node.following.setdefault(word, _Node())
            if node is self._root:
                raise ValueError("the assertion lexicon has a phrase without words")
            # Two spellings may have the same words.
            node.role = role if node.role is None else node.role.joined(role)

    def find(self, words: Sequence[str]) -> Iterator[Match]:
        start = 0
        while start < len(words):
            node = self._root.following.get(words[start])
            end, found = start, None
            while node is not None:
                end += 1
                if node.role is not None:
                    found = Match(start, end, node.role)
                node = node.following.get(words[end]) if end < len(words) else None
            if found is not None:
                yield found
            start = found.end if found is not None else start + 1
