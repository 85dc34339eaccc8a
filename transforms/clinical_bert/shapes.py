"""The shape of each word, as token types: what an uncased encoder cannot see of a note.

Lower-casing makes names and words alike and tokenising drops line breaks, yet both tell a name or a heading from
prose. A checkpoint whose config says `"token_types": "word_shape"` was trained with these classes in the place of
BERT's segment ids.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

SETTING: Final = "token_types"
WORD_SHAPE: Final = "word_shape"

COUNT: Final = 10
"""Classes: lower case or no letter, Capitalised, ALL CAPS, one capital, mIxed; five more where a line begins."""

_LOWER, _CAPITALISED, _CAPITALS, _CAPITAL, _MIXED = range(5)
_LINE_BEGINS: Final = 5


def uses_shapes(config: dict[str, Any]) -> bool:
    """Whether the checkpoint of this config was trained with word shapes.

    Raises:
        ValueError: it asks for other token types.
    """
    setting = config.get(SETTING)
    if setting not in (None, WORD_SHAPE):
        raise ValueError(f"the config's {SETTING} is {setting!r}; known: {WORD_SHAPE!r}")
    return setting == WORD_SHAPE


def word_shapes(
    text: str, starts: npt.NDArray[np.int32], ends: npt.NDArray[np.int32], words: npt.NDArray[np.int32]
) -> npt.NDArray[np.int32]:
    """The class of each token's word, shape (tokens,).

    Args:
        text: the note.
        starts, ends: of each token, offsets into it.
        words: number of each token's word, never falling.
    """
    if not len(starts):
        return np.zeros(0, dtype=np.int32)
    firsts = np.flatnonzero(np.diff(words, prepend=words[0] - 1))
    lasts = np.append(firsts[1:], len(words)) - 1
    shapes = [_shape(text[a:b]) for a, b in zip(starts[firsts].tolist(), ends[lasts].tolist(), strict=True)]
    breaks = np.array([at for at, char in enumerate(text) if char in "\n\r"], dtype=np.int64)
    lines = np.searchsorted(breaks, starts[firsts])
    begins = np.diff(lines, prepend=-1) > 0
    of_words = np.asarray(shapes, dtype=np.int32) + _LINE_BEGINS * begins.astype(np.int32)
    return np.repeat(of_words, lasts - firsts + 1)


def _shape(word: str) -> int:
    if word == word.lower():
        return _LOWER
    if word.isupper():
        return _CAPITAL if len(word) == 1 else _CAPITALS
    return _CAPITALISED if word[0].isupper() and word[1:] == word[1:].lower() else _MIXED
