"""Surrogates of places: streets, cities, hospitals and other facilities, companies.

What names a place gets an invented name, the same for all its forms; what says its kind stays (`... Medical Center`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from transforms.deid.replacement.codes import scrambled
from transforms.deid.replacement.draws import PatientDraws
from transforms.deid.replacement.facilities import Word, place_words
from transforms.deid.replacement.forms import like, ordinal_suffix
from transforms.deid.replacement.names import key_of
from transforms.deid.replacement.pools import Pools
from transforms.deid.replacement.words import words

_STREET_KINDS: Final = frozenset(words("streets", "kinds"))
_DIRECTIONS: Final = frozenset(words("streets", "directions"))
_UNITS: Final = frozenset(words("streets", "units"))
_PO_BOX: Final = re.compile(r"p\.?\s?o\.?\s?box\b", re.IGNORECASE)
_TOKEN: Final = re.compile(r"\d[^\W_]*|[^\W\d_](?:[^\W_]|[^\x00-\x7f\s\u2010-\u2027]|['’‘ʼ´](?=[^\W_]))*")
_ORDINAL: Final = re.compile(r"(\d+)(st|nd|rd|th)", re.IGNORECASE)
_STATE: Final = re.compile(r"\s*[A-Z]{2}\s*")
_LONGEST_ACRONYM: Final = 5
_DRAWS_BEFORE_SEARCH: Final = 48


class PlaceSurrogates:
    """Surrogate places for one patient.

    Args:
        draws: the patient's choices.
        avoid: folded words that no surrogate may hold: the patient's own names.
    """

    def __init__(self, draws: PatientDraws, avoid: frozenset[str]) -> None:
        self._draws = draws
        self._avoid = avoid
        self._pools = Pools.shipped()
        self.invented = lru_cache(maxsize=256)(self._invented)

    def _invented(self, key: str, cities: bool = False) -> str:
        """A name in lower case for a folded one; it does not begin like it nor hold a word of it."""
        pool = self._pools.cities if cities else self._pools.places
        avoid = [word for word in (*key.split(), *self._avoid) if len(word) > 1]

        def is_good(new: str) -> bool:
            return new[0] != key[:1] and not any(word in new for word in avoid)

        for attempt in range(_DRAWS_BEFORE_SEARCH):
            new = self._draws.choice(pool, "place", key, str(attempt))
            if is_good(new):
                return new
        return next(name for names in (pool, self._pools.places, self._pools.cities) for name in names if is_good(name))

    def city(self, raw: str) -> str:
        """A city that several states have; a state's code behind it stays."""
        name, comma, rest = raw.partition(",")
        new = like(name.split()[0] if name.split() else raw, self.invented(key_of(name.strip()), True))
        lead = name[: len(name) - len(name.lstrip())]
        if not comma or _STATE.fullmatch(rest):
            return f"{lead}{new}{comma}{rest}"
        return f"{lead}{new},{self.place(rest)}"

    def place(self, raw: str) -> str:
        """A facility, a company or another place."""
        found = place_words(raw)
        out: list[str] = []
        at = 0
        run: list[Word] = []
        for number, word in enumerate(found):
            old = raw[word.start : word.end]
            if not run:
                out.append(scrambled(raw[at : word.start], self._draws))
            if old[0].isdigit() or self._is_acronym(raw, old, word):
                if run:
                    out.append(self._named(raw, run))
                    out.append(raw[run[-1].end : word.start])
                    run = []
                out.append(scrambled(old, self._draws))
            elif word.names:
                run.append(word)
                following = found[number + 1] if number + 1 < len(found) else None
                if following is None or not following.names or self._parts(raw[word.end : following.start]):
                    out.append(self._named(raw, run))
                    run = []
            else:
                out.append(old)
            at = word.end
        out.append(scrambled(raw[at:], self._draws))
        return "".join(out)

    @staticmethod
    def _parts(gap: str) -> bool:
        return any(char in ",;/()\n" for char in gap)

    @staticmethod
    def _is_acronym(raw: str, old: str, word: Word) -> bool:
        """`MGH`, `MGH Cancer Center`, but not `MERCY HOSPITAL`."""
        if not word.names or not old.isupper() or len(old) < 2:
            return False
        return len(old) < _LONGEST_ACRONYM if raw == old else len(old) <= _LONGEST_ACRONYM and not raw.isupper()

    def _named(self, raw: str, run: list[Word]) -> str:
        key = " ".join(word.key.removesuffix("s") for word in run)
        return like(raw[run[0].start : run[0].end], self.invented(key))

    def street(self, raw: str) -> str:
        """An address: other numbers, an invented street; its kind, direction and unit stay."""
        box = _PO_BOX.search(raw)
        if box:
            before, after = raw[: box.start()], raw[box.end() :]
            return (self.street(before) if before else "") + box.group() + (self.street(after) if after else "")
        tokens = list(_TOKEN.finditer(raw))
        keys = [key_of(token.group()) for token in tokens]
        named = self._street_names(raw, tokens, keys)
        out: list[str] = []
        at = 0
        for number, token in enumerate(tokens):
            if number in named and number - 1 in named and not self._parts(raw[at : token.start()]):
                at = token.end()
                continue
            out.append(scrambled(raw[at : token.start()], self._draws))
            out.append(self._street_word(number, tokens, keys, named))
            at = token.end()
        out.append(scrambled(raw[at:], self._draws))
        return "".join(out)

    def _street_word(self, number: int, tokens: list[re.Match[str]], keys: list[str], named: set[int]) -> str:
        old = tokens[number].group()
        after_unit = number > 0 and keys[number - 1] in _UNITS
        if number in named:
            last = number
            while last + 1 in named:
                last += 1
            return like(old, self.invented(" ".join(keys[number : last + 1])))
        if not old[0].isdigit():
            return scrambled(old, self._draws) if after_unit and len(old) <= 2 else old
        ordinal = _ORDINAL.fullmatch(old)
        if ordinal:
            digits = scrambled(ordinal[1], self._draws)
            return digits + like(ordinal[2], ordinal_suffix(int(digits)))
        return scrambled(old, self._draws)

    def _street_names(self, raw: str, tokens: list[re.Match[str]], keys: list[str]) -> set[int]:
        """Which tokens name a street, not its kind, direction or unit."""
        named: set[int] = set()
        group: list[int] = []
        for number, token in enumerate(tokens):
            ends = number + 1 == len(tokens) or self._parts(raw[token.end() : tokens[number + 1].start()])
            is_word = not token.group()[0].isdigit() and keys[number] not in _UNITS
            after_unit = number > 0 and keys[number - 1] in _UNITS and len(token.group()) <= 2
            if is_word and not after_unit:
                group.append(number)
            if ends or not is_word or after_unit:
                # `42nd St` and `Route 9` are named by the number.
                beside = [tokens[at].group() for at in (group[0] - 1, number) if at >= 0] if group else []
                if not (len(group) == 1 and keys[group[0]] in _STREET_KINDS and self._by_number(*beside)):
                    named |= self._name_in(group, keys)
                group = []
        return named

    @staticmethod
    def _by_number(first: str, second: str = "") -> bool:
        return _ORDINAL.fullmatch(first) is not None or second[:1].isdigit()

    @staticmethod
    def _name_in(group: list[int], keys: list[str]) -> set[int]:
        rest = list(group)
        while len(rest) > 1 and keys[rest[0]] in _DIRECTIONS:
            rest.pop(0)
        while len(rest) > 1 and keys[rest[-1]] in _DIRECTIONS:
            rest.pop()
        if len(rest) > 1 and keys[rest[-1]] in _STREET_KINDS:
            rest.pop()
            while len(rest) > 1 and keys[rest[0]] in _DIRECTIONS:
                rest.pop(0)
        if len(rest) == 1 and len(group) == 1 and keys[rest[0]] in _DIRECTIONS:
            return set()
        return set(rest)
