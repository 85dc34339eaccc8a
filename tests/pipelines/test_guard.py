from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.guard import ContractError, Guard, describe
from tests.pipelines.toys import Count
from transforms import schema
from transforms.clinical_bert.counts import Counts, TruncatedError
from transforms.stage import NoteError, Resources, with_column


def in_flight(texts: list[str], rejected: frozenset[int] = frozenset()) -> pa.Table:
    reason = {"stage": "earlier", "error": "X", "detail": ""}
    rows = [
        {"row": i, "note_id": f"n{i}", "text": text, "reject": reason if i in rejected else None}
        for i, text in enumerate(texts)
    ]
    return pa.Table.from_pylist(rows, schema.columns(*schema.READ_COLUMNS))


def test_a_failing_note_is_rejected_alone_and_its_text_goes() -> None:
    notes = in_flight(["good", "bad", "good too", "also good"])
    done = Guard(Count(fails_on="bad")).process(notes)
    assert done["row"].to_pylist() == [0, 1, 2, 3]
    assert [r and r["error"] for r in done["reject"].to_pylist()] == [None, "ValueError", None, None]
    assert done["text"].to_pylist() == ["good", None, "good too", "also good"]
    assert done["n_tokens"].to_pylist() == [1, None, 2, 2]


def test_no_word_of_the_note_is_told() -> None:
    done = Guard(Count(fails_on="MARK")).process(in_flight(["a MARK b"]))
    assert "MARK" not in str(done.to_pylist())
    assert done["reject"][0].as_py()["detail"].startswith("toys.py:")


def test_a_reason_that_was_written_to_be_shown_is_told() -> None:
    done = Guard(Count(refuses_on="MARK")).process(in_flight(["a MARK b", "fine"]))
    assert done["reject"].to_pylist() == [
        {"stage": "count", "error": "NoteError", "detail": "refused by its mark"},
        None,
    ]


def test_out_of_memory_halves_the_batch_and_rejects_nothing() -> None:
    done = Guard(Count(most=3)).process(in_flight([f"note {i}" for i in range(50)]))
    assert done["reject"].null_count == 50
    assert done["n_tokens"].to_pylist() == [2] * 50


def test_what_was_truncated_of_a_rejected_note_is_still_told() -> None:
    counts = Counts(tokens=9, windows=1, truncated_tokens=4)

    class Cutting:
        def process(self, notes: pa.Table) -> pa.Table:
            if "bad" in notes["text"].to_pylist():
                raise TruncatedError(counts)
            return with_column(notes, schema.IN_FLIGHT.field("tagged"), [asdict(Counts(tokens=1))] * notes.num_rows)

        def close(self) -> None: ...

    class Tagger(Count):
        adds = schema.columns("tagged")

        def open(self) -> Any:
            return Cutting()

    done = Guard(Tagger()).process(in_flight(["good", "bad", "good"]))
    assert [r and r["error"] for r in done["reject"].to_pylist()] == [None, "TruncatedError", None]
    assert done["tagged"].to_pylist() == [asdict(Counts(tokens=1)), asdict(counts), asdict(Counts(tokens=1))]
    assert done["text"].to_pylist() == ["good", None, "good"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["fine", "bad", "fine words here"]), max_size=20),
    st.frozensets(st.integers(0, 19), max_size=6),
    st.integers(1, 20),
)
def test_rows_stay_in_number_and_order(texts: list[str], rejected: frozenset[int], most: int) -> None:
    notes = in_flight(texts, rejected)
    done = Guard(Count(fails_on="bad", most=most)).process(notes)
    assert done["row"].to_pylist() == list(range(len(texts)))
    for i, (text, reject) in enumerate(zip(texts, done["reject"].to_pylist(), strict=True)):
        if i in rejected:
            assert reject["stage"] == "earlier"
        else:
            assert (reject is not None) == (text == "bad")
    assert set(Count.adds.names) <= set(done.column_names)


@dataclass(frozen=True)
class Wrong:
    fault: str
    name: ClassVar[str] = "wrong"
    reads: ClassVar[pa.Schema] = schema.columns("text")
    adds: ClassVar[pa.Schema] = schema.columns("n_tokens")
    resources: ClassVar[Resources] = Resources()

    def open(self) -> Any:
        return self

    def process(self, notes: pa.Table) -> pa.Table:
        counted = with_column(notes, schema.IN_FLIGHT.field("n_tokens"), [1] * notes.num_rows)
        if self.fault == "fewer rows":
            return counted.slice(1)
        if self.fault == "other order":
            return counted.take(list(reversed(range(notes.num_rows))))
        if self.fault == "no column":
            return notes
        return counted.set_column(
            counted.schema.get_field_index("n_tokens"), "n_tokens", pa.array(["1"] * notes.num_rows)
        )

    def close(self) -> None:
        """Nothing to release."""


@pytest.mark.parametrize("fault", ["fewer rows", "other order", "no column", "other type"])
def test_a_stage_that_breaks_its_contract_stops_the_run(fault: str) -> None:
    with pytest.raises(ContractError, match="stage wrong"):
        Guard(Wrong(fault)).process(in_flight(["a", "b"]))


def test_describe_tells_where_not_what() -> None:
    with pytest.raises(KeyError) as caught:
        raise KeyError("MARK")
    assert describe(caught.value).startswith("test_guard.py:")
    assert "MARK" not in describe(caught.value)
    assert describe(NoteError("a reason")) == "a reason"
