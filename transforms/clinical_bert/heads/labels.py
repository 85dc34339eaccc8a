"""Spans out of the labels of words.

Schemes: IOB and IOB2 (`B-`, `I-`, `O`), BIOES/BILOU (`E-`, `L-` end and `S-`, `U-` stand alone), and plain labels,
where neighbouring words of one label are one span.

A classifier may have several groups of labels, each with an `O` of its own: annotators of one corpus call a headache a
Disease, those of another a Sign_symptom, and both are right. A group is decided by itself.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from transforms.clinical_bert.spans import Span

OUTSIDE: Final = "O"
_PREFIXES: Final = frozenset("BIESLU")
_OPENS: Final = frozenset("BSU")
_CLOSES: Final = frozenset("ESLU")


def split_label(label: str) -> tuple[str, str]:
    """`B-Disease` is ("B", "Disease"); a plain label has the prefix ""; `O` is ("", "O")."""
    prefix, dash, name = label.partition("-")
    return (prefix, name) if dash and prefix in _PREFIXES else ("", label)


def read_scheme(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Prefix and name of each label of one classifier.

    Letters count as prefixes only where there is a `B-` or an `I-` among the labels: beside plain labels
    `E-MAIL` is a name.
    """
    prefixed = any(label.startswith(("B-", "I-")) for label in labels)
    return [split_label(label) if prefixed else ("", label) for label in labels]


def label_groups(labels: Sequence[str]) -> list[slice]:
    """Where each group of labels lies: one begins at every `O` where there are several, else all are one."""
    starts = [i for i, label in enumerate(labels) if label == OUTSIDE]
    if len(starts) < 2:
        return [slice(0, len(labels))]
    if starts[0] != 0:
        raise ValueError("where labels have several groups, each begins with `O`")
    return [slice(start, stop) for start, stop in pairwise([*starts, len(labels)])]


def decode(labels: Sequence[str], scores: Sequence[float], starts: Sequence[int], ends: Sequence[int]) -> list[Span]:
    """Joins labelled words into spans.

    A span's score is the mean over its words. An `I-` after another label, or after nothing, opens a span (as
    seqeval counts in its default mode).

    Args:
        labels, scores: for each word its best label and that label's probability.
        starts, ends: for each word its character offsets.
    """
    labelled = [(i, split_label(label)) for i, label in enumerate(labels) if label != OUTSIDE]
    return join(labelled, scores, starts, ends)


def join(
    labelled: Iterable[tuple[int, tuple[str, str]]],
    scores: Sequence[float],
    starts: Sequence[int],
    ends: Sequence[int],
) -> list[Span]:
    """As `decode`.

    Args:
        labelled: number, prefix and name of each word that is not `OUTSIDE`, in order.
        scores, starts, ends: for each word, those outside too.
    """
    return [
        Span(starts[first], ends[last], name, sum(scores[first : last + 1]) / (last + 1 - first))
        for first, last, name in _runs(labelled)
    ]


def _runs(labelled: Iterable[tuple[int, tuple[str, str]]]) -> Iterator[tuple[int, int, str]]:
    """First word, last word and name of each span."""
    first, last, name = 0, -1, ""
    is_open = False
    for i, (prefix, of_word) in labelled:
        if is_open and (i != last + 1 or of_word != name or prefix in _OPENS):
            yield first, last, name
            is_open = False
        if not is_open:
            first, name = i, of_word
        last = i
        is_open = prefix not in _CLOSES
        if not is_open:
            yield first, last, name
    if is_open:
        yield first, last, name


def trimmed(text: str, span: Span) -> Span | None:
    """The span without white space at its ends and with the marks of its last character; None: nothing is left.

    Some tokenizers give a token the white space before it, byte-level BPE has tokens of white space alone, and a
    tokenizer that strips accents leaves a mark out of its letter's token.
    """
    start, end = span.start, span.end
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    if start == end:
        return None
    while end < len(text) and text[end] > "\x7f" and unicodedata.category(text[end]).startswith("M"):
        end += 1
    return span._replace(start=start, end=end)
