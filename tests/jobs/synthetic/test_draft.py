"""The draft and the finish of a text."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from jobs.synthetic.draft import Draft, mistype, recase, wrap

LINES = st.text(st.sampled_from("ab c.,\n XY"), max_size=300)


@given(LINES, st.integers(1, 40))
def test_wrapping_only_turns_spaces_into_line_ends(text: str, width: int) -> None:
    wrapped = wrap(text, width)
    assert len(wrapped) == len(text)
    assert all(new == old or (old, new) == (" ", "\n") for old, new in zip(text, wrapped, strict=True))


def test_wrapping_keeps_to_the_width() -> None:
    text = "one two three four five six seven eight\nshort\n" + "nine ten " * 9
    assert max(map(len, wrap(text, 12).split("\n"))) <= 12


def test_case_changes_only_where_the_length_stays() -> None:
    assert recase("Dr. Roy", upper=True) == "DR. ROY"
    assert recase("Dr. Roy", upper=False) == "dr. roy"
    assert recase("Straße", upper=True) == "Straße"


@given(st.integers(0, 10_000))
def test_typing_errors_stay_out_of_spans(seed: int) -> None:
    draft = Draft()
    draft.put_heading("plan", "planning", "", ":\n")
    draft.put("please consider ")
    draft.put_entity("Chemical", "furosemide")
    draft.put(" together with ")
    draft.put_phi("DOCTOR", "robertson")
    draft.put(" tomorrow morning")
    text = draft.text()
    wrong = mistype(text, draft, random.Random(seed), 40)
    assert len(wrong) == len(text)
    assert sorted(wrong) == sorted(text)
    assert wrong != text
    for start, end in ((0, 10), *((s.start, s.end) for s in (*draft.phi, *draft.entities))):
        assert wrong[start:end] == text[start:end]


def test_fragments_bring_their_spans_and_codes() -> None:
    piece = Draft()
    piece.put("seen by ")
    piece.put_phi("DOCTOR", "Wu")
    piece.put(" for ")
    piece.put_entity("Disease", "gout")
    piece.add_code("M10.9")
    draft = Draft()
    draft.put("HPI: ")
    draft.paste(piece.fragment())
    draft.paste(piece.fragment())
    text = draft.text()
    assert [text[s.start : s.end] for s in draft.phi] == ["Wu", "Wu"]
    assert [text[s.start : s.end] for s in draft.entities] == ["gout", "gout"]
    assert list(draft.codes) == ["M10.9"]


def test_end_line_adds_no_second_line_end() -> None:
    draft = Draft()
    draft.end_line()
    draft.put("a")
    draft.end_line()
    draft.end_line()
    assert draft.text() == "a\n"
