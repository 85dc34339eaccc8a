"""Takes a name as written into its parts: what is the name, and what only goes with it.

`Dr. Jones`, `SMITH, JOHN A JR`, `Maria de la Cruz`, `J. O'Brien's`: titles, degrees and the possessive are no part of
the name and stay when it is replaced. Whatever is not sure to go with a name only counts as part of it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from transforms.deid.fold import fold
from transforms.deid.replacement.words import words

Kind = Literal["name", "initial", "suffix", "particle", "title", "degree", "joint"]

TITLES: Final = frozenset(words("names", "titles"))
_SUFFIXES: Final = frozenset(words("names", "suffixes"))
_NEVER_NAMES: Final = frozenset(words("names", "never_names"))
_PARTICLES: Final = frozenset(words("names", "particles"))
_PARTICLES_TOO: Final = frozenset(words("names", "particles_too"))
_JOINTS: Final = frozenset(words("names", "joints"))
_DEGREES: Final = frozenset(words("names", "degrees"))
_STAFF_DEGREES: Final = frozenset(words("names", "staff_degrees"))

_DOTTED: Final = re.compile(
    r"(?:m\. ?d|ph\. ?d|d\. ?o|r\. ?n|n\. ?p|p\. ?a|d\. ?d\. ?s|m\. ?b\. ?b\. ?s|d\. ?p\. ?m|m\. ?p\. ?h)\b\.?"
    r"|(?:pa-c|np-c|fnp-c|fnp-bc|rn-bc|pharm\. ?d)\b",
    re.IGNORECASE,
)
# A word takes all that is neither blank, punctuation nor digit: letters of any script with their marks, and what is not
# seen. Nothing that could tell a name is left between two words.
_IN_WORD: Final = r"(?:[^\W\d_]|[^\x00-\x7f\s\d\u2010-\u2027\u2030-\u205e\u3000-\u303f\u00a0-\u00ac\u00ae-\u00bf])"
_WORD: Final = re.compile(rf"{_IN_WORD}(?:{_IN_WORD}|['’‘ʼ´`](?={_IN_WORD}))*")
_POSSESSIVE: Final = re.compile(r"['’‘ʼ´`][sS]\Z")
_HYPHENS: Final = frozenset("-‐‑‒–")
_APOSTROPHES: Final = str.maketrans("", "", "'`")


class Part(NamedTuple):
    """`raw[start:end]` is one word of a name.

    Attributes:
        start, end: offsets into the span's text.
        kind: what the word is.
        key: the word folded, without apostrophes: what all of its forms share.
        segment: which of the stretches between commas it stands in.
        joined: whether a hyphen joins it to the word before.
    """

    start: int
    end: int
    kind: Kind
    key: str
    segment: int
    joined: bool


def key_of(word: str) -> str:
    """What all forms of a word of a name share: `O'BRIEN`, `o’brien` and `OBrien`."""
    return fold(word).translate(_APOSTROPHES).casefold() or word


@lru_cache(maxsize=8192)
def parts(raw: str, staff: bool = False) -> tuple[Part, ...]:
    """The words of a name.

    Args:
        raw: the text of a span.
        staff: whether it is labelled as that of a member of staff, who may have a degree.
    """
    found: list[tuple[int, int, str, int, bool]] = []
    degrees: list[Part] = []
    segment = at = 0
    for match in _WORD.finditer(raw):
        start, end = match.span()
        if start < at:
            continue
        gap = raw[at:start]
        segment += "," in gap or ";" in gap
        if found and (dotted := _DOTTED.match(raw, start)) and (staff or "," in gap or "." not in dotted.group()):
            degrees.append(Part(*dotted.span(), "degree", "", segment, joined=False))
            at = dotted.end()
            continue
        possessive = _POSSESSIVE.search(raw, start, end)
        end_of_name = possessive.start() if possessive else end
        found.append((start, end_of_name, key_of(raw[start:end_of_name]), segment, bool(found) and gap in _HYPHENS))
        at = end
    told = [
        Part(start, end, _kind(raw, found, number, staff), key, segment, joined)
        for number, (start, end, key, segment, joined) in enumerate(found)
    ]
    return tuple(sorted([*told, *degrees]))


def _kind(raw: str, found: list[tuple[int, int, str, int, bool]], number: int, staff: bool) -> Kind:
    start, end, key, segment, _ = found[number]
    followed = number + 1 < len(found) and found[number + 1][3] == segment
    if key in TITLES and (followed or key in _NEVER_NAMES):
        return "title"
    if number and raw[start:end].islower() and key in _JOINTS and number + 1 < len(found):
        return "joint"
    if number and key in _SUFFIXES:
        return "suffix"
    if number and (key in _DEGREES or (staff and key in _STAFF_DEGREES and raw[start:end].isupper())):
        before = [word for word in found[:number] if len(word[2]) > 1 and word[2] not in TITLES]
        sure = key in _DEGREES or found[number - 1][3] < segment or len(before) > 1
        if before and sure and not (followed and found[number + 1][2] not in _DEGREES | _STAFF_DEGREES):
            return "degree"
    if key in _PARTICLES and followed:
        alone = number == 0 or found[number - 1][2] in TITLES
        if key not in _PARTICLES_TOO or not alone or raw[start:end].islower():
            return "particle"
    return "initial" if len(key) == 1 else "name"


class Name(NamedTuple):
    """Whose name it is, as far as it tells; keys of `Part`, initials among them.

    Attributes:
        given: given names.
        surname: parts of the surname.
        loose: a name by itself, given or not.
        title: key of the title, or empty.
    """

    given: tuple[str, ...]
    surname: tuple[str, ...]
    loose: str
    title: str

    @property
    def full(self) -> frozenset[str]:
        """All but initials."""
        return frozenset(word for word in (*self.given, *self.surname, self.loose) if len(word) > 1)

    @property
    def initials(self) -> tuple[str, ...]:
        return tuple(word for word in self.given if len(word) == 1)


def name_of(found: tuple[Part, ...], given_names: frozenset[str]) -> Name:
    """The first name that the parts make.

    Args:
        found: of one span.
        given_names: known given names: they tell `SMITH JOHN` from `John Smith`.
    """
    title = next((part.key for part in found if part.kind == "title"), "")
    joint = next((at for at, part in enumerate(found) if part.kind == "joint"), len(found))
    named = [part for part in found[:joint] if part.kind in ("name", "initial")]
    if not named:
        return Name((), (), "", title)
    first = named[0].segment
    head = _groups([part for part in named if part.segment == first])
    rest = [part.key for part in named if part.segment != first]
    if rest:
        return Name(tuple(rest), tuple(key for group in head for key in group), "", title)
    full = [group for group in head if len(group[0]) > 1]
    if len(full) < 2:
        initials = tuple(group[0] for group in head if len(group[0]) == 1)
        if not full:
            return Name(initials, (), "", title)
        (only,) = full
        if head[-1] == only and (initials or title or len(only) > 1):
            return Name(initials, only, "", title)  # `J. Smith`, `Mr. Smith`, `Smith-Jones`
        return Name(initials, (), only[0], title)
    turned = len(head[-1][0]) == 1 or (head[-1][0] in given_names and head[0][0] not in given_names)
    surname, given = (head[0], head[1:]) if turned and len(head[0][0]) > 1 else (head[-1], head[:-1])
    return Name(tuple(key for group in given for key in group), surname, "", title)


def _groups(named: list[Part]) -> list[tuple[str, ...]]:
    """The keys of the words; those that a hyphen joins together."""
    groups: list[tuple[str, ...]] = []
    for part in named:
        if part.joined and groups:
            groups[-1] += (part.key,)
        else:
            groups.append((part.key,))
    return groups
