from __future__ import annotations

import pickle
from typing import Any

import pyarrow as pa
import pytest

from transforms import schema
from transforms.stage import Stage
from transforms.validate import Validate, find_fault, null_invalid_unicode


def table(note_ids: list[Any], texts: list[Any]) -> pa.Table:
    return pa.table({"note_id": pa.array(note_ids, pa.string()), "text": pa.array(texts, pa.string())})


def errors(notes: pa.Table) -> list[str | None]:
    return [reject and reject["error"] for reject in notes["reject"].to_pylist()]


def undecodable(values: list[bytes]) -> pa.Array:
    """A string array over bytes that nobody checked, as a careless writer leaves them in a file."""
    binary = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(values), binary.buffers())


@pytest.mark.parametrize(
    ("note_id", "text", "error"),
    [
        (None, "Cough.", "NullNoteId"),
        ("", "Cough.", "EmptyNoteId"),
        ("  ", "Cough.", "EmptyNoteId"),
        ("n1", None, "NullText"),
        ("n1", "", "EmptyText"),
        ("n1", " \t\n\u00a0", "EmptyText"),
        ("n1", "0123456789A", "TextTooLong"),
    ],
)
def test_faults_of_a_single_note(note_id: str | None, text: str | None, error: str) -> None:
    fault = find_fault(note_id, text, max_characters=10)

    assert fault is not None
    assert fault.error == error


@pytest.mark.parametrize("text", ["0123456789", "\x00\x01", "ü" * 10, "a\x7f\x1b[0m"])
def test_texts_at_the_limit_and_with_control_characters_are_accepted(text: str) -> None:
    assert find_fault("n1", text, max_characters=10) is None


def test_the_limit_stands_in_the_detail_and_the_text_does_not() -> None:
    fault = find_fault("n1", "secret words", max_characters=5)

    assert fault is not None
    assert fault.detail == "text has 12 characters, the limit is 5"


def test_the_first_of_two_notes_with_one_id_stays() -> None:
    worker = Validate().open()

    done = worker.process(table(["a", "b", "a", "a"], ["One.", "Two.", "Three.", None]))

    assert errors(done) == [None, None, "DuplicateNoteId", "NullText"]


def test_rows_keep_their_number_order_and_text() -> None:
    texts = ["Cough.", None, "Fever.\x00", " "]

    done = Validate().open().process(table(list("abcd"), texts))

    assert done["text"].to_pylist() == texts
    assert errors(done) == [None, "NullText", None, "EmptyText"]
    assert done.schema.field("reject").type == schema.REJECT
    assert done["reject"].to_pylist()[1]["stage"] == "validate"


def test_a_reject_that_is_already_there_stays() -> None:
    before = {"stage": "reader", "error": "BadRow", "detail": "row group 3"}
    notes = table(["a", "b"], [None, None]).append_column("reject", pa.array([before, None], schema.REJECT))

    done = Validate().open().process(notes)

    assert done["reject"].to_pylist()[0] == before
    assert errors(done) == ["BadRow", "NullText"]


def test_bytes_that_are_not_utf8_cost_only_their_own_note() -> None:
    notes = pa.table({"note_id": ["a", "b", "c"], "text": undecodable([b"Fine.", b"caf\xe9", b"\xed\xa0\x80"])})
    with pytest.raises(UnicodeDecodeError):
        notes["text"].to_pylist()

    done = Validate().open().process(notes)

    assert errors(done) == [None, "InvalidUnicode", "InvalidUnicode"]
    assert done["text"].to_pylist() == ["Fine.", None, None]
    assert done["reject"].to_pylist()[1]["detail"] == "text is not valid UTF-8"


def test_an_id_or_a_name_that_is_not_utf8_rejects_its_note() -> None:
    names = pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), undecodable([b"Ann", b"Ren\xe9e"]))
    notes = pa.table({"note_id": undecodable([b"\xff", b"b"]), "text": ["One.", "Two."], "patient_name": names})

    done = Validate().open().process(notes)

    assert errors(done) == ["InvalidUnicode", "InvalidUnicode"]
    assert done["note_id"].to_pylist() == [None, "b"]
    assert done["patient_name"].to_pylist() == [["Ann"], None]


def test_a_valid_column_is_returned_untouched() -> None:
    column = table(["a"], ["é"])["text"]

    assert null_invalid_unicode(column) == (column, [])


def test_an_empty_table_gains_the_column() -> None:
    done = Validate().open().process(table([], []))

    assert done.num_rows == 0
    assert done.schema.field("reject").type == schema.REJECT


def test_the_spec_is_a_stage_that_travels() -> None:
    spec: Stage = Validate(max_characters=9)

    assert isinstance(spec, Stage)
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert repr(spec) == "Validate(max_characters=9)"
    with pytest.raises(ValueError, match="max_characters"):
        Validate(max_characters=0)
