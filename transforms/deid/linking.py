"""Names found in one place are looked for everywhere: in the rest of the note and in the patient's other notes.

A note says `Dr. Jane Kowalska` once and `Kowalska` from then on; a later note says only `Kowalska`. Each part of a
name that is certain is searched for; a part that is an ordinary word, an eponym or a placeholder is not, for it
would take the note's own words with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from transforms.deid import known
from transforms.deid.fold import Folded, fold, lower
from transforms.deid.labels import PRIORITY
from transforms.deid.lexicon import Lexicon
from transforms.deid.recognizers.name_reader import DEGREES
from transforms.deid.spans import TAGGER, PhiSpan, merge

ECHO: Final = "echo"
"""Recognizer of a further mention of a name that another recognizer found in the same note."""

LINK: Final = "link"
"""Recognizer of a mention of a name that is certain in another note of the same patient."""

NAMES: Final = frozenset(("PATIENT", "DOCTOR"))
_CERTAIN: Final = 0.85
_SURE: Final = 0.7
_SCORE: Final = 0.75
_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_SHORTEST: Final = 3
_CLEAR: Final = 4
"""A part of this length that is no ordinary word is the name in small letters too, where a recognizer read it."""
_NAME_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SIGN: Final = re.compile(r"(?<![\w-])[A-Z]{3}(?![\w-])")
_JOINTS: Final = str.maketrans("", "", "._")
_SHORTEST_HANDLE: Final = 5
_NUMBERED: Final = re.compile(r"(?<![\w@./-])([a-z]{4,9})\d{1,5}(?![\w@/-]|\.\w)")
_CUT_AT: Final = (6, 7, 8)
"""Lengths at which systems cut log-in names."""
_OLD: Final = r"(9\d|1[01]\d)"
_AGE_BEHIND: Final = re.compile(
    rf",? \({_OLD}\)"
    rf"|, {_OLD}(?=, \d{{3,}}-?\d)"
    rf"| {{2,}}(?:[A-Z]{{0,3}}\d[\w-]{{3,}} {{2,}})?{_OLD}(?= {{2,}}(?:[MF](?: |$)|\d{{1,2}}[/.-]))"
    rf"| {_OLD}(?= (?:here|seen|[mMfF]|y\.?o)\b)"
    rf"|, {_OLD}(?=[,;.]?(?:\s*\n|\Z)|, (?![\d/]))"
    rf"|(?: is|'s|’s) (?:now )?{_OLD}(?=[,;.](?!\d)|\s*\n|\s*\Z)"
)
_DICTATED: Final = re.compile(
    r"\n([A-Z]{3})(?:[:/](?=[a-z]{2,12}(?:[._][a-z]{2,16})?\d{0,3}(?:[ \t]|$))"
    r"|(?= \d{1,2}/\d{1,2}(?:/\d{2,4})? \d\d:?\d\d$))",
    re.MULTILINE,
)
"""Who dictated, before who typed, or who signed, before when, on a line of its own: `HLF:farrellh`, `HLF 9/2 1915`."""
_BRACKETED: Final = re.compile(r" \(([A-Z]{2,3})\)|,? (?:/ )?([A-Z]{3})(?![\w-])")
_EXTENSION_BEHIND: Final = re.compile(r" \((?!(?:19|20[0-3])\d\))(\d{4})\)")

Part = tuple[float, int, str, bool]
"""Of a part of a name: best score, rank of its label (negative), its label, whether to look for it in any case."""


def link(notes: Sequence[tuple[str, Sequence[PhiSpan]]], lexicon: Lexicon) -> list[list[PhiSpan]]:
    """Looks for the certain names of each of a patient's notes in all of them.

    Certain is a name given with the row, or found with a score of at least 0.85; of a model's finds only the parts
    that the census knows as names.

    Args:
        notes: for each note its raw text and its PHI (sorted, disjoint).
        lexicon: tells ordinary words and eponyms.

    Returns:
        For each note, in the order given, all its PHI: sorted, disjoint, trimmed. A note's result does not depend on
        the order of the notes.
    """
    parts: dict[str, Part] = {}
    for text, spans in notes:
        certain = [span for span in spans if span.recognizer == known.RECOGNIZER or span.score >= _CERTAIN]
        for part, found in name_parts(text, certain, lexicon).items():
            parts[part] = max(found, parts.get(part, found))
    if parts:
        notes = [(text, merge(text, [*spans, *mentions_of(text, parts, lexicon, LINK)])) for text, spans in notes]
    return agreed(notes)


def echoes(text: str, spans: Sequence[PhiSpan], lexicon: Lexicon) -> list[PhiSpan]:
    """Further mentions, in the same note, of the names among `spans`; known PHI is left out, being searched whole."""
    sure = (span for span in spans if span.recognizer != known.RECOGNIZER and span.score >= _SURE)
    found = name_parts(text, sure, lexicon)
    named = [span for span in spans if span.label in NAMES]
    behind = [*_initials(text, named), *_signs(text, named, lexicon), *_handles(text, named, lexicon)]
    return [*(mentions_of(text, found, lexicon, ECHO) if found else ()), *behind]


def agreed(notes: Sequence[tuple[str, Sequence[PhiSpan]]]) -> list[list[PhiSpan]]:
    """The spans of a patient's notes, each person under one label.

    `Kowalska` by itself may be anyone; where one note says `Dr. Jane Kowalska` and none names another Kowalska in
    full, she is that doctor everywhere.

    Args:
        notes: for each note its raw text and its PHI.
    """
    named: dict[str, set[str]] = {}
    for text, spans in notes:
        for span in spans:
            words = _name_words(text, span) if span.label in NAMES else ()
            if len(words) > 1 or (words and span.recognizer == known.RECOGNIZER):
                for word in words:
                    named.setdefault(word, set()).add(span.label)
    return [[_relabelled(text, span, named) for span in spans] for text, spans in notes]


def _relabelled(text: str, span: PhiSpan, named: Mapping[str, set[str]]) -> PhiSpan:
    words = _name_words(text, span) if span.label in NAMES else ()
    labels = named.get(words[0], set()) if len(words) == 1 else set()
    return span._replace(label=next(iter(labels))) if len(labels) == 1 else span


def _name_words(text: str, span: PhiSpan) -> list[str]:
    return [word for word in _WORD.findall(fold(text[span.start : span.end])) if len(word) > 1]


def _initials(text: str, spans: Iterable[PhiSpan]) -> list[PhiSpan]:
    """What stands behind a name: initials (`(ED)`), an age over 89 (`Ann Lee, 94`), an extension (`(2417)`)."""
    found = []
    for span in spans:
        match = _BRACKETED.match(text, span.end)
        words = _WORD.findall(text[span.start : span.end]) if match else []
        age = _AGE_BEHIND.match(text, span.end)
        if age:
            found.append(PhiSpan(*age.span(age.lastindex or 0), "AGE", _SCORE, ECHO))
        letters = match[match.lastindex or 0] if match else ""
        firsts = [word[0].upper() for word in words]
        if (
            match
            and len(words) > 1
            and letters[0] == firsts[0]
            and letters[-1] in firsts[1:]
            and letters.lower() not in DEGREES
        ):
            found.append(PhiSpan(*match.span(match.lastindex or 0), span.label, _SCORE, ECHO))
        extension = _EXTENSION_BEHIND.match(text, span.end)
        if extension:
            found.append(PhiSpan(*extension.span(1), "PHONE", _SCORE, ECHO))
    return found


def _signs(text: str, spans: Iterable[PhiSpan], lexicon: Lexicon) -> list[PhiSpan]:
    """`JPO`, anywhere in the note, of `Josephine P. O'Shaughnessy`: staff sign with three initials."""
    signs: dict[str, str] = {}
    for span in spans:
        words = _NAME_WORD.findall(text[span.start : span.end])
        if len(words) == 3 and all(word[0].isupper() for word in words):
            first, middle, last = words
            if text.startswith(",", span.start + len(first)):  # LAST, FIRST MIDDLE
                first, middle, last = middle, last, first
            sign = (first[0] + middle[0] + last[0]).upper()
            if not lexicon.is_eponym(sign.lower()) and not lexicon.is_ordinary(sign.lower()):
                signs.setdefault(sign, span.label)
    dictated = [
        PhiSpan(match.start(1) - 1, match.end(1) - 1, "DOCTOR", _SCORE, ECHO)
        for match in _DICTATED.finditer("\n" + text)  # so that the first line begins as the others do
        if not lexicon.abbreviates(match[1])
    ]
    if not signs:
        return dictated
    return dictated + [
        PhiSpan(*match.span(), signs[match.group()], _SCORE, ECHO)
        for match in _SIGN.finditer(text)
        if match.group() in signs
    ]


def _handles(text: str, spans: Sequence[PhiSpan], lexicon: Lexicon) -> list[PhiSpan]:
    """Log-in names made of the names in the note: `cgoldsmi`, `wade_l`, `ann.lee2`."""
    handles: set[str] = set()
    numbered: set[str] = set()
    pairs: list[tuple[str, str]] = []
    for span in spans:
        words = [word for word in re.findall("[a-z]+", fold(text[span.start : span.end])) if len(word) > 1]
        if len(words) < 2:
            continue
        pairs += ((words[0], words[-1]), (words[-1], words[0]))
        for one, other in pairs[-2:]:
            made = [one[0] + other, other + one[0], one + other]
            handles.update(handle for handle in made if len(handle) >= _SHORTEST_HANDLE)
            numbered.update((one, one + other[0]))
            handles.update(handle[:cut] for handle in made[:2] for cut in _CUT_AT if len(handle) > cut)
    if not pairs:
        return []
    cut = _cut_handles(text, pairs, lexicon)
    parts = {word for span in spans for word in _WORD.findall(fold(text[span.start : span.end]))}
    handles = {handle for handle in handles if handle not in parts and not lexicon.is_ordinary(handle)}
    lowered = lower(text)
    plain = lowered.translate(_JOINTS)
    there = [*(rf"{_dotted(handle)}\d{{0,4}}" for handle in sorted(handles) if handle in plain)]
    there += [rf"{_dotted(name)}\d{{1,4}}" for name in sorted(numbered) if name in plain]
    if not there:
        return cut
    return cut + [
        PhiSpan(*match.span(), "USERNAME", _SCORE, ECHO)
        for match in re.finditer(rf"(?<![\w@.-])(?:{'|'.join(there)})(?![\w@-]|\.\w)", lowered)
    ]


def _cut_handles(text: str, pairs: Sequence[tuple[str, str]], lexicon: Lexicon) -> list[PhiSpan]:
    """Log-in names with a number that are cut from both parts of a name: `navagr3` of Grace Navarro, `xbog16`."""
    found = []
    for match in _NUMBERED.finditer(lower(text)):
        letters = match[1]
        if lexicon.is_ordinary(letters) or lexicon.abbreviates(letters):
            continue
        if any(_is_cut(letters, one, other) for one, other in pairs):
            found.append(PhiSpan(*match.span(), "USERNAME", _SCORE, ECHO))
    return found


def _is_cut(letters: str, one: str, other: str) -> bool:
    """Whether `letters` is the head of one part of a name and that of the other, or an x and the head of one."""
    if letters[0] == "x" and one.startswith(letters[1:]):
        return True
    return any(
        one.startswith(letters[:at]) and other.startswith(letters[at:]) and max(at, len(letters) - at) >= _SHORTEST
        for at in range(1, len(letters))
    )


def _dotted(handle: str) -> str:
    """A pattern for the handle, with or without a point or bar between its letters."""
    return "[._]?".join(handle)


def name_parts(text: str, spans: Iterable[PhiSpan], lexicon: Lexicon) -> dict[str, Part]:
    """The folded parts of the names among `spans` that may be searched for."""
    parts: dict[str, Part] = {}
    for span in spans:
        if span.label not in NAMES:
            continue
        written = text[span.start : span.end]
        for word in _WORD.findall(fold(written)):
            if len(word) >= _SHORTEST and not (
                lexicon.is_ordinary(word) or lexicon.is_eponym(word) or lexicon.is_placeholder(word)
            ):
                shy = written.islower() or (
                    len(word) >= _CLEAR and span.score >= _CERTAIN and span.recognizer != TAGGER
                )
                found = (span.score, -PRIORITY[span.label], span.label, shy)
                parts[word] = max(found, parts.get(word, found))
    return parts


def mentions_of(text: str, parts: Mapping[str, Part], lexicon: Lexicon, recognizer: str) -> list[PhiSpan]:
    """Where `text` names one of `parts`: with a capital, or in any case where the part may be so written."""
    folded = Folded(text)
    found: list[PhiSpan] = []
    for label in sorted({part[2] for part in parts.values()}):
        places: list[tuple[int, int]] = []
        for capital in (True, False):
            wanted = [word for word, part in parts.items() if part[2] == label and part[3] != capital]
            places += known.mentions(text, folded, wanted, lexicon, capital=capital)
        stands = [
            (start, end)
            for start, end in places
            if not lexicon.is_used_as_eponym(text, end) and not text.startswith(":", end)
        ]
        found += known.join(text, stands, label, recognizer, _SCORE)
    return found
