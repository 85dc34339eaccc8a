from __future__ import annotations

import datetime as dt
from pathlib import Path

import fsspec
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import RequestError
from pipelines.io.columns import PRESETS, ColumnMap
from pipelines.io.source import ParquetSource
from tests.pipelines.toys import notes_table, write_notes

PLAIN = PRESETS["notemill"]


def read_all(source: ParquetSource, done: frozenset[str] = frozenset()) -> tuple[list[dict[str, object]], int]:
    rows: list[dict[str, object]] = []
    skipped = 0
    for task in source.tasks(done):
        for _, notes, skip in source.read(task):
            rows += notes.to_pylist()
            skipped += skip
    return rows, skipped


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 60), group=st.integers(1, 70), split=st.integers(1, 70), keep=st.integers(0, 3))
def test_every_row_is_read_once_whatever_the_groups(
    tmp_path_factory: pytest.TempPathFactory, rows: int, group: int, split: int, keep: int
) -> None:
    path = tmp_path_factory.mktemp("source") / "in.parquet"
    table = notes_table(rows)
    source = ParquetSource(write_notes(path, table, row_group_size=group), PLAIN, split)
    splits = list(source.splits())
    assert [s.start for s in splits] == list(range(0, rows, split))
    done = frozenset(s.id for i, s in enumerate(splits) if keep and i % 4 < keep)
    read, skipped = read_all(source, done)
    left = [row for s in splits if s.id not in done for row in range(s.start, s.start + s.rows)]
    assert skipped == 0
    assert [row["row"] for row in read] == left
    assert [row["text"] for row in read] == [table["text"][row].as_py() for row in left]


def test_a_split_keeps_its_id_when_files_come(tmp_path: Path) -> None:
    write_notes(tmp_path / "in" / "b.parquet", notes_table(30))
    before = {s.id for s in ParquetSource(str(tmp_path / "in"), PLAIN, 10).splits()}
    write_notes(tmp_path / "in" / "a.parquet", notes_table(5, seed=1))
    after = {s.id for s in ParquetSource(str(tmp_path / "in"), PLAIN, 10).splits()}
    assert len(before) == 3
    assert before < after


def test_folders_globs_partitions_and_hidden_files(tmp_path: Path) -> None:
    root = tmp_path / "in"
    write_notes(root / "note_type=radiology" / "a.parquet", notes_table(3).drop(["note_type"]))
    write_notes(root / "note_type=nursing" / "b.parquet", notes_table(2, seed=1).drop(["note_type"]))
    write_notes(root / "_hidden" / "c.parquet", notes_table(9, seed=2))
    (root / "README.txt").write_text("not data")
    rows, _ = read_all(ParquetSource(str(root), PLAIN, 10))
    assert sorted(row["note_type"] for row in rows) == ["nursing"] * 2 + ["radiology"] * 3
    globbed, _ = read_all(ParquetSource(f"{root}/*/a.parquet", PLAIN, 10))
    assert len(globbed) == 3


