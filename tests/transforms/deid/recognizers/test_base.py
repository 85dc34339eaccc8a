"""What the recognizers read of a note."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from transforms.deid.recognizers.base import Note

TEXTS = st.text(st.one_of(st.sampled_from("abcAB Z  \n09_-.é’٣½\U0001f600"), st.characters()), max_size=60)


@given(TEXTS)
def test_every_run_of_letters_and_of_digits_is_indexed(text: str) -> None:
    note = Note(text)
    runs = [(run.group(), run.start()) for run in re.finditer("[a-z]+", note.lowered)]
    assert sorted((word, at) for word, starts in note.runs.items() for at in starts) == sorted(runs)
    assert note.words == {word for word, _ in runs}
    assert note.numbers == [run.span() for run in re.finditer(r"\d+", note.lowered)]


def test_words_are_named_where_nothing_is_joined_to_their_head() -> None:
    note = Note("by Ann; 2by by_ standby éby (by) byway")
    assert [at for _, at in note.starts({"by"})] == [0, note.text.index("by_"), note.text.index("by)")]


def test_small_words_before_capitals() -> None:
    note = Note("went from Ann, From Lee, at\nOak in rain at-Elm to")
    capitals = {word: note.text[at : at + 3] for word, at in note.before_capitals({"from", "at", "in", "to"})}
    assert capitals == {"from": "Ann", "at": "Oak"}
