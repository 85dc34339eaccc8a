"""Spans of several layers become one list."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

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


def tagger(start: int, end: int, label: str, score: float = 0.99) -> PhiSpan:
    return PhiSpan(start, end, label, score, "tagger")


def test_a_recognizer_names_before_the_tagger_which_only_adds_cover() -> None:
    text = "x" * 40
    ssn = span(4, 15, "SSN", 0.97, "numbers")
    assert merge(text, [ssn, tagger(4, 15, "FAX", 1.0)]) == [span(4, 15, "SSN", 1.0, "numbers")]
    assert merge(text, [ssn, tagger(8, 20, "FAX", 1.0)]) == [span(4, 20, "SSN", 1.0, "numbers")]
    # A weak one when it covers half of the tagger's part, be that in pieces.
    assert merge(text, [span(0, 10, "ZIP", 0.6), tagger(0, 20, "IDNUM")])[0].label == "ZIP"
    assert merge(text, [span(0, 9, "ZIP", 0.6), tagger(0, 20, "STREET")])[0].label == "STREET"
    assert merge(text, [span(0, 9, "ZIP", 0.6), tagger(0, 12, "CITY"), tagger(11, 20, "CITY")])[0].label == "CITY"


def test_what_guesses_at_a_label_does_not_overrule_the_tagger() -> None:
    text = "x" * 40
    assert merge(text, [span(0, 9, "IDNUM", 0.6, "numbers"), tagger(0, 9, "MEDICALRECORD")])[0].label == "MEDICALRECORD"
    assert merge(text, [span(0, 9, "DOCTOR", 0.8, "listed_names"), tagger(0, 9, "PATIENT")])[0].label == "PATIENT"
    # An echo names what it covers, but no hospital that bears the name.
    assert merge(text, [span(0, 9, "PATIENT", 0.75, "echo"), tagger(0, 9, "DOCTOR")])[0].label == "PATIENT"
    assert merge(text, [span(0, 5, "PATIENT", 0.95, "echo"), tagger(0, 23, "HOSPITAL")])[0].label == "HOSPITAL"


@given(
    st.lists(
        st.tuples(st.integers(0, 29), st.integers(1, 9), st.floats(0, 1), st.sampled_from(["tagger", "echo", "a"])),
        max_size=8,
    ).flatmap(lambda drawn: st.tuples(st.just(drawn), st.permutations(drawn)))
)
def test_the_order_of_the_layers_does_not_count(drawn: tuple[list[Any], list[Any]]) -> None:
    one, other = (
        merge("x" * 40, [span(start, start + size, score=score, who=who) for start, size, score, who in spans])
        for spans in drawn
    )
    assert one == other
