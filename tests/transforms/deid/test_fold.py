"""Folded texts and the way back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transforms.deid.fold import Folded, fold, lower


def test_accents_case_and_quotes_fold() -> None:
    assert fold("José O’NEIL") == "jose o'neil"
    assert fold("Jose\u0301") == "jose"
    assert fold("김") == "김"


def test_offsets_lead_back_to_the_raw_text() -> None:
    raw = "x Jose\u0301 y"
    folded = Folded(raw)
    start = folded.text.index("jose")
    begin, end = folded.raw(start, start + 4)
    assert raw[begin:end] == "Jose\u0301"


@given(st.text(st.one_of(st.characters(blacklist_categories=["Cs"]), st.sampled_from("İßé\u0301ǅ")), max_size=40))
def test_lower_keeps_every_offset_and_fold_maps_within_the_text(raw: str) -> None:
    assert len(lower(raw)) == len(raw)
    folded = Folded(raw)
    for at in range(len(folded.text)):
        start, end = folded.raw(at, at + 1)
        assert 0 <= start < end <= len(raw)
        assert fold(raw[start:end]) == folded.text[at]
