"""What words are: ordinary, an eponym, a placeholder, or perhaps a name.

`ordinary_words.txt.gz` holds words that open clinical and biomedical corpora write in lower case at least twice;
those that the US census also counts as names are marked with `*` (Brown, Young, May). `eponyms.toml` holds
what looks like a name and is none. `acronyms.txt.gz` holds what such corpora write in capitals; see
`infra/make_acronym_list.py`.
"""

from __future__ import annotations

import gzip
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

PLACEHOLDER: Final = re.compile(
    r"\[\*\*([^\[\]]{0,120}?)\*\*\]"  # MIMIC-III
    r"|_{3,}"  # MIMIC-IV
    r"|\b(?:MM?[/-]DD?[/-]YY(?:YY)?|Month DD,? YYYY|DD[/-]MM[/-]YYYY|YYYY[/-]MM[/-]DD|XX+(?:[/-]XX+){1,2}|MM/YYYY"
    r"|MM/DD)\b"
)
_SHIFTED_DATE: Final = re.compile(r"\s*(?:2[1-9]\d\d(?:-\d{1,2}){0,2}|\d{1,2}-\d{1,2}|\d{0,2}-/2[1-9]\d\d)\s*")
"""MIMIC-III moved its dates to the years from 2100 on."""
_LETTERS: Final = re.compile(r"[A-Za-z]+")
_LONG_NUMBER: Final = re.compile(r"\d{6}|\d[-./]\d|\d{3} \d{2}")
_PLACEHOLDER_HINTS: Final = ("[**", "___", "DD", "XX", "MM/")

_EPONYM_FORMS: Final = re.compile(
    r"(?:'s|’s|s')?[ \n-](?:disease|syndrome|sign|test|maneuver|catheter|procedure|repair|tube|drain|score|scale"
    r"|classification|criteria|fracture|lymphoma"
    r"|sarcoma|palsy|phenomenon|esophagus|contracture|hernia|position|operation|incision|clamp|retractor|forceps"
    r"|needle|suture|pouch|loop|node|nodes|line|gland"
    r"|cyst|ulcer|thyroiditis|chorea|dementia|tumor|angle|reflex|ganglion|graft|stain|law|formula|fossa|bodies|body"
    r"|cells|cell|anomaly|malformation|tetralogy"
    r"|dressing|boot|brace|bandage|wire|wires|scissors|blade|knife|elevator|curette|cannula|trocar|balloon|stent"
    r"|prosthesis|nail|screw|plate|rod|filter|monitor|lamp"
    r"|respirations?|breathing|strip|jelly|rings?|grade|stage|type|triad|point|tendon|canal|duct|ligament|pads?"
    r"|spots?|spotted|nodules?|excrescences?|wort|bengal|nevus|barr[eé]|beck|hallpike|pugh|johnson|ganz|ii|developmental)\b",
    re.IGNORECASE,
)


_NO_NAMES: Final = ("eponyms", "compounds", "others", "devices", "drugs", "companies")


_HERE: Final = files("transforms.deid")


def _unpacked(name: str) -> list[str]:
    return gzip.decompress((_HERE / name).read_bytes()).decode().split()


@cache
def _tables() -> dict[str, str]:
    return tomllib.loads((_HERE / "eponyms.toml").read_text(encoding="utf-8"))


@cache
def _taken_out() -> frozenset[str]:
    return frozenset(_tables()["taken_out"].split())


@dataclass(frozen=True)
class Lexicon:
    """Sets of lower-case words.

    Attributes:
        ordinary: words of common prose.
        names_too: those of `ordinary` that are also names.
        eponyms: eponyms, devices, drugs, companies.
        eponym_names: those of `eponyms` that are frequent names of people.
        placeholders: words that stand for a name that was taken out.
        acronyms: what clinical prose abbreviates and nobody is called.
    """

    ordinary: frozenset[str]
    names_too: frozenset[str]
    eponyms: frozenset[str]
    eponym_names: frozenset[str]
    placeholders: frozenset[str]
    acronyms: frozenset[str]

    @classmethod
    @cache
    def shipped(cls) -> Lexicon:
        """The lists that come with the package, read once per process."""
        lines = _unpacked("ordinary_words.txt.gz")
        tables = _tables()
        return cls(
            ordinary=frozenset(line.rstrip("*") for line in lines),
            names_too=frozenset(line[:-1] for line in lines if line.endswith("*")),
            eponyms=frozenset(" ".join(tables[key] for key in _NO_NAMES).split()),
            eponym_names=frozenset(tables["names_too"].split()),
            placeholders=frozenset(tables["placeholders"].split()),
            acronyms=frozenset(_unpacked("acronyms.txt.gz")) | frozenset(tables["acronyms"].split()),
        )

    def is_ordinary(self, word: str) -> bool:
        """Whether the lower-case `word` is common prose (also as a plural or a possessive)."""
        word = word.removesuffix("'s").removesuffix("’s")
        if word in self.ordinary:
            return True
        if "-" in word:
            return all(part in self.ordinary or not part.isalpha() for part in word.split("-"))
        return word.endswith("s") and word[:-1] in self.ordinary and word[:-1] not in self.names_too

    def is_name_too(self, word: str) -> bool:
        """Whether a lower-case ordinary word is also a name."""
        return all(part in self.names_too for part in word.split("-"))

    def is_eponym(self, word: str) -> bool:
        """Whether the lower-case `word` is an eponym, a device or a drug, and no frequent name of people."""
        word = word.removesuffix("'s").removesuffix("’s")
        if "-" in word:
            parts = word.split("-")
            known = all(part in self.eponyms for part in parts)
            return word in self.eponyms or (known and not all(part in self.eponym_names for part in parts))
        return (word in self.eponyms or word.removesuffix("s") in self.eponyms) and word not in self.eponym_names

    def abbreviates(self, word: str) -> bool:
        """Whether the word, in capitals or small letters, is an abbreviation of clinical prose (`CIWA`, `fsgs`)."""
        return (word.isupper() or word.islower()) and word.lower() in self.acronyms

    def is_used_as_eponym(self, text: str, end: int) -> bool:
        """Whether a disease, sign or device follows the word that ends at `end` (`Smith's fracture`)."""
        return _EPONYM_FORMS.match(text, end) is not None

    def is_placeholder(self, word: str) -> bool:
        """Whether the lower-case `word` stands for a name already taken out."""
        return word in self.placeholders or word.strip("0123456789") in self.placeholders or set(word) == {"x"}


def placeholders(text: str) -> list[tuple[int, int]]:
    """Spans of PHI that was taken out before: `[**Known lastname 12**]`, `___`, `MM/DD/YYYY`; sorted and disjoint.

    What stands between MIMIC-III's brackets must be what its de-identifier wrote there. Brackets round anything else
    hide nothing.
    """
    if not any(hint in text for hint in _PLACEHOLDER_HINTS):
        return []
    return [match.span() for match in PLACEHOLDER.finditer(text) if match[1] is None or _was_taken_out(match[1])]


def _was_taken_out(content: str) -> bool:
    if _SHIFTED_DATE.fullmatch(content):
        return True
    words = _LETTERS.findall(content)
    return bool(words) and _taken_out().issuperset(word.lower() for word in words) and not _LONG_NUMBER.search(content)
