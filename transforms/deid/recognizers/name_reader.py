"""Reads a name at a place where one may begin, or backwards from a degree.

Ordinary words stop it (`Patient: Alert`), placeholders count as no name (`Dr. X`), and so does an abbreviation
in capitals (`seen by ENT`).
"""

from __future__ import annotations

import re
from typing import Final, Literal

from transforms.deid.lexicon import Lexicon
from transforms.deid.lists import NameLists
from transforms.deid.recognizers.base import table

_TABLE: Final = table("names.toml")
_PARTICLES: Final = frozenset(_TABLE["particles"].split())
_SUFFIXES: Final = frozenset(_TABLE["suffixes"].split())
_HONORIFICS: Final = frozenset(_TABLE["honorifics"].split())
DEGREES: Final = frozenset(_TABLE["degrees"].split())

WORD: Final = re.compile(r"[^\W\d_]+(?:['’`\-](?![sS]\b)[^\W\d_]+)*")
"""A word of a name; the possessive `'s` is no part of it."""

DEGREE: Final = re.compile(
    r",?[ \t]{1,2}(?:M\.D\.|MD\b|D\.O\.|R\.N\.|RN\b|Ph\.?D\.?|PhD\b|N\.P\.|P\.A\.(?:-C\.?)?|PA-C\b|CRNA\b|LCSW\b"
    r"|MSW\b|PharmD\b|APRN\b|ARNP\b|FNP\b|CNM\b|D\.?P\.?M\.?\b|DDS\b|DMD\b|M\.B\.B\.S\.|MBBS\b|LPN\b|FACS\b|FACP\b)"
    r"|,[ \t]{0,2}(?:MD|DO|NP|PA|MS|OD|CNA|PT|OT|RD|M\.A\.|MA|RRT|SLP|Esq)\b(?!/)(?!\.?,?\s{1,2}\d{5})"
)
"""A degree or licence after a name. Two letters that are also a state count only without a ZIP code behind them."""
DEGREE_HINT: Final = re.compile(
    r"M\.D|MD|D\.O|DO|R\.N|RN|Ph|N\.P|NP|P\.A|PA|CR|LC|MS|AP|AR|FN|CN|D\.?P|DD|DM|M\.B|MB|LP|FA|OD|PT|OT|RD|M\.A|MA"
    r"|RR|SL|Esq"
)
"""How degrees begin: capitals are quicker to search for than the blanks before them."""
WEAK_DEGREES: Final = frozenset(("DO", "NP", "PA", "MS", "OD", "PT", "OT", "RD", "MA", "M.A."))

_LAST_FIRST: Final = re.compile(
    r"(?P<last>(?:(?i:de la|de los|de|la|del|van|van der|von|st\.?|al|el|da|di|mac|o)"
    r" )?[^\W\d_]+(?:['’`-][^\W\d_]+)*(?: (?:[Jj][Rr]|[Ss][Rr]|I{2,3}|IV)\.?)?),[ \t]?"
    r"(?P<first>[^\W\d_]{2,}(?:['’`-][^\W\d_]+)*)(?: (?!a |A [A-Z]{2})[A-Za-z](?:\.(?=\W|\Z)|(?![\w.'/])))?"
)
_MARKS: Final = frozenset("(,;.")
_SPLIT: Final = re.compile(r"['’`\-]")
_LONGEST_ACRONYM: Final = 6
_FULL_LINE: Final = 60
"""A line of at least this many characters was broken by the editor, so a name may go on in the next."""

_BACK: Final = re.compile(
    r"(?:[^\W\d_][^\W\d_'’\-]*(?:['’\-][^\W\d_]+)*(?:\.(?= ?[^\W\d_]))?(?:, ?| |\.))*"
    r"[^\W\d_]+(?:['’\-][^\W\d_]+)*\.?\Z"
)
_LONGEST_BACK: Final = 48

