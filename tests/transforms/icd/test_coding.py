from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.icd.coding import CodingOptions, evidence, select


def words(text: str) -> tuple[list[int], list[int]]:
    found = [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]
    return [start for start, _ in found], [end for _, end in found]


def texts_of(text: str, weights: list[float], **options: int) -> list[str]:
    starts, ends = words(text)
    spans = evidence(text, np.array(weights, dtype=np.float32), starts, ends, CodingOptions(**options))  # type: ignore[arg-type]
    return [text[start:end] for start, end in spans]


def test_grows_over_heavy_neighbours_and_stops_at_light_ones() -> None:
    assert texts_of("no acute kidney injury seen", [0.01, 0.3, 0.3, 0.35, 0.04]) == ["acute kidney injury"]


def test_second_peak_needs_its_share() -> None:
    text = "asthma in 2010 and copd now"
    assert texts_of(text, [0.5, 0.01, 0.01, 0.01, 0.4, 0.07]) == ["asthma", "copd"]
    assert texts_of(text, [0.8, 0.01, 0.01, 0.01, 0.1, 0.07]) == ["asthma"]
    assert texts_of(text, [0.5, 0.01, 0.01, 0.01, 0.4, 0.07], spans=1) == ["asthma"]


def test_stays_in_its_line_and_drops_punctuation_at_its_ends() -> None:
    assert texts_of("fever\n, cough ;", [0.2, 0.3, 0.3, 0.2])[-1] == "cough"
    assert "\n" not in "".join(texts_of("fever\ncough", [0.5, 0.5]))


@settings(deadline=None)
@given(st.text(alphabet="ab ,.\n", max_size=80), st.data())
def test_spans_are_short_apart_and_hold_whole_words(text: str, data: st.DataObject) -> None:
    starts, ends = words(text)
    weights = data.draw(st.lists(st.floats(0, 1, width=32), min_size=len(starts), max_size=len(starts)))
    options = CodingOptions(words=4)
    spans = evidence(text, np.array(weights, dtype=np.float32), starts, ends, options)
    assert len(spans) <= options.spans
    assert spans == sorted(spans)
    for start, end in spans:
        assert start in starts
        assert end in ends
        assert len(words(text[start:end])[0]) <= options.words
        assert re.search(r"\w", text[start:end])
        assert "\n" not in text[start:end]
    assert all(left[1] <= right[0] for left, right in pairwise(spans))
    alphanumeric = [w for s, e, w in zip(starts, ends, weights, strict=True) if text[s:e].isalnum()]
    assert bool(spans) == any(weight > 0 for weight in alphanumeric)


def test_select() -> None:
    scores = np.array([0.2, 0.9, 0.5, 0.5, -1.0], dtype=np.float32)
    assert select(scores, 0.5, 10) == [1, 2, 3]
    assert select(scores, 0.0, 2) == [1, 2]
    assert select(scores, 0.95, 2) == []


@pytest.mark.parametrize("options", [{"threshold": 1.5}, {"top_k": 0}, {"spans": -1}, {"words": 0}])
def test_bad_options(options: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        CodingOptions(**options)  # type: ignore[arg-type]
