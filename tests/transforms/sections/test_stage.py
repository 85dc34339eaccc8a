from __future__ import annotations

import pickle

import pyarrow as pa

from transforms import schema
from transforms.sections import HeadingTable, Sections
from transforms.stage import Stage


def test_sections_of_several_notes() -> None:
    texts = ["PLAN: home", None, "", "Name: x\n\nPLAN: home"]
    notes = pa.table({"note_id": list("abcd"), "text": pa.array(texts, pa.string())})

    done = Sections().open().process(notes)

    assert done.schema.field("sections") == schema.IN_FLIGHT.field("sections")
    done.validate(full=True)
    first, dead, empty, last = done["sections"].to_pylist()
    assert first == [
        {
            "section_id": 0,
            "category": "plan",
            "loinc": "18776-5",
            "title": "PLAN",
            "start": 0,
            "end": 10,
            "body_start": 6,
        }
    ]
    assert dead is None
    assert empty == []
    assert [section["category"] for section in last] == ["header", "plan"]
    assert done.drop_columns(["sections"]) == notes


def test_an_empty_table_gains_the_column() -> None:
    done = Sections().open().process(pa.table({"text": pa.array([], pa.string())}))

    assert done["sections"].type == pa.list_(schema.SECTION)
    assert done.num_rows == 0


def test_the_spec_is_a_stage_that_travels() -> None:
    spec: Stage = Sections()

    assert isinstance(spec, Stage)
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert repr(spec) == f"Sections(headings={HeadingTable.shipped()!r})"