_APART: Final = re.compile(r"[ \t]*(?:[.,;:()/\n@#&\-]|\d|\+\d|'s\b|\Z)|[ \t]{2}")
"""What stands behind a name and behind few ordinary words in the middle of a sentence."""
NO_NAMES: Final = frozenset(_TABLE["no_names"].split())
"""Ordinary words that the census knows as names, and that mean themselves nearly always."""

_SHORT_SURNAMES: Final = frozenset(("do", "so", "he", "an"))
"""Words of two letters that are surnames behind a title or a given name: `Mr. Do`, `Chester Do (`."""

_ACTS: Final = re.compile(
    _TABLE["acts"].replace("RELATIVE", "|".join(sorted(_TABLE["patient"]["relatives"], key=len, reverse=True))),
    re.IGNORECASE,
)


def acts(text: str, end: int) -> bool:
    """Whether what follows `end` is said of people: `states`, `(wife)`, a phone number."""
    return _ACTS.match(text, end) is not None


def closes_name(text: str, end: int) -> bool:
    """Whether what follows `end` stands behind names and behind few ordinary words: a mark, a degree, `states`."""
    return _APART.match(text, end) is not None or DEGREE.match(text, end) is not None or acts(text, end)


def _shouts_after(text: str, end: int, word: re.Match[str]) -> bool:
    """Whether a word in capitals follows a name that is not in capitals."""
    return len(word.group()) > 1 and word.group().isupper() and not text[end - 1].isupper()


_RELATIVES: Final = frozenset(_TABLE["patient"]["relatives"])
_LABELS: Final = frozenset(_TABLE["labels"].split())
"""Names of fields and services, which may stand right behind a name."""

Kind = Literal["name", "initial", "particle", "suffix"]


