"""Employers, suppliers, agencies and places by the words before them: `works at X`, `oxygen by X`, `stationed at X`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final, NamedTuple

from transforms.deid.lexicon import Lexicon
from transforms.deid.recognizers.base import ClinicalRecognizer, Found, Note, table
from transforms.deid.recognizers.facility_words import FacilityWords
from transforms.deid.recognizers.name_reader import DEGREES
from transforms.deid.recognizers.places import is_larger_than_city

_TABLE: Final = table("affiliations.toml")
_EMPLOYER: Final = re.compile(
    r"(?:(?:employed|work(?:s|ed|ing)?|job|exposures?|hr|volunteer(?:s|ed|ing)?|teach(?:es|er|ing)?|taught|student"
    r"|enrolled|stud(?:ies|ied|ying)|goes to school"
    r"|occupation)(?: (?:full[- ]time|part[- ]time|nights|days|evenings|weekends|currently|previously"
    r"|there|(?:for )?\d{1,2} (?:years|yrs)|on"
    r" the \w+))?(?: as"
    r" an? [a-z ]{3,30}?)? (?:at|for|by|with)"
    r"|(?:employee|member|congregation|retiree) of|(?:retired|graduated|laid off|fired|graduate|graduating) from"
    r"|(?:part|full)[- ]time(?: again)? (?:at|for|with)|attend(?:s|ed)?|owned by|driver for|volunteer from"
    r"|missed school at|graduation from|employer[,:]?)\s(?:the )?"
)
_VISITED: Final = re.compile(
    r"(?:vacation(?:ing|ed)? (?:at|in|on|to)|(?:travel(?:s|ed|led|ing|ling)?|trip|trips|drive|drove|flew|fly) to"
    r"|grew up (?:near|in|by)|(?:hik(?:ing|ed)|camping|fishing"
    r"|stationed|deployed|incarcerated)(?: (?:at|in|near|on|to))?|visit(?:ing|ed)|(?:rear-?ended|struck|crash(?:ed)?"
    r"|accident|fall|fell|collision)(?: [a-z]+)? (?:on|at|near)"
    r"|(?:will|would) be (?:at|in)|shoulder of|trailer off|went to|driving (?:on|to)|lives? near|camping near"
    r"|served(?: [a-z]+){1,3} at|(?:dad|mom|husband|wife|son|daughter) is at)\s(?:the )?"
)
_SUPPLIED: Final = re.compile(
    r"(?:(?:oxygen|wheelchair|equipment|supply|supplies|concentrator|hospital bed|walker|commode|cpap|bipap"
    r"|prosthes[ie]s|orthotics|nebulizer|meals|pads|test strips|pump)(?: (?:is|are|was|were))?"
    r"(?: (?:supplied|delivered|provided|arranged|ordered|rented|set[- ]up))?"
    r"|supplied|delivered|dispensed)\s(?:by|via|from|through|thru)\s(?:the )?"
)
_BROUGHT: Final = re.compile(
    r"(?:(?:transport(?:ed|ation)?|brought(?: in)?|arriv(?:ed|es|ing|al)|transfer(?:red)?|rides?|flown|picked up)"
    r"(?: (?:arranged|booked|provided|home|here|in|is|was))?,?\s(?:by|via)|rides? with|biba?)\s(?:the )?"
)
_ADDRESSED: Final = re.compile(
    r"(?:(?:application|appeal|appeals|petition|petitioned|applied|applying|testified)(?: (?:is|was))?"
    r"(?: (?:set|filed|made|sent))? (?:to|before|with)|hearing(?: (?:is|was))?(?: set)? (?:at|before|with)"
    r"|report(?: (?:is|was))? (?:made|filed) (?:to|with)|(?:benefits|disability|compensation) (?:claim|papers|forms?)"
    r"(?: [\w-]+)? (?:with|from|by)|work(?:ers?'?|men's) comp(?:ensation)?(?: claim| carrier| case| insurance)?"
    r" (?:of|through|from|with)|(?:dot|pre-?employment|fitness[- ]for[- ]duty) (?:physical|exam) (?:for|of))"
    r"\s(?:the )?"
)
_HOUSED: Final = re.compile(
    r"(?:(?:staying|stayed|stays|sleeping|slept|sleeps|camped|housed|intake|breakfast|dinner|meals|groceries|showers)"
    r" (?:at|with|from)|dropped off at|whom it may concern at)\s(?:the )?"
)
_NAME: Final = re.compile(
    r"[A-Z0-9][\w'&.\-]*(?:[ \n](?:(?:of|and|the|&|de|la|on) )?[A-Z0-9][\w'&\-]*\.?(?=\W|\Z)){0,4}"
)
_PLAIN_NAME: Final = re.compile(r"[a-z0-9][\w'&.\-]*(?: [\w'&\-]+){0,4}", re.IGNORECASE)
_LETTER_TO: Final = re.compile(
    r"\n\n(?:To|TO):? (?:the |THE )?(?P<name>[A-Z][\w'&.-]*(?: (?:(?:of|and|the|for|on|&) ){0,2}[A-Z][\w'&.-]*){1,6})"
    r"[:,]\s*\n\s*\n(?=[A-Z])"
)
"""Whom a letter goes to: `To Harbor Relief Board:` on a line of its own."""
_AND_KIND: Final = re.compile(r"and [A-Z][a-z]+(?=[.,;)\n]|\Z)")
"""The end of a name: `works at Northside Tool and Die.`"""
_NO_ADDRESSEE: Final = frozenset(
    (
        "whom",
        "director",
        "directors",
        "reviewer",
        "reviewers",
        "adjuster",
        "parents",
        "parent",
        "colleague",
        "colleagues",
        "provider",
        "do",
        "be",
        "follow",
        "see",
        "discuss",
        "dr",
        "mr",
        "mrs",
        "ms",
    )
)
_ABBREVIATED: Final = frozenset(("st.", "mt.", "ft.", "inc.", "co.", "corp.", "no.", "dr.", "jr.", "bros."))
_NAME_ENDS: Final = frozenset(_TABLE["name_ends"].split())
_NO_ORGANIZATION: Final = frozenset(_TABLE["no_organization"].split())
_MEANS: Final = frozenset(_TABLE["means"].split())
_CONNECTORS: Final = frozenset(("of", "the", "and", "&", "at", "for", "de", "la", "on"))


class _Rule(NamedTuple):
    """Words one of which stands before a name, with what makes them do so.

    Attributes:
        strict: the words stand before much else (`oxygen via Mask`), so that a capital alone does not tell a name.
    """

    words: frozenset[str]
    pattern: re.Pattern[str]
    label: str
    strict: bool


_RULES: Final = tuple(
    _Rule(frozenset(_TABLE[key].split()), pattern, label, strict)
    for key, pattern, label, strict in (
        ("employer_words", _EMPLOYER, "ORGANIZATION", False),
        ("place_words", _VISITED, "LOCATION-OTHER", False),
        ("supply_words", _SUPPLIED, "ORGANIZATION", True),
        ("transport_words", _BROUGHT, "ORGANIZATION", True),
        ("petition_words", _ADDRESSED, "ORGANIZATION", True),
        ("shelter_words", _HOUSED, "ORGANIZATION", True),
    )
)


class Affiliations(ClinicalRecognizer):
    """Whom or what the patient works for, is helped by, goes to."""

    labels: ClassVar[tuple[str, ...]] = ("ORGANIZATION", "LOCATION-OTHER")
    title: ClassVar[str] = "affiliations"

    def __init__(self) -> None:
        self._lexicon = Lexicon.shipped()
        self._words = FacilityWords(self._lexicon)
        super().__init__()

    def find(self, note: Note) -> Iterator[Found]:
        for rule in _RULES:
            if not note.words.isdisjoint(rule.words):
                yield from self._by_rule(note, rule)
        if note.mixed and "to" in note.words:
            for letter in _LETTER_TO.finditer(note.text):
                if _NO_ADDRESSEE.isdisjoint(letter["name"].lower().replace(".", "").split()):
                    yield Found(*letter.span("name"), "ORGANIZATION", 0.7)

    def _by_rule(self, note: Note, rule: _Rule) -> Iterator[Found]:
        for _, at in note.starts(rule.words):
            match = rule.pattern.match(note.lowered, at)
            if match is None:
                continue
            name = (_NAME if note.mixed else _PLAIN_NAME).match(note.text, match.end())
            if name is None:
                continue
            end = _name_end(name)
            written = note.text[name.start() : end].split()
            if self._is_proper([word.lower() for word in written], mixed=note.mixed) and not (
                rule.strict and not self._is_house(written, mixed=note.mixed)
            ):
                yield Found(name.start(), end, rule.label, 0.7)

    def _is_proper(self, words: list[str], *, mixed: bool) -> bool:
        """Whether lower-case words behind `works at` name something that is smaller than a state."""
        if not words or words[0].strip(".,") in _NO_ORGANIZATION or is_larger_than_city(words):
            return False
        if words[0].strip(".,") in DEGREES or all(not any(char.isalpha() for char in word) for word in words):
            return False
        tells = any(self._words.tells(word, True) for word in words)
        return tells or (mixed and not all(self._words.is_generic(word) for word in words))

    def _is_house(self, written: list[str], *, mixed: bool) -> bool:
        """Whether words name a house and not a means: `Harbor Medical`, not `Nasal Cannula` nor `EMS`."""
        words = [word.strip(".,") for word in written if word.lower() not in _CONNECTORS]
        if any(word.lower() in _MEANS for word in words):
            return False
        if len(words) > 1 and mixed:
            return True
        return any(
            len(word) > 3
            and not self._lexicon.is_ordinary(word.lower())
            and not self._lexicon.abbreviates(word)
            and not word[0].isdigit()
            for word in words
        )


def _name_end(name: re.Match[str]) -> int:
    """Before the first word that goes on with the sentence."""
    end = name.start()
    for word in re.finditer(r"\S+", name.group()):
        if word.group().lower() in _NAME_ENDS and not (word.group().lower() == "and" and end == name.start()):
            if _AND_KIND.match(name.string, name.start() + word.start()):
                continue
            break
        end = name.start() + word.end()
        if (
            word.group().endswith((".", ","))
            and word.group().lower() not in _ABBREVIATED
            and word.group().count(".") < 2
        ):
            return end - 1
    return end
