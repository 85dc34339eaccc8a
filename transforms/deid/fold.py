"""A text in lower case without accents, with the way back to its offsets.

Names and triggers are typed in any case, and names with or without their accents. Searching is done on the
folded text, which for nearly all notes has the offsets of the raw one.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

_PLAIN_LETTERS: Final = (
    # In capitals a sharp s is SS and a dotless i is I; ligatures come with text copied out of a PDF.
    *(("ß\u1e9e", "ss"), ("\u0131", "i"), ("\ufb00", "ff"), ("\ufb01", "fi"), ("\ufb02", "fl"), ("\ufb03", "ffi")),
    *(("\ufb04", "ffl"), ("\ufb05\ufb06", "st")),
    # Letters that do not take apart, as they are typed where the keyboard lacks them.
    *(("æÆ", "ae"), ("œŒ", "oe"), ("øØ", "o"), ("łŁ", "l"), ("đĐ", "d"), ("ħĦ", "h")),
)
_LETTERS: Final[Mapping[str, str]] = MappingProxyType(
    {upper_or_lower: plain for letters, plain in _PLAIN_LETTERS for upper_or_lower in letters}
)


@lru_cache(maxsize=4096)
def _fold_char(char: str) -> str:
    """Lower case, no accent, plain apostrophe and hyphen; none for a combining mark, two for a double letter."""
    if char in _LETTERS:
        return _LETTERS[char]
    if unicodedata.category(char) == "Mn":
        return ""
    if char in "’‘ʼ´":
        return "'"
    if char in "‐‑‒–":
        return "-"
    if 0xFF01 <= ord(char) <= 0xFF5E:
        char = unicodedata.normalize("NFKC", char)
    if unicodedata.category(char) == "Cf":  # soft hyphens and zero-width blanks are not seen on a page
        return ""
    decomposed = unicodedata.normalize("NFD", char)
    base = decomposed[0]
    if not all(unicodedata.category(mark) == "Mn" for mark in decomposed[1:]):
        base = char  # Hangul and the like take apart into letters, not into a letter and its accents
    return _lower_char(base)


def _lower_char(char: str) -> str:
    lowered = char.lower()
    return lowered if len(lowered) == 1 else char


@lru_cache(maxsize=4096)
def _plain_char(char: str) -> str:
    """Lower case; for a digit, dash, slash or blank of another script or width the ASCII one. One for one."""
    if char.isascii():
        return char.lower()
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    kind = unicodedata.category(char)
    if kind == "Pd" or char == "\u2212":
        return "-"
    if kind == "Zs":
        return " "
    if char in "\u2044\u2215":
        return "/"
    wide = unicodedata.normalize("NFKC", char) if 0xFF01 <= ord(char) <= 0xFF5E else char
    return _lower_char(wide)


def lower(text: str) -> str:
    """`text` in lower case with every offset kept, and with ASCII digits, dashes, slashes and blanks.

    Word processors put typographic dashes and blanks into numbers and dates; the patterns then find them all the
    same. A letter whose lower case is longer stays.
    """
    lowered = (text if text.isascii() else _one_for_one(text, _plain_char) or text).lower()
    return lowered if len(lowered) == len(text) else "".join(map(_plain_char, text))


def _one_for_one(text: str, write: Callable[[str], str]) -> str | None:
    """`text` with `write` done to every character that is not ASCII; None where it is not one for one.

    A note holds few such characters, so that to replace each is much quicker than to go through the text.
    """
    written = {char: write(char) for char in set(text) if not char.isascii()}
    for char, new in written.items():
        if len(new) != 1 or written.get(new, new) != new:
            return None
        text = text.replace(char, new)
    return text


_LETTERS_ALONE: Final = bytes(byte if chr(byte) in string.ascii_lowercase else ord(" ") for byte in range(256))


def letters_alone(lowered: str) -> str:
    """`lowered` with a blank in the place of every character but a to z: its words are quicker to split off so."""
    return lowered.encode("ascii", "replace").translate(_LETTERS_ALONE).decode("ascii")


class Plain:
    """A note as its characters were meant: case kept, nothing invisible, one kind of blank, dash, digit and quote.

    Zero-width characters, soft hyphens, direction marks and combining marks go, so that none can split a number or
    a name; blanks, dashes, digits and apostrophes become ASCII; a carriage return becomes a blank, or a line feed
    where it stands alone. A blank is put between a value and the name of a
    field glued to it. Most notes are in ASCII and stay as they are.

    Attributes:
        text: the plain text.
    """

    __slots__ = ("_positions", "_raw_length", "text")

    def __init__(self, raw: str) -> None:
        self._raw_length = len(raw)
        self._positions: list[int] | None = None
        if "\r" in raw:
            raw = raw.replace("\r\n", " \n").replace("\r", "\n")
        seams = _seams(raw)
        plain_text = raw if raw.isascii() else _one_for_one(raw, _written_char)
        if plain_text is not None and not seams:
            self.text = plain_text
            return
        plain = [_written_char(char) for char in raw]
        for seam in seams:
            plain[seam] = " " + plain[seam]
        self.text = "".join(plain)
        if any(len(written) != 1 for written in plain):
            self._positions = [position for position, written in enumerate(plain) for _ in written]

    def raw(self, start: int, end: int) -> tuple[int, int]:
        """The raw offsets of `text[start:end]` (not empty), with the marks that follow its last character."""
        if self._positions is None:
            return start, end
        positions = self._positions
        return positions[start], positions[end] if end < len(positions) else self._raw_length


_FIELDS: Final = (
    *("DOB", "MRN", "SSN", "AGE", "SEX", "ACCT", "NOK", "PCP", "Phone", "PHONE", "Fax", "FAX", "dob", "mrn", "ssn"),
)


def _seams(raw: str) -> list[int]:
    """Where a field's name is glued to the value before it: `01/02/1950MRN:1234567`."""
    seams = []
    colon = raw.find(":")
    while colon >= 0:
        if raw.endswith(_FIELDS, 0, colon):
            field = next(field for field in _FIELDS if raw.endswith(field, 0, colon))
            at = colon - len(field)
            if at and raw[at - 1].isalnum():
                seams.append(at)
        colon = raw.find(":", colon + 1)
    return seams