class NameReader:
    """Args: lexicon: tells ordinary words, eponyms and placeholders."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._lists = NameLists.shipped()

    def read(self, text: str, at: int, *, sure: bool, most: int = 4) -> tuple[int, int] | None:
        """Reads the name that begins at `at`.

        Args:
            text: the note.
            at: index of its first letter.
            sure: whether the words before leave no doubt (`Mr. `): then an ordinary word that is a name too
                (`Young`), capitals (`LEE`) and a rare word in lower case are taken as well.
            most: words at most.

        Returns:
            Start and end of the name; None when there is none.
        """
        last_first = self._last_first(text, at)
        if last_first is not None:
            return at, last_first
        end = position = at
        names = 0
        given = False
        comma = shouting = False
        for count in range(most):
            match = WORD.match(text, position)
            kind = match and self._kind(
                text, match, first=count == 0, sure=sure, more=names > 0 or given, given=given, shouting=shouting
            )
            if match is None or kind is None:
                break
            position = match.end()
            if kind == "name":
                names += 1
                end = position
                given = match.group().lower() in self._lists.given
                shouting = shouting or (len(match.group()) > 1 and match.group().isupper())
            elif kind == "suffix":
                end = position + text.startswith(".", position)
                break
            elif kind == "initial":
                position += text.startswith(".", position)
                if names:
                    end = position
                elif not self._name_follows(text, position):
                    break
                given = given or text[position - 1] == "."  # `A. Wise`
            gap = self._gap(text, position, comma=comma or names != 1)
            if gap is None:
                break
            comma = comma or "," in text[position:gap]
            position = gap
        lone = names == 1 and not sure and not comma and end - at <= _LONGEST_ACRONYM and text[at:end].isupper()
        return (
            (at, end) if names and not (lone and not (end - at > 3 and self.is_listed(text[at:end].lower()))) else None
        )

    def _kind(
        self, text: str, match: re.Match[str], *, first: bool, sure: bool, more: bool, given: bool, shouting: bool
    ) -> Kind | None:
        """What `match` is to a name; None for no part of one. `more`: a name word came before it."""
        word, end = match.group(), match.end()
        lowered = word.lower()
        if more and lowered in _SUFFIXES and word[0].isupper():
            return "suffix"
        if len(word) == 1:
            return "initial" if word.isupper() and (more or text[end : end + 1] in (".", " ")) else None
        ordinary = self._lexicon.is_ordinary(lowered) and not ("-" in lowered and self._is_compound(lowered))
        if lowered in _PARTICLES and (word.islower() or not ordinary) and self._name_follows(text, end):
            return "particle"
        if self._lexicon.is_placeholder(lowered) or lowered in _HONORIFICS or lowered in _LABELS:
            return None
        if lowered in DEGREES and (word.isupper() or more):
            return None
        if not word[0].isupper():
            return "name" if self._is_lower_name(text, lowered, end, first=first, sure=sure, more=more) else None
        if ordinary:
            return (
                "name"
                if self._is_word_name(text, match, first=first, sure=sure, more=more, given=given, shouting=shouting)
                else None
            )
        if sure:
            return "name"
        eponym = self._lexicon.is_used_as_eponym(text, end) or (not more and self._lexicon.is_eponym(lowered))
        return None if eponym else "name"

    def _is_lower_name(self, text: str, word: str, end: int, *, first: bool, sure: bool, more: bool) -> bool:
        """Whether a word without a capital is a name: `pt john smith`, `dr. kaczander`, `wife hope 555-0192`."""
        if len(word) < 3 or self._lexicon.is_eponym(word):
            return False
        if not self._lexicon.is_ordinary(word):
            return (sure and first) or self.is_listed(word)
        if word in NO_NAMES or not (self._lexicon.is_name_too(word) or word in self._lists.given):
            return False
        return (more or sure or word in self._lists.given) and closes_name(text, end)

    def _is_word_name(
        self, text: str, match: re.Match[str], *, first: bool, sure: bool, more: bool, given: bool, shouting: bool
    ) -> bool:
        """Whether an ordinary word with a capital is a name: `Dr. Young`, `Rose Heart`, but not `Patient: Alert`."""
        word, lowered, end = match.group(), match.group().lower(), match.end()
        if len(word) == 2 and lowered in _SHORT_SURNAMES and word[1].islower():
            return (first and sure) or (more and given and closes_name(text, end))
        if len(word) < 3 or not (self._lexicon.is_name_too(lowered) or lowered in self._lists.given):
            return False
        if first and sure:
            return lowered not in NO_NAMES or closes_name(text, end)
        if lowered in NO_NAMES and not (more and given):
            # Not `Will be seen`, but `son Will (555-0192)` and `Yusuf Hand`.
            return (
                not more
                and lowered in self._lists.given
                and word[1:].islower()
                and text[end : end + 2].strip()[:1] in _MARKS
            )
        if more and not shouting:
            return True
        apart = closes_name(text, end)
        if more:
            return apart
        # A first word that only may be a name: a given name, before a surname or by itself.
        return lowered in self._lists.given and (apart or self._surname_follows(text, end))

    def _last_first(self, text: str, at: int) -> int | None:
        """Where `LAST, First M` that begins at `at` ends, if the census knows both."""
        match = _LAST_FIRST.match(text, at)
        if match is None:
            return None
        last, first = match["last"].lower().rpartition(" ")[2], match["first"].lower()
        if first in _LABELS or first in DEGREES or (first in NO_NAMES and last in NO_NAMES) or not self.is_given(first):
            return None
        if (self._lexicon.is_ordinary(last) or last in self._lexicon.eponyms) and last not in self._lists.surnames:
            return None
        if self._lexicon.is_placeholder(last) or (match["last"].islower() and not self.is_listed(last)):
            return None
        if len(first) < 4 and match["first"].isupper() and not match["last"].isupper():
            return None
        return match.end()

    def _is_compound(self, word: str) -> bool:
        """Whether all parts of a word with hyphens are names, one of them given: `sung-min`."""
        parts = word.split("-")
        return (
            any(part in self._lists.given for part in parts)
            and all(len(part) > 1 for part in parts)
            and self.is_listed(word)
        )

    def is_given(self, word: str) -> bool:
        """Whether the census, or the list of nicknames, knows the lower-case word as a given name."""
        if word in self._lists.given or word in self._lists.nicknames:
            return True
        return any(part in self._lists.given for part in _SPLIT.split(word)) and len(word) > 4

    def is_listed(self, word: str) -> bool:
        """Whether the census knows the lower-case word (or all its parts) as a name."""
        lists = self._lists
        if word in lists.given or word in lists.surnames:
            return True
        if _SPLIT.sub("", word) in lists.surnames:
            return True  # the census writes `obrien`
        parts = [part for part in _SPLIT.split(word) if len(part) > 1]
        return len(parts) > 1 and all(part in lists.given or part in lists.surnames for part in parts)

    @staticmethod
    def is_label(word: str) -> bool:
        """Whether the lower-case word is a field, service, title, degree or relation, which stand beside names."""
        return word in _LABELS or word in _HONORIFICS or word in DEGREES or word in _RELATIVES

    def _surname_follows(self, text: str, end: int) -> bool:
        match = WORD.match(text, end + 1) if text.startswith(" ", end) else None
        if match is None:
            return False
        word = match.group().lower()
        if self._lexicon.is_ordinary(word):
            return word in self._lists.surnames and word not in NO_NAMES and closes_name(text, match.end())
        return match.group()[0].isupper() and not self._lexicon.is_eponym(word)

    def _name_follows(self, text: str, at: int) -> bool:
        while text[at : at + 1] in (" ", "."):
            at += 1
        match = WORD.match(text, at)
        if match is None:
            return False
        word = match.group()
        lowered = word.lower()
        if lowered in _PARTICLES and word.islower():
            return self._name_follows(text, match.end())
        if self._lexicon.is_ordinary(lowered) and not self._lexicon.is_name_too(lowered):
            return False
        return word[0].isupper() and (len(word) > 1 or text.startswith(".", match.end()))

    @staticmethod
    def _gap(text: str, at: int, *, comma: bool) -> int | None:
        """Where the next word may begin: after blanks, after one comma unless `comma`, after a full line's end."""
        if DEGREE.match(text, at):
            return None
        end = at
        if not comma and text.startswith(",", at):
            following = WORD.match(text, at + 1 + text.startswith(" ", at + 1))
            if following is None or not following.group()[0].isupper() or following.group().lower() in DEGREES:
                return None
            if _shouts_after(text, at, following):
                return None  # `Patrick, CHF`
            end += 1
        blanks = 0
        while blanks < 2 and text[end : end + 1] in (" ", "\t"):
            end += 1
            blanks += 1
        if blanks == 0 and text.startswith("\n", end) and end - (text.rfind("\n", 0, end) + 1) >= _FULL_LINE:
            end += 1
            heading = WORD.match(text, end)
            if heading and _shouts_after(text, at, heading):
                return None
        return end if end > at else None

    def read_back(self, text: str, end: int) -> int | None:
        """Where the name that ends at `end`, before a degree, begins; None when there is none."""
        line = max(text.rfind("\n", max(0, end - _LONGEST_BACK), end) + 1, end - _LONGEST_BACK)
        run = _BACK.search(text, line, end)
        if run is None:
            return None
        first: int | None = None
        names = 0
        words = list(WORD.finditer(text, run.start(), end))
        for count, match in enumerate(reversed(words[-4:])):
            word = match.group()
            lowered = word.lower()
            if lowered in DEGREES and len(word) > 1:
                continue  # the first of two degrees
            particle = lowered in _PARTICLES and names > 0
            if not (word[0].isupper() or particle) or lowered in _HONORIFICS:
                break
            if len(word) > 1:
                if self._lexicon.is_placeholder(lowered):
                    break
                if not self._lexicon.is_ordinary(lowered):
                    names += 1
                elif not self._lexicon.is_name_too(lowered) or (word.isupper() and len(words) > 3):
                    break
                else:
                    names += count == 0
            first = match.start()
        return first if names else None
