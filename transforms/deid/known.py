"""PHI that the row itself gives: the patient's name and ids, wherever the note repeats them.

A name is looked for part by part, so order, commas, middle initials and titles do not matter. A part that is an
ordinary English word (Young, Will, May) counts only with a capital; every other part counts in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from transforms.deid.fold import Folded, fold
from transforms.deid.labels import SAFE_HARBOR
from transforms.deid.lexicon import Lexicon
from transforms.deid.recognizers.base import is_word_char, occurrences
from transforms.deid.spans import PhiSpan

RECOGNIZER: Final = "known"
_PART: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_TITLES: Final = frozenset(
    ["mr", "mrs", "ms", "miss", "dr", "md", "jr", "sr", "ii", "iii", "iv", "phd", "rn", "esq", "prof", "rev"]
)
_BETWEEN: Final = re.compile(r"[\s,.\-]{0,3}(?:[^\W\d_]\.?[\s,.]{1,2}){0,2}")
_INITIAL_AFTER: Final = re.compile(r",? [^\W\d_]\.?(?!\.?\w)")
_INITIAL_BEFORE: Final = re.compile(r"(?<![\w.'])(?:[^\W\d_]\. ?){1,2}\Z")
_SUFFIX_AFTER: Final = re.compile(r",? (?:Jr|Sr|JR|SR|II|III|IV)\b\.?")
_TITLE_BEFORE: Final = re.compile(r"\b(?:pt|patient|mr|mrs|ms|miss|dr|name)[.:]?[ \t]{1,3}\Z")
"""In a note all in lower case these make a name of an ordinary word (`pt church resting`)."""
_VALUE_AFTER: Final = re.compile(r"[ :=\-]{0,3}\d")
_SHORTEST_ID: Final = 5


@dataclass(frozen=True)
class KnownPhi:
    """What is known of one note.

    Attributes:
        parts: folded parts of the patient's names, of two letters or more.
        ids: pairs of an id and its label.
    """

    parts: tuple[str, ...] = ()
    ids: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, names: Iterable[str | None] = (), ids: Iterable[tuple[str | None, str]] = ()) -> KnownPhi:
        """Takes names and ids apart.

        Args:
            names: `First Last`, `LAST, FIRST M` or single parts.
            ids: pairs of an id and the label of its spans; an id of less than five characters is left out, since it
                would match a dose.

        Raises:
            ValueError: a label is no i2b2-2014 label.
        """
        parts: dict[str, None] = {}
        for name in names:
            for word in _PART.findall(fold(name or "")):
                forms = (word, word.replace("'", ""), *word.split("'")) if "'" in word else (word,)
                for form in forms:
                    if len(form) >= 2 and form not in _TITLES:
                        parts[form] = None
        kept = tuple((value.strip(), label) for value, label in ids if value and len(value.strip()) >= _SHORTEST_ID)
        if unknown := [label for _, label in kept if label not in SAFE_HARBOR]:
            raise ValueError(f"{unknown[0]!r} is no label of PHI")
        return cls(tuple(sorted(parts, key=len, reverse=True)), kept)

    def find(self, text: str, lexicon: Lexicon) -> list[PhiSpan]:
        """Every mention of a name part or an id in `text`; parts of one mention are one span."""
        spans = [
            PhiSpan(at, at + len(value), label, 1.0, RECOGNIZER)
            for value, label in self.ids
            for at in occurrences(text, value)
            if not is_word_char(text, at - 1) and not is_word_char(text, at + len(value))
        ]
        if self.parts:
            folded = Folded(text)
            spans += join(text, mentions(text, folded, self.parts, lexicon), "PATIENT", RECOGNIZER, 1.0)
        return spans


def mentions(
    text: str, folded: Folded, parts: Iterable[str], lexicon: Lexicon, *, capital: bool = False
) -> Iterator[tuple[int, int]]:
    """Raw spans of the words of `text` that are one of `parts` (folded).

    Args:
        text: the note.
        folded: the note folded.
        parts: folded name parts.
        lexicon: tells ordinary words.
        capital: whether every part, not only an ordinary word, needs a capital.
    """
    for part in parts:
        needs_capital = capital or lexicon.is_ordinary(part)
        for at in occurrences(folded.text, part):
            end = at + len(part)
            if _joined(folded.text, at - 1) or _joined(folded.text, end):
                continue
            if len(part) == 2 and _VALUE_AFTER.match(folded.text, end):
                continue  # `Na 138` of a patient named Na
            span = folded.raw(at, end)
            titled = not capital and _TITLE_BEFORE.search(folded.text, max(0, at - 12), at)
            if not needs_capital or text[span[0]].isupper() or titled:
                yield span


def _joined(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isalpha()


def join(text: str, parts: Iterable[tuple[int, int]], label: str, recognizer: str, score: float) -> list[PhiSpan]:
    """Joins neighbouring name parts, with the initials between and after them, into spans."""
    spans: list[PhiSpan] = []
    for start, end in sorted(set(parts)):
        if spans and start <= spans[-1].end:
            spans[-1] = spans[-1]._replace(end=max(end, spans[-1].end))
        elif spans and start - spans[-1].end <= 10 and _BETWEEN.fullmatch(text, spans[-1].end, start):
            spans[-1] = spans[-1]._replace(end=end)
        else:
            spans.append(PhiSpan(start, end, label, score, recognizer))
    return [_with_initial(text, span) for span in spans]


def _with_initial(text: str, span: PhiSpan) -> PhiSpan:
    """`SMITH, JOHN A.`, `John Smith Jr`: what follows a name of several parts belongs to it."""
    suffix = _SUFFIX_AFTER.match(text, span.end)
    if suffix:
        return span._replace(end=suffix.end())
    initial = _INITIAL_AFTER.match(text, span.end)
    several = any(char in " ," for char in text[span.start : span.end])
    letter = initial.group().strip(" .,") if initial else ""
    shy = text[span.start : span.end].islower() and letter not in ("a", "i")
    article = initial is not None and initial.group().startswith(",") and letter in ("A", "a")
    if initial and several and not article and letter != "I" and (letter.isupper() or shy):
        span = span._replace(end=initial.end())
    before = _INITIAL_BEFORE.search(text, max(0, span.start - 8), span.start)
    return span._replace(start=before.start()) if before else span
