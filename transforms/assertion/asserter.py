"""What a note asserts of each mention: there or not, sure or not, now or before, whose.

The algorithm is ConText (Harkema, Dowling, Thornblade, Chapman: ConText: an algorithm for determining negation,
experiencer, and temporal status from clinical reports. J Biomed Inform 2009; 42(5): 839-851), which grew out of
NegEx: within a sentence, a trigger phrase acts forward or backward up to the sentence's end, to a terminating
phrase, or as far as it reaches; a pseudo phrase holds a trigger that must not act. The lexicon and what goes
beyond the paper are our own:

- the section says whose (family history) and when (past medical and surgical history) by itself;
- habits (tobacco, alcohol) are historical, as ConText defines it: begun before the present episode;
- a list's item that names a lasting condition and nothing else is historical, unless its section is one that
  says what is the matter now.

So `historical` is about when something began, not about whether it is over: chronic diseases are historical and
may be what the patient is treated for today.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from transforms.assertion.lexicon import WORD, Lexicon, Match, Phrases, Role, Trigger
from transforms.assertion.sentences import sentence_starts

Experiencer = Literal["patient", "family", "other"]


class Asserted(NamedTuple):
    """What the note says of one mention."""

    negated: bool = False
    uncertain: bool = False
    historical: bool = False
    hypothetical: bool = False
    experiencer: Experiencer = "patient"


class _Scope(NamedTuple):
    """A stretch of text in which mentions get a property, and the phrase that gives it."""

    property: str
    start: int
    end: int
    phrase_start: int
    phrase_end: int


class _Sentence(NamedTuple):
    start: int
    end: int
    phrases: tuple[tuple[int, int], ...]
    scopes: tuple[_Scope, ...]


class Asserter:
    """Tells what a note asserts of its mentions.

    Args:
        lexicon: the words that change what a mention asserts.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._phrases = Phrases(lexicon.roles)
        self._habits = Phrases([(phrase, Role()) for phrase in lexicon.habits])
        self._lasting = Phrases([(phrase, Role()) for phrase in lexicon.lasting])

    def assert_all(
        self, text: str, spans: Sequence[tuple[int, int]], categories: Sequence[str | None] | None = None
    ) -> list[Asserted]:
        """What `text` asserts of each mention.

        Args:
            text: a note.
            spans: the mentions, half open, in any order. One that goes beyond its sentence counts with the
                sentence in which it begins.
            categories: the category of the section around each mention; None when nothing is known.

        Returns:
            One assertion for each span.
        """
        if not spans:
            return []
        starts = sentence_starts(text)
        sentences: dict[int, _Sentence] = {}
        assertions = []
        for number, (start, end) in enumerate(spans):
            index = bisect_right(starts, start) - 1
            if index not in sentences:
                following = starts[index + 1] if index + 1 < len(starts) else len(text)
                sentences[index] = self._sentence(text, starts[index], following)
            category = categories[number] if categories is not None else None
            assertions.append(self._assertion(text, start, end, sentences[index], category))
        return assertions

    def _assertion(self, text: str, start: int, end: int, sentence: _Sentence, category: str | None) -> Asserted:
        said = self._said(text, start, end, sentence)
        historical = "historical" in said or category in self._lexicon.historical_sections
        experiencer: Experiencer = "patient"
        if "family" in said or category in self._lexicon.family_sections:
            experiencer = "family"
        elif "other" in said:
            experiencer = "other"
        return Asserted(
            negated="negated" in said,
            uncertain="uncertain" in said,
            historical=historical or self._began_before(text, start, end, sentence, category),
            hypothetical="hypothetical" in said,
            experiencer=experiencer,
        )

    def _said(self, text: str, start: int, end: int, sentence: _Sentence) -> set[str]:
        """The properties whose scopes take in the mention: those in which it begins."""
        said = set()
        if any(first < end and start < last for first, last in sentence.phrases):
            # The mention's own words do not act, nor hide others in a longer phrase ("no change" in "no [change in
            # vision]"). But one that brings its negation with it ("[no fever]") is negated.
            said = {"negated" for scope in sentence.scopes if scope.property == "negated" and _leads(scope, start, end)}
            sentence = self._sentence(text, sentence.start, sentence.end, mention=(start, end))
        return said | {scope.property for scope in sentence.scopes if scope.start <= start < scope.end}

    def _began_before(self, text: str, start: int, end: int, sentence: _Sentence, category: str | None) -> bool:
        words = WORD.findall(text[start:end].lower())
        if any(self._habits.find(words)):
            return True
        if category is not None and category not in self._lexicon.unplaced_sections:
            return False
        if any(map(str.isalpha, text[sentence.start : start] + text[end : sentence.end])):
            return False
        return any(
            self._lexicon.qualifiers.issuperset(words[: match.start] + words[match.end :])
            for match in self._lasting.find(words)
        )

    def _sentence(self, text: str, start: int, end: int, mention: tuple[int, int] | None = None) -> _Sentence:
        """Finds the scopes in a sentence; the words of `mention` count as words, but stand for nothing."""
        words: list[str] = []
        places: list[tuple[int, int]] = []
        for found in WORD.finditer(_lower(text[start:end])):
            first, last = start + found.start(), start + found.end()
            masked = mention is not None and first < mention[1] and mention[0] < last
            words.append("" if masked else found[0])
            places.append((first, last))
        matches = list(self._phrases.find(words))
        phrases = tuple((places[match.start][0], places[match.end - 1][1]) for match in matches)
        scopes = []
        for (first_phrase, last_phrase), trigger, first_word, last_word in _extents(matches, phrases, words):
            if first_word < last_word:
                stretch = places[first_word][0], places[last_word - 1][1]
                scopes.append(_Scope(trigger.property, *stretch, first_phrase, last_phrase))
        return _Sentence(start, end, phrases, tuple(scopes))


def _extents(
    matches: Sequence[Match], phrases: Sequence[tuple[int, int]], words: Sequence[str]
) -> Iterator[tuple[tuple[int, int], Trigger, int, int]]:
    """For each trigger its phrase's offsets, and the words on which it acts: indices, half open."""
    # One sweep in each direction, with the terminator last passed for each property, keeps this linear.
    barriers: dict[str, int] = {}
    for match, phrase in zip(reversed(matches), reversed(phrases), strict=True):
        for trigger in match.role.triggers:
            if trigger.forward:
                last = barriers.get(trigger.property, len(words))
                if trigger.reach is not None:
                    last = min(last, match.end + trigger.reach)
                if trigger.clause:
                    last = next((place for place in range(match.end, last) if words[place] in _CLAUSE_ENDS), last)
                yield phrase, trigger, match.end, last
        barriers.update(dict.fromkeys(match.role.ends, match.start))
    barriers = {}
    for match, phrase in zip(matches, phrases, strict=True):
        for trigger in match.role.triggers:
            if not trigger.forward:
                first = barriers.get(trigger.property, 0)
                if trigger.reach is not None:
                    first = max(first, match.start - trigger.reach)
                if trigger.clause:
                    back = range(match.start - 1, first - 1, -1)
                    first = next((place + 1 for place in back if words[place] in _CLAUSE_ENDS), first)
                yield phrase, trigger, first, match.start
        barriers.update(dict.fromkeys(match.role.ends, match.end))


def _leads(scope: _Scope, start: int, end: int) -> bool:
    return scope.phrase_start == start and scope.phrase_end < end


def _lower(text: str) -> str:
    """Lower case, character by character: the whole string's may be longer ("İ"), and offsets must stay."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)


_CLAUSE_ENDS: Final = frozenset(",:;()")
