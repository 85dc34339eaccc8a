"""All layers over one note: patterns, known PHI and the tagger vote, and their union is the note's PHI.

A layer's find is dropped only where the note says that it is no PHI: a placeholder for PHI already removed, an
eponym (`Foley catheter`), a bare year, an age under 90. Known PHI is never dropped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from presidio_analyzer import AnalyzerEngine

from transforms.deid.analyzer import analyze
from transforms.deid.known import KnownPhi
from transforms.deid.labels import LabelMap
from transforms.deid.lexicon import Lexicon, placeholders
from transforms.deid.linking import agreed, echoes
from transforms.deid.plausible import Plausible, join_pieces
from transforms.deid.public_names import PublicNames
from transforms.deid.spans import PhiSpan, merge, subtract
from transforms.deid.whole import Whole

_ALPHANUMERIC: Final = re.compile(r"[^\W_]")


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
        self._plausible = Plausible(lexicon)
        self._is_public = PublicNames(lexicon)
        self._whole = Whole(lexicon)

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
        found += [part for span in join_pieces(text, tagged) for part in self._plausible.parts(text, span)]
        holes = placeholders(text)
        if holes:
            found = [
                part
                for span in found
                for part in subtract(span, holes)
                if _ALPHANUMERIC.search(text, part.start, part.end)
            ]
        found = self._whole(text, merge(text, [span for span in found if not self._is_public(text, span)]))
        found += echoes(text, found, self._lexicon)
        (spans,) = agreed([(text, merge(text, [*given, *found]))])
        return spans
