"""Cut clinical text into sentences, near enough for the scope of a word.

A sentence ends at `.`, `!` or `?` before white space, unless an abbreviation or a list's number stands before
it; at an empty line; and at a line break that does not merely wrap a paragraph: before a bullet, a number or a
heading, and after a line that is short or ends in punctuation. A stretch without any of these is cut at
`LONGEST` characters, so that the work within a sentence is bounded.
"""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 2000
"""Characters of the longest sentence."""

_WRAP: Final = 50
"""A line shorter than this was ended by its writer, not by the margin."""

_END: Final = re.compile(r"[.!?][\"')\]]{0,3}(?=\s)|\n\s*+")
_ITEM: Final = re.compile(r"[-*•#+>o][ \t]|\(?[0-9]{1,2}[.)]|[A-Z][A-Za-z/&, ()'-]{0,40}+:")
# fmt: off
# No sentence ends after these.
_ABBREVIATIONS: Final = frozenset({
    "dr", "mr", "mrs", "ms", "prof", "st", "vs", "approx", "appt", "nos", "e.g", "i.e", "resp",
    "temp", "ext", "dept", "fig",
})
# After these a sentence may end ("20 mg p.o. He went home"): it does when a capital follows.
_OPEN: Final = frozenset({
    "p.o", "q.d", "b.i.d", "t.i.d", "q.i.d", "p.r.n", "q.h.s", "q.a.m", "q.p.m", "i.v", "a.m", "p.m", "m.d",
    "d.o", "ph.d", "u.s", "etc", "al", "pt", "co", "inc", "jr", "sr", "no", "hosp",
})
# fmt: on


def sentence_starts(text: str) -> list[int]:
    """Where the sentences of a text begin: 0 and every later start, in order."""
    starts = [0]
    line = 0
    for match in _END.finditer(text):
        if match[0].startswith("\n"):
            ends = _breaks(text, line, match)
            line = match.end()
        else:
            ends = _stops(text, match.start(), match.end())
        if ends:
            _extend(starts, match.end())
    _extend(starts, len(text))
    if starts[-1] == len(text) and len(starts) > 1:
        starts.pop()
    return starts


def _extend(starts: list[int], end: int) -> None:
    while end - starts[-1] > LONGEST:
        starts.append(starts[-1] + LONGEST)
    if end > starts[-1]:
        starts.append(end)


def _breaks(text: str, line: int, gap: re.Match[str]) -> bool:
    """Whether a line break, with the white space after it, ends a sentence; its line began at `line`."""
    end = gap.start()
    if gap[0].count("\n") > 1 or end - line < _WRAP or text[end - 1] in ".;:!?":
        return True
    return _ITEM.match(text, gap.end()) is not None


def _stops(text: str, start: int, end: int) -> bool:
    """Whether the punctuation at `start` ends a sentence."""
    if text[start] != ".":
        # "? sepsis" is how doubt is typed.
        return text[start] == "!" or not text[max(0, start - 1) : start].isspace()
    before = text[max(0, start - 8) : start]
    word = before[-1:].strip() and before.rsplit(None, 1)[-1].lower().lstrip("(")
    if word.isdigit() and len(word) <= 2:
        # The number of a list's item ("1. Diabetes") has the start of a line or the end of a sentence before it.
        earlier = text[max(0, start - len(word) - 3) : start - len(word)].rstrip(" \t(")
        return earlier != "" and earlier[-1] not in "\n.;:)"
    if word in _OPEN or len(word) == 1:
        return text[end : end + 3].strip()[:1].isupper()
    return word not in _ABBREVIATIONS
