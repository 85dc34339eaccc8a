"""Which part of the wording a note may use.

A tagger that learned on generated notes can only be judged on phrasings and names that it has not seen. So
every list of phrasings, forms and names is cut in two: `train` and `heldout`. `all` uses both.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Final, Literal, TypeVar, get_args

Wording = Literal["all", "train", "heldout"]

WORDINGS: Final[tuple[str, ...]] = get_args(Wording)

_EVERY: Final = 4
_PART: Final = re.compile(r"[^\W\d_]{3,}|^[^\W\d_]{2}$")

T = TypeVar("T")


def share(items: Sequence[T], wording: Wording) -> list[T]:
    """The phrasings of a list that this wording may use: every fourth is held out.

    A list of two or three holds out its last one. A single item is shared by both parts, for there is no other
    way to say it.
    """
    if wording == "all" or len(items) < 2:
        return list(items)
    held = set(range(_EVERY - 1, len(items), _EVERY)) or {len(items) - 1}
    return [item for index, item in enumerate(items) if (index in held) == (wording == "heldout")]


def halve(names: Sequence[str], wording: Wording) -> list[str]:
    """The names that this wording may use: a half by hash, so that a name is on one side in every list.

    The parts of a double name are names themselves: one whose parts fall on both sides belongs to neither.
    """
    if wording == "all":
        return list(names)
    side = int(wording == "heldout")
    return [name for name in names if all(_side(part) == side for part in _PART.findall(name.casefold()))]


def _side(name: str) -> int:
    return zlib.crc32(name.encode()) & 1
