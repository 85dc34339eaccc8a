"""Roads, and places that begin with what they are (`Lake Okoboji`, `Fort Drum`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import ClassVar, Final

from transforms.deid.lexicon import Lexicon
from transforms.deid.recognizers.base import ClinicalRecognizer, Found, Note, is_word_char, occurrences

_ROADS: Final = frozenset(
    (
        *("i", "us", "u", "state", "county", "route", "interstate", "highway", "hwy", "rte", "farm"),
        *("loop", "exit", "mile", "fm"),
    )
)
_ROAD: Final = re.compile(
    r"(?:i-(?!1(?:2[345]|31)\b)\d{1,3}[nsew]?|(?:us|u\.s\.)[- ](?:(?:route|highway|hwy)[ \n])?\d{1,3}"
    r"|(?:state |county |u\.?s\.? )?(?:route|rte|interstate|highway|hwy) \d{1,3}[a-z]?"
    r"|(?:state|county) (?:road|rd|trunk highway) \d{1,4}[a-z]?|farm[- ]to[- ]market (?:road )?\d{1,4}"
    r"|loop \d{3}|fm \d{3,4}"
    r"|exit \d{1,3}[a-z]?|mile (?:marker|post) \d{1,3})(?![\w%/-]|\.\d)(?! ?(?:mg|ml|mmhg|cm|mm)\b)"
)
_WAYS: Final = ("way", "pike", "bahn")
_NAMED: Final = re.compile(r"\b[Tt]he ([A-Z][a-z]{2,}(?:way|pike|bahn))(?![\w-]|(?: [A-Z]))")
_HEADS: Final = frozenset(("lake", "mount", "fort", "camp", "cape"))
_HEADED: Final = re.compile(r"(?:Lake|Mount|Fort|Camp|Cape) (?:of the |of )?[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})?")


class Roads(ClinicalRecognizer):
    """Roads with a number or a name of their own, lakes, mountains, forts."""

    labels: ClassVar[tuple[str, ...]] = ("LOCATION-OTHER",)
    title: ClassVar[str] = "roads"

    def __init__(self) -> None:
        self._lexicon = Lexicon.shipped()
        super().__init__()

    def find(self, note: Note) -> Iterator[Found]:
        for _, at in note.starts(_ROADS) if note.numbers else ():
            road = _ROAD.match(note.lowered, at)
            if road:
                yield Found(*road.span(), "LOCATION-OTHER", 0.6)
        if not note.mixed:
            return
        for at in chain.from_iterable(occurrences(note.text, way) for way in _WAYS):
            way = _NAMED.match(note.text, note.text.rfind(" ", 0, at) + 1 - len("the "))
            if way and not self._lexicon.is_ordinary(way[1].lower()):
                yield Found(*way.span(1), "LOCATION-OTHER", 0.6)
        if not note.words.isdisjoint(_HEADS):
            for place in _HEADED.finditer(note.text):
                if not is_word_char(note.text, place.start() - 1):
                    yield Found(*place.span(), "LOCATION-OTHER", 0.6)
