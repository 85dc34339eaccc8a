"""Spans of several layers become one list."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from transforms.deid.spans import PhiSpan, merge, subtract


def span(start: int, end: int, label: str = "DATE", score: float = 0.5, who: str = "a") -> PhiSpan:
    return PhiSpan(start, end, label, score, who)


def test_overlapping_spans_become_one_named_by_the_best() -> None:
    text = "x" * 20
    assert merge(text, [span(0, 6), span(4, 9, "PATIENT", 0.9, "b")]) == [span(0, 9, "PATIENT", 0.9, "b")]
    # Of equal score: the more telling label.
    assert merge(text, [span(0, 6, "IDNUM"), span(0, 6, "SSN")])[0].label == "SSN"
    # Three in a chain.
    assert merge(text, [span(0, 5), span(4, 9, score=0.9), span(8, 12)]) == [span(0, 12, score=0.9)]


def test_touching_spans_stay_apart_and_white_space_goes() -> None:
    assert merge("ab cd ", [span(0, 2), span(2, 6)]) == [span(0, 2), span(3, 5)]
    assert merge("a  b", [span(1, 3)]) == []


def test_subtract() -> None:
    assert subtract(span(0, 10), [(2, 4), (6, 12)]) == [span(0, 2), span(4, 6)]
    assert subtract(span(3, 4), [(2, 4)]) == []
    assert subtract(span(5, 6), [(2, 4)]) == [span(5, 6)]


@given(
    st.text("ab \n", max_size=30),
    st.lists(st.tuples(st.integers(0, 29), st.integers(1, 9), st.floats(0, 1)), max_size=8),
)
def test_merged_spans_are_disjoint_and_cover_the_union(text: str, drawn: list[tuple[int, int, float]]) -> None:
    spans = [
        span(start, min(start + size, len(text)), score=score) for start, size, score in drawn if start < len(text)
    ]
    merged = merge(text, spans)
    assert all(one.end <= other.start for one, other in pairwise(merged))
    covered = {i for one in merged for i in range(one.start, one.end)}
    wanted = {i for one in spans for i in range(one.start, one.end) if not text[i].isspace()}
    assert wanted <= covered
    assert not any(text[one.start].isspace() or text[one.end - 1].isspace() for one in merged)
