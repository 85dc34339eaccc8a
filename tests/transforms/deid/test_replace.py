"""Replacement and its offset map: exact on any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.deid.replace import Edit, OffsetMap, ReplacementError, replace
from transforms.deid.spans import PhiSpan

TEXTS = st.lists(
    st.one_of(
        st.characters(blacklist_categories=["Cs"]),
        st.sampled_from(["\r\n", "\n", "e\u0301", "\U0001f469\u200d\u2695\ufe0f", "ש", "İ", "ß", " "]),
    ),
    max_size=40,
).map("".join)


@st.composite
def spanned(draw: st.DrawFn) -> tuple[str, list[PhiSpan]]:
    text = draw(TEXTS)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    labels = st.sampled_from(["DATE", "PATIENT", "LOCATION-OTHER"])
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    return text, [PhiSpan(start, end, draw(labels), 1.0, "test") for start, end in pairs]


def tags(spans: list[PhiSpan]) -> list[str]:
    return [f"[{span.label}]" for span in spans]


@given(spanned())
def test_outside_the_spans_both_texts_are_equal(case: tuple[str, list[PhiSpan]]) -> None:
    text, spans = case
    replaced, offsets = replace(text, spans, tags(spans))
    raw_at = at = 0
    for span, edit in zip(spans, offsets.edits, strict=True):
        assert text[raw_at : edit.raw_start] == replaced[at : edit.start]
        assert replaced[edit.start : edit.end] == f"[{span.label}]"
        assert (edit.raw_start, edit.raw_end) == (span.start, span.end)
        raw_at, at = edit.raw_end, edit.end
    assert text[raw_at:] == replaced[at:]


@given(spanned(), st.data())
def test_offsets_go_there_and_back(case: tuple[str, list[PhiSpan]], data: st.DataObject) -> None:
    text, spans = case
    replaced, offsets = replace(text, spans, tags(spans))
    for edit in offsets.edits:
        assert offsets.to_raw(edit.start, edit.end) == (edit.raw_start, edit.raw_end)
        assert offsets.from_raw(edit.raw_start, edit.raw_end) == (edit.start, edit.end)
    start = data.draw(st.integers(0, len(replaced)))
    end = data.draw(st.integers(start, len(replaced)))
    raw = offsets.to_raw(start, end)
    assert 0 <= raw[0] <= raw[1] <= len(text)
    # What comes back covers what went out, and equals it unless an end lay inside a replacement.
    back = offsets.from_raw(*raw)
    if start < end:
        assert back[0] <= start
        assert end <= back[1]
    inside = any(edit.start < offset < edit.end for edit in offsets.edits for offset in (start, end))
    if not inside and not any(
        edit.start <= start <= edit.end or edit.start <= end <= edit.end for edit in offsets.edits
    ):
        assert back == (start, end)
        assert text[raw[0] : raw[0] + 1] == replaced[start : start + 1]


def test_offsets_beside_a_replacement() -> None:
    _, offsets = replace("ab 3/4/19 cd", [PhiSpan(3, 9, "DATE", 1.0, "t")], ["[DATE]"])  # "ab [DATE] cd"
    assert offsets.to_raw(0, 2) == (0, 2)
    assert offsets.to_raw(10, 12) == (10, 12)
    assert offsets.to_raw(4, 5) == (3, 9)
    assert offsets.from_raw(4, 6) == (3, 9)


@pytest.mark.parametrize(
    "spans",
    [[(2, 2)], [(0, 3), (2, 4)], [(3, 4), (0, 1)], [(0, 9)], [(-1, 2)]],
    ids=["empty", "overlap", "order", "outside", "negative"],
)
def test_bad_spans_are_refused(spans: list[tuple[int, int]]) -> None:
    with pytest.raises(ReplacementError):
        replace("abcdef", [PhiSpan(start, end, "DATE", 1.0, "t") for start, end in spans], ["[DATE]"] * len(spans))


@pytest.mark.parametrize("new", [[], ["[DATE]", "[DATE]"]])
def test_each_span_has_one_replacement(new: list[str]) -> None:
    with pytest.raises(ReplacementError):
        replace("abcdef", [PhiSpan(1, 2, "DATE", 1.0, "t")], new)


@pytest.mark.parametrize(
    ("raw", "replaced"),
    [("ab SECRET cd", "ab [DATE] ce"), ("ab SECRET cd", "xb [DATE] cd"), ("ab SECRET cd", "ab [DATE] c")],
)
def test_a_text_that_does_not_map_back_is_caught(raw: str, replaced: str) -> None:
    offsets = OffsetMap((Edit(3, 9, 3, 9),), 12, 12)
    offsets.verify("ab SECRET cd", "ab [DATE] cd")
    with pytest.raises(ReplacementError) as error:
        offsets.verify(raw, replaced)
    assert "SECRET" not in str(error.value)


def test_an_offset_outside_the_text_is_refused() -> None:
    _, offsets = replace("abc", [], [])
    with pytest.raises(IndexError):
        offsets.to_raw(0, 4)
    with pytest.raises(IndexError):
        offsets.from_raw(2, 1)
