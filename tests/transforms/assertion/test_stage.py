from __future__ import annotations

import pickle
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms import schema
from transforms.assertion import Assertion, Lexicon
from transforms.assertion.stage import Innermost
from transforms.sections import Sections
from transforms.stage import Stage


def entity(text: str, word: str, section_id: int | None = None) -> dict[str, Any]:
    start = text.index(word)
    empty = dict.fromkeys(["negated", "uncertain", "historical", "hypothetical", "experiencer"])
    found = {"entity_id": 0, "start": start, "end": start + len(word), "text": word, "label": "Disease", "score": 0.5}
    return {**found, "section_id": section_id, **empty}


def notes(texts: list[str | None], entities: list[list[dict[str, Any]] | None]) -> pa.Table:
    table = pa.table({"text": pa.array(texts, pa.string())})
    table = Sections().open().process(table)
    return table.append_column(schema.IN_FLIGHT.field("entities"), pa.array(entities, pa.list_(schema.ENTITY)))


def test_entities_gain_assertion_and_section() -> None:
    text = "ASSESSMENT: no fever.\n\nFAMILY HISTORY: gout.\n\nPHYSICAL EXAM:\nHEENT: possible rash"
    before = notes([text], [[entity(text, "fever"), entity(text, "gout", 7), entity(text, "rash")]])

    done = Assertion().open().process(before)

    fever, gout, rash = done["entities"].to_pylist()[0]
    assert (fever["negated"], fever["section_id"], fever["experiencer"]) == (True, 0, "patient")
    assert (gout["experiencer"], gout["section_id"]) == ("family", 7), "a section that is already there stays"
    assert (rash["uncertain"], rash["section_id"]) == (True, 3), "the innermost section"
    assert fever["text"] == "fever"
    assert fever["score"] == pytest.approx(0.5)
    assert done.drop_columns(["entities"]) == before.drop_columns(["entities"])
    assert done.schema.field("entities") == schema.IN_FLIGHT.field("entities")


def test_notes_without_text_or_entities_stay_as_they_are() -> None:
    done = Assertion().open().process(notes(["Well.", None, "Well."], [[], None, None]))

    assert done["entities"].to_pylist() == [[], None, None]


def test_the_spec_is_a_stage_that_travels() -> None:
    spec: Stage = Assertion()

    assert isinstance(spec, Stage)
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert repr(spec) == f"Assertion(lexicon={Lexicon.shipped()!r}, checkpoint=None)"


@given(st.data())
def test_innermost_is_the_smallest_span_around(data: st.DataObject) -> None:
    spans: list[tuple[int, int]] = []

    def nest(low: int, high: int, depth: int) -> None:
        bounds = sorted(data.draw(st.lists(st.integers(low, high), max_size=4)))
        for start, end in zip(bounds[::2], bounds[1::2], strict=False):
            spans.append((start, end))
            if depth:
                nest(start, end, depth - 1)

    nest(0, 30, 2)
    innermost = Innermost(spans)

    for position in range(-1, 32):
        around = [span for span in spans if span[0] <= position < span[1]]
        number = innermost.at(position)
        smallest = min(around, key=lambda span: span[1] - span[0], default=None)
        assert (None if number is None else spans[number]) == smallest
