"""Find the headings of a note and cut it into sections.

A section runs from its heading to the next heading of the same or a higher level. There are two levels: main
sections, which tile the note, and sub-headings (HEENT, LUNGS ... in an examination), which lie inside one.
What stands before the first heading is a section of category `header` without a title, and the fields in it
(NAME, DATE OF BIRTH ...) are no headings; a note without any heading is one section of category `other`.

What counts as a heading (a title is at most `LONGEST` characters):

- at the start of a line, behind numbering and markup (`2.`, `##`, `**`): a known title with a colon, in any
  case; a known title in capitals with a dash; a known title alone in its line after an empty line;
- any title in capitals with a colon at the start of a line, or alone in its line after an empty line; any title in
  bold or underlined by the next line; a capitalised title with a colon, alone in its line after an empty line;
- inside a line, after the end of a sentence: a known title in capitals, or of several capitalised words, or of a
  part of the examination inside one, with a colon. This is how dictated notes run on, and how a note looks whose
  line breaks were lost.

Every step looks at a bounded stretch of text, so the time grows with the length of the note and no faster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from transforms.sections.headings import HEADER, OTHER, Entry, HeadingIndex, HeadingTable

LONGEST: Final = 100
"""Characters of the longest title."""

MOST_WORDS: Final = 12
"""Words of the longest title that is not in the table."""

_LINE: Final = re.compile(r"\S[^\n]*+")
_LEAD: Final = re.compile(
    r"(?P<hashes>#{1,6}+[ \t]++|[=*~]{2,9}+[ \t]++)?+"
    r"(?:[-*•>+][ \t]++)?+(?:\(?(?:[0-9]{1,2}|[IVX]{1,4}|[A-Z])[.)][ \t]++)?+"
)
_BOLD: Final = re.compile(r"(?P<mark>\*\*|__)(?P<title>[^\W_][^*_:\n]{0,99}+):?+(?P=mark):?+")
_DASH: Final = re.compile(r"[ \t]{0,3}(?:--?|–|—)(?:[ \t]|$)")
_INLINE: Final = re.compile(r"(?:(?<=[.;:!?)\]][ \t])|(?<=[ \t]{2}))[A-Z](?:[A-Za-z/&,'()-]|[ ](?! )){2,60}+(?=:)")
_AFTER: Final = re.compile(
    r"[ \t]*+(?:\*{2,9}+|__)?+[ \t]*+(?::|--?(?=\s)|[–—])?+(?:\*\*|__)?+\s*+(?:[-=_~*]{2,}+[^\S\n]*+(?:\n\s*+|$))?+"
)
_RULE: Final = re.compile(r"[-=_~]{3,}+[^\S\n]*+(?:\n|$)")
_SMALL_WORDS: Final = frozenset({"of", "and", "the", "on", "in", "at", "for", "to", "by", "with", "or", "from"})
# Where unknown titles on adjoining lines are parts of the section rather than sections.
_ITEMISED: Final = frozenset({"physical_exam", "review_of_systems", "vital_signs", "results", "imaging", "findings"})


class SectionSpan(NamedTuple):
    """One section of a note; fields as in the sections table. Offsets are string indices, half open.

    Attributes:
        section_id: position among the note's sections, by start.
        category: canonical category.
        loinc: LOINC document-section code, if there is one.
        title: the heading without numbering, markup and colon: `text[start : start + len(title)]`.
        start: where the title begins.
        end: where the next section of the same or a higher level begins.
        body_start: first character after the heading that is not white space, or `end`.
    """

    section_id: int
    category: str
    loinc: str | None
    title: str
    start: int
    end: int
    body_start: int


class _Heading(NamedTuple):
    start: int
    end: int
    category: str
    main: bool
    entry: Entry | None


class _Line(NamedTuple):
    """A line that is not empty, without white space, numbering and hashes before it."""

    start: int
    end: int
    fresh: bool  # An empty line or nothing stands before it.
    wrapped: bool  # It goes on in the middle of a sentence.
    marked: bool  # Two hashes or a row of `=`, `*`, `~` stand before it, or the next line underlines it.


class Segmenter:
    """Cuts notes into sections.

    Args:
        table: what stands for what.
    """

    def __init__(self, table: HeadingTable) -> None:
        self._index = HeadingIndex(table)

    def split(self, text: str) -> list[SectionSpan]:
        """The sections of a note, by start; a section comes before the ones inside it.

        Args:
            text: a note, raw or de-identified.

        Returns:
            Sections whose main level tiles `text`; none for an empty text.
        """
        headings = list(self._headings(text))
        seen = {heading.category for heading in headings if heading.main}
        headings = [_in_context(heading, seen) for heading in headings]
        return self._spans(text, headings)

    def _spans(self, text: str, headings: Sequence[_Heading]) -> list[SectionSpan]:
        spans: list[SectionSpan] = []
        first = headings[0].start if headings else len(text)
        if first > 0:
            category = HEADER if headings else OTHER
            body = min(len(text) - len(text.lstrip()), first)
            spans.append(SectionSpan(0, category, self._index.loinc.get(category), "", 0, first, body))
        next_start = next_main = len(text)
        backwards: list[tuple[_Heading, int, int]] = []
        for heading in reversed(headings):
            end = next_main if heading.main else next_start
            after = _AFTER.match(text, heading.end, end)
            backwards.append((heading, end, after.end() if after else heading.end))
            next_start = heading.start
            if heading.main:
                next_main = heading.start
        for heading, end, body in reversed(backwards):
            title = text[heading.start : heading.end]
            loinc = self._index.loinc.get(heading.category)
            spans.append(SectionSpan(len(spans), heading.category, loinc, title, heading.start, end, body))
        return spans

    def _headings(self, text: str) -> Iterator[_Heading]:
        host: str | None = None
        bare = False  # The line before is a main heading and nothing else.
        for line in _lines(text):
            position = line.start
            found = self._at_line_start(text, line, host, bare)
            bare = False
            if found is not None and not _is_field(found, host):
                yield found
                host = found.category if found.main else host
                position = found.end
                bare = not text[found.end : min(line.end, found.end + 9)].strip(" \t\r*_:-–—")
            if text.find(":", position + 1, line.end) < 0:
                continue
            for match in _INLINE.finditer(text, position, line.end):
                inline = self._inline(text, match.start(), match.end(), host)
                if inline is not None and not _is_field(inline, host):
                    yield inline
                    host = inline.category if inline.main else host

    def _at_line_start(self, text: str, line: _Line, host: str | None, bare: bool) -> _Heading | None:
        bold = _BOLD.match(text, line.start, line.end)
        if bold is not None:
            return self._bold(text, bold, line, host)
        start = line.start
        if not text[start].isalnum():
            return None
        window = text[start : min(line.end, start + LONGEST + 1)]
        colon = window.find(":")
        if colon > 0:
            alone = not text[start + colon + 1 : min(line.end, start + colon + 9)].strip()
            return self._with_colon(start, window[:colon].rstrip(), line, host, alone)
        if len(window) <= LONGEST:
            found = self._alone(start, window.rstrip(), line, host, bare)
            if found is not None:
                return found
        dash = _DASH.search(window)
        if dash is not None and dash.start() > 0:
            title = window[: dash.start()]
            entry = self._index.find(title)
            if entry is not None and (title.isupper() or (entry.part and host in entry.nested_in)):
                return _known(start, title, entry, host)
        return None

    def _bold(self, text: str, bold: re.Match[str], line: _Line, host: str | None) -> _Heading | None:
        start, title = bold.start("title"), bold["title"].rstrip()
        entry = self._index.find(title)
        if entry is not None:
            return _known(start, title, entry, host)
        alone = not text[bold.end() : line.end].strip()
        if (alone or ":" in bold[0]) and len(title.split()) <= MOST_WORDS:
            return self._unknown(start, title, line, host)
        return None

    def _with_colon(self, start: int, title: str, line: _Line, host: str | None, alone: bool) -> _Heading | None:
        entry = self._index.find(title)
        capitals = title.isupper()
        if entry is None:
            certain = (capitals or line.marked) and _is_title(title)
            likely = alone and line.fresh and _is_capitalised(title)
            return self._unknown(start, title, line, host) if certain or likely else None
        if capitals or line.marked:
            return _known(start, title, entry, host)
        # In small letters, words of the table also stand in sentences and in lists.
        small = title[0].islower() and (line.wrapped or (len(title) < 3 and not entry.part))
        elsewhere = entry.part and host not in entry.nested_in and host not in entry.follows
        if small or elsewhere or (entry.capitals_only and not (alone or line.fresh)):
            return None
        return _known(start, title, entry, host)

    def _alone(self, start: int, window: str, line: _Line, host: str | None, bare: bool) -> _Heading | None:
        title = window.rstrip(" \t-–—.=~*")
        if len(title) < 3:
            return None
        entry = self._index.find(title)
        capitals = title.isupper()
        if entry is None:
            # Right under a bare heading, a line in capitals is what that heading announces.
            typed = capitals and title == window and line.fresh and not bare and not any(map(str.isdigit, title))
            return self._unknown(start, title, line, host) if (line.marked or typed) and _is_title(title) else None
        if entry.part:
            certain = line.marked or (capitals and host in entry.nested_in)
        else:
            certain = line.marked or capitals or (line.fresh and not entry.capitals_only)
        return _known(start, title, entry, host) if certain else None

    def _inline(self, text: str, start: int, end: int, host: str | None) -> _Heading | None:
        title = text[start:end].rstrip()
        entry = self._index.find(title)
        if entry is None:
            return None
        if entry.part:
            certain = host in _ITEMISED and (host in entry.nested_in or host in entry.follows)
        else:
            certain = title.isupper() or (" " in title and not entry.capitals_only and _is_capitalised(title))
        return _known(start, title, entry, host) if certain else None

    def _unknown(self, start: int, title: str, line: _Line, host: str | None) -> _Heading:
        entry = self._index.resembling(title)
        if entry is not None:
            return _known(start, title, entry, host)
        if host in _ITEMISED and not line.fresh:
            return _Heading(start, start + len(title), host or OTHER, False, None)
        return _Heading(start, start + len(title), OTHER, True, None)


def _known(start: int, title: str, entry: Entry, host: str | None) -> _Heading:
    nested = host is not None and host in entry.nested_in
    category = host if nested and entry.part and host is not None else entry.category
    return _Heading(start, start + len(title), category, not nested, entry)


def _is_field(heading: _Heading, host: str | None) -> bool:
    """Whether a heading is only a field of the header (NAME, DATE OF BIRTH ...), which stays in one piece."""
    return heading.category == HEADER and host in (None, HEADER)


def _in_context(heading: _Heading, seen: set[str]) -> _Heading:
    if heading.entry is None or not heading.main:
        return heading
    for context in heading.entry.contexts:
        if not seen.isdisjoint(context.seen):
            return heading._replace(category=context.category)
    return heading


def _lines(text: str) -> Iterator[_Line]:
    start = end = 0
    for match in _LINE.finditer(text):
        fresh = end == 0 or text.count("\n", end, match.start()) > 1
        wrapped = not fresh and end - start >= _WRAP and (text[end - 1].isalnum() or text[end - 1] == ",")
        start, end = match.span()
        lead = _LEAD.match(text, start, end)
        title = lead.end() if lead else start
        marked = lead is not None and len(lead["hashes"] or "") > 2
        if title < end:
            ruled = text.startswith("\n", end) and _RULE.match(text, end + 1) is not None
            yield _Line(title, end, fresh, wrapped, marked or ruled)


_WRAP: Final = 50
"""A line at least this long that does not end a sentence goes on in the next one."""


def _is_title(title: str) -> bool:
    """Whether words in capitals may be a title: some letters, not too many words, no sentence, no tag."""
    return (
        title[0].isalpha()
        and sum(map(str.isalpha, title)) > 3
        and (title[-1].isalnum() or title[-1] == ")")
        and not any(mark in title for mark in ("[", "]", ". ", "; ", "?", "!"))
        and len(title.split()) <= MOST_WORDS
    )


def _is_capitalised(title: str) -> bool:
    """Whether each word of a short title begins with a capital, small words apart."""
    words = title.split()
    return (
        words[0][0].isupper()
        and words[0] != "Dear"  # A letter's salutation ends with a colon too.
        and len(words) <= 7
        and "[" not in title
        and all(word[0].isupper() or word in _SMALL_WORDS or not word[0].isalpha() for word in words)
    )
