"""Columns whose values are PHI of their row: any type becomes text, and a missing one is named."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.errors import RequestError
from pipelines.io.columns import ColumnMap
from pipelines.io.source import ParquetSource
from tests.pipelines.toys import notes_table, write_notes


def known(tmp_path: Path, *pairs: tuple[str, tuple[str, ...]], **columns: Any) -> list[Any]:
    rows = len(next(iter(columns.values())))
    path = write_notes(tmp_path / "in.parquet", notes_table(rows, **columns))
    source = ParquetSource(path, ColumnMap(known=pairs), 10)
    (task,) = source.tasks(frozenset())
    notes = [notes for _, notes, _ in source.read(task)]
    assert all(part["reject"].null_count == part.num_rows for part in notes)
    rows_read = [row for part in notes for row in part["known_phi"].to_pylist()]
    return [None if row is None else [(one["label"], one["value"]) for one in row] for row in rows_read]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array(["00123-45", None, ""]), ["00123-45", None, None]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.array([12345, None, 0]), ["12345", None, "0"]),
        (pa.array([12345.0, float("nan"), 1.5]), ["12345", None, "1.5"]),
        (pa.array([Decimal("12.50"), None, Decimal(7)], pa.decimal128(10, 2)), ["12.50", None, "7.00"]),
        (pa.array([dt.date(1950, 3, 4), None, dt.date(1, 1, 1)]), ["1950-03-04", None, "0001-01-01"]),
        (pa.array([dt.datetime(1950, 3, 4, 23, 59), None, None], pa.timestamp("us")), ["1950-03-04", None, None]),
        (pa.array([10**18 + 1, None, 0], pa.timestamp("ns")), ["2001-09-09", None, "1970-01-01"]),
        (pa.array([2**62, None, 0], pa.int64()), [str(2**62), None, "0"]),
        (pa.nulls(3), [None, None, None]),
    ],
)
def test_values_of_any_type_become_text(tmp_path: Path, values: Any, expected: list[str | None]) -> None:
    found = known(tmp_path, ("IDNUM", ("thing",)), thing=values)
    assert found == [None if value is None else [("IDNUM", value)] for value in expected]


def test_several_columns_and_lists(tmp_path: Path) -> None:
    found = known(
        tmp_path,
        ("PHONE", ("home", "cell")),
        ("PATIENT", ("people",)),
        home=["555-0100", None, " "],
        cell=["555-0101", "555-0102", None],
        people=[["Ann Roe", None], None, []],
    )
    assert found == [
        [("PHONE", "555-0100"), ("PHONE", "555-0101"), ("PATIENT", "Ann Roe")],
        [("PHONE", "555-0102")],
        None,
    ]


def test_a_column_may_be_named_in_another_case_and_serve_twice(tmp_path: Path) -> None:
    assert known(tmp_path, ("MEDICALRECORD", ("MRN",)), ("IDNUM", ("mrn",)), Mrn=[7]) == [
        [("MEDICALRECORD", "7"), ("IDNUM", "7")]
    ]


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for columns, message in (
        (
            {"home": ["x"]},
            r"in.parquet has no column mrn, which \[columns.known\] names for MEDICALRECORD; it has: note",
        ),
        ({"mrn": [True]}, "column mrn of in.parquet is of type bool"),
        ({"mrn": [{"a": 1}]}, "of type struct"),
        ({"mrn": [b"x"]}, "of type binary"),
        ({"mrn": [[1]]}, "of type list"),
    ):
        with pytest.raises(RequestError, match=message):
            known(tmp_path, ("MEDICALRECORD", ("mrn",)), **columns)


def test_text_that_is_not_utf8_gives_the_row_up(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(pa.string(), 2, [None, pa.py_buffer(b"\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"), pa.py_buffer(b"a\xff")])  # fmt: skip  # noqa: E501
    path = write_notes(tmp_path / "in.parquet", notes_table(2, mrn=broken))
    source = ParquetSource(path, ColumnMap(known=(("IDNUM", ("mrn",)),)), 10)
    (task,) = source.tasks(frozenset())
    ((_, notes, _),) = source.read(task)
    assert [reject and reject["error"] for reject in notes["reject"].to_pylist()] == [None, "InvalidUnicode"]
