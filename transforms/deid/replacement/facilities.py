"""Takes the name of a place or a company apart: what names it, and what says its kind.

`Mercy General Hospital`, `Mercy Hospital` and `Mercy` are one; `Hospital`, `of`, `St.` tell nobody which one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from transforms.deid.replacement.names import key_of
from transforms.deid.replacement.words import words

_KINDS: Final = frozenset(words("places", "kinds"))
_JOINING: Final = frozenset(words("places", "joining"))
_SIDES: Final = frozenset(words("places", "sides"))
_SAINT: Final = frozenset(words("places", "saints"))
_WORD: Final = re.compile(r"[^\W\d_](?:[^\W_]|[^\x00-\x7f\s\u2010-\u2027]|['’‘ʼ´&](?=[^\W_]))*|\d[^\W_]*")


class Word(NamedTuple):
    """`raw[start:end]`: a word that names (with those of its run), or one of kind or grammar.

    Attributes:
        start, end: offsets into the span's text.
        key: the word folded.
        names: whether it tells which place it is.
    """

    start: int
    end: int
    key: str
    names: bool


@lru_cache(maxsize=4096)
def place_words(raw: str) -> tuple[Word, ...]:
    """The words of a place's name; at least one names where there is any letter."""
    found = [Word(*match.span(), key_of(match.group()), names=True) for match in _WORD.finditer(raw)]
    plain = _KINDS | _SIDES if any(word.key[0].isdigit() for word in found) else _KINDS
    told = [
        word._replace(names=word.key in _SAINT or (word.key not in _JOINING and word.key not in plain))
        for word in found
    ]
    naming = [word for word in told if word.names and word.key not in _SAINT]
    if not naming and told:
        told[0] = told[0]._replace(names=True)  # `Memorial Hospital`: the first word is the name
    return tuple(told)


def place_key(raw: str) -> str:
    """What all forms of a place's name share."""
    found = place_words(raw)
    naming = [word.key.removesuffix("s") for word in found if word.names and word.key not in _SAINT]
    return " ".join(naming) or key_of(raw)
