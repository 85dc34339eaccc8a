from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.clinical_bert import tiny
from transforms.clinical_bert.windows import NoteTokenizer, Tokens, Window, cover, plan

TOKENIZE = NoteTokenizer(tiny.tokenizer())
NAMES = {number: name for name, number in tiny.tokenizer().get_vocab().items()}


@settings(deadline=None)
@given(
    n=st.integers(0, 2000),
    sizes=st.integers(2, 200).flatmap(lambda length: st.tuples(st.just(length), st.integers(0, length - 1))),
)
def test_each_token_is_owned_once_by_the_window_where_it_stands_most_central(n: int, sizes: tuple[int, int]) -> None:
    length, overlap = sizes
    windows = plan(n, length, overlap)
    assert [t for w in windows for t in range(w.own_start, w.own_stop)] == list(range(n))
    assert all(0 <= w.start <= w.own_start < w.own_stop <= w.stop <= n for w in windows)
    assert all(w.stop - w.start <= length for w in windows)
    for left, right in pairwise(windows):
        assert left.stop - right.start >= overlap
        for token in range(right.start, left.stop):
            room_in_left, room_in_right = left.stop - 1 - token, token - right.start
            if left.own_start <= token < left.own_stop:
                assert room_in_left >= room_in_right
            elif right.own_start <= token < right.own_stop:
                assert room_in_right > room_in_left


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot overlap"):
        plan(10, 8, 8)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_offsets_are_string_indices(text: str) -> None:
    (tokens,) = TOKENIZE([text])
    assert all(0 <= s < e <= len(text) for s, e in zip(tokens.starts, tokens.ends, strict=True))
    for i, start, end in zip(tokens.ids, tokens.starts, tokens.ends, strict=True):
        piece = text[start:end]
        if piece.isascii() and piece.isalnum() and end - start == 1:
            known = NAMES[int(i)].removeprefix("##")
            assert known in {piece.lower(), "[UNK]"}
    assert (tokens.words[1:] >= tokens.words[:-1]).all()


def test_offsets_after_characters_outside_the_basic_plane_and_lone_surrogates() -> None:
    text = "\U0001f600 e\u0301 \ud800 fever"
    (tokens,) = NoteTokenizer(tiny.tokenizer())([text])
    assert text[tokens.starts[-1] : tokens.ends[-1]] == "fever"


def test_special_tokens_in_a_note_are_text() -> None:
    tokenize = NoteTokenizer(tiny.tokenizer())
    (tokens,) = tokenize(["a [SEP] b"])
    assert tokenize.last not in tokens.ids
    assert len(tokens) == 1 + 5 + 1  # "[", three pieces of "SEP", "]"


def test_nothing_is_truncated() -> None:
    (tokens,) = NoteTokenizer(tiny.tokenizer())(["fever " * 5000])
    assert len(tokens) == 5000


def tokens_of(n: int) -> Tokens:
    """`n` tokens of one character, with a blank between them."""
    at = np.arange(n, dtype=np.int32) * 2
    return Tokens(at, at, at + 1, np.arange(n, dtype=np.int32))


@given(st.integers(0, 900), st.lists(st.integers(-10, 2000), max_size=12), st.integers(20, 200))
def test_windows_that_follow_sections_own_each_token_once(n: int, starts: list[int], length: int) -> None:
    windows = cover(tokens_of(n), starts, length, length // 8)
    assert [t for w in windows for t in range(w.own_start, w.own_stop)] == list(range(n))
    assert all(w.start <= w.own_start < w.own_stop <= w.stop <= w.start + length for w in windows)


def test_a_window_begins_where_a_section_does_and_short_sections_share_one() -> None:
    found = cover(tokens_of(300), [0, 20, 160, 200, 240, 400], 126, 16)
    # By tokens they begin at 0, 10, 80, 100, 120 and 200: only those at 80 and at 100 are short neighbours.
    assert [(w.start, w.stop) for w in found] == [(0, 10), (10, 80), (80, 120), (120, 200), (200, 300)]


def test_a_passage_of_sections_is_cut_alike_wherever_it_stands() -> None:
    lengths = [90, 20, 30, 70, 10, 12, 11, 60]

    def inner(before: list[int]) -> list[tuple[int, int]]:
        starts = np.cumsum([0, *before, *lengths])
        first, n = int(starts[len(before)]), int(starts[-1])
        windows = cover(tokens_of(n + 200), (2 * starts).tolist(), 126, 16)
        return [(w.start - first, w.stop - first) for w in windows if first <= w.start and w.stop <= n]

    assert inner([5]) == inner([300, 7, 8]) == inner([]) != []


def test_a_note_that_fits_into_one_window_has_one_whatever_its_sections() -> None:
    assert cover(tokens_of(126), [0, 150], 126, 16) == [Window(0, 126, 0, 126)]
