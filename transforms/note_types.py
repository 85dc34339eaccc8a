"""Names of kinds of notes, compared as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

_GAPS: Final = re.compile(r"[\s_]+")


def is_one_of(note_type: str, patterns: Iterable[str]) -> bool:
    """Whether a note type fits one of several shell patterns; case does not count, and underscores are spaces."""
    plain = _plain(note_type)
    return any(fnmatchcase(plain, _plain(pattern)) for pattern in patterns)


def _plain(text: str) -> str:
    return _GAPS.sub(" ", text).strip().casefold()