def test_memory_filesystem() -> None:
    with fsspec.open("memory://source-test/in.parquet", "wb") as handle:
        pq.write_table(notes_table(7), handle)
    rows, _ = read_all(ParquetSource("memory://source-test/in.parquet", PLAIN, 3))
    assert len(rows) == 7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: str(p / "none.parquet"), "no such file"),
        (lambda p: str(p / "*.parquet"), "no file matches"),
        (lambda p: str(p), "no Parquet file under"),
        (lambda _: "nope://bucket/x", "cannot open nope://bucket/x"),
    ],
)
def test_an_input_that_is_not_there(tmp_path: Path, make: object, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        _ = ParquetSource(make(tmp_path), PLAIN, 10).files  # type: ignore[operator]


def test_not_parquet(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    path.write_bytes(b"note_id,text\n1,secret text\n")
    with pytest.raises(RequestError, match=r"in\.parquet is not a readable Parquet file") as caught:
        _ = ParquetSource(str(path), PLAIN, 10).files
    assert "secret" not in str(caught.value)


def test_missing_and_mistyped_columns_are_named(tmp_path: Path) -> None:
    missing = write_notes(tmp_path / "a.parquet", notes_table(2).drop(["text"]))
    with pytest.raises(RequestError, match=r"a\.parquet has no column text for text"):
        _ = ParquetSource(missing, PLAIN, 10).files
    mistyped = write_notes(tmp_path / "b.parquet", notes_table(2, text=[1.5, 2.5]))
    with pytest.raises(RequestError, match=r"column text of b\.parquet is of type double, but text must be text"):
        _ = ParquetSource(mistyped, PLAIN, 10).files
    wanted = ColumnMap(encounter_id=("visit",), demanded=("encounter_id",))
    present = write_notes(tmp_path / "c.parquet", notes_table(2))
    with pytest.raises(RequestError, match="no column visit for encounter_id"):
        _ = ParquetSource(present, wanted, 10).files


def test_one_file_of_many_with_another_schema_is_refused(tmp_path: Path) -> None:
    write_notes(tmp_path / "in" / "a.parquet", notes_table(2))
    write_notes(tmp_path / "in" / "b.parquet", notes_table(2).rename_columns(["note_id", "p", "e", "t", "body"]))
    with pytest.raises(RequestError, match=r"b\.parquet has no column text"):
        _ = ParquetSource(str(tmp_path / "in"), PLAIN, 10).files


def test_mimic_iii_as_pandas_writes_it(tmp_path: Path) -> None:
    table = pa.table(
        {
            "ROW_ID": [1, 2, 3, 4],
            "SUBJECT_ID": [10, 10, 11, 11],
            "HADM_ID": [100.0, None, 102.0, 103.5],
            "CHARTDATE": ["2101-01-01", "2101-01-02", "2101-01-03", "yesterday"],
            "CHARTTIME": [None, "2101-01-02 10:30:00", None, None],
            "CATEGORY": ["Nursing"] * 4,
            "ISERROR": [None, None, 1.0, None],
            "TEXT": ["a", "b", "c", "d"],
        }
    )
    rows, skipped = read_all(ParquetSource(write_notes(tmp_path / "n.parquet", table), PRESETS["mimic-iii"], 10))
    assert skipped == 1
    assert [(row["row"], row["note_id"], row["encounter_id"]) for row in rows] == [
        (0, "1", "100"),
        (1, "2", None),
        (3, "4", None),
    ]
    assert [row["note_time"] for row in rows] == [dt.datetime(2101, 1, 1), dt.datetime(2101, 1, 2, 10, 30), None]
    assert rows[0]["reject"] is None
    assert rows[2]["reject"]["stage"] == "read"  # type: ignore[index]
    assert rows[2]["reject"]["error"] in {"IdNotWhole", "UnreadableNoteTime"}  # type: ignore[index]


def test_omop_and_lower_case_names(tmp_path: Path) -> None:
    table = pa.table(
        {
            "NOTE_ID": pa.array([1], pa.int64()),
            "Person_ID": [7],
            "visit_occurrence_id": [9],
            "note_title": ["Discharge summary"],
            "note_date": [dt.date(2020, 5, 4)],
            "note_text": pa.array(["x"], pa.large_string()),
        }
    )
    rows, _ = read_all(ParquetSource(write_notes(tmp_path / "n.parquet", table), PRESETS["omop"], 10))
    assert rows[0]["note_id"] == "1"
    assert rows[0]["patient_id"] == "7"
    assert rows[0]["note_time"] == dt.datetime(2020, 5, 4)


def test_names_dictionaries_times_with_zones(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": ["a", "b"],
            "first": ["Ann", None],
            "last": ["Lee", " "],
            "text": pa.array(["x", "y"]).dictionary_encode(),
            "when": pa.array([0, None], pa.timestamp("ns", "America/New_York")),
        }
    )
    mapping = ColumnMap(note_id=("id",), patient_name=("first", "last"), note_time=("when",))
    rows, _ = read_all(ParquetSource(write_notes(tmp_path / "n.parquet", table), mapping, 10))
    assert [row["patient_name"] for row in rows] == [["Ann", "Lee"], None]
    assert rows[0]["note_time"] == dt.datetime(1970, 1, 1)
    assert rows[1]["text"] == "y"


def test_bytes_that_are_not_utf8_cost_one_row(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0\4\0\0\0"), pa.py_buffer(b"\xff\xfeok")]
    )
    table = pa.table({"note_id": ["a", "b"], "text": bad})
    rows, _ = read_all(ParquetSource(write_notes(tmp_path / "n.parquet", table), PLAIN, 10))
    assert rows[0]["text"] is None
    assert rows[0]["reject"]["error"] == "InvalidUnicode"  # type: ignore[index]
    assert rows[1]["text"] == "ok"
    assert rows[1]["reject"] is None


def test_a_huge_row_group_is_never_held_whole(tmp_path: Path) -> None:
    rows, length = 60_000, 3_000
    path = tmp_path / "big.parquet"
    fields = pa.schema([("note_id", pa.string()), ("text", pa.string())])
    # Incompressible enough that 180 MB of text would show.
    body = "".join(chr(97 + (i * i * 7919 + i // 3) % 26) for i in range(length * 2))
    texts = pa.array([f"{i} {body[i % length : i % length + length]}" for i in range(rows)])
    table = pa.table([pa.array([str(i) for i in range(rows)]), texts], schema=fields)
    size = table.nbytes
    pq.write_table(table, path, row_group_size=rows, use_dictionary=False, compression="none")
    del table, texts
    pa.default_memory_pool().release_unused()
    source = ParquetSource(str(path), PLAIN, 500)
    assert [file.group_rows for file in source.files] == [(rows,)]
    process = psutil.Process()
    before = process.memory_info().rss
    peak = before
    count = 0
    for task in source.tasks(frozenset()):
        for _, notes, _ in source.read(task):
            count += notes.num_rows
            peak = max(peak, process.memory_info().rss)
    assert count == rows
    assert peak - before < size / 3


def test_input_and_output_may_not_lie_within_each_other(tmp_path: Path) -> None:
    write_notes(tmp_path / "data" / "notes" / "in.parquet", notes_table(2))
    (tmp_path / "link").symlink_to(tmp_path / "data")
    for uri, output, expected in [
        ("data/notes", "data", True),
        ("data/notes/in.parquet", "data", True),
        ("data", "data/out", True),
        ("data/**/*.parquet", "data/out", True),
        ("link", "data/out", True),
        ("data/notes", "data/notes2", False),
        ("data/notes", "out", False),
    ]:
        source = ParquetSource(str(tmp_path / uri), PLAIN, 10)
        assert source.overlaps(str(tmp_path / output)) is expected, (uri, output)


def test_hive_values_are_decoded_and_null_is_null(tmp_path: Path) -> None:
    table = notes_table(1).drop(["encounter_id"])
    write_notes(tmp_path / "encounter_id=__HIVE_DEFAULT_PARTITION__" / "a.parquet", table)
    write_notes(tmp_path / "encounter_id=A%20B" / "a.parquet", table)
    rows, _ = read_all(ParquetSource(str(tmp_path), PLAIN, 10))
    assert {row["encounter_id"] for row in rows} == {None, "A B"}


def test_a_list_of_names_that_is_not_utf8_costs_its_row(tmp_path: Path) -> None:
    names = pa.array([[b"JOHN \xff"], [b"Ann", b"Lee"], None], pa.list_(pa.binary()))
    values = names.values
    text = pa.Array.from_buffers(pa.string(), len(values), values.buffers())
    lists = pa.ListArray.from_arrays(names.offsets, text)
    table = notes_table(3, patient_name=lists)
    rows, _ = read_all(ParquetSource(write_notes(tmp_path / "n.parquet", table), PLAIN, 10))
    assert [row["reject"] is None for row in rows] == [False, True, True]
    assert rows[1]["patient_name"] == ["Ann", "Lee"]


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.table([["a"], ["x"], ["y"]], names=["note_id", "text", "text"])
    with pytest.raises(RequestError, match="several columns text"):
        _ = ParquetSource(write_notes(tmp_path / "n.parquet", table), PLAIN, 10).files


def test_times_out_of_range_and_empty_ids(tmp_path: Path) -> None:
    table = pa.table(
        {
            "note_id": ["a", "", "c"],
            "text": ["x", "y", "z"],
            "patient_id": ["", "p", "p"],
            "note_time": pa.array([2**62, None, 1000], pa.timestamp("ms")),
        }
    )
    rows, _ = read_all(ParquetSource(write_notes(tmp_path / "n.parquet", table), PLAIN, 10))
    assert rows[0]["reject"]["error"] == "UnreadableNoteTime"  # type: ignore[index]
    assert [row["note_id"] for row in rows] == ["a", None, "c"]
    assert rows[0]["patient_id"] is None
    assert rows[2]["note_time"] == dt.datetime(1970, 1, 1, 0, 0, 1)
