"""Whether speed costs anything: entities beside those of transformers, and labels beside those of full precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from transforms.clinical_bert.spans import Span

SCORES: Final = 1e-4
"""Scores may differ by so much: they are means of float32 probabilities, computed in another order."""


def compare_entities(
    texts: Sequence[str], ours: Sequence[Sequence[Span]], theirs: Sequence[Sequence[dict[str, Any]]]
) -> dict[str, Any]:
    """How many texts have the very same entities: offsets and labels, and scores within `SCORES`.

    White space at the ends of their entities is left out: byte-level tokens begin with it, and ours never do.

    Args:
        texts: each short enough for one window.
        ours: of each text.
        theirs: of each text, as transformers' token-classification pipeline gives them.
    """
    equal = 0
    furthest = 0.0
    for text, mine, other in zip(texts, ours, theirs, strict=True):
        places = [(span.start, span.end, span.label) for span in mine]
        if places != [(*_trimmed(text, entity["start"], entity["end"]), entity["entity_group"]) for entity in other]:
            continue
        apart = [abs(span.score - float(entity["score"])) for span, entity in zip(mine, other, strict=True)]
        furthest = max([furthest, *apart])
        equal += all(difference <= SCORES for difference in apart)
    return {
        "texts": len(ours),
        "entities": sum(map(len, ours)),
        "equal": equal,
        "different": len(ours) - equal,
        "largest_score_difference": round(furthest, 8),
    }


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    inside = text[start:end]
    return start + len(inside) - len(inside.lstrip()), end - len(inside) + len(inside.rstrip())


def tags(spans: Sequence[Span], offsets: Sequence[tuple[int, int]]) -> list[str]:
    """The IOB2 tag of each token: of the entity that holds its first character.

    Args:
        spans: in order, without overlaps.
        offsets: where each token starts and ends.
    """
    found = []
    at = 0
    last = -1
    for start, _ in offsets:
        while at < len(spans) and spans[at].end <= start:
            at += 1
        if at < len(spans) and spans[at].start <= start:
            found.append(f"{'I' if last == at else 'B'}-{spans[at].label}")
            last = at
        else:
            found.append("O")
    return found


def compare_labels(
    ours: Sequence[Sequence[Span]], exact: Sequence[Sequence[Span]], offsets: Sequence[Sequence[tuple[int, int]]]
) -> dict[str, Any]:
    """The share of tokens whose tags are the same, one for each label: entities of different labels may overlap.

    Args:
        ours, exact: entities of each note.
        offsets: of each note's tokens.
    """
    tokens = same = 0
    for mine, other, of_note in zip(ours, exact, offsets, strict=True):
        changed: set[int] = set()
        for label in {span.label for span in (*mine, *other)}:
            now, before = (tags([span for span in spans if span.label == label], of_note) for spans in (mine, other))
            changed |= {token for token, pair in enumerate(zip(now, before, strict=True)) if pair[0] != pair[1]}
        tokens += len(of_note)
        same += len(of_note) - len(changed)
    return {"tokens": tokens, "same": same, "share": round(same / tokens, 6) if tokens else 1.0}
