"""Folded texts and the way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.deid.fold import Folded, Plain, fold, lower


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
        assert folded.text[at] in fold(raw[start:end])


@given(*[st.text(st.one_of(st.characters(), st.sampled_from("İßΣέ\u0301’–AÉǼø")), max_size=12)] * 2)
def test_a_character_is_written_alike_whatever_stands_beside_it(one: str, other: str) -> None:
    assert lower(one + other) == lower(one) + lower(other)
    assert fold(one + other) == fold(one) + fold(other)
    assert Plain(f"{one}|{other}").text == f"{Plain(one).text}|{Plain(other).text}"


def test_typographic_digits_dashes_slashes_and_blanks_become_ascii_one_for_one() -> None:
    text = "３/４/２０１９ ١٢/٠٣ 3\u20444\u20442019 123\u201145\u20136789 617\xa0555\u20091212 ÀÉ İ"
    lowered = lower(text)
    assert len(lowered) == len(text)
    assert lowered.startswith("3/4/2019 12/03 3/4/2019 123-45-6789 617 555 1212 àé ")


def test_what_is_not_seen_does_not_hide_a_name() -> None:
    assert fold("SM\xadITH Smi\u200bth ＳＭＩＴＨ") == "smith smith smith"


@given(st.text(alphabet="aZ1 -\u200b\u00a0\u2013e\u0301\u00e9\r\n:DOBMRN\U0001f600", max_size=40))
def test_every_stretch_of_the_plain_text_maps_back_into_the_raw_one(raw: str) -> None:
    plain = Plain(raw)
    end_before = 0
    for at in range(len(plain.text)):
        start, end = plain.raw(at, at + 1)
        assert end_before <= start <= end <= len(raw)
        end_before = end
        if plain.text[at].isalnum():
            assert start < end


@pytest.mark.parametrize(
    ("raw", "plain", "part"),
    [
        ("61\u200b7-55\u00ad5", "617-555", "61\u200b7-55\u00ad5"),
        ("Nu\u0301n\u0303ez", "Nunez", "Nu\u0301n\u0303ez"),
        ("x 617\u00a0555\u20130192 y", "617 555-0192", "617\u00a0555\u20130192"),
        ("DOB:01/02/1950MRN:123", "01/02/1950", "01/02/1950"),
        ("a\r\nb", "a \nb", "a\r\nb"),
    ],
)
def test_nothing_invisible_splits_what_belongs_together(raw: str, plain: str, part: str) -> None:
    note = Plain(raw)
    at = note.text.index(plain)
    start, end = note.raw(at, at + len(plain))
    assert raw[start:end] == part
