"""The main job as shipped, over generated notes: the same on every engine, exact, and free of PHI."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import run as main_job
from jobs.config import load
from jobs.generate import generate
from tests.pipelines.toys import Quiet, read_tables
from transforms import schema
from transforms.icd.table import CodeTable
from transforms.readmission import chunk_spans

NOTES = 120
Tables = dict[str, pa.Table]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    generate(str(folder), notes=NOTES, seed=11)
    return folder


@pytest.fixture(scope="module")
def job(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """Runs the job once for each engine and size of splits; gives the output folder."""
    done: dict[tuple[str, int], Path] = {}

    def run(engine: str, split_rows: int) -> Path:
        if (engine, split_rows) not in done:
            output = tmp_path_factory.mktemp(f"{engine}-{split_rows}") / "out"
            options = {"input": str(made), "output": str(output), "engine": engine, "split_rows": split_rows}
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("NOTEMILL_KEY", "key of the tests")
                main_job.run(load(None, [], options), Quiet())
            done[engine, split_rows] = output
        return done[engine, split_rows]

    return run


def with_flat_chunks(table: pa.Table) -> pa.Table:
    """`top_chunks` as its places, and its scores in columns of their own, which are compared as scores are."""
    if "top_chunks" not in table.column_names:
        return table
    chunks = table["top_chunks"].to_pylist()
    places = [str([(chunk["note_id"], chunk["start"], chunk["end"]) for chunk in of_one]) for of_one in chunks]
    table = table.set_column(table.column_names.index("top_chunks"), "top_chunks", pa.array(places))
    for rank in range(3):
        scores = [of_one[rank]["score"] if rank < len(of_one) else None for of_one in chunks]
        table = table.append_column(f"top_{rank}", pa.array(scores, pa.float64()))
    return table


def without_scores(table: pa.Table) -> pa.Table:
    return table.drop([name for name in table.column_names if pa.types.is_floating(table.schema.field(name).type)])


@pytest.mark.parametrize(("engine", "split_rows"), [("local", 500), ("beam", 50), ("ray", 50)])
def test_the_same_tables(job: Callable[[str, int], Path], engine: str, split_rows: int) -> None:
    expected, found = read_tables(job("local", 50)), read_tables(job(engine, split_rows))
    assert found.keys() == expected.keys() == set(schema.TABLES) - schema.OPTIONAL
    for name, table in found.items():
        assert table.schema.equals(schema.TABLES[name])
        table, other = with_flat_chunks(table), with_flat_chunks(expected[name])
        assert without_scores(table).equals(without_scores(other)), name
        for column in set(table.column_names) - set(without_scores(table).column_names):
            pairs = zip(table[column].to_pylist(), other[column].to_pylist(), strict=True)
            assert all(a == b or abs(a - b) <= 1e-5 for a, b in pairs), (name, column)


def test_every_note_is_accounted_for(job: Callable[[str, int], Path]) -> None:
    tables = read_tables(job("local", 50))
    manifest = json.loads((job("local", 50) / "_run.json").read_text())
    assert manifest["rows_read"] == NOTES == tables["notes"].num_rows + tables["rejects"].num_rows
    assert tables["rejects"].num_rows == 0
    for name, rows in manifest["tables"].items():
        assert tables[name].num_rows == rows
    receipts = [json.loads(path.read_text()) for path in (job("local", 50) / "_ledger").iterdir()]
    assert sum(receipt["rows_read"] for receipt in receipts) == NOTES


def test_every_span_is_exact(job: Callable[[str, int], Path], made: Path) -> None:
    tables = read_tables(job("local", 50))
    texts = dict(zip(*(tables["notes"][name].to_pylist() for name in ("note_id", "text")), strict=True))
    raw = {row["note_id"]: row["text"] for row in pq.read_table(made / "notes").to_pylist()}
    back = dict(zip(*(tables["crosswalk"][name].to_pylist() for name in ("note_id", "raw_note_id")), strict=True))
    counts = {name: tables[name].num_rows for name in ("sections", "entities", "codes", "phi")}
    assert all(count > NOTES // 2 for count in counts.values()), counts
    for row in tables["notes"].to_pylist():
        assert row["text_length"] == len(row["text"])
    for row in tables["sections"].to_pylist():
        text = texts[row["note_id"]]
        assert 0 <= row["start"] <= row["body_start"] <= row["end"] <= len(text)
        assert text[row["start"] : row["start"] + len(row["title"])] == row["title"]
    sections = {(row["note_id"], row["section_id"]): row for row in tables["sections"].to_pylist()}
    for row in tables["entities"].to_pylist():
        assert texts[row["note_id"]][row["start"] : row["end"]] == row["text"] != ""
        section = sections[row["note_id"], row["section_id"]]
        assert section["start"] <= row["start"] < section["end"]
        assert None not in (row["negated"], row["historical"], row["hypothetical"], row["uncertain"])
        assert row["experiencer"] in {"patient", "family", "other"}
    table = CodeTable.shipped()
    for row in tables["codes"].to_pylist():
        assert table.is_billable(row["code"])
        assert row["description"] == table.description(row["code"])
        assert row["evidence"]
        for span in row["evidence"]:
            assert texts[row["note_id"]][span["start"] : span["end"]] == span["text"] != ""
    by_note: dict[str, list[dict[str, Any]]] = {}
    for row in tables["phi"].to_pylist():
        by_note.setdefault(row["note_id"], []).append(row)
    for note_id, spans in by_note.items():
        text, original = texts[note_id], raw[back[note_id]]
        at = raw_at = 0
        for span in sorted(spans, key=lambda span: span["start"]):
            assert text[at : span["start"]] == original[raw_at : span["raw_start"]]
            tag = text[span["start"] : span["end"]]
            assert re.fullmatch(rf"\[{span['label']}(?:-\d+)?\](?: \d{{4}})?|90\+.*|\d\d\d", tag)
            at, raw_at = span["end"], span["raw_end"]
        assert text[at:] == original[raw_at:]


def test_no_phi_is_in_any_table(job: Callable[[str, int], Path], made: Path) -> None:
    output = job("local", 50)
    tables = read_tables(output)
    gold = pq.read_table(made / "gold" / "phi").to_pylist()
    back = dict(zip(*(tables["crosswalk"][name].to_pylist() for name in ("raw_note_id", "note_id")), strict=True))
    texts = dict(zip(*(tables["notes"][name].to_pylist() for name in ("note_id", "text")), strict=True))
    names = {row["note_id"]: row["patient_name"] for row in pq.read_table(made / "notes").to_pylist()}
    # Every generated date, phone, SSN and e-mail of a note, and its patient's name, whole and in parts.
    checked = 0
    for span in gold:
        if span["label"] in {"DATE", "PHONE", "FAX", "SSN", "EMAIL"}:
            found = re.search(rf"(?<!\w){re.escape(span['text'])}(?!\w)", texts[back[span["note_id"]]])
            assert found is None or (span["label"] == "DATE" and span["text"].isdigit()), span["label"]
            checked += 1
    assert checked > 5 * NOTES
    for raw_id, name in names.items():
        text = texts[back[raw_id]]
        for part in [name, *(part for part in name.split() if len(part) > 2)]:
            assert not re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text)
            assert not re.search(rf"(?<!\w){re.escape(part.upper())}(?!\w)", text)
    # Nothing else holds raw text either: all strings of all tables but the crosswalk, and the JSON files.
    # The short ones (an extension, the last four digits of a number) also stand in counts and in hashes.
    hidden = {"SSN", "EMAIL", "PHONE"}
    secrets = {span["text"] for span in gold if span["label"] in hidden and len(span["text"]) >= 9}
    secrets |= set(names.values())
    everything = " ".join(str(table.to_pylist()) for name, table in tables.items() if name != "crosswalk")
    everything += " ".join(path.read_text() for path in output.rglob("*.json"))
    assert len(secrets) > 40
    assert not [secret for secret in secrets if secret in everything]


def test_admissions_are_scored(job: Callable[[str, int], Path], made: Path) -> None:
    table = read_tables(job("local", 50))["readmission"]
    encounters = {row["encounter_id"] for row in pq.read_table(made / "notes").to_pylist()} - {None}
    assert table.num_rows == len(encounters)
    for row in table.to_pylist():
        if row["n_chunks"]:
            n, top, mean = row["n_chunks"], row["max_chunk"], row["mean_chunk"]
            assert row["probability"] == pytest.approx((top + mean * n / 2) / (1 + n / 2), abs=1e-9)


def test_the_chunks_that_are_told_resolve_in_their_notes(job: Callable[[str, int], Path]) -> None:
    tables = read_tables(job("local", 50))
    notes = {row["note_id"]: row for row in tables["notes"].to_pylist()}
    told = 0
    for row in tables["readmission"].to_pylist():
        chunks = row["top_chunks"]
        assert len(chunks) == min(3, row["n_chunks"])
        assert [chunk["score"] for chunk in chunks[:1]] == [row["max_chunk"] for _ in chunks[:1]]
        assert chunks == sorted(chunks, key=lambda chunk: (-chunk["score"], chunk["note_id"], chunk["start"]))
        for chunk in chunks:
            note = notes[chunk["note_id"]]
            assert note["encounter_id"] == row["encounter_id"]
            assert (chunk["start"], chunk["end"]) in chunk_spans(note["text"])
            assert 10 < len(note["text"][chunk["start"] : chunk["end"]].split()) <= 318
            told += 1
    assert told > 40


@pytest.mark.parametrize("engine", ["beam", "ray"])
def test_the_same_embeddings(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    monkeypatch.setenv("NOTEMILL_KEY", "key of the tests")
    tables = []
    for name, split_rows in (("local", 50), (engine, 35)):
        options = {"input": str(made), "output": str(tmp_path / name), "engine": name, "split_rows": split_rows}
        options |= {"stages": ["validate", "deidentify", "sections", "clinical_bert"]}
        main_job.run(load(None, ["model.heads=['embed']"], options), Quiet())
        tables.append(read_tables(tmp_path / name)["embeddings"])
        assert json.loads((tmp_path / name / "_run.json").read_text())["tables"]["embeddings"] == tables[-1].num_rows
    one, other = tables
    assert one.schema.field("embedding").type == pa.list_(pa.float32(), 384)
    assert one.schema.names == schema.TABLES["embeddings"].names
    assert other.drop(["embedding"]).equals(one.drop(["embedding"]))
    assert one["section_id"].null_count == NOTES
    vectors = [np.array(table["embedding"].to_pylist()) for table in tables]
    assert np.abs(vectors[0] - vectors[1]).max() < 1e-5
