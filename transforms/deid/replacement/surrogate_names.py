"""Surrogates of names, word by word.

Each word of a name has a surrogate of its own, which hangs on the key, the patient and the word and on nothing else.
So all forms of a name agree (`SMITH, JOHN A`, `Mr. Smith`, `john`), in one note and in all of the patient's. Given
names come from names of the same sex, names that are given names and surnames (`Thomas`) from such names, surnames
from surnames, and what no list has from names that are anything.

A surrogate never begins with the letter of what it stands for, nor holds it, nor is one of the patient's own names.
Particles (`de la Cruz`) and the form of `O'Brien` would tell where a family comes from, and go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from transforms.deid.lists import NameLists
from transforms.deid.replacement.codes import scrambled
from transforms.deid.replacement.draws import PatientDraws
from transforms.deid.replacement.forms import like
from transforms.deid.replacement.names import Name, Part, name_of, parts
from transforms.deid.replacement.people import own_names
from transforms.deid.replacement.pools import Pools

_INITIALS: Final = "abcdefghjklmnprstw"
_SUFFIXES: Final = {"jr": "sr", "sr": "jr", "ii": "iv", "iii": "iv", "iv": "iii"}
_POSSESSIVE: Final = frozenset("s")
"""The only letter that can stand between two words."""
_DRAWS_BEFORE_SEARCH: Final = 48
_LONGEST_ACRONYM: Final = 3


class NameSurrogates:
    """Surrogate names for one patient.

    Args:
        draws: the patient's choices.
        names: the patient's own names, as the input gives them.
    """

    def __init__(self, draws: PatientDraws, names: Iterable[str]) -> None:
        self._draws = draws
        self._pools = Pools.shipped()
        self._surnames = NameLists.shipped().surnames
        self.own = own_names(names)
        self.own_words = frozenset(key for name in self.own for key in name.full)
        self.word = lru_cache(maxsize=512)(self._word)

    def people(self, raws: Iterable[tuple[str, bool]]) -> tuple[Name, ...]:
        """Those that a note names, the patient first.

        Args:
            raws: text of each name, and whether it is one of staff.
        """
        read = (name_of(parts(raw, staff), self._pools.given) for raw, staff in raws)
        return self.own + tuple(dict.fromkeys(name for name in read if name.given and name.surname))

    def of(self, raw: str, staff: bool, people: Sequence[Name]) -> str:
        """The surrogate of one name in its form.

        Args:
            raw: the text of the span.
            staff: whether it is the name of a member of staff.
            people: `people` of the note.
        """
        found = parts(raw, staff)
        keys = frozenset(part.key for part in found if part.kind == "name")
        out: list[str] = []
        at = 0
        for part in found:
            if part.start < at:
                continue
            out.append(scrambled(raw[at : part.start], self._draws, _POSSESSIVE))
            old = raw[part.start : part.end]
            at = part.end
            if part.kind == "particle":
                at = next(other.start for other in found if other.start > part.start)
            elif part.kind == "initial":
                out.append(like(old, self._initial(part.key, keys, people)))
            elif part.kind == "suffix":
                out.append(like(old, _SUFFIXES[part.key]))
            elif part.kind == "name":
                out.append(like(old, self._name(part, old, keys, people)))
            else:
                out.append(old)
        out.append(scrambled(raw[at:], self._draws, _POSSESSIVE))
        return "".join(out)

    def spoken_of(self, word: str) -> str | None:
        """The surrogate of a word within an address, if it is a name: `smith`, or `jsmith` of a patient Smith."""
        if word in self.own_words or word in self._pools.sex:
            return self.word(word)
        if word[1:] in self.own_words:
            return self._initial(word[0], frozenset([word[1:]]), self.own) + self.word(word[1:])
        return None

    def _name(self, part: Part, old: str, keys: frozenset[str], people: Sequence[Name]) -> str:
        if old.isupper() and 1 < len(part.key) <= _LONGEST_ACRONYM and self._is_initials(part.key, people):
            return "".join(self._initial(letter, frozenset(), people) for letter in part.key)
        new = self.word(part.key)
        if any(key in new for key in keys):
            # Rather than hold another word of this name, it differs from elsewhere.
            new = self._word(part.key, keys)
        return new

    def _is_initials(self, key: str, people: Sequence[Name]) -> bool:
        if key in self._pools.sex or any(key in name.full for name in people):
            return False
        own = any(
            key[0] == name.given[0][0] and key[-1] == name.surname[0][0]
            for name in people
            if name.given and name.surname
        )
        return own or not set(key) & set("aeiouy")

    def _kind(self, key: str) -> str:
        """The pool of a word; no matter where the word stands, or its forms would not agree."""
        sex = self._pools.sex.get(key)
        if sex is None:
            return "surname" if key in self._surnames else "either"
        return f"{sex}_or_surname" if sex != "either" and key in self._pools.surnames_too else sex

    def _word(self, key: str, others: frozenset[str] = frozenset()) -> str:
        pool = self._pools.names[self._kind(key)]
        avoid = others | self.own_words

        def is_good(new: str) -> bool:
            return new[0] != key[0] and key not in new and not any(other in new for other in avoid if len(other) > 1)

        for attempt in range(_DRAWS_BEFORE_SEARCH):
            new = self._draws.choice(pool, "name", key, str(attempt))
            if is_good(new):
                return new
        everything = (name for names in (pool, *self._pools.names.values(), self._pools.places) for name in names)
        return next(name for name in everything if is_good(name))

    def _initial(self, letter: str, keys: frozenset[str], people: Sequence[Name]) -> str:
        """The initial of the surrogate of whom it stands for; else a letter of its own."""
        for name in people:
            if keys and not keys & name.full:
                continue
            for key in (*name.given, *(() if keys else name.surname)):
                if len(key) > 1 and key[0] == letter:
                    return self.word(key)[0]
        return self._draws.choice(_INITIALS.replace(letter, ""), "initial", letter)
