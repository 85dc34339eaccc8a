"""The phrases under which a code may be found: its title, its inclusion terms, and shorter ways of saying the same.

A term of the tabular list says more than a note does. What a note leaves out is left out here too: words in
parentheses (the list's nonessential modifiers), parts that begin with "unspecified", "without complications" and the
like. And a category stands for the billable code below it that says no more than it does: "type 2 diabetes" is E11,
and so E11.9.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from transforms.icd.table import CodeTable
from transforms.icd.wording import Key, Wording

LONGEST: Final = 6
"""Most words of a phrase that is looked for. Longer terms of the list are no one's wording."""

TITLE: Final = "title"
"""A title or an inclusion term, said in full."""
SHORTENED: Final = "shortened"
"""The same with words left out."""

_PARENTHESES: Final = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]")
_MODIFIER: Final = 2  # words of a nonessential modifier; longer parentheses explain
_VAGUE: Final = re.compile(
    r",\s*(?:unspecified\b(?! (?:and|or)\b)[^,]*|not otherwise specified|not elsewhere classified|so described)"
    r"|\b(?:of|in|with) unspecified (?:site|location|organism|type|cause|part|degree|severity|etiology|origin)\b"
    r"|\b(?:NOS|NEC)\b"
)
_BARE: Final = re.compile(
    r",?\s*\b(?:without (?:complications?|(?:mention of )?obstruction(?: or gangrene)?|gangrene"
    r"|(?:hemorrhage|perforation) or (?:perforation|abscess)|abscess|(?:rectal )?bleeding|esophagitis|cholecystitis"
    r"|heart failure|behavioral disturbance[a-z, ]*|angina pectoris|rupture|aura|exacerbation"
    r"|status migrainosus|hepatic coma)"
    r"|uncomplicated|not intractable|initial encounter(?: for closed fracture)?)\b",
    re.IGNORECASE,
)
_LATER: Final = re.compile(r"subsequent encounter|sequela|initial encounter for open fracture")


def is_for_notes(title: str) -> bool:
    """Whether a note can say that much: follow-up and sequelae of injuries are told by the encounter, not by a word."""
    return _LATER.search(title) is None


def variants(term: str) -> Iterator[str]:
    """The term as it is, and as notes shorten it; no phrase comes twice."""
    bare = _PARENTHESES.sub("", term)
    plain = _BARE.sub("", _VAGUE.sub("", bare))
    modified = (f"{inside} {plain}" for inside in _PARENTHESES.findall(term) if len(inside.split()) <= _MODIFIER)
    seen: set[str] = set()
    for phrase in (term, bare, _VAGUE.sub("", bare), plain, *modified):
        phrase = phrase.strip(" ,;")
        if phrase and phrase not in seen:
            seen.add(phrase)
            yield phrase


class Hierarchy:
    """Which codes stand below which, and which of them says no more than the one above.

    Args:
        table: the codes of the release.
    """

    def __init__(self, table: CodeTable) -> None:
        self._table = table
        self._below: dict[str, list[str]] = {}
        for entry in table:
            if (above := self.above(entry.code)) is not None:
                self._below.setdefault(above, []).append(entry.code)
        self._known: dict[str, str | None] = {}

    def above(self, code: str) -> str | None:
        """The next code above that is in the release; None of a category."""
        while len(code) > 3:
            code = code[:-1].removesuffix(".")
            if code in self._table:
                return code
        return None

    def unspecified(self, code: str) -> str | None:
        """The billable code that says what this one says and no more: of `E11` it is `E11.9`, of `I10` itself.

        Returns:
            None where the release makes the coder choose, or does not know the code.
        """
        if code not in self._known:
            self._known[code] = self._find_unspecified(code)
        return self._known[code]

    def _find_unspecified(self, code: str) -> str | None:
        if self._table.is_billable(code):
            return code
        below = self._below.get(code, [])
        if len(below) == 1:
            return self.unspecified(below[0])
        title = self._table.description(code) if code in self._table else ""
        ranked = [(self._plainness(child, title), child) for child in below]
        plainness, best = max(ranked, key=lambda one: one[0], default=(0, ""))
        return self.unspecified(best) if plainness > 0 else None

    def _plainness(self, code: str, above: str) -> int:
        """How little a code adds to the one above: greater is less."""
        added = self._table.description(code).lower().removeprefix(above.lower())
        words = set(re.findall(r"[a-z]+", added))
        plain = 4 * ("unspecified" in words) + 3 * bool(_BARE.search(added)) - 2 * ("with" in words)
        plain -= 3 * bool(words & {"other", "specified"}) + 6 * (not is_for_notes(added))
        # The list's own habit: 9 or 0 is "unspecified", A the first encounter of an injury. Codes for breasts are
        # doubled for men, where a note that does not say so means a woman.
        return plain + {"9": 2, "0": 1, "A": 3 * (len(code) == 8)}.get(code[-1], 0) + ("female" in words)


def terms_of(table: CodeTable, wording: Wording, hierarchy: Hierarchy) -> Iterator[tuple[Key, str, str, int]]:
    """What the titles of a release give: see `phrases_of_term`."""
    for entry in table:
        if is_for_notes(entry.description):
            yield from phrases_of_term(entry.description, entry.code, wording, hierarchy)


def phrases_of_term(
    term: str, code: str, wording: Wording, hierarchy: Hierarchy
) -> Iterator[tuple[Key, str, str, int]]:
    """The normal forms of a term of a code.

    Yields:
        The words, the billable code, `TITLE` or `SHORTENED`, and the number of words that were left out (plus one
        where the term is that of a category).
    """
    billable = hierarchy.unspecified(code)
    if billable is None:
        return
    full = len(wording.key(term))
    for phrase in variants(term):
        key = wording.key(phrase)
        lost = full - len(key)
        if 0 < len(key) <= LONGEST:
            yield key, billable, TITLE if lost == 0 else SHORTENED, lost + (billable != code)


def best(found: Iterable[tuple[Key, str, str, int]]) -> dict[Key, tuple[str, str]]:
    """For each phrase the code of the term that loses least by it, and how it is meant; of equals, the shorter code."""
    chosen: dict[Key, tuple[int, int, str, str]] = {}
    for key, code, kind, lost in found:
        rank = (lost, len(code), code, kind)
        if key not in chosen or rank < chosen[key]:
            chosen[key] = rank
    return {key: (code, kind) for key, (_, _, code, kind) in chosen.items()}
