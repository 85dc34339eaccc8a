"""Names that the public knows and that are nobody's: of payers, makers, products, tests, scales, organisms.

`Neulasta`, `Semmes-Weinstein` and `Blue Cross` are formed as people and houses are, so every layer may take them for
one. A name counts where nothing says otherwise: no title before it, no kind of house or street behind it, nobody
employed there. One that people, towns or things bear too (`Ashworth`, `Paris`, `Pinnacle`) counts only with a result
beside it: `Ashworth is 1+`, `Killip I`, `EF 29% (Simpson)`.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final, NamedTuple

from transforms.deid.fold import lower
from transforms.deid.lexicon import Lexicon
from transforms.deid.lists import NameLists
from transforms.deid.recognizers.base import is_word_char, longest_first, occurrences
from transforms.deid.spans import PhiSpan

_KINDS: Final = ("payers", "makers", "drugs", "devices", "organisms", "tests")
_NAMES: Final = frozenset(("PATIENT", "DOCTOR"))
_LABELS: Final = _NAMES | {"HOSPITAL", "ORGANIZATION", "DEPARTMENT", "CITY", "LOCATION-OTHER", "STREET"}

_WORD: Final = re.compile(r"[^\W\d_]{2,}(?:['’-][^\W\d_]+)*")
_PART: Final = re.compile(r"[^\W\d_]{2,}")
_REACH: Final = 40
_PERSON_BEFORE: Final = re.compile(r"\b(?:dr|mr|mrs|ms|miss|drs|prof)\.? \Z")
_GIVEN_BEFORE: Final = re.compile(r"([^\W\d_]{2,})(?: [^\W\d_]\.?)? \Z")
_EMPLOYED: Final = re.compile(
    r"\b(?:work(?:s|ed|ing)?|employ(?:ed|ee|er)|job|retired|hired|career|clerk|agent|adjuster|manager|position)\b[^.;\n]{0,24}\Z"
)
_HOUSE_AFTER: Final = re.compile(
    r" (?:county|co\b|pd\b|police|street|st\b|ave|road|rd\b|high|school|hospital|clinic|medical center|university)"
)
_CARRIER_BEFORE: Final = re.compile(
    r"(?:(?:auto|health|dental|home|car|comp|liability|primary|secondary) )?"
    r"(?:carrier|insurance|insurer|payer|payor|plan)s?:? \Z"
)
_RESULT_AFTER: Final = re.compile(
    r"(?:'s)?(?: (?:is|was|of|at|score|scale|grade|class|classification|type|stage|level|index|view|category|test))*"
    r"(?: |: ?)(?:\d(?:\.\d)?[+-]?(?=[.,;)](?!\d)|\s*\n|\s(?:in|at|on|for|both|right|left|and)\b|\Z)|\d{1,3}%"
    r"|(?:i{1,3}[abcps]?|i?v[ab]?)(?=[.,;)\n]|\Z)|i[abps](?=\W)|(?:neg|pos)(?:ative|itive)?\b)"
    r"|(?:'s)? (?:score|scale|index)(?: of| is| was)? \d"
)
_RESULT_BEFORE: Final = re.compile(
    r"(?:(?<![\w/.-])\d{1,4}(?:\.\d+)? ?(?:%|ml|ml/min|cm|mm|mmhg|l|m2|ms|msec)"
    r"|\b(?:lv|rv)ef"
    r"|\b(?:auc|l?v?ef|gfr|crcl|bsa|bmi|score|grade|class|stage|qtc?|ratio|index)(?: of| is)? \d{1,3}(?:\.\d+)?) \(\Z"
)
_SUPPORT_BEFORE: Final = re.compile(
    r"\b(?:splint|brace|boot|collar|cuff|orthosis|prosthesis|walker|sling)(?: check)? \(\Z"
)


class _Public(NamedTuple):
    """A name.

    Attributes:
        ambiguous: people, towns or things bear it too.
    """

    name: str
    kind: str
    ambiguous: bool


class PublicNames:
    """The rules.

    Args:
        lexicon: ordinary words.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self._given = NameLists.shipped().given
        self._index = _indexed(lexicon)

    def __call__(self, text: str, span: PhiSpan) -> bool:
        """Whether a find is (part of) such a name."""
        if span.label not in _LABELS:
            return False
        words = list(_WORD.finditer(text, span.start, span.end))
        parts = [part for word in words for part in _PART.findall(lower(word.group()))]
        if not parts or self._index.keys().isdisjoint(parts):
            return False
        start, end = words[0].start(), words[-1].end()
        begin = max(0, start - _REACH)
        window = lower(text[begin : end + _REACH]).replace("\n", " ")
        return any(
            self._names(text, span, public, begin + at, start, end)
            for part in dict.fromkeys(parts)
            for public in self._index.get(part, ())
            for at in occurrences(window, public.name)
        )

    def _names(self, text: str, span: PhiSpan, public: _Public, at: int, start: int, end: int) -> bool:
        """Whether `public`, found at `at`, is what `text[start:end]`, the words of `span`, belong to."""
        stop = at + len(public.name)
        if public.kind == "payers" and (plan := _plans().match(lower(text[stop : stop + _REACH]))):
            stop += plan.end()
        if is_word_char(text, at - 1) or is_word_char(text, stop) or stop < end:
            return False
        before = lower(text[max(0, at - _REACH) : at])
        if at > start:
            carrier = public.kind == "payers" and _CARRIER_BEFORE.search(before)
            if not carrier or at - len(carrier.group()) > start:
                return False
        after = lower(text[stop : stop + _REACH])
        if text[at - 1 : at] == "-" or after.startswith("-") or _HOUSE_AFTER.match(after):
            return False
        if span.label in _NAMES and _PERSON_BEFORE.search(before):
            return False
        if _EMPLOYED.search(before):
            return False
        return not public.ambiguous or self._has_result(before, after)

    def _has_result(self, before: str, after: str) -> bool:
        given = _GIVEN_BEFORE.search(before)
        if given and given[1] in self._given:
            return False
        if after.startswith(")") and (_RESULT_BEFORE.search(before) or _SUPPORT_BEFORE.search(before)):
            return True
        return _RESULT_AFTER.match(after) is not None


@cache
def _table() -> MappingProxyType[str, list[str]]:
    table = tomllib.loads((files("transforms.deid") / "public_names.toml").read_text(encoding="utf-8"))
    return MappingProxyType(
        {kind: [" ".join(name.split()) for name in names.split(";") if name.strip()] for kind, names in table.items()}
    )


@cache
def _plans() -> re.Pattern[str]:
    return re.compile(rf"(?:[ /](?:{longest_first(_table()['plans'])})(?!\w))*")


@cache
def _indexed(lexicon: Lexicon) -> dict[str, list[_Public]]:
    """The names by each of their words."""
    lists = NameLists.shipped()
    names = lists.given | lists.surnames
    index: dict[str, list[_Public]] = defaultdict(list)
    for kind in _KINDS:
        for name in _table()[kind]:
            words = _PART.findall(name)
            if " " not in name and "-" not in name:
                alone = name.removesuffix("'s")
                borne = not names.isdisjoint((alone, alone.replace("'", ""))) or alone in lists.cities
                borne = borne or lexicon.is_ordinary(alone)
            else:
                borne = len(words) == 2 and " " in name and words[0] in lists.given and words[1] in lists.surnames
            public = _Public(name, kind, borne and kind not in ("payers", "makers"))
            for word in words:
                index[word].append(public)
    return dict(index)
