"""Every engine gives the same tables for the same plan."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pytest
import ray

from pipelines.engines import Engine
from pipelines.engines.beam import BeamEngine
from pipelines.engines.local import LocalEngine
from pipelines.engines.ray import RayEngine, arrange
from pipelines.errors import RequestError, RunError
from pipelines.plan import Plan
from pipelines.run import Outcome, execute
from tests.pipelines.toys import Count, Quiet, Scrub, make_plan, notes_table, read_tables, write_notes
from transforms import schema
from transforms.readmission import ReadmissionOptions

ENGINES: dict[str, Callable[[], Engine]] = {"local": LocalEngine, "beam": BeamEngine, "ray": RayEngine}


@pytest.fixture(scope="module", autouse=True)
def one_ray() -> Iterator[None]:
    """One embedded Ray with four logical GPUs for all tests of this file; starting one takes seconds."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, num_gpus=4, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield
    ray.shutdown()


def run(plan: Plan, engine: Engine) -> Outcome:
    plan.check()
    return execute(plan, engine, Quiet(), facts={})


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> str:
    table = notes_table(95)
    texts = table["text"].to_pylist()
    texts[12] = None
    return write_notes(
        tmp_path_factory.mktemp("notes") / "in.parquet",
        table.set_column(table.column_names.index("text"), "text", pa.array(texts)).filter(
            pa.array([text is not None for text in texts])
        ),
        row_group_size=37,
    )


