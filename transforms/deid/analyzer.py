"""Presidio's AnalyzerEngine with our recognizers, a blank spaCy pipeline, no network and no swallowed error.

What Presidio does that must not happen here, and what is done about it:

* `PatternRecognizer` logs and skips a pattern that times out, so its PHI would pass: `StrictPattern` raises.
* `HuggingFaceNerRecognizer` returns nothing for a chunk that fails: it is refused (use `Deidentify.tagger`).
* `EmailRecognizer` lets tldextract fetch a list of suffixes: tldextract is told to use the list it ships.
* a blank pipeline has empty lemmas, so context words would never match: the words themselves stand in.
* tokens and context are worked out for every note though none of our recognizers reads them: they are made when
  the first recognizer asks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import spacy
import tldextract.tldextract
from presidio_analyzer import (
    AnalyzerEngine,
    EntityRecognizer,
    LemmaContextAwareEnhancer,
    PatternRecognizer,
    RecognizerRegistry,
    RecognizerResult,
)
from presidio_analyzer.nlp_engine import NlpArtifacts, SpacyNlpEngine

from transforms.deid.fold import Plain
from transforms.deid.labels import LabelMap
from transforms.deid.recognizers.base import Note
from transforms.deid.spans import PhiSpan

LANGUAGE: Final = "en"
_SWALLOWS_ERRORS: Final = frozenset({"HuggingFaceNerRecognizer", "IbanRecognizer"})


class RecognizerError(Exception):
    """A recognizer failed, so the note cannot be vouched for. The message holds no note text."""


class BlankNlpEngine(SpacyNlpEngine):  # type: ignore[misc]
    """spaCy's rule-based English tokenizer and nothing else: no model, no download."""

    def __init__(self) -> None:
        super().__init__(models=[{"lang_code": LANGUAGE, "model_name": "blank"}])

    def load(self) -> None:
        """Builds the tokenizer."""
        nlp = spacy.blank(LANGUAGE)
        nlp.max_length = sys.maxsize  # guards models' memory; `validate` bounds the notes
        self.nlp = {LANGUAGE: nlp}

    def get_supported_entities(self) -> list[str]:
        """None: a blank pipeline finds no entities."""
        return []

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        """Artifacts that tokenise when a recognizer first reads their tokens."""
        return LazyArtifacts(text, self, language)


class LazyArtifacts(NlpArtifacts):  # type: ignore[misc]
    """What recognizers may read of a note besides its text.

    Attributes:
        note: the note as our recognizers read it.
    """

    def __init__(self, text: str, engine: BlankNlpEngine, language: str) -> None:
        self.note = Note(text)
        self.nlp_engine = engine
        self.language = language
        self.entities: list[Any] = []
        self.scores: list[float] = []
        self._text = text

    def __getattr__(self, name: str) -> Any:
        if name not in ("tokens", "tokens_indices", "lemmas", "keywords"):
            raise AttributeError(name)
        tokens = self.nlp_engine.nlp[self.language](self._text)
        self.tokens = tokens
        self.tokens_indices = [token.idx for token in tokens]
        self.lemmas = [token.lower_ for token in tokens]
        self.keywords = self.set_keywords(self.nlp_engine, self.lemmas, self.language)
        return self.__dict__[name]


class ContextEnhancer(LemmaContextAwareEnhancer):  # type: ignore[misc]
    """Presidio's, run only over the results of recognizers that have context words."""

    def enhance_using_context(
        self,
        text: str,
        raw_results: list[RecognizerResult],
        nlp_artifacts: NlpArtifacts,
        recognizers: list[EntityRecognizer],
        context: list[str] | None = None,
    ) -> list[RecognizerResult]:
        """As Presidio's."""
        wanting = {recognizer.id for recognizer in recognizers if recognizer.context}
        key = RecognizerResult.RECOGNIZER_IDENTIFIER_KEY
        plain = [result for result in raw_results if result.recognition_metadata[key] not in wanting]
        if len(plain) == len(raw_results):
            return plain
        rest = [result for result in raw_results if result.recognition_metadata[key] in wanting]
        enhanced: list[RecognizerResult] = super().enhance_using_context(
            text, rest, nlp_artifacts, recognizers, context
        )
        return plain + enhanced


class StrictPattern:
    """A compiled pattern whose time-out Presidio cannot swallow."""

    def __init__(self, compiled: Any, name: str) -> None:
        self._compiled = compiled
        self._name = name

    def finditer(self, text: str, timeout: float) -> Iterator[Any]:
        """As the pattern's own.

        Raises:
            RecognizerError: the search timed out.
        """
        try:
            yield from self._compiled.finditer(text, timeout=timeout)
        except TimeoutError as error:
            raise RecognizerError(f"pattern {self._name} timed out") from error


def build_engine(recognizers: Sequence[EntityRecognizer], labels: LabelMap) -> AnalyzerEngine:
    """The engine over these recognizers.

    Args:
        recognizers: ours and the user's.
        labels: must map every entity that a recognizer names.

    Raises:
        ValueError: a recognizer is known to hide its errors, or supports another language.
        UnknownLabelError: an entity is not mapped.
    """
    tldextract.tldextract.TLD_EXTRACTOR.suffix_list_urls = ()
    for recognizer in recognizers:
        name = type(recognizer).__name__
        if not _SWALLOWS_ERRORS.isdisjoint(base.__name__ for base in type(recognizer).__mro__):
            raise ValueError(f"{name} hides its errors, so PHI could pass: use a tagger or a recognizer that raises")
        if recognizer.supported_language != LANGUAGE:
            raise ValueError(
                f"{name} is for language {recognizer.supported_language!r}; notes are read as {LANGUAGE!r}"
            )
        labels.check(recognizer.get_supported_entities(), f"recognizer {recognizer.name}")
        if isinstance(recognizer, PatternRecognizer):
            _make_strict(recognizer)
    registry = RecognizerRegistry(recognizers=list(recognizers), supported_languages=[LANGUAGE])
    return AnalyzerEngine(
        registry=registry,
        nlp_engine=BlankNlpEngine(),
        supported_languages=[LANGUAGE],
        context_aware_enhancer=ContextEnhancer(),
    )


def _make_strict(recognizer: PatternRecognizer) -> None:
    recognizer.analyze("", recognizer.supported_entities)  # Presidio compiles at the first use
    for pattern in recognizer.patterns:
        if not isinstance(pattern.compiled_regex, StrictPattern):
            pattern.compiled_regex = StrictPattern(pattern.compiled_regex, pattern.name)


def analyze(engine: AnalyzerEngine, text: str, labels: LabelMap, threshold: float) -> list[PhiSpan]:
    """Runs every recognizer over one note, written plainly (`fold.Plain`); offsets are those of the raw `text`.

    Raises:
        RecognizerError: a recognizer failed, or gave a span that is not in the text.
        UnknownLabelError: a recognizer gave an entity that it did not name at the start.
    """
    spans = []
    plain = Plain(text)
    for result in engine.analyze(plain.text, LANGUAGE):
        label = labels[result.entity_type]
        if label is None or result.score < threshold:
            continue
        if not 0 <= result.start < result.end <= len(plain.text):
            raise RecognizerError(f"a span [{result.start}, {result.end}) is not in {len(plain.text)} characters")
        name = result.recognition_metadata[RecognizerResult.RECOGNIZER_NAME_KEY]
        spans.append(PhiSpan(*plain.raw(result.start, result.end), label, float(result.score), name))
    return spans
