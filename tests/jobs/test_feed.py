"""`notemill feed`: what it prints, what it refuses, and the lines of the README."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import duckdb
import pytest

from pipelines.feed.targets import MODELS, STORES, shown
from tests.jobs.conftest import Run
from tests.pipelines.feed.omop import athena
from tests.pipelines.feed.postgresql import binaries
from tests.pipelines.feed.runs import expected, make_run
from tests.pipelines.feed.warehouses import PostgreSQL
from tests.pipelines.toys import notes_table

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("run")
    return make_run(folder / "run", folder / "in.parquet", notes_table(12))


def test_result_for_machines_and_for_people(notemill: Run, run: str, tmp_path: Path) -> None:
    target = f"duckdb://{tmp_path}/notes.duckdb"
    status, out, err = notemill("feed", "--run", run, "--to", target, "--tables", "notes, codes", "--json")
    result = json.loads(out)
    assert (status, err) == (0, "")
    assert result["rows"] == {"notes": 12, "codes": expected(run)["codes"].total()}
    assert (result["target"], result["complete"], result["splits"], result["before"]) == (target, True, 3, 0)
    status, out, _ = notemill("feed", "--run", run, "--to", target)
    assert status == 0
    assert "notes" in out
    assert "4 splits delivered" in out  # the other tables of the three splits, and that of the encounters
    with duckdb.connect(f"{tmp_path}/notes.duckdb") as db:
        assert db.sql("select count(*) from notes").fetchall() == [(12,)]
        assert dict(db.sql("select column_name, column_type from (describe codes)").fetchall())["evidence"] == (
            'STRUCT("start" INTEGER, "end" INTEGER, "text" VARCHAR)[]'
        )
    assert "crosswalk" not in out


def test_help_has_an_example(notemill: Run) -> None:
    status, out, _ = notemill("feed", "--help")
    assert status == 0
    assert "Example: notemill feed --run" in out


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("oracle://host/db", r"oracle://host/db is no target of a feed; known are duckdb://"),
        ("warehouse", "warehouse is no target of a feed"),
        ("duckdb://", "does not say where"),
        ("duckdb://{tmp}/nowhere/x.duckdb", "cannot open duckdb://.*nowhere"),
        ("duckdb://{tmp}/text", "cannot open duckdb://.*not a valid DuckDB"),
        ("parquet://{tmp}/text/x", "cannot write to the output .*text/x"),
        ("parquet://gopher://x", "cannot open gopher://x"),
    ],
)
def test_bad_targets_are_refused_in_a_line(notemill: Run, run: str, tmp_path: Path, target: str, says: str) -> None:
    (tmp_path / "text").write_text("no database " * 500)
    status, out, err = notemill("feed", "--run", run, "--to", target.format(tmp=tmp_path))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert re.search(says, err)


def test_bad_requests_are_refused_in_a_line(notemill: Run, run: str, tmp_path: Path) -> None:
    target = ("--to", f"duckdb://{tmp_path}/x.duckdb")
    for options, says in (
        (("--run", str(tmp_path)), "holds no run"),
        (("--run", run, "--tables", "notes,note"), "unknown table note; there are notes, "),
        (("--run", run, "--tables", "embeddings"), "the run has no table embeddings; it has notes, "),
    ):
        status, out, err = notemill("feed", *options, *target)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert says in err


def test_incomplete_runs_are_refused(notemill: Run, run: str, tmp_path: Path) -> None:
    broken = tmp_path / "run"
    shutil.copytree(run, broken)
    target = ("--to", f"duckdb://{tmp_path}/x.duckdb")
    manifest = json.loads((broken / "_run.json").read_text())
    (broken / "_run.json").write_text(json.dumps({**manifest, "rows_written": 11}))
    assert "rows are unaccounted for" in notemill("feed", "--run", str(broken), *target)[2]
    (broken / "_run.json").write_text(json.dumps(manifest))
    sorted((broken / "codes").iterdir())[0].unlink()
    status, _, err = notemill("feed", "--run", str(broken), *target)
    assert status == 2
    assert "2 of 3 splits have a receipt and all their files" in err
    assert not (tmp_path / "x.duckdb").exists()
    status, out, _ = notemill("feed", "--run", str(broken), *target, "--partial")
    assert status == 0
    assert "The run is not complete" in out


def test_a_missing_package_is_told(notemill: Run, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = {
        "duckdb": "duckdb",
        "parquet": "filelock",
        "delta": "deltalake",
        "postgresql": "adbc_driver_manager",
        "iceberg": "pyiceberg",
        "clickhouse": "clickhouse_connect",
    }
    assert packages.keys() == STORES.keys() - {"chdb"}
    for scheme, package in packages.items():
        monkeypatch.setitem(sys.modules, package, None)
        for module in (scheme, "files"):
            monkeypatch.delitem(sys.modules, f"pipelines.feed.stores.{module}", raising=False)
        status, _, err = notemill("feed", "--run", run, "--to", f"{scheme}://{tmp_path}/x")
        assert (status, err.count("\n")) == (2, 1)
        assert f"{scheme}:// needs the package {package}, which is not installed: pip install 'notemill[feeds]'" in err


def test_omop_and_its_check(notemill: Run, run: str, tmp_path: Path) -> None:
    place = f"omop://duckdb://{tmp_path}/cdm.duckdb"
    status, out, err = notemill("feed", "--run", run, "--to", place, "--keys", f"{tmp_path}/keys", "--json")
    assert (status, err) == (0, "")
    fed = json.loads(out)["rows"]
    assert fed == {
        "note": 12,
        "note_nlp": expected(run)["entities"].total(),
        "condition_occurrence": 0,  # the notes have no time
    }
    status, out, err = notemill("feed", "--check", "--to", place, "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == {"target": place, "conforms": True, "rows": fed, "findings": []}
    assert "\nconforms\n" in notemill("feed", "--check", "--to", place)[1]
    with duckdb.connect(f"{tmp_path}/cdm.duckdb") as db:
        db.execute("alter table note_nlp add column score real")
        db.execute("delete from note where note_id = (select min(note_id) from note_nlp)")
    status, out, err = notemill("feed", "--check", "--to", place)
    assert (status, err) == (1, "")
    assert "note_nlp.score: the model has no such column" in out
    assert "have no row in note" in out
    assert "does not conform: 2 findings" in out


def test_the_crosswalk_of_keys_lies_where_the_crosswalk_does(notemill: Run, run: str, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    place = ("--to", f"omop://duckdb://{tmp_path}/cdm.duckdb")
    assert notemill("feed", "--run", f"{tmp_path}/run/", *place)[0] == 0
    keys = tmp_path / "run/crosswalk/_omop"
    parts = list(keys.glob("part-*.parquet"))
    assert parts
    assert all(path.stat().st_mode & 0o077 == 0 for path in (*parts, keys / "_identity"))
    with duckdb.connect(f"{tmp_path}/cdm.duckdb") as db:
        told = db.sql("from note").fetchall()
    ids = {json.loads(row)[name] for row in expected(run)["notes"] for name in ("note_id", "patient_id")}
    assert not any(str(own) in str(row) for own in ids for row in told)
    # Another run does not know these keys.
    status, _, err = notemill("feed", "--run", run, *place)
    assert (status, err.count("\n")) == (2, 1)
    assert "the table note has rows whose integer keys are not those of " in err
    assert notemill("feed", "--run", run, *place, "--keys", str(keys))[0] == 0


def test_bad_requests_for_models_are_refused_in_a_line(notemill: Run, run: str, tmp_path: Path) -> None:
    plain, omop = f"duckdb://{tmp_path}/x.duckdb", f"omop://duckdb://{tmp_path}/x.duckdb"
    (tmp_path / "athena").mkdir()
    for options, says in (
        (("--to", plain), "give --run, the output of a run to feed, or --check"),
        (("--to", plain, "--check"), f"follows no data model that could be checked: give omop://{plain}"),
        (("--to", omop, "--check", "--run", run), "--check looks at the target alone: leave --run out"),
        (("--to", omop, "--check"), "cannot open duckdb://"),
        (("--to", plain, "--run", run, "--keys", "k"), "--vocabulary and --keys belong to omop://"),
        (("--to", "omop://x.duckdb", "--run", run), "x.duckdb is no target of a feed; known are duckdb://"),
        (("--to", "omop://fhir://x", "--run", run), "fhir://x is no target of a feed"),
        (("--to", "omop://", "--run", run), "omop:// does not say where: omop://STORE://…"),
        (("--to", f"fhir://{tmp_path}/none", "--check"), "holds no Condition.….ndjson"),
        (("--to", f"fhir://{tmp_path}/none", "--run", run, "--tables", "notes"), "unknown table notes; there are Cond"),
        (("--to", omop, "--run", run, "--tables", "notes"), "unknown table notes; there are note, note_nlp, "),
        (("--to", omop, "--run", run, "--vocabulary", str(tmp_path / "athena")), "give --vocabulary the folder"),
    ):
        status, out, err = notemill("feed", *options)
        assert (status, out, err.count("\n")) == (2, "", 1), says
        assert says in err
    assert not (tmp_path / "x.duckdb").exists()


def test_passwords_are_not_told() -> None:
    assert shown("postgresql://me:secret@host:5432/db") == "postgresql://me:***@host:5432/db"
    assert shown("clickhouse://host/db?user=me&password=secret&x=1") == "clickhouse://host/db?user=me&password=***&x=1"
    assert shown("duckdb:///a/b.duckdb") == "duckdb:///a/b.duckdb"
    assert shown("delta://s3://bucket/a") == "delta://s3://bucket/a"


def test_lines_of_the_readme(notemill: Run, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(run, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^notemill feed (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    seen = set()
    for line in lines:
        arguments = shlex.split(line, comments=True)
        place = arguments.index("--to") + 1
        scheme = arguments[place].partition("://")[0]
        seen.add(scheme)
        if "--vocabulary" in arguments:
            athena(tmp_path / arguments[arguments.index("--vocabulary") + 1])
        if scheme == "postgresql":
            if binaries() is None:
                continue
            arguments[place] = PostgreSQL(tmp_path).uri
        if scheme == "chdb":
            arguments[place] = f"chdb://{tmp_path}/notes.chdb"
        status, out, err = notemill("feed", *arguments)
        if scheme == "clickhouse":  # there is no server here; its engine is that of chdb
            assert (status, err.count("\n")) == (2, 1)
            assert "cannot open clickhouse://feeder@clickhouse.example/notes: " in err
            continue
        assert status == 0, err
        assert ("conforms" if "--check" in arguments else "splits delivered") in out
    assert seen == {*STORES, *MODELS}
