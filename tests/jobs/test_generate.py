"""`notemill generate`: layout, determinism, exact offsets, refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.generate import GenerateSummary, generate
from jobs.synthetic import gold

GOLD = ("phi", "sections", "entities", "codes", "readmission")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, GenerateSummary]:
    output = tmp_path_factory.mktemp("corpus") / "out"
    return output, generate(str(output), notes=700, seed=5, rows_per_file=300)


def table(output: Path, name: str) -> pa.Table:
    return pq.read_table(output / ("notes" if name == "notes" else f"gold/{name}"))


def test_layout_and_schemas(corpus: tuple[Path, GenerateSummary]) -> None:
    output, summary = corpus
    assert sorted(path.name for path in output.iterdir()) == ["_generate.json", "gold", "notes"]
    assert sorted(path.name for path in (output / "notes").iterdir()) == [f"part-0000{k}.parquet" for k in range(3)]
    for name, schema in gold.SCHEMAS.items():
        rows = table(output, name)
        assert rows.schema.equals(schema)
        assert rows.num_rows == summary.rows[name] > 0
    assert summary.rows["notes"] == 700
    manifest = json.loads((output / "_generate.json").read_text())
    assert (manifest["notes"], manifest["seed"], manifest["wording"]) == (700, 5, "all")
    assert manifest["rows"] == summary.rows


def test_ids_and_references(corpus: tuple[Path, GenerateSummary]) -> None:
    output, _ = corpus
    notes = table(output, "notes")
    ids = notes["note_id"].to_pylist()
    assert len(set(ids)) == len(ids)
    for name in ("phi", "sections", "entities", "codes"):
        assert set(table(output, name)["note_id"].to_pylist()) <= set(ids)
    stays = table(output, "readmission")["encounter_id"].to_pylist()
    assert len(set(stays)) == len(stays)
    assert set(stays) == set(notes["encounter_id"].to_pylist())


@pytest.mark.parametrize("name", ["phi", "entities"])
def test_offsets_are_exact(corpus: tuple[Path, GenerateSummary], name: str) -> None:
    output, _ = corpus
    notes = table(output, "notes")
    texts = dict(zip(notes["note_id"].to_pylist(), notes["text"].to_pylist(), strict=True))
    for row in table(output, name).to_pylist():
        assert texts[row["note_id"]][row["start"] : row["end"]] == row["text"] != ""


def test_row_groups_are_small(tmp_path: Path) -> None:
    generate(str(tmp_path / "out"), notes=2500, seed=1, rows_per_file=2200)
    first = pq.ParquetFile(tmp_path / "out/notes/part-00000.parquet").metadata
    assert [first.row_group(k).num_rows for k in range(first.num_row_groups)] == [1000, 1000, 200]
    assert first.row_group(0).column(0).compression == "ZSTD"
    assert pq.ParquetFile(tmp_path / "out/notes/part-00001.parquet").metadata.num_rows == 300


def test_same_seed_same_rows_and_a_smaller_run_is_a_prefix(
    corpus: tuple[Path, GenerateSummary], tmp_path: Path
) -> None:
    output, _ = corpus
    generate(str(tmp_path / "small"), notes=200, seed=5)
    small = table(tmp_path / "small", "notes")
    assert small.equals(table(output, "notes").slice(0, 200))
    last = small["note_id"].to_pylist()[-1]
    for name in ("phi", "sections", "entities", "codes"):
        rows = table(tmp_path / "small", name)
        assert rows["note_id"].to_pylist()[-1] == last
        assert rows.equals(table(output, name).slice(0, rows.num_rows))


def test_another_seed_gives_other_notes(corpus: tuple[Path, GenerateSummary], tmp_path: Path) -> None:
    generate(str(tmp_path / "other"), notes=50, seed=6)
    texts = set(table(corpus[0], "notes")["text"].to_pylist())
    assert texts.isdisjoint(table(tmp_path / "other", "notes")["text"].to_pylist())


def test_an_earlier_corpus_is_replaced(tmp_path: Path) -> None:
    generate(str(tmp_path / "out"), notes=30, rows_per_file=10)
    generate(str(tmp_path / "out"), notes=5)
    assert table(tmp_path / "out", "notes").num_rows == 5


def test_progress_counts_up(tmp_path: Path) -> None:
    seen: list[int] = []
    generate(str(tmp_path / "out"), notes=25, rows_per_file=10, progress=seen.append)
    assert seen == [10, 20, 25]


def test_notes_per_patient(tmp_path: Path) -> None:
    few = generate(str(tmp_path / "few"), notes=400, notes_per_patient=1).patients
    many = generate(str(tmp_path / "many"), notes=400, notes_per_patient=8).patients
    assert 300 <= few <= 400
    assert 35 <= many <= 80


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"notes": 0}, "notes must be at least 1, not 0"),
        ({"notes": 5, "rows_per_file": 0}, "rows_per_file must be at least 1"),
        ({"notes": 5, "notes_per_patient": 0.5}, "notes_per_patient must be at least 1"),
        ({"notes": 5, "wording": "some"}, "wording must be one of all, train, heldout"),
    ],
)
def test_bad_requests(tmp_path: Path, arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        generate(str(tmp_path / "out"), **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds other files \(thesis.txt\)"):
        generate(str(tmp_path), notes=5)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_folder_of_notes_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds other files"):
        generate(str(tmp_path), notes=5)
    assert (tmp_path / "notes" / "diary.txt").exists()


def test_notes_that_may_be_the_users_are_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "notes" / "part-00000.parquet"
    mine.parent.mkdir()
    pq.write_table(pa.table({"note_id": ["a"], "text": ["b"]}), mine)
    with pytest.raises(ValueError, match="may not be ours"):
        generate(str(tmp_path), notes=5)
    assert pq.read_table(mine).num_rows == 1


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match="cannot write to"):
            generate(str(output), notes=5)
    with pytest.raises(ValueError, match="cannot write to nosuch://"):
        generate("nosuch://bucket/path", notes=5)


def test_other_file_systems() -> None:
    import fsspec

    generate("memory://made/here", notes=3)
    assert fsspec.filesystem("memory").exists("/made/here/_generate.json")


def test_nothing_heavy_is_imported() -> None:
    heavy = "('torch', 'ray', 'apache_beam', 'transformers')"
    code = f"import sys, jobs.generate; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
