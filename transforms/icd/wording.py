"""What a mention and a term of the code table have in common, whatever the wording.

A phrase becomes a set of words in a normal form: small letters, singular, American spelling, Arabic numbers,
abbreviations written out, one word for each of a group of synonyms ("gastric" and "stomach", "cancer" and "malignant
neoplasm"), and without words that tell nothing apart ("of", "unspecified"). The lists are our own: `wording.toml` and
`abbreviations.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

Key = tuple[str, ...]
"""The words of a phrase in their normal form, each once, sorted."""

_HERE: Final = Path(__file__).parent
TOKEN: Final = re.compile(r"[^\W_]+(?:['’]s\b)?")
"""A word, or several written as one ("T2DM")."""

_PART: Final = re.compile(r"\d+|[^\W\d_]+")
_REMEMBERED: Final = 200_000  # words: a bound on memory, not on what is understood


class Word(NamedTuple):
    """A word of a text: its normal words and its offsets."""

    normal: Key
    start: int
    end: int


class Wording:
    """Brings phrases into their normal form. It remembers the words that it has seen.

    Args:
        lists: as `wording.toml` holds them: `stop`, `kept` (words that look like a plural and are none), `spelling`
            (a British spelling within a word -> the American one) and `synonyms` (what stands for others -> those).
        abbreviations: as `abbreviations.toml` holds them: `any_case` and `capitals`, abbreviation -> phrase.
    """

    def __init__(self, lists: Mapping[str, Any], abbreviations: Mapping[str, str]) -> None:
        self._stop = frozenset(lists["stop"])
        self._kept = frozenset(lists["kept"])
        self._spelling: Mapping[str, str] = lists["spelling"]
        self._british = re.compile("|".join(map(re.escape, self._spelling)))
        self._synonyms = {word: tuple(head.split()) for head, words in lists["synonyms"].items() for word in words}
        self._abbreviations: Mapping[str, Key] = {}
        self._seen: dict[str, Key] = {}
        self._abbreviations = {short: self.key(phrase) for short, phrase in abbreviations.items()}
        self._seen.clear()  # what was seen before the abbreviations were known

    @classmethod
    def shipped(cls) -> Wording:
        """The lists that come with the package; read once per process."""
        return _shipped()

    @classmethod
    def read(cls, lists: Path, abbreviations: Path) -> Self:
        """Reads the two TOML files."""
        short = tomllib.loads(abbreviations.read_text(encoding="utf-8"))
        small = {form: phrase for word, phrase in short["any_case"].items() for form in (word, word.upper())}
        small |= {word.capitalize(): phrase for word, phrase in short["any_case"].items()}
        return cls(tomllib.loads(lists.read_text(encoding="utf-8")), small | short["capitals"])

    def key(self, phrase: str) -> Key:
        """The normal form of a phrase; empty where no word says anything."""
        return tuple(sorted({word for match in TOKEN.finditer(phrase) for word in self.normal(match[0])}))

    def normal(self, word: str) -> Key:
        """The normal words of a match of `TOKEN`: none for a stop word, two for "carcinoma"."""
        normal = self._seen.get(word)
        if normal is None:
            normal = self._normal(word)
            if len(self._seen) < _REMEMBERED:
                self._seen[word] = normal
        return normal

    def _normal(self, word: str) -> Key:
        if word in self._abbreviations:
            return self._abbreviations[word]
        if word[-2:] in ("'s", "’s"):
            word = word[:-2]
        return tuple(normal for part in _PART.findall(word.lower()) for normal in self._plain(part))

    def _plain(self, word: str) -> Key:
        word = self._british.sub(lambda found: self._spelling[found[0]], word)
        singular = self._singular(word)
        for form in (word, singular):
            if form in self._stop:
                return ()
            if form in self._synonyms:
                return self._synonyms[form]
        return (singular,)

    def _singular(self, word: str) -> str:
        if len(word) < 4 or not word.endswith("s") or word in self._kept or word.endswith(("ss", "us", "is")):
            return word
        if word.endswith("ies") and len(word) > 5:
            return word[:-3] + "y"
        if word.endswith(("ches", "shes", "xes", "sses", "zes")):
            return word[:-2]
        return word[:-1]


@lru_cache(maxsize=1)
def _shipped() -> Wording:
    return Wording.read(_HERE / "wording.toml", _HERE / "abbreviations.toml")
