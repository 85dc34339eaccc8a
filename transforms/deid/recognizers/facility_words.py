"""What the words of a facility's name are: generic (`the Pain Clinic`), or telling (`Ridgeline Pain Clinic`)."""

from __future__ import annotations

from typing import Final

from transforms.deid.lexicon import Lexicon
from transforms.deid.recognizers.base import table

_TABLE: Final = table("places.toml")["facility"]
_GENERIC: Final = frozenset(_TABLE["generic"].split())
_FORM_NAMES: Final = frozenset(_TABLE["form_names"].split())
_PROPER: Final = frozenset(_TABLE["proper"].split())


class FacilityWords:
    """The rules.

    Args:
        lexicon: tells ordinary words.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def is_generic(self, word: str) -> bool:
        """Whether the word says what kind of house it is, not which."""
        if "/" in word:
            return all(self.is_generic(part) for part in word.split("/"))
        word = word.strip(".,&-").lower()
        return len(word) < 2 or word in _GENERIC or self._lexicon.is_placeholder(word)

    def tells(self, word: str, forms_name: bool) -> bool:
        """Whether the word names one house among others.

        Args:
            word: as written.
            forms_name: whether `Memorial` and its like do so in this place.
        """
        if "/" in word:
            return any(self.tells(part, forms_name) for part in word.split("/"))
        word = word.strip(".,").lower()
        if len(word) < 2:
            return False
        if word in _FORM_NAMES:
            return forms_name
        if self._lexicon.is_placeholder(word) or word in _GENERIC:
            return False
        return word in _PROPER or not self._lexicon.is_ordinary(word) or self._lexicon.is_name_too(word)

    def may_belong(self, word: str) -> bool:
        """Whether a word of a note without capitals may be part of a house's name."""
        plain = word.lower().strip(".'")
        return (
            plain in _PROPER
            or plain in _FORM_NAMES
            or plain in _GENERIC
            or not self._lexicon.is_ordinary(plain)
            or self._lexicon.is_name_too(plain)
        )
