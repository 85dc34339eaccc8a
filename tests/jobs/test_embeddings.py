"""`notemill run --model embed=…`: the table of embeddings, from the command line to the look at it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from jobs.look import look
from tests.jobs.conftest import Run
from tests.pipelines.toys import notes_table, read_tables, write_notes
from tests.transforms.clinical_bert import tiny
from transforms import schema

TEXT = "HISTORY OF PRESENT ILLNESS:\nchest pain since the morning.\n\nASSESSMENT:\nfever, no cough.\n"


@pytest.fixture
def ran(notemill: Run, tmp_path: Path) -> Path:
    source = write_notes(tmp_path / "in.parquet", pa.table({"note_id": ["a", "b"], "text": [TEXT, "the fever"]}))
    folder = tiny.own(tmp_path / "encoder", heads=())
    stages = "validate,deidentify,sections,clinical_bert"
    quick = ("--engine", "local", "--stages", stages, "--set", "deidentify.tagger=false")
    out = tmp_path / "out"
    status, summary, err = notemill(
        *("run", "--input", source, "--output", str(out), "--json", *quick, "--model", f"embed={folder}"),
        *("--set", "ids=keep", "--set", "ner.words=text", "--set", "embed.pooling=mean"),
    )
    assert status == 0, err
    assert json.loads(summary)["tables"]["embeddings"] == read_tables(out)["embeddings"].num_rows
    return out


def test_notes_and_sections_have_vectors(ran: Path) -> None:
    tables = read_tables(ran)
    found, sections = tables["embeddings"], tables["sections"]
    assert {"entities", "codes", "readmission"} <= tables.keys()  # the other heads are still there
    assert found.schema.names == schema.TABLES["embeddings"].names
    assert found.schema.field("embedding").type == pa.list_(pa.float32(), tiny.WIDTH)
    keys = {(row["note_id"], row["section_id"]) for row in found.to_pylist()}
    expected = {(row["note_id"], row["section_id"]) for row in sections.to_pylist()}
    assert keys == expected | {("a", None), ("b", None)}
    assert len(keys) > 3
    vectors = np.array(found["embedding"].to_pylist())
    assert np.isfinite(vectors).all()
    assert (vectors.std(axis=1) > 0.01).all()
    assert min(found["n_tokens"].to_pylist()) > 0


def test_a_look_shows_a_few_numbers(ran: Path) -> None:
    out = io.StringIO()
    look(str(ran), Console(file=out, width=200, force_terminal=False))
    text = out.getvalue()
    assert "\nembeddings  " in text
    assert f"{tiny.WIDTH} numbers: " in text
    assert max(map(len, text.splitlines())) <= 200


def test_an_empty_input_gives_the_table_with_its_width(notemill: Run, tmp_path: Path) -> None:
    source = write_notes(tmp_path / "in.parquet", notes_table(0))
    out = tmp_path / "out"
    quick = ("--engine", "local", "--stages", "validate,deidentify,sections,clinical_bert")
    heads = ("--set", "model.heads=['embed']", "--set", "deidentify.tagger=false")
    assert notemill("run", "--input", source, "--output", str(out), *quick, *heads)[0] == 0
    (part,) = (out / "embeddings").glob("*.parquet")
    table = pq.read_table(part)
    assert table.num_rows == 0
    assert table.schema.field("embedding").type == pa.list_(pa.float32(), 384)


def test_wrong_choices_are_refused(notemill: Run, tmp_path: Path) -> None:
    source = write_notes(tmp_path / "in.parquet", notes_table(1))
    for setting in ("embed.pooling=max", "embed.units=['word']", "ner.aggregation=simple", "ner.words=tokens"):
        status, _, err = notemill("run", "--input", source, "--output", str(tmp_path / "out"), "--set", setting)
        assert status == 2
        assert setting.partition("=")[0] in err
