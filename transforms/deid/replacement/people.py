"""Who is who within a note: the patient himself, and which mentions are of one person.

A person gets a key that the patient's other notes come to as well, though none knows of the other: a member of staff
goes by the surname (`Dr. Mary Jones`, `Dr. Jones`), everyone else by the given name, for relatives share the surname.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from transforms.deid.replacement.names import TITLES, Name, name_of, parts
from transforms.deid.replacement.pools import Pools
from transforms.deid.spans import PhiSpan

_TITLE_BEFORE: Final = re.compile(rf"\b({'|'.join(sorted(TITLES))})\.?\s{{1,2}}\Z", re.IGNORECASE)
_LONGEST_TITLE: Final = 12
_SEX_OF_TITLE: Final = {"mr": "male", "mister": "male", "mrs": "female", "ms": "female", "miss": "female"}


class Patient:
    """The patient by name.

    Args:
        names: as the input gives them: `SMITH, JOHN A`, `John Smith`, or one column for each part.
    """

    def __init__(self, names: Iterable[str]) -> None:
        pools = Pools.shipped()
        read = [name for name in (name_of(parts(raw), pools.given) for raw in names) if name.full]
        loose = [name.loose or name.surname[0] for name in read if not name.given and len(name.full) == 1]
        self.given = {key for name in read for key in name.given if len(key) > 1}
        self.surnames = {key for name in read for key in name.surname}
        if len(loose) > 1:
            turned = loose[0] not in pools.given and loose[-1] in pools.given
            self.given.add(loose[-1] if turned else loose[0])
            self.surnames.add(loose[0] if turned else loose[-1])
        self.words = frozenset(key for name in read for key in name.full)
        sexes = {pools.sex.get(key, "either") for key in self.given}
        self.sex = sexes.pop() if len(sexes) == 1 else "either"

    def is_named(self, name: Name) -> bool:
        """Whether a name is the patient's, in full or in part; typos aside."""
        sex = _SEX_OF_TITLE.get(name.title)
        if not name.full or (sex and self.sex not in (sex, "either")):
            return False
        if name.given and name.surname and self.given:
            given, surname = name.given[0], self.surnames.intersection(name.surname)
            if len(given) == 1:
                return bool(surname) and any(own.startswith(given) for own in self.given)
            if given in self.given and surname:
                return True
        return name.full <= self.words


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
    for name in others:
        # Whoever could be one of several goes by what is written.
        found = {_key(person, staff) for person in whole if _may_be(name, person)}
        keys[name] = found.pop() if len(found) == 1 else _key(name, staff)
    return keys


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
