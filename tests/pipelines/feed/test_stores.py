"""What is particular to a store."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from deltalake import DeltaTable
from moto.server import ThreadedMotoServer
from pyiceberg.catalog import load_catalog
from s3fs import S3FileSystem

from pipelines.errors import RequestError, RunError
from pipelines.feed.feeding import feed
from pipelines.feed.keys import KeyIndex
from pipelines.feed.mapping import PlainTables
from pipelines.feed.run_tables import RunTables
from pipelines.feed.store import Part, Store, TableSpec
from pipelines.feed.targets import open_store
from tests.pipelines.feed.postgresql import server
from tests.pipelines.feed.runs import expected, make_run, rows_of
from tests.pipelines.feed.warehouses import PostgreSQL
from tests.pipelines.toys import notes_table

SPEC = TableSpec("t", pa.schema([("run_id", pa.string()), ("id", pa.string()), ("n", pa.int32())]), "id", ("notes",))


def part(split: str, **rows: int) -> Part:
    table = pa.table({"run_id": ["r"] * len(rows), "id": list(rows), "n": list(rows.values())}, schema=SPEC.fields)
    receipts = {split: hashlib.sha256(repr(rows).encode()).hexdigest()}
    return Part(SPEC, "r", table, pa.array(list(rows), pa.string()), receipts)


def prepared(uri: str) -> Store:
    store = open_store(uri)
    store.prepare([SPEC])
    return store


def test_key_index_knows_what_it_was_told() -> None:
    index = KeyIndex()
    for place in range(40):  # enough for stretches to be made one
        index.add(pa.array([f"k{place}-{i}" for i in range(50)] + [None]), place)
    asked = pa.array(["k3-7", "nobody", "k39-0"])
    assert index.present(asked).to_pylist() == ["k3-7", "k39-0"]
    assert index.places(asked) == {3, 39}
    assert index.places(pa.array([], pa.string())) == set()


# -- Delta


def test_delta_one_of_two_feeds_at_once_fails(tmp_path: Path) -> None:
    uri = f"delta://{tmp_path}/lake"
    first, second = prepared(uri), prepared(uri)
    seen = part("s1", a=1, b=2)
    second._looked_at(SPEC)  # type: ignore[attr-defined] # it has looked before the other commits
    first.deliver([seen])
    with pytest.raises(RunError, match="someone else wrote to the table t"):
        second._commit(part("s1", a=1, b=2), second._known["t"])  # type: ignore[attr-defined]
    assert DeltaTable(f"{tmp_path}/lake/t").count() == 2
    assert second.delivered("t", "r", seen.receipts) == {"s1"} or prepared(uri).delivered("t", "r", seen.receipts)


def test_delta_rows_of_another_writer_are_replaced_too(tmp_path: Path) -> None:
    uri = f"delta://{tmp_path}/lake"
    first, second = prepared(uri), prepared(uri)
    first.deliver([part("s1", a=1)])
    second.deliver([part("s2", b=1)])
    first.deliver([part("s3", b=2, c=3)])
    rows = DeltaTable(f"{tmp_path}/lake/t").to_pyarrow_table()
    assert sorted(zip(rows["id"].to_pylist(), rows["n"].to_pylist(), strict=True)) == [("a", 1), ("b", 2), ("c", 3)]


def test_delta_remembers_beyond_a_checkpoint(tmp_path: Path) -> None:
    uri = f"delta://{tmp_path}/lake"
    store, parts = prepared(uri), [part(f"s{i}", **{f"k{i}": i}) for i in range(4)]
    for one in parts:
        store.deliver([one])
    table = DeltaTable(f"{tmp_path}/lake/t")
    table.create_checkpoint()
    for log in (tmp_path / "lake/t/_delta_log").glob("*.json"):
        log.unlink()
    receipts = {split: receipt for one in parts for split, receipt in one.receipts.items()}
    assert prepared(uri).delivered("t", "r", receipts) == {"s0", "s1", "s2", "s3"}
    assert prepared(uri).delivered("t", "r", {"s0": "f" * 64}) == set()


# -- Object stores


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 of this process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    S3FileSystem().makedirs("warehouse", exist_ok=True)
    yield "s3://warehouse"
    S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.mark.parametrize("scheme", ["delta", "parquet"])
def test_on_s3(scheme: str, bucket: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / "out", tmp_path / "in.parquet", notes_table(12))
    for splits in (4, 0):
        store = open_store(f"{scheme}://{bucket}/{scheme}")
        assert feed(RunTables(run), PlainTables(), store).splits == splits
        store.close()
    if scheme == "delta":
        found = DeltaTable(f"{bucket}/delta/notes").to_pyarrow_table()
    else:
        found = ds.dataset("warehouse/parquet/notes", filesystem=S3FileSystem(), partitioning="hive").to_table()
    assert rows_of(found) == expected(run)["notes"]


# -- Iceberg


def test_iceberg_one_of_two_feeds_at_once_fails(tmp_path: Path) -> None:
    uri = f"iceberg://{tmp_path}/lake"
    first, second = prepared(uri), prepared(uri)
    known = second._looked_at(SPEC)  # type: ignore[attr-defined] # it has looked before the other commits
    first.deliver([part("s1", a=1, b=2)])
    with pytest.raises(RunError, match="someone else wrote to the table t"):
        second._commit(part("s1", a=1, b=2), known)  # type: ignore[attr-defined]
    second.deliver([part("s2", b=3)])
    third = prepared(uri)
    assert third.delivered("t", "r", part("s1", a=1, b=2).receipts | part("s2", b=3).receipts) == {"s1", "s2"}
    rows = (
        load_catalog("notemill", type="sql", uri=f"sqlite:///{tmp_path}/lake/catalog.db")
        .load_table("notemill.t")
        .scan()
    )
    assert sorted(rows.to_arrow()["n"].to_pylist()) == [1, 3]
    # That a feed does not retry is its own affair, not a property of the table.
    assert "commit.retry.num-retries" not in rows.table_metadata.properties


def test_iceberg_of_a_configured_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".pyiceberg.yaml").write_text(
        f"catalog:\n  hospital:\n    type: sql\n    uri: sqlite:///{tmp_path}/c.db\n    warehouse: file://{tmp_path}/w\n"
    )
    monkeypatch.setenv("PYICEBERG_HOME", str(tmp_path))
    script = "from tests.pipelines.feed.test_stores import *; s = prepared('iceberg://clinic?catalog=hospital'); "
    command = [sys.executable, "-c", script + "s.deliver([part('s1', a=1)])"]
    subprocess.run(command, check=True)  # PyIceberg reads its configuration once, when it is imported
    catalog = load_catalog("hospital", type="sql", uri=f"sqlite:///{tmp_path}/c.db", warehouse=f"file://{tmp_path}/w")
    assert catalog.load_table("clinic.t").scan().to_arrow()["id"].to_pylist() == ["a"]


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("iceberg://clinic?catalog=nowhere", "cannot open iceberg://clinic.*nowhere"),
        ("iceberg://s3://bucket/lake", "needs a local folder; name a catalog"),
        ("iceberg:///proc/lake", "cannot open iceberg:///proc/lake: .*No such file or directory"),
    ],
)
def test_iceberg_bad_targets(uri: str, says: str) -> None:
    with pytest.raises(RequestError, match=says):
        open_store(uri)


# -- PostgreSQL


def test_postgresql_types_are_its_own(tmp_path: Path) -> None:
    warehouse = PostgreSQL(tmp_path)
    run = make_run(tmp_path / "out", tmp_path / "in.parquet", notes_table(8))
    store = open_store(warehouse.uri)
    feed(RunTables(run), PlainTables(), store)
    store.close()
    name = warehouse.uri.rpartition("/")[2]
    query = "select column_name || ' ' || data_type from information_schema.columns where table_name = '{}'"
    columns = {line for table in ("notes", "codes") for line in server().psql(name, query.format(table)).splitlines()}
    assert {"note_time timestamp without time zone", "text text", "text_length integer", "score real"} <= columns
    assert "evidence jsonb" in columns
    found = server().psql(name, "select count(*) from codes, jsonb_to_recordset(evidence) as e(start int, text text)")
    assert int(found) > 0
    indexes = server().psql(name, "select indexdef from pg_indexes where tablename = 'entities'")
    assert "(note_id)" in indexes


def test_postgresql_nul_characters_keep_their_place(tmp_path: Path) -> None:
    warehouse = PostgreSQL(tmp_path)
    table = notes_table(4)
    texts = table["text"].to_pylist()
    texts[1] = "a\0b\0 \\u0000 1 c d"
    table = table.set_column(table.column_names.index("text"), "text", pa.array(texts))
    run = make_run(tmp_path / "out", tmp_path / "in.parquet", table)
    store = open_store(warehouse.uri)
    fed = feed(RunTables(run), PlainTables(), store)
    store.close()
    name = warehouse.uri.rpartition("/")[2]
    (text,) = server().psql(name, "select text from notes where text like 'a%'").splitlines()
    assert text == "a\ufffdb\ufffd \\u0000 1 c d"
    (remark,) = fed.remarks
    assert remark.startswith("6 NUL characters became U+FFFD")  # of the text, an entity, the evidence of a code
    assert server().psql(name, "select count(*) from codes where evidence::text like '%\ufffd%'") == "1\n"


def test_postgresql_a_second_feed_waits(tmp_path: Path) -> None:
    warehouse = PostgreSQL(tmp_path)
    first = prepared(warehouse.uri)
    order: list[str] = []

    def other() -> None:
        second = prepared(warehouse.uri)
        order.append("second")
        second.deliver([part("s1", a=2)])
        second.close()

    thread = threading.Thread(target=other)
    thread.start()
    thread.join(1.0)
    first.deliver([part("s1", a=1)])
    order.append("first")
    first.close()
    thread.join(30)
    assert order == ["first", "second"]
    name = warehouse.uri.rpartition("/")[2]
    assert server().psql(name, "select id, n from t") == "a|2\n"


def test_postgresql_unreachable_or_not_allowed(tmp_path: Path) -> None:
    warehouse = PostgreSQL(tmp_path)
    with pytest.raises(RequestError, match=r"cannot open postgresql://me:\*\*\*@127.0.0.1:1/x: .*refused"):
        open_store("postgresql://me:secret@127.0.0.1:1/x")
    name = warehouse.uri.rpartition("/")[2]
    with pytest.raises(RequestError, match='role "nobody" does not exist'):
        open_store(server().uri(name, "nobody"))
    role = f"reader_{name}"
    server().psql(name, f"create role {role} login; revoke create on schema public from public")
    run = make_run(tmp_path / "out", tmp_path / "in.parquet", notes_table(4))
    store = open_store(server().uri(name, role))
    with pytest.raises(RequestError, match=r"the target refuses: .*permission denied for schema public"):
        feed(RunTables(run), PlainTables(), store)
    store.close()


# -- DuckDB


def test_duckdb_a_locked_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.duckdb"
    holds = f"import duckdb, time; db = duckdb.connect({str(file)!r}); print('open', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", holds], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(RequestError, match=r"cannot open duckdb://.*lock"):
            open_store(f"duckdb://{file}")
        holder.kill()
    with duckdb.connect(str(file)) as db:
        assert db.sql("show tables").fetchall() == []
