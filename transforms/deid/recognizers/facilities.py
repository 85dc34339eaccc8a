"""Hospitals and other facilities by their form (`Mercy General Hospital`); employers by the words before them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from transforms.deid.lexicon import Lexicon
from transforms.deid.recognizers.base import ClinicalRecognizer, Found, Note, is_word_char, longest_first, table

_TABLE: Final = table("places.toml")["facility"]
_GENERIC: Final = frozenset(_TABLE["generic"].split())
_FORM_NAMES: Final = frozenset(_TABLE["form_names"].split())
_PROPER: Final = frozenset(_TABLE["proper"].split())
_HINTS: Final = tuple({kind.lower().split()[0] for kind in _TABLE["kinds"]})

_KIND: Final = re.compile(
    rf"(?:{longest_first(_TABLE['kinds'])})\b(?! (?i:day|course|stay|follow|discharge|bed|admission|records?)\b)"
)
_HEAD: Final = re.compile(r"(?:(?:[A-Z][\w'’]*(?:[.\-&][\w'’]+)*\.?|of|the|and|&|at|for|de|la)[ ](?:- )?){1,7}\Z")
_LONGEST_HEAD: Final = 70
_FIELD: Final = re.compile(r"(?:facility|hospital|institution|campus|location|site)(?: name)?:[ \t]*")
_FIELD_VALUE: Final = re.compile(r"[^\W\d_][^\n|;:,()\t]{2,60}?(?=\s*(?:\Z|\n|\||;|,|\(|\t|  ))")
_STOP: Final = frozenset(("to", "this", "at", "from", "in", "by", "with", "our", "your", "known", "or", "was", "is"))


_EMPLOYER_NAME: Final = re.compile(r"(?:the )?[A-Z][\w'’&\-]*(?:[ \n](?:and |& |of |the )?[A-Z][\w'’&\-]*){0,4}")
_EMPLOYER: Final = re.compile(
    r"(?:(?:occupation/)?employer|pharmacy|school):[ \t]*|(?:employed (?:by|at)|work(?:s|ed|ing)? (?:at|for)"
    r"|employee of|retired from)\s"
)


class Facilities(ClinicalRecognizer):
    """Facilities with a name (`Mercy General Hospital`), not those without one (`the pain clinic`)."""

    labels: ClassVar[tuple[str, ...]] = ("HOSPITAL", "ORGANIZATION")
    title: ClassVar[str] = "facilities"

    def __init__(self) -> None:
        self._lexicon = Lexicon.shipped()
        super().__init__()

    def find(self, note: Note) -> Iterator[Found]:
        text, lowered = note.text, note.lowered
        for field in _FIELD.finditer(lowered):
            value = _FIELD_VALUE.match(text, field.end()) if _heads_field(lowered, field.start()) else None
            if value and any(self._names_facility(word, True) for word in value.group().split() if word[0].isupper()):
                yield Found(*value.span(), "HOSPITAL", 0.75)
        for trigger in _EMPLOYER.finditer(lowered):
            value = None if is_word_char(lowered, trigger.start() - 1) else _EMPLOYER_NAME.match(text, trigger.end())
            if value and any(self._names_facility(word, True) for word in value.group().split() if word[0].isupper()):
                yield Found(*value.span(), "ORGANIZATION", 0.7)
        if not any(hint in lowered for hint in _HINTS):
            return
        for kind in _KIND.finditer(text):
            if is_word_char(text, kind.start() - 1):
                continue
            line = max(text.rfind("\n", 0, kind.start()) + 1, kind.start() - _LONGEST_HEAD)
            head = _HEAD.search(text, line, kind.start())
            start = self._start(text, head.start(), kind) if head else None
            if start is not None:
                yield Found(start, kind.end(), "HOSPITAL", 0.8)

    def _start(self, text: str, head: int, kind: re.Match[str]) -> int | None:
        """Where the name begins; None when no word between `head` and the kind of facility names one."""
        words = list(re.finditer(r"\S+", text[head : kind.start()]))
        stops = [at for at, word in enumerate(words) if word.group().lower() in _STOP or _ends_sentence(word.group())]
        del words[: stops[-1] + 1 if stops else 0]
        while words and (self._is_generic(words[0].group()) or _only_leads(words)):
            words.pop(0)
        names = [word.group() for word in words if word.group()[0].isupper() and not self._is_generic(word.group())]
        forms_name = kind.group().lower() in ("hospital", "medical center", "health system")
        if any(self._names_facility(name, forms_name) for name in names):
            return head + words[0].start()
        return None

    def _is_generic(self, word: str) -> bool:
        word = word.strip(".,&-").lower()
        return not word or word in _GENERIC or self._lexicon.is_placeholder(word)

    def _names_facility(self, word: str, forms_name: bool) -> bool:
        word = word.strip(".,").lower()
        if word in _FORM_NAMES:
            return forms_name
        return word in _PROPER or not self._lexicon.is_ordinary(word) or self._lexicon.is_name_too(word)


def _only_leads(words: list[re.Match[str]]) -> bool:
    """Whether the first word only leads to the name: `Notes of the Medina ...`."""
    return words[0].group().islower() or (len(words) > 2 and words[1].group() == "of" and words[2].group() == "the")


def _heads_field(lowered: str, at: int) -> bool:
    """Whether a field may begin at `at`: after a line's start, a bar or a wide gap (`course in hospital:` is "
    "none)."""
    before = lowered[max(0, at - 12) : at].rstrip(" \t")
    return not before or before[-1] in "\n|;" or lowered[at - 2 : at] == "  " or lowered[at - 1] == "\t"


def _ends_sentence(word: str) -> bool:
    """Whether a full stop ends the word, and is none of an abbreviation (`St.`)."""
    return word.endswith(".") and len(word) > 4
