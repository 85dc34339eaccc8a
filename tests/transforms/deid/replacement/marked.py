"""Notes written with their PHI marked: `Seen {DATE:3/4/19} by Dr. {DOCTOR:Jones}`."""

from __future__ import annotations

import datetime as dt
import re

from transforms.deid.pseudonyms import Key
from transforms.deid.replace import replace
from transforms.deid.replacement import Mode, NoteFacts, replacer
from transforms.deid.spans import PhiSpan

_MARK = re.compile(r"\{([A-Z-]+):([^{}]*)\}")
KEY = Key.from_text("a key for the tests")


def unmarked(marked: str) -> tuple[str, list[PhiSpan]]:
    """The text and its spans."""
    text, spans, at = "", [], 0
    for mark in _MARK.finditer(marked):
        text += marked[at : mark.start()]
        spans.append(PhiSpan(len(text), len(text) + len(mark[2]), mark[1], 1.0, "test"))
        text += mark[2]
        at = mark.end()
    return text + marked[at:], spans


def facts(patient: str = "p", names: tuple[str, ...] = (), year: int | None = None) -> NoteFacts:
    return NoteFacts(patient, names, None if year is None else dt.datetime(year, 6, 1, 10, 30))


def news(mode: Mode, marked: str, note: NoteFacts | None = None, key: Key = KEY) -> list[str]:
    """What stands in the place of each mark."""
    text, spans = unmarked(marked)
    return replacer(mode, key).replacements(text, spans, note or facts())


def replaced(mode: Mode, marked: str, note: NoteFacts | None = None, key: Key = KEY) -> str:
    """The whole text with its marks replaced."""
    text, spans = unmarked(marked)
    return replace(text, spans, news(mode, marked, note, key))[0]
