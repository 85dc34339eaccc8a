"""Mode `mask`: lengths and lines hold, and nothing else."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.deid.replacement.marked import KEY, facts, news
from transforms.deid.labels import SAFE_HARBOR
from transforms.deid.replacement import NoteFacts, replacer
from transforms.deid.spans import PhiSpan


@given(st.text(min_size=1), st.sampled_from(sorted(SAFE_HARBOR)))
def test_same_length_and_nothing_but_white_space_stays(raw: str, label: str) -> None:
    (new,) = replacer("mask", KEY).replacements(raw, [PhiSpan(0, len(raw), label, 1.0, "t")], NoteFacts("p"))
    assert len(new) == len(raw)
    assert all(after == before if before.isspace() else after == "*" for before, after in zip(raw, new, strict=True))


def test_lines_hold() -> None:
    assert news("mask", "{STREET:12 Oak St\r\nApt 4}") == ["** *** **\r\n*** *"]
    assert news("mask", "{AGE:93} {ZIP:02139}") == ["**", "*****"]


def test_note_time_is_cut_to_the_year() -> None:
    assert replacer("mask", KEY).note_time(facts(year=2019)) == dt.datetime(2019, 1, 1)
