"""Kinds of notes. Where a source lets people type them, a name or a date may stand in `note_type`."""

from __future__ import annotations

import re
from typing import Final

from transforms.deid.lexicon import Lexicon

_MOST: Final = 80  # characters
_WORD: Final = re.compile(r"[^\W\d_]+")
_DIGIT: Final = re.compile(r"\d")
_ABBREVIATIONS: Final = """h p hp hpi dc ds rr ar ed er ecg ekg eeg emg ct cta cxr mri mra pet us tte tee pt ot slp st
rt ob gyn obgyn ent or pacu icu micu sicu ccu cvicu csru tsicu nicu picu rn lpn np pa md do cnm crna msw lcsw rd pharmd
ems gi gu id ir pcp hiv pre op postop preop ip opd dnr soap ros ime qme etc comp"""
"""Parts of kinds, places and trades, as they stand in note types."""
_NAMES_TOO: Final = """brief care case center chart child day echo general home intake labor life line medicine other
patient plan post service skin social speech staff wound work"""
"""Ordinary words of note types that are names as well; any other word that is a name is taken for one."""
_KINDS: Final = frozenset(f"{_ABBREVIATIONS} {_NAMES_TOO}".split())


def note_kind(text: str | None, lexicon: Lexicon) -> str | None:
    """`text` when it is a kind of note and nothing else; None when it could hold PHI.

    A kind has at most 80 characters, no digit, and only ordinary words and abbreviations of kinds.
    """
    if text is None or len(text) > _MOST or _DIGIT.search(text):
        return None
    words = _WORD.findall(text.lower())
    return text if all(_is_of_a_kind(word, lexicon) for word in words) else None


def _is_of_a_kind(word: str, lexicon: Lexicon) -> bool:
    return word in _KINDS or (lexicon.is_ordinary(word) and not lexicon.is_name_too(word))
