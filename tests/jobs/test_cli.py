"""Bad requests: one clear line, exit status 2, before any work. Bad rows: each in `rejects` with its reason."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file, save_file

from tests.jobs.conftest import Run
from tests.pipelines.toys import notes_table, read_tables, write_notes
from transforms import schema


@pytest.fixture
def notes(tmp_path: Path) -> str:
    return write_notes(tmp_path / "in" / "notes.parquet", notes_table(4))


def refused(result: tuple[int, str, str], output: Path, *words: str) -> None:
    status, _, err = result
    assert status == 2
    lines = [line for line in err.splitlines() if line]
    assert len(lines) == 1
    for word in words:
        assert word in lines[0]
    assert not (output / "_plan.json").exists()
    assert not any((output / name).exists() for name in schema.TABLES)


def test_wrong_inputs(notemill: Run, notes: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    common = ("--output", str(out), "--engine", "local")
    missing = write_notes(tmp_path / "a.parquet", notes_table(2).drop(["text"]))
    refused(notemill("run", "--input", missing, *common), out, "no column text", "patient_id", "[columns]")
    wrong = write_notes(tmp_path / "b.parquet", notes_table(2, text=[1, 2]))
    refused(notemill("run", "--input", wrong, *common), out, "column text of b.parquet is of type int64")
    refused(notemill("run", "--input", str(tmp_path / "none"), *common), out, "no such file or folder")
    (tmp_path / "c.parquet").write_bytes(b"note_id,text\n1,words of a note\n")
    result = notemill("run", "--input", str(tmp_path / "c.parquet"), *common)
    refused(result, out, "c.parquet is not a readable Parquet file")
    assert "words" not in result[2]
    refused(notemill("run", "--input", notes, "--preset", "mimic-iv-note", *common), out, "no column subject_id")
    refused(notemill("run", "--input", notes, "--preset", "mimic-v", *common), out, "preset", "mimic-iv-note")


def test_wrong_outputs(notemill: Run, notes: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    out = tmp_path / "file" / "out"
    refused(notemill("run", "--input", notes, "--output", str(out), "--engine", "local"), out, "cannot write")
    out = tmp_path / "in" / "out"
    refused(
        notemill("run", "--input", str(tmp_path / "in"), "--output", str(out), "--engine", "local"),
        out,
        "lie within each other",
    )


def test_fresh_never_removes_the_input(notemill: Run, tmp_path: Path) -> None:
    source = write_notes(tmp_path / "data" / "notes" / "n.parquet", notes_table(2))
    for place in (source, str(tmp_path / "data" / "notes")):
        result = notemill("run", "--input", place, "--output", str(tmp_path / "data"), "--engine", "local", "--fresh")
        assert result[0] == 2
        assert "lie within each other" in result[2]
        assert Path(source).exists()


def test_wrong_keys_and_stages(notemill: Run, notes: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    common = ("run", "--input", notes, "--output", str(out), "--engine", "local")
    job = tmp_path / "job.toml"
    job.write_text("split_row = 5\n")
    refused(notemill(*common, "--config", str(job)), out, "unknown key split_row", "did you mean split_rows?")
    refused(notemill(*common, "--set", "ray.replica=2"), out, "did you mean ray.replicas?")
    refused(notemill(*common, "--stages", "validate,deid,sections"), out, "unknown stage 'deid'")
    refused(notemill(*common, "--stages", "validate,sections"), out, "deidentify must be among the stages")
    refused(notemill(*common, "--stages", "validate,deidentify,clinical_bert"), out, "needs sections")
    refused(notemill(*common, "--model", "ner"), out, "HEAD=PATH_OR_ID")
    refused(notemill(*common, "--model", "nerr=x"), out, "model.nerr", "did you mean model.ner?")
    refused(notemill(*common, "--", "--runner=X"), out, "--engine beam")


def test_models_that_cannot_serve(notemill: Run, notes: str, tmp_path: Path) -> None:
    from transforms.clinical_bert.checkpoints import shipped

    out = tmp_path / "out"
    common = ("run", "--input", notes, "--output", str(out), "--engine", "local")
    refused(notemill(*common, "--model", f"ner={tmp_path / 'none'}"), out, "no such checkpoint folder")
    mute = tmp_path / "mute"
    shutil.copytree(shipped("ner").folder(), mute)
    (mute / "tokenizer.json").unlink()
    refused(notemill(*common, "--model", f"ner={mute}"), out, "holds no vocabulary")
    # An encoder that has all but the head's weights.
    bare = tmp_path / "bare"
    bare.mkdir()
    folder = shipped("ner").folder()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (bare / name).write_bytes((folder / name).read_bytes())
    config = json.loads((folder / "config.json").read_text())
    config |= {"architectures": ["BertForTokenClassification"], "id2label": {"0": "O", "1": "B-X"}}
    (bare / "config.json").write_text(json.dumps(config))
    weights = {f"bert.{name}": tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(weights, bare / "model.safetensors")
    refused(notemill(*common, "--model", f"ner={bare}"), out, "ner", "bare")


def test_another_input_over_the_same_output(notemill: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "notes.parquet", tmp_path / "out"
    quick = ("--engine", "local", "--stages", "validate,deidentify", "--set", "deidentify.tagger=false")
    write_notes(source, notes_table(4))
    assert notemill("run", "--input", str(source), "--output", str(out), *quick)[0] == 0
    write_notes(source, notes_table(5))
    status, _, err = notemill("run", "--input", str(source), "--output", str(out), *quick)
    assert status == 2
    assert "another input or configuration (changed: " in err
    assert "--fresh" in err
    assert read_tables(out)["notes"].num_rows == 4
    assert notemill("run", "--input", str(source), "--output", str(out), *quick, "--fresh")[0] == 0
    assert read_tables(out)["notes"].num_rows == 5


def test_bad_rows_cost_themselves(notemill: Run, tmp_path: Path) -> None:
    texts = ["fine note", None, "", " \n\t", "x" * 2001, "twice", "twice again", "nul \0 and bell \a", "fine \u202e x"]
    ids = ["a", "b", "c", "d", "e", "f", "f", "g", "h"]
    text = pa.array([value.encode() if value is not None else None for value in texts] + [b"\xed\xa0\x80 lone"])
    kept = pa.Array.from_buffers(pa.string(), len(text), text.buffers(), text.null_count)
    table = pa.table({"note_id": [*ids, "i"], "text": kept})
    table = pa.concat_tables([table, pa.table({"note_id": pa.array([None], pa.string()), "text": ["no id"]})])
    source = write_notes(tmp_path / "notes.parquet", table)
    out = tmp_path / "out"
    status, summary, _ = notemill(
        "run", "--input", source, "--output", str(out), "--engine", "local", "--set", "max_characters=2000",
        "--set", "ids=keep", "--json", "--stages", "validate,deidentify,sections", "--set", "deidentify.tagger=false",
    )  # fmt: skip
    assert status == 0
    tables = read_tables(out)
    assert sorted(tables["notes"]["note_id"].to_pylist()) == ["a", "f", "g", "h"]
    reasons = {row["row"]: row["error"] for row in tables["rejects"].to_pylist()}
    assert reasons == {
        1: "NullText",
        2: "EmptyText",
        3: "EmptyText",
        4: "TextTooLong",
        6: "DuplicateNoteId",
        9: "InvalidUnicode",
        10: "NullNoteId",
    }
    manifest = json.loads(summary)
    assert manifest["rows_read"] == 11 == manifest["rows_written"] + manifest["rows_rejected"]
    assert manifest == json.loads((out / "_run.json").read_text())


def test_an_empty_input(notemill: Run, tmp_path: Path) -> None:
    source = write_notes(tmp_path / "notes.parquet", notes_table(0))
    out = tmp_path / "out"
    assert notemill("run", "--input", source, "--output", str(out), "--engine", "local")[0] == 0
    tables = read_tables(out)
    assert set(tables) == set(schema.TABLES) - schema.OPTIONAL
    for name, table in tables.items():
        assert table.num_rows == 0
        assert table.schema.equals(schema.TABLES[name])


def test_without_a_key_ids_are_random_but_a_resumed_run_keeps_them(
    notemill: Run, notes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOTEMILL_KEY")
    quick = ("--engine", "local", "--stages", "validate,deidentify", "--set", "deidentify.tagger=false")
    out = tmp_path / "out"
    status, _, err = notemill("run", "--input", notes, "--output", str(out), *quick)
    assert status == 0
    assert "NOTEMILL_KEY is not set" in err
    first = read_tables(out)["notes"]
    next((out / "_ledger").iterdir()).unlink()
    assert notemill("run", "--input", notes, "--output", str(out), *quick)[0] == 0
    assert read_tables(out)["notes"].equals(first)
    assert notemill("run", "--input", notes, "--output", str(tmp_path / "other"), *quick)[0] == 0
    assert not set(read_tables(tmp_path / "other")["notes"]["note_id"].to_pylist()) & set(first["note_id"].to_pylist())


def test_a_key_that_can_be_guessed_is_refused(
    notemill: Run, notes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTEMILL_KEY", "a")
    status, _, err = notemill("run", "--input", notes, "--output", str(tmp_path / "out"), "--engine", "local")
    assert status == 2
    assert "NOTEMILL_KEY: the pseudonym key has 1 bytes; it needs 16 at least" in " ".join(err.split())
    assert not (tmp_path / "out").exists()


def test_every_command_has_help_with_an_example() -> None:
    environment = {**os.environ, "COLUMNS": "200"}
    for command in ("run", "generate", "train"):
        done = subprocess.run(
            [sys.executable, "-m", "jobs.cli", command, "--help"], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0
        assert f"Example: notemill {command}" in done.stdout


def test_usage_errors_are_status_2(notemill: Run) -> None:
    assert notemill("run", "--inptu", "x")[0] == 2
    assert notemill("generate", "--notes", "0", "--output", "memory://none")[0] == 2


def test_generate_then_run(notemill: Run, tmp_path: Path) -> None:
    made = tmp_path / "made"
    status, out, _ = notemill("generate", "--notes", "20", "--output", str(made), "--seed", "3", "--json")
    assert status == 0
    assert json.loads(out)
    rows = sum(pq.read_metadata(part).num_rows for part in (made / "notes").glob("*.parquet"))
    assert rows == 20
    status, out, _ = notemill(
        "run", "--input", str(made), "--output", str(tmp_path / "out"), "--engine", "local", "--json",
        "--stages", "validate,deidentify,sections", "--set", "deidentify.tagger=false",
    )  # fmt: skip
    assert status == 0
    assert json.loads(out)["rows_written"] == 20
