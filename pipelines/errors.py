"""The errors that a person can mend."""

from __future__ import annotations


class RequestError(Exception):
    """The request was wrong: nothing was started. The message is one line that says what and how to mend it."""


class RunError(Exception):
    """The run failed after it had started; what is finished stays finished."""
