"""Who is who within a note: the patient himself, and which mentions are of one person.

A person gets a key that the patient's other notes come to as well, though none knows of the other: a member of staff
goes by the surname (`Dr. Mary Jones`, `Dr. Jones`), everyone else by the given name, for relatives share the surname.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from transforms.deid.replacement.names import TITLES, Name, name_of, parts
from transforms.deid.replacement.pools import Pools
from transforms.deid.spans import PhiSpan

_TITLE_BEFORE: Final = re.compile(rf"\b({'|'.join(sorted(TITLES))})\.?\s{{1,2}}\Z", re.IGNORECASE)
_LONGEST_TITLE: Final = 12
_LONGEST_INITIALS: Final = 3
_OF_STAFF: Final = frozenset(("dr", "drs", "doctor", "prof", "professor"))
_SEX_OF_TITLE: Final = {"mr": "male", "mister": "male", "mrs": "female", "ms": "female", "miss": "female"}


def own_names(names: Iterable[str]) -> tuple[Name, ...]:
    """The patient's names, read.

    Args:
        names: as the input gives them: `SMITH, JOHN A`, `John Smith`, or one column for each part.
    """
    given_names = Pools.shipped().given
    read = [name for name in (name_of(parts(raw), given_names) for raw in names) if name.full]
    single = [name for name in read if len(name.full) == 1 and not name.title]
    if len(single) < 2:
        return tuple(read)
    words = [next(iter(name.full)) for name in single]
    turned = words[0] not in given_names and words[-1] in given_names
    surname, given = (words[0], words[1:]) if turned else (words[-1], words[:-1])
    initials = [initial for name in single for initial in name.initials]
    return (Name((*given, *initials), (surname,), "", ""), *(name for name in read if name not in single))


class Patient:
    """The patient by name.

    Args:
        names: as the input gives them.
    """

    def __init__(self, names: Iterable[str]) -> None:
        pools = Pools.shipped()
        own = own_names(names)
        self.given = {key for name in own for key in name.given if len(key) > 1}
        self.surnames = {key for name in own for key in name.surname}
        self.words = frozenset(key for name in own for key in name.full)
        self._initials = {name.given[0][0] + name.surname[0][0] for name in own if name.given and name.surname}
        sexes = {pools.sex.get(key, "either") for key in self.given}
        self.sex = sexes.pop() if len(sexes) == 1 else "either"

    def is_named(self, name: Name) -> bool:
        """Whether a name is the patient's, in full, in part or by its initials; typos aside."""
        sex = _SEX_OF_TITLE.get(name.title)
        if sex and self.sex not in (sex, "either"):
            return False
        letters = name.loose if name.full else "".join(name.initials)
        if 2 <= len(letters) <= _LONGEST_INITIALS and letters[0] + letters[-1] in self._initials:
            return letters not in Pools.shipped().given
        if name.given and name.surname and self.given:
            given, surname = name.given[0], self.surnames.intersection(name.surname)
            if len(given) == 1:
                return bool(surname) and any(own.startswith(given) for own in self.given)
            if given in self.given and surname:
                return True
        return bool(name.full) and name.full <= self.words and name.title not in _OF_STAFF


def mentions(text: str, spans: Sequence[PhiSpan], label: str) -> list[Name | None]:
    """The name in each span of a label, with a title that stands before the span; None for other labels."""
    given = Pools.shipped().given
    found: list[Name | None] = []
    for span in spans:
        if span.label != label:
            found.append(None)
            continue
        name = name_of(parts(text[span.start : span.end], label == "DOCTOR"), given)
        if not name.title and (before := _TITLE_BEFORE.search(text, max(0, span.start - _LONGEST_TITLE), span.start)):
            name = name._replace(title=before[1].lower())
            if name.loose:
                name = name._replace(surname=(name.loose,), loose="")
        found.append(name)
    return found


def person_keys(names: Iterable[Name], patient: Patient, staff: bool) -> dict[Name, str]:
    """What each name goes by; the patient himself by the empty key.

    Args:
        names: all of one label in a note.
        patient: the patient by name.
        staff: whether they are members of staff, of whom none is the patient.
    """
    unique = list(dict.fromkeys(names))
    others = [name for name in unique if staff or not patient.is_named(name)]
    whole = [name for name in others if name.surname and any(len(key) > 1 for key in name.given)]
    keys = dict.fromkeys(unique, "")
    people = _Directory(whole)
    for name in others:
        # Whoever could be one of several goes by what is written.
        found: set[str] = set()
        for person in people.candidates(name):
            if _may_be(name, person):
                found.add(_key(person, staff))
            if len(found) > 1:
                break
        keys[name] = found.pop() if len(found) == 1 else _key(name, staff)
    return keys


class _Directory:
    """People by the words of their names, so that a long list is not compared with itself.

    Args:
        people: named in full.
    """

    def __init__(self, people: Iterable[Name]) -> None:
        self._by_word: dict[str, list[Name]] = {}
        self._by_initial: dict[str, list[Name]] = {}
        for person in people:
            for key in dict.fromkeys((*person.surname, *person.given)):
                self._by_word.setdefault(key, []).append(person)
            for initial in dict.fromkeys(key[0] for key in person.given):
                self._by_initial.setdefault(initial, []).append(person)

    def candidates(self, name: Name) -> Iterator[Name]:
        """All for whom `name` may stand, and others."""
        for word in name.surname or ((name.loose,) if name.loose else name.given[:1]):
            yield from self._by_word.get(word, ())
            if not name.surname and len(word) == 1:
                yield from self._by_initial.get(word, ())


def _may_be(name: Name, person: Name) -> bool:
    """Whether a name may be short for that of a person who is named in full."""
    if name.surname and not set(name.surname) & set(person.surname):
        return False
    if name.loose:
        return name.loose in person.surname or name.loose in person.given
    if not name.given:
        return bool(name.surname)
    own = name.given[0]
    return any(key.startswith(own) if len(own) == 1 else key == own for key in person.given)


def _key(name: Name, staff: bool) -> str:
    given, surname = " ".join(key for key in name.given[:1] if len(key) > 1), "-".join(name.surname)
    rest = name.loose or " ".join(name.given) or name.title or "?"
    return (surname or given or rest) if staff else (given or surname or rest)