@pytest.fixture(scope="module")
def expected(notes: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    output = tmp_path_factory.mktemp("expected") / "out"
    run(make_plan(notes, output, Count(fails_on="Note 33 ", most=3)), LocalEngine())
    return read_tables(output)


@pytest.mark.parametrize("split_rows", [7, 50])
@pytest.mark.parametrize("engine", list(ENGINES))
def test_the_same_tables(
    engine: str, split_rows: int, notes: str, expected: dict[str, pa.Table], tmp_path: Path
) -> None:
    plan = make_plan(notes, tmp_path / "out", Count(fails_on="Note 33 ", most=3), split_rows=split_rows)
    outcome = run(plan, ENGINES[engine]())
    assert outcome.manifest["rows_read"] == 94
    assert outcome.manifest["rejects"] == {"count/ValueError": 1}
    found = read_tables(tmp_path / "out")
    assert found.keys() == expected.keys()
    for name, table in found.items():
        if name == "rejects":
            assert table.drop(["split"]).equals(expected[name].drop(["split"]))
        else:
            assert table.equals(expected[name]), name
        assert table.schema.names == schema.TABLES[name].names


STAY = dt.datetime(2141, 5, 6, 8, 0)


@pytest.fixture(scope="module")
def stays(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Stays of four notes, ten hours apart; one note of each tells when admission was, and some are without a time."""
    count = 90
    table = notes_table(
        count,
        encounter_id=[f"e{i * 7 % count // 4}" for i in range(count)],
        note_type=["Discharge summary" if i % 3 == 0 else "progress" for i in range(count)],
        note_time=[None if i % 11 == 0 else STAY + dt.timedelta(hours=10 * (i * 7 % count % 4)) for i in range(count)],
        admit_time=[STAY if i * 7 % count % 4 == 2 else None for i in range(count)],
    )
    return write_notes(tmp_path_factory.mktemp("stays") / "in.parquet", table, row_group_size=37)


MODES = {
    ReadmissionOptions("24h"): {"no_note_time", "no_admit_time", "later"},
    ReadmissionOptions("24h", "first-note"): {"no_note_time", "later"},
    ReadmissionOptions("discharge"): {"note_type"},
}


@pytest.mark.parametrize(("options", "reasons"), MODES.items(), ids=[f"{mode.mode} {mode.admit}" for mode in MODES])
@pytest.mark.parametrize(("engine", "split_rows"), [("local", 90), ("local", 1), ("beam", 7), ("ray", 7)])
def test_admissions_are_the_same_in_every_mode(
    engine: str, split_rows: int, options: ReadmissionOptions, reasons: set[str], stays: str, tmp_path: Path
) -> None:
    expected = run(make_plan(stays, tmp_path / "expected", Count(), readmission=options), LocalEngine())
    plan = make_plan(stays, tmp_path / "out", Count(), split_rows=split_rows, readmission=options)
    outcome = run(plan, ENGINES[engine]())
    assert outcome.manifest["readmission"] == expected.manifest["readmission"]
    counts = expected.manifest["readmission"]
    assert counts["notes"] + sum(counts["left_out"].values()) == 90
    assert counts["left_out"].keys() == reasons
    table = read_tables(tmp_path / "out")["readmission"]
    assert table.num_rows == 23
    assert table.equals(read_tables(tmp_path / "expected")["readmission"])
    # Stopped before its last split, a run goes on and ends the same.
    (tmp_path / "out" / "_run.json").unlink()
    next((tmp_path / "out" / "_ledger").iterdir()).unlink()
    again = run(plan, LocalEngine())
    assert again.manifest["readmission"] == expected.manifest["readmission"]
    assert read_tables(tmp_path / "out")["readmission"].equals(table)


def test_another_mode_is_another_run(stays: str, tmp_path: Path) -> None:
    one, other, _ = MODES
    run(make_plan(stays, tmp_path / "out", Count(), readmission=one), LocalEngine())
    with pytest.raises(RequestError, match=r"changed: .*readmission"):
        run(make_plan(stays, tmp_path / "out", Count(), readmission=other), LocalEngine())


@pytest.mark.parametrize("engine", list(ENGINES))
def test_an_empty_input_gives_empty_tables(engine: str, tmp_path: Path) -> None:
    path = write_notes(tmp_path / "in.parquet", notes_table(0))
    outcome = run(make_plan(path, tmp_path / "out", Count()), ENGINES[engine]())
    assert outcome.manifest["rows_read"] == 0
    for name, table in read_tables(tmp_path / "out").items():
        assert table.num_rows == 0
        assert table.schema.equals(schema.TABLES[name])


def test_four_replicas_see_one_logical_gpu_each(tmp_path: Path) -> None:
    path = write_notes(tmp_path / "in.parquet", notes_table(80), row_group_size=10)
    plan = make_plan(path, tmp_path / "out", Count(gpus=1.0, seconds=0.4), split_rows=4)
    outcome = run(plan, RayEngine(replicas=4))
    pinned = [worker for worker in outcome.manifest["workers"] if "count" in worker["stages"]]
    assert len({worker["pid"] for worker in pinned}) == 4
    assert all(len(worker["devices"]) == 1 for worker in pinned)
    assert {worker["devices"][0] for worker in pinned} == {"0", "1", "2", "3"}
    assert all(not worker["devices"] for worker in outcome.manifest["workers"] if "count" not in worker["stages"])


def test_the_splits_of_one_row_group_are_shared_out_and_reported_one_by_one(tmp_path: Path) -> None:
    path = write_notes(tmp_path / "in.parquet", notes_table(60))
    plan = make_plan(path, tmp_path / "out", Count(seconds=0.5), split_rows=5)
    progress = Quiet()
    arrived: list[float] = []
    progress.advance = lambda receipt: arrived.append(time.time() - receipt.finished)  # type: ignore[method-assign]
    outcome = execute(plan, RayEngine(), progress, facts={})
    assert len({worker["pid"] for worker in outcome.manifest["workers"]}) == 2
    assert len(arrived) == 12
    assert max(arrived) < 3  # seconds; all splits together take that long on two actors


def test_more_accelerators_than_there_are_is_refused_before_any_work(tmp_path: Path) -> None:
    path = write_notes(tmp_path / "in.parquet", notes_table(8))
    plan = make_plan(path, tmp_path / "out", Count(gpus=1.0))
    with pytest.raises(RequestError, match="5 replicas with 1 GPU each were asked for, but Ray has 4"):
        run(plan, RayEngine(replicas=5))
    assert not (tmp_path / "out" / "notes").exists()


def test_memory_output_is_refused_where_workers_are_other_processes(tmp_path: Path) -> None:
    path = write_notes(tmp_path / "in.parquet", notes_table(8))
    with pytest.raises(RequestError, match="lives in one process"):
        run(make_plan(path, "memory://conformance/out"), RayEngine())
    assert run(make_plan(path, "memory://conformance/out"), LocalEngine()).manifest["rows_written"] == 8


@pytest.mark.parametrize(
    ("gpus", "replicas", "sizes"),
    [(0, None, [2]), (0, 3, [3]), (1.0, None, [1, 4]), (0.5, None, [1, 8]), (1.0, 2, [1, 2])],
)
def test_arranging_leaves_room_for_readers(gpus: float, replicas: int | None, sizes: list[int]) -> None:
    pools = arrange((Scrub(), Count(gpus=gpus)), 2.0, 4.0, replicas)
    assert [pool.size for pool in pools] == sizes
    assert sum(pool.size * pool.cpus for pool in pools) <= 1.5 + 1e-3
    assert all(pool.cpus > 0 for pool in pools)


@dataclass(frozen=True)
class Shut(Count):
    """A stage that cannot be opened."""

    def open(self) -> NoReturn:
        raise ValueError("no model at SECRET place")


def test_a_stage_that_cannot_be_opened_fails_a_ray_run_in_one_line(
    notes: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RunError, match=r"a worker failed: ValueError: test_engines.py:\d+ in open"):
        run(make_plan(notes, tmp_path / "out", Shut()), RayEngine())
    assert "SECRET" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("engine", list(ENGINES))
def test_a_broken_worker_fails_the_run_without_a_word_of_the_note(engine: str, notes: str, tmp_path: Path) -> None:
    from tests.pipelines.test_guard import Wrong

    plan = make_plan(notes, tmp_path / "out", Wrong("fewer rows"))
    with pytest.raises(Exception) as caught:
        run(plan, ENGINES[engine]())
    assert "SECRET" not in str(caught.value)
    assert isinstance(caught.value, RunError) or type(caught.value).__name__ == "ContractError"
    assert not (tmp_path / "out" / "_run.json").exists()
