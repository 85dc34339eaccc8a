from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.readmission import admission_probability, chunk_spans


def test_a_whole_chunk_and_a_rest_of_eleven_words() -> None:
    text = " ".join(["word"] * (318 + 11))

    assert chunk_spans(text) == [(0, 318 * 5 - 1), (318 * 5, len(text))]


@pytest.mark.parametrize(
    ("n_words", "n_chunks"), [(0, 0), (10, 0), (11, 1), (317, 1), (318, 1), (328, 1), (329, 2), (636, 2)]
)
def test_a_rest_counts_only_when_longer_than_ten_words(n_words: int, n_chunks: int) -> None:
    assert len(chunk_spans("ab " * n_words)) == n_chunks


def test_spans_leave_out_the_white_space_around_a_chunk() -> None:
    text = "  one two\n\nthree\tfour  five \n"

    assert [text[start:end] for start, end in chunk_spans(text, words=2, rest=0)] == ["one two", "three\tfour", "five"]


@given(
    text=st.text(alphabet=st.sampled_from(["a", "é", ".", " ", "\n", "\u00a0"]), max_size=300),
    words=st.integers(1, 9),
    rest=st.integers(0, 9),
)
def test_chunks_are_in_order_and_hold_all_words_but_a_short_rest(text: str, words: int, rest: int) -> None:
    chunks = chunk_spans(text, words, rest)

    for (_, end), (start, _) in pairwise(chunks):
        assert end < start
        assert text[end:start].isspace()
    covered = [word for start, end in chunks for word in text[start:end].split()]
    left = text.split()[len(covered) :]
    assert covered + left == text.split()
    assert len(left) <= rest
    assert all(len(text[start:end].split()) == words for start, end in chunks[:-1])


def test_probability_against_values_worked_out_by_hand() -> None:
    # Scores 0.2, 0.4, 0.9: (0.9 + 1.5 / 2) / (1 + 3 / 2) = 1.65 / 2.5
    assert admission_probability(0.9, 1.5, 3) == pytest.approx(0.66)
    # One chunk: (0.4 + 0.2) / 1.5 is the score itself.
    assert admission_probability(0.4, 0.4, 1) == pytest.approx(0.4)
    # Scores 0.5 and 0: (0.5 + 0.25) / 2
    assert admission_probability(0.5, 0.5, 2) == pytest.approx(0.375)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_probability_lies_between_the_mean_and_the_maximum(scores: list[float]) -> None:
    probability = admission_probability(max(scores), sum(scores), len(scores))

    assert sum(scores) / len(scores) - 1e-9 <= probability <= max(scores) + 1e-9


@pytest.mark.parametrize(
    ("max_chunk", "sum_chunk", "n"),
    [(0.5, 0.5, 0), (0.5, 0.4, 1), (0.5, 1.2, 2), (1.5, 1.5, 1), (float("nan"), 0.5, 1)],
)
def test_numbers_that_no_scores_can_give_are_refused(max_chunk: float, sum_chunk: float, n: int) -> None:
    with pytest.raises(ValueError):
        admission_probability(max_chunk, sum_chunk, n)


def test_chunks_of_no_words_are_refused() -> None:
    with pytest.raises(ValueError, match="words"):
        chunk_spans("a b c", words=0)
