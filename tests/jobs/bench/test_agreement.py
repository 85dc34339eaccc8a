from __future__ import annotations

from typing import Any

from jobs.bench.agreement import compare_entities, compare_labels, tags
from transforms.clinical_bert.spans import Span

TEXT = "abcdefghijklmnopqrst"
OFFSETS = [(0, 5), (6, 10), (11, 14), (14, 16), (17, 20)]
LOOSE = {"entity_group": "A", "score": 1.0, "start": 2, "end": 8}
OURS = [Span(0, 10, "Disease", 0.9), Span(14, 16, "Disease", 0.8)]


def theirs(**changes: Any) -> list[dict[str, Any]]:
    first = {"entity_group": "Disease", "score": 0.9, "word": "", "start": 0, "end": 10}
    return [first | changes, first | {"score": 0.80001, "start": 14, "end": 16}]


def test_equal_entities() -> None:
    found = compare_entities([TEXT, ""], [OURS, []], [theirs(), []])
    assert (found["texts"], found["entities"], found["equal"], found["different"]) == (2, 2, 2, 0)
    assert 0 < found["largest_score_difference"] < 2e-5


def test_a_different_place_label_score_or_number_is_seen() -> None:
    for other in (theirs(start=1), theirs(end=9), theirs(entity_group="Lab"), theirs(score=0.89), theirs()[:1], []):
        found = compare_entities([TEXT], [OURS], [other])
        assert (found["equal"], found["different"]) == (0, 1)


def test_white_space_at_the_ends_of_their_entities_is_no_difference() -> None:
    assert compare_entities(["in pain "], [[Span(3, 7, "A", 1.0)]], [[{**theirs()[0], **LOOSE}]])["equal"] == 1


def test_tags_of_tokens() -> None:
    assert tags(OURS, OFFSETS) == ["B-Disease", "I-Disease", "O", "B-Disease", "O"]
    assert tags([], OFFSETS) == ["O"] * 5
    assert tags([Span(0, 5, "A", 1.0), Span(6, 10, "A", 1.0)], OFFSETS)[:3] == ["B-A", "B-A", "O"]


def test_labels_are_compared_token_by_token() -> None:
    moved = [Span(6, 10, "Disease", 0.9), Span(14, 16, "Disease", 0.8)]
    # The first token is none any more, and the second begins what it was inside of.
    assert compare_labels([moved], [OURS], [OFFSETS]) == {"tokens": 5, "same": 3, "share": 0.6}
    assert compare_labels([OURS], [OURS], [OFFSETS])["share"] == 1.0
    over = [*OURS, Span(0, 5, "Sign", 0.9)]
    assert compare_labels([over], [OURS], [OFFSETS])["same"] == 4
    assert compare_labels([[over[-1], *OURS]], [over], [OFFSETS])["same"] == 5
    assert compare_labels([[]], [[]], [OFFSETS])["same"] == 5
