"""The errors that a person can mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RequestError(Exception):
    """The request was wrong: nothing was started. The message is one line that says what and how to mend it."""


class RunError(Exception):
    """The run failed after it had started; what is finished stays finished."""


def nearest(word: str, known: Iterable[str]) -> str:
    """What a message says behind an unknown word: the known one that it may have been meant for, if one is near."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {match[0]}?" if match else ""
