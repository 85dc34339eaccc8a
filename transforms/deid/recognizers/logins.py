"""Log-in names: behind a word for one, or made of a name that the note holds (`bbishop`, `HUNTD3`, `lespos01`)."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import ClassVar, Final

from transforms.deid.lexicon import Lexicon
from transforms.deid.lists import NameLists
from transforms.deid.recognizers.base import ClinicalRecognizer, Found, Note, occurrences, table

_TABLE: Final = table("logins.toml")

_TOKEN: Final = r"(?P<login>[a-z][a-z0-9]{0,63}(?:[._][a-z0-9]{1,63}){0,8})(?![\w@-]|\.[a-z])"
_SURE: Final = re.compile(
    rf"(?:user ?(?:name|id)?|log-?in(?: id| name)?|logon|portal id|screen ?name|handle|e-?signed(?: by)?|closed by"
    r"|opened by|printed by|uploaded by|filed by|accessed by|epcs|e-sig"
    r"|(?:signed|logged) (?:on|in)(?: as)?|account(?=\s[a-z]{4,}\d)|signed(?=\s[a-z]+\d))(?: is|:| -)?"
    rf"[ \t\n]{{1,2}}{_TOKEN}"
)
_BY: Final = re.compile(
    r"(?:\b(?:by|id|to|via|user|term|from|epcs:|operator|access:|prior|entered|scanned|clerk|tech|rn|md|lpn|np|do|pa|cna"
    r"|e-sig)[ \t\n]{1,2}|\(|\[|(?:/|-|\)) ?\n?|(?:\b[ap]m|\b\d\d:?\d\d)[ \t]{1,2})\Z"
)
_SIGNER: Final = re.compile(r"\b(?:rn|lpn|clerk|operator|user|placed by|cosigned by)[ \t]{1,2}\Z")
_STAMPED: Final = re.compile(
    rf" by[ \t\n]{_TOKEN}(?=,?[ \t\n](?:at |on |@ ?)?(?:\d\d?:?\d\d|\d\d?[/-]\d|\d\d? ?[ap]m))"
)
"""`completed by kbishop at 18:15`."""
_LOGIN: Final = re.compile(_TOKEN)
_WORDS: Final = frozenset(_TABLE["words"].split())
_DIGITS: Final = re.compile(r"[a-z]{2,}[._]?[a-z]*\d{1,4}\Z")
_BADGE: Final = re.compile(r"[a-z]{2,3}\d{3,4}\Z")
_SIGNED: Final = re.compile(r"[a-z]{3,6}\d{2,4}(?=\s*(?:\n|\Z)|[.;])")
_SIGNED_BEFORE: Final = re.compile(
    r"(?:\b(?:edited|modified|created|updated|amended|corrected|verified|reviewed|placed|locked|released|routed|forwarded|saved"
    r"|completed|charted|recorded)\b[ \w/:.-]{0,20}? (?:by|to)|\b(?:rn|md|lpn|np|do|pa|pa-c|cna|rt|ma|pharmd|msw),)\s\Z"
)
"""What ends a line behind a signature or the one who changed the note: `Ann Roe, RN, xroe12`."""
_JOINED: Final = re.compile(r"(?<![\w@./\\-])(?:[a-z]{1,20}_[a-z]{2,20}|[a-z]{2,20}_[a-z])\d{0,4}(?![\w@/-]|\.[a-z])")
"""`roe_a`, `a_roe2`, which prose does not write."""
_PARTICLES: Final = (
    "st",
    "saint",
    "mc",
    "mac",
    "o",
    "de",
    "del",
    "dela",
    "van",
    "von",
    "vander",
    "la",
    "le",
    "di",
    "da",
)
_DOTTED: Final = re.compile(r"[a-z]{2,}[._][a-z]{2,}\d{0,4}\Z")
_DOT: Final = re.compile(r"\.[a-z]")
_CLOSED: Final = re.compile(r"\([a-z][a-z0-9._]{3,20}\)")
_LETTERS: Final = re.compile(r"[a-z]+")
_SHORTEST: Final = 4
_LONGEST: Final = 64
"""No log-in name is longer. Without a bound, a note of one run of letters and dots takes quadratic time."""


class Logins(ClinicalRecognizer):
    """User names of people."""

    labels: ClassVar[tuple[str, ...]] = ("USERNAME",)
    title: ClassVar[str] = "logins"

    def __init__(self) -> None:
        self._lexicon = Lexicon.shipped()
        self._lists = NameLists.shipped()
        self._surnames = sorted(self._lists.surnames)
        super().__init__()

    def find(self, note: Note) -> Iterator[Found]:
        done = 0
        for at in sorted(at for _, at in note.starts(_WORDS)):
            match = _SURE.match(note.lowered, at) if at >= done else None
            if match:
                done = match.end()
                written = note.text[match.start("login") : done]
                if self._may_be(match["login"], written):
                    yield Found(*match.span("login"), "USERNAME", 0.85)
        if "by" in note.words:
            for match in _STAMPED.finditer(note.lowered):
                written = note.text[match.start("login") : match.end("login")]
                if self._may_be(match["login"], written) and not (written.isalpha() and self._is_name(match["login"])):
                    yield Found(*match.span("login"), "USERNAME", 0.8)
        for joined in _JOINED.finditer(note.lowered) if "_" in note.lowered else ():
            written = note.text[joined.start() : joined.end()]
            if (written.islower() or written.isupper()) and any(
                self._is_surname(run) for run in _LETTERS.findall(joined.group())
            ):
                yield Found(*joined.span(), "USERNAME", 0.75)
        heads: set[str] | None = None
        for start, end in self._candidates(note):
            signed = _SIGNED.match(note.lowered, start)
            if signed and _SIGNED_BEFORE.search(note.lowered, max(0, start - 44), start):
                letters = _LETTERS.match(signed.group())
                if letters and letters[0] not in _UNITS and not self._lexicon.is_ordinary(letters[0]):
                    yield Found(*signed.span(), "USERNAME", 0.75)
                    continue
            if not _BY.search(note.lowered, max(0, start - 10), start):
                continue
            login = _LOGIN.match(note.lowered, start)
            if login is None or login.end() < end:
                continue
            heads = heads if heads is not None else self._heads(note)
            if self._is_login(note, login["login"], start, login.end(), heads):
                yield Found(start, login.end(), "USERNAME", 0.7)

    def _heads(self, note: Note) -> set[str]:
        return {word[:_SHORTEST] for word in note.words if len(word) >= _SHORTEST and self._is_name(word)}

    @staticmethod
    def _candidates(note: Note) -> Iterator[tuple[int, int]]:
        """Start and a lower bound of the end of what is formed like a log-in name."""
        lowered = note.lowered
        for start, end in note.numbers:
            if end - start < 5 and lowered[start - 1 : start].isalpha() and lowered[start - 2 : start - 1].isalpha():
                yield _head(lowered, start), end
        for dotted in _DOT.finditer(lowered):
            if lowered[dotted.start() - 1].isalpha():
                yield _head(lowered, dotted.start()), dotted.end()
        for closed in _CLOSED.finditer(lowered):
            yield closed.start() + 1, closed.end() - 1
        for at in occurrences(lowered, "/ "):
            if lowered[at + 2 : at + 3].isalpha():
                yield at + 2, at + 2 + _SHORTEST

    def _may_be(self, login: str, written: str) -> bool:
        if len(login) < 4 or self._lexicon.is_ordinary(login) or written.istitle() or login.endswith("ly"):
            return False
        return not login.isalpha() or login not in self._lists.given

    def _is_login(self, note: Note, login: str, start: int, end: int, heads: set[str]) -> bool:
        written = note.text[start:end]
        if not (written.islower() or written.isupper()):
            return False
        runs = _LETTERS.findall(login)
        if _DOTTED.match(login):
            return any(self._is_name(run) for run in runs)
        if _BADGE.match(login) and note.lowered[max(0, start - 4) : start].strip(" \n").endswith(
            ("by", "id", "user", "to", "-sig")
        ):
            return not self._lexicon.is_ordinary(runs[0]) and runs[0] not in _UNITS
        if self._lexicon.is_ordinary(login) or self._is_name(login) or login in self._lexicon.eponyms:
            return False
        letters = runs[0]
        if len(letters) < _SHORTEST:
            return False
        if _DIGITS.match(login):
            if _SIGNER.search(note.lowered, max(0, start - 10), start) and not self._lexicon.abbreviates(letters):
                return True
            return (
                self._holds_name(letters)
                or self._is_cut_surname(letters)
                or letters[:4] in heads
                or letters[1:5] in heads
            )
        # Letters alone: an initial before or behind a surname of this note or of the census, in small letters.
        if not note.mixed and note.lowered[start - 1] not in "(/":
            return False
        return (
            (letters[1:] in note.words and self._is_name(letters[1:]))
            or (letters[:-1] in note.words and self._is_name(letters[:-1]))
            or (note.lowered[start - 1] in "(/" and self._holds_name(letters))
        )

    def _is_surname(self, run: str) -> bool:
        """Whether letters are a surname, also one written together: `stgermain`, `vanburen`."""
        if len(run) < _SHORTEST or self._lexicon.is_ordinary(run):
            return False
        return run in self._lists.surnames or any(
            run.startswith(particle) and run[len(particle) :] in self._lists.surnames for particle in _PARTICLES
        )

    def _is_cut_surname(self, letters: str) -> bool:
        """Whether letters are the head of a surname: systems cut log-in names."""
        at = bisect_left(self._surnames, letters)
        return len(letters) > _SHORTEST and at < len(self._surnames) and self._surnames[at].startswith(letters)

    def _is_name(self, word: str) -> bool:
        return len(word) > 2 and (word in self._lists.surnames or word in self._lists.given)

    def _holds_name(self, letters: str) -> bool:
        return any(len(part) > 3 and part in self._lists.surnames for part in (letters[1:], letters[:-1], letters[2:]))


def _head(lowered: str, at: int) -> int:
    """Where the run of letters and dots before `at` begins, within what a log-in name may be long."""
    least = max(0, at - _LONGEST)
    while at > least and (lowered[at - 1].isalpha() or lowered[at - 1] in "._"):
        at -= 1
    return at


_UNITS: Final = frozenset(_TABLE["units"].split())