@lru_cache(maxsize=4096)
def _written_char(char: str) -> str:
    """One character, or none for one that is not seen by itself."""
    if char.isascii():
        return char
    kind = unicodedata.category(char)
    if kind in ("Mn", "Cf"):
        return ""
    if char in "’‘ʼ´":
        return "'"
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    if kind == "Pd" or char == "\u2212":
        return "-"
    if kind in ("Zs", "Zl", "Zp"):
        return " " if kind == "Zs" else "\n"
    if char in "\u2044\u2215":
        return "/"
    return unicodedata.normalize("NFKC", char) if 0xFF01 <= ord(char) <= 0xFF5E else char


class Folded:
    """Attributes: text: the folded text."""

    __slots__ = ("_positions", "_raw_length", "text")

    def __init__(self, raw: str) -> None:
        self._raw_length = len(raw)
        self._positions: list[int] | None = None
        plain_text = raw if raw.isascii() else _one_for_one(raw, _fold_char)
        if plain_text is not None:
            self.text = plain_text.lower()
            return
        folded = [_fold_char(char) for char in raw]
        self.text = "".join(folded)
        if any(len(plain) != 1 for plain in folded):
            self._positions = [position for position, plain in enumerate(folded) for _ in plain]

    def raw(self, start: int, end: int) -> tuple[int, int]:
        """The raw offsets of `text[start:end]`, with the combining marks that follow its last character."""
        if self._positions is None:
            return start, end
        positions = self._positions
        raw_start = positions[start] if start < len(positions) else self._raw_length
        raw_end = positions[end] if end < len(positions) else self._raw_length
        if start == end:
            return raw_start, raw_start
        if raw_end == positions[end - 1]:  # in the middle of a double letter, which goes whole
            raw_end += 1
        return raw_start, raw_end


def fold(text: str) -> str:
    """`text` folded; see `Folded`."""
    return Folded(text).text
