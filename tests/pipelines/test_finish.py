from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import finish, tables
from pipelines.io.sink import encode
from pipelines.io.storage import Folder
from transforms import schema


def chunks(*rows: tuple[str, str | None, list[float]]) -> pa.Table:
    notes = pa.table(
        {
            "encounter_id": pa.array([row[0] for row in rows], pa.string()),
            "patient_id": pa.array([row[1] for row in rows], pa.string()),
            "chunk_scores": pa.array([row[2] for row in rows], pa.list_(pa.float32())),
        }
    )
    return tables.chunk_sums(notes)


@pytest.mark.parametrize("fold_rows", [1, 1000])
def test_an_admission_is_scored_over_all_its_splits(
    tmp_path: Path, fold_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finish, "_FOLD_ROWS", fold_rows)
    folder = Folder(str(tmp_path))
    folder.put("_chunks/part-a.parquet", encode(chunks(("e1", "p1", [0.5, 0.25]), ("e2", "p2", []))))
    folder.put("_chunks/part-b.parquet", encode(chunks(("e1", "p1", [0.75]), ("e3", None, [0.5]))))
    folder.put("_chunks/part-c.parquet", encode(chunks()))
    assert finish.write_readmission(folder, ["a", "b", "c"], "run") == 3
    table = pq.read_table(tmp_path / "readmission")
    assert table.schema.equals(schema.TABLES["readmission"])
    first, second, third = table.to_pylist()
    # Huang: (max + sum/2) / (1 + n/2) with n = 3 chunks in two notes.
    assert first["probability"] == pytest.approx((0.75 + 1.5 / 2) / (1 + 3 / 2), abs=1e-12)
    assert (first["n_notes"], first["n_chunks"], first["max_chunk"], first["mean_chunk"]) == (2, 3, 0.75, 0.5)
    # All its notes too short for a chunk: the admission is there, its probability unknown.
    assert (second["encounter_id"], second["probability"], second["n_notes"], second["n_chunks"]) == ("e2", None, 1, 0)
    assert third["probability"] == pytest.approx((0.5 + 0.25) / 1.5)


def test_notes_of_no_encounter_are_left_out() -> None:
    notes = pa.table(
        {
            "encounter_id": pa.array([None], pa.string()),
            "patient_id": pa.array(["p"], pa.string()),
            "chunk_scores": pa.array([[0.5]], pa.list_(pa.float32())),
        }
    )
    assert tables.chunk_sums(notes).num_rows == 0
