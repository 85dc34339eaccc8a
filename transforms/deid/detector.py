"""All layers over one note: patterns, known PHI and the tagger vote, and their union is the note's PHI.

A layer's find is dropped only where the note says that it is no PHI: a placeholder for PHI already removed, an
eponym (`Foley catheter`), a bare year, an age under 90. Known PHI is never dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Final

from presidio_analyzer import AnalyzerEngine

from transforms.deid.analyzer import analyze
from transforms.deid.fold import fold
from transforms.deid.known import KnownPhi
from transforms.deid.labels import LabelMap
from transforms.deid.lexicon import Lexicon, placeholders
from transforms.deid.linking import NAMES, echoes
from transforms.deid.recognizers.places import is_larger_than_city
from transforms.deid.spans import PhiSpan, merge, subtract

_PLACES: Final = frozenset(("CITY", "HOSPITAL", "ORGANIZATION"))
_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_YEAR_ONLY: Final = re.compile(r"(?:in |since |from )?'?(?:1[89]|2[0-2])\d\d(?:'?s)?")
_NUMBER: Final = re.compile(r"\d+")
_OLD_WORD: Final = re.compile(r"nine(?:ty|ties)|hundred|nonagenarian|centenarian", re.IGNORECASE)
_ALPHANUMERIC: Final = re.compile(r"[^\W_]")
_DATE_WORDS: Final = re.compile(
    r"(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)[a-z]*|may|christmas|easter|thanksgiving|halloween|new year"
    r"|\d+\s*[-/.]\s*\d+\s*[-/.]\s*\d{2}|\d(?:st|nd|rd|th)\b",
    re.IGNORECASE,
)
_DIGIT: Final = re.compile(r"\d")
_FEWEST_DIGITS: Final = MappingProxyType(
    {"PHONE": 5, "FAX": 5, "ZIP": 5, "SSN": 4, "MEDICALRECORD": 4, "HEALTHPLAN": 4, "ACCOUNT": 4, "LICENSE": 4}
    | {"VEHICLE": 3, "DEVICE": 3, "IDNUM": 4, "BIOID": 3}
)
"""What a tagger calls a number must hold a number of this many digits; patterns know the shorter ones."""


class Detector:
    """Finds the PHI of notes.

    Args:
        engine: the recognizers.
        labels: maps their entities.
        lexicon: ordinary words and eponyms.
        threshold: least score of a recognizer's span.
    """

    def __init__(self, engine: AnalyzerEngine, labels: LabelMap, lexicon: Lexicon, threshold: float) -> None:
        self._engine = engine
        self._labels = labels
        self._lexicon = lexicon
        self._threshold = threshold

    def detect(self, text: str, phi: KnownPhi, tagged: Sequence[PhiSpan] = ()) -> list[PhiSpan]:
        """The PHI of one note, sorted, disjoint, trimmed.

        Args:
            text: the raw note.
            phi: what its row tells.
            tagged: what the tagger found in it.

        Raises:
            RecognizerError: a recognizer failed.
        """
        given = phi.find(text, self._lexicon)
        found = analyze(self._engine, text, self._labels, self._threshold)
        found += [span for span in tagged if self._stands(text, span)]
        holes = placeholders(text)
        if holes:
            found = [
                part
                for span in found
                for part in subtract(span, holes)
                if _ALPHANUMERIC.search(text, part.start, part.end)
            ]
        found += echoes(text, found, self._lexicon)
        return merge(text, [*given, *found])

    def leaks(self, text: str, spans: Iterable[tuple[int, int]], phi: KnownPhi) -> list[PhiSpan]:
        """Known PHI of `text` (de-identified) that no span covers: none, unless something went wrong."""
        covered = list(spans)
        return [
            span
            for span in phi.find(text, self._lexicon)
            if not any(start < span.end and span.start < end for start, end in covered)
        ]

    def _stands(self, text: str, span: PhiSpan) -> bool:
        """Whether the tagger's span is PHI by the rules that a model does not know."""
        content = text[span.start : span.end].strip(" .,;:()")
        if not _ALPHANUMERIC.search(content):
            return False
        if span.label == "DATE":
            # Of figures alone (`20/25`, `age 12`) the patterns judge better.
            return _YEAR_ONLY.fullmatch(content) is None and _DATE_WORDS.search(content) is not None
        if span.label == "AGE":
            return any(int(number) > 89 for number in _NUMBER.findall(content)) or _OLD_WORD.search(content) is not None
        if span.label in _FEWEST_DIGITS:
            return len(_DIGIT.findall(content)) >= _FEWEST_DIGITS[span.label]
        if span.label == "IPADDR":
            return "." in content or ":" in content
        words = _WORD.findall(content)
        if span.label in NAMES:
            return self._is_name(text, span, words)
        if span.label in _PLACES:
            return self._is_place(text, span, words)
        return True

    def _is_name(self, text: str, span: PhiSpan, words: list[str]) -> bool:
        folded = [fold(word) for word in words if len(word) > 1]
        if all(self._lexicon.is_eponym(word) or self._lexicon.is_placeholder(word) for word in folded):
            return False
        if len(words) == 1 and self._lexicon.is_used_as_eponym(text, span.end):
            return False
        return any(not self._lexicon.is_ordinary(word) for word in folded) or any(
            self._lexicon.is_name_too(fold(word)) and word[0].isupper() for word in words if len(word) > 1
        )

    def _is_place(self, text: str, span: PhiSpan, words: list[str]) -> bool:
        folded = [fold(word) for word in words]
        if span.label == "CITY":
            acronym = span.end - span.start <= 4 and text[span.start : span.end].isupper()
            if acronym or self._lexicon.is_used_as_eponym(text, span.end) or is_larger_than_city(folded):
                return False
        return any(not self._lexicon.is_ordinary(word) and not self._lexicon.is_placeholder(word) for word in folded)
