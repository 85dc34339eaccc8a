"""`notemill evaluate deid`: figures of the very stages, over both shapes of gold; bad requests get one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.generate import generate
from tests.jobs.conftest import Run

TEXTS = [
    "Patient: KOWALSKI, JOHN A  MRN: 00123-45. Seen 3/4/2019. Lives in Ohio, aged 64.",
    "Call (617) 555-0192 x12. Fever since yesterday. zqx flimjam 7",
    "Nothing here.",
]
GOLD = [
    [("KOWALSKI, JOHN A", "PERSON"), ("00123-45", "MRN"), ("3/4/2019", "DATE"), ("Ohio", "STATE"), ("64", "AGE")],
    [("(617) 555-0192 x12", "PHONE"), ("zqx flimjam 7", "DOCTOR")],
    None,
]
ENTITY = pa.list_(pa.struct([("label", pa.string()), ("start", pa.int32()), ("end", pa.int32())]))


def entities(texts: list[str], gold: list[Any]) -> pa.Array:
    rows = [
        None if spans is None else [{"start": t.index(w), "end": t.index(w) + len(w), "label": n} for w, n in spans]
        for t, spans in zip(texts, gold, strict=True)
    ]
    return pa.array(rows, ENTITY)


def write(path: Path, **columns: Any) -> str:
    table = {"text": TEXTS, "entities": entities(TEXTS, GOLD), **columns}
    pq.write_table(pa.table({name: value for name, value in table.items() if value is not None}), path)
    return str(path)


def test_figures_and_predictions(notemill: Run, tmp_path: Path) -> None:
    data = write(tmp_path / "gold.parquet", doc_id=[7, 8, 9], patient_name=["John Kowalski", None, None])
    out = tmp_path / "made" / "found.parquet"
    status, text, err = notemill("evaluate", "deid", "--data", data, "--no-tagger", "--json", "--predictions", str(out))
    assert (status, err) == (0, "")
    facts = json.loads(text)
    assert facts["notes"] == 3
    assert facts["rejected"] == {"notes": 0, "reasons": {}, "ids": []}
    assert (facts["n"], facts["recall"]) == (5, 0.8)
    assert facts["by_label"]["DOCTOR"]["recall"] == 0
    assert facts["by_label"]["PATIENT"] == {
        "n": 1, "recall": 1, "recall_labelled": 1, "character_recall": 1, "found": 1, "precision": 1
    }  # fmt: skip
    assert facts["by_class"]["A"]["recall"] == 0.5
    assert facts["by_class"]["D"]["n"] == 1
    assert facts["by_class"]["E"]["recall"] is None
    assert set(facts["by_class"]) == set("ABCDEFGHIJKLMNOPQR")
    assert facts["stays"] == {"AGE under 90": {"n": 1, "masked": 0}, "STATE": {"n": 1, "masked": 0}}
    assert facts["f1"] == pytest.approx(2 * facts["precision"] * 0.8 / (facts["precision"] + 0.8))
    assert facts["masked_other"] == 0
    assert facts["intervals_95"]["recall"][0] <= 0.8 <= facts["intervals_95"]["recall"][1]
    found = pq.read_table(out)
    assert found.schema.names == ["doc_id", "start", "end", "label", "score", "recognizer"]
    spans = {(r["doc_id"], TEXTS[r["doc_id"] - 7][r["start"] : r["end"]], r["label"]) for r in found.to_pylist()}
    assert {(7, "KOWALSKI, JOHN A", "PATIENT"), (8, "(617) 555-0192 x12", "PHONE")} <= spans
    assert not any(note == 9 for note, *_ in spans)


def test_the_table_holds_no_word_of_a_note(notemill: Run, tmp_path: Path) -> None:
    data = write(tmp_path / "gold.parquet")
    status, text, _ = notemill("evaluate", "deid", "--data", data, "--no-tagger")
    assert status == 0
    assert "recall of whole spans 80.00%" in text
    assert "medical record" in text
    assert "AGE under 90: 0 of 1 masked" in text
    for word in ("KOWALSKI", "flimjam", "555", "Fever", "00123"):
        assert word not in text


def test_a_folder_of_generated_notes(notemill: Run, tmp_path: Path) -> None:
    generate(str(tmp_path / "made"), notes=30, seed=5, rows_per_file=12)
    out = tmp_path / "found.parquet"
    arguments = ("--data", str(tmp_path / "made"), "--no-tagger", "--json", "--predictions", str(out))
    status, text, _ = notemill("evaluate", "deid", *arguments)
    assert status == 0
    facts = json.loads(text)
    gold = pq.read_table(tmp_path / "made" / "gold" / "phi")
    assert facts["notes"] == 30
    assert facts["n"] + sum(it["n"] for it in facts["stays"].values()) == gold.num_rows
    assert facts["recall"] > 0.85
    ids = set(pq.read_table(tmp_path / "made" / "notes")["note_id"].to_pylist())
    assert set(pq.read_table(out)["note_id"].to_pylist()) <= ids
    # Gold of another part's note is no gold of this one.
    parts = sorted((tmp_path / "made" / "gold" / "phi").iterdir())
    parts[0].write_bytes(parts[1].read_bytes())
    status, _, err = notemill("evaluate", "deid", *arguments)
    assert status == 2
    assert "not among its notes" in err


def test_settings_of_the_job_are_measured(notemill: Run, tmp_path: Path) -> None:
    data = write(tmp_path / "gold.parquet", chart=["00123-45", None, None], words=["fever", "Fever", ""])
    quick = ("evaluate", "deid", "--data", data, "--no-tagger", "--json")
    job = tmp_path / "job.toml"
    job.write_text('[columns.known]\nMEDICALRECORD = "chart"\n[deidentify]\npattern_threshold = 1.0\n')
    figures = json.loads(notemill(*quick, "--config", str(job))[1])
    assert figures["by_label"]["MEDICALRECORD"]["recall"] == 1
    assert figures["by_label"]["PHONE"]["recall"] == 0
    plain = json.loads(notemill(*quick, "--set", "deidentify.pattern_threshold=1.0")[1])
    assert plain["by_label"]["MEDICALRECORD"]["recall"] == 0


def test_a_note_that_fails_is_named_and_not_counted(
    notemill: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transforms.deid.detector import Detector

    detect = Detector.detect

    def fails(self: Detector, text: str, *rest: Any) -> Any:
        if "flimjam" in text:
            raise RuntimeError(f"cannot read {text}")
        return detect(self, text, *rest)

    monkeypatch.setattr(Detector, "detect", fails)
    data = write(tmp_path / "gold.parquet", note_id=["a", "b", "c"])
    status, text, err = notemill("evaluate", "deid", "--data", data, "--no-tagger", "--json")
    facts = json.loads(text)
    assert status == 0
    assert facts["rejected"] == {"notes": 1, "reasons": {"find_phi/RuntimeError": 1}, "ids": ["b"]}
    assert (facts["notes"], facts["n"], facts["recall"]) == (3, 3, 1.0)
    assert "flimjam" not in text + err
    assert "1 notes rejected, not counted above: b" in notemill("evaluate", "deid", "--data", data, "--no-tagger")[1]


def test_requests_that_cannot_be_met(notemill: Run, tmp_path: Path) -> None:
    def refused(*arguments: str, says: tuple[str, ...]) -> None:
        status, out, err = notemill("evaluate", "deid", *arguments)
        assert (status, out) == (2, "")
        assert len(err.strip().splitlines()) == 1
        for word in says:
            assert word in err

    data = write(tmp_path / "gold.parquet")
    refused("--data", str(tmp_path / "none"), says=("no such file or folder",))
    refused("--data", write(tmp_path / "a.parquet", entities=None), says=("a.parquet has no column entities", "text"))
    refused("--data", write(tmp_path / "b.parquet", entities=["x"] * 3), says=("entities of b.parquet", "string"))
    refused("--data", write(tmp_path / "c.parquet", text=None, words=TEXTS), says=("no column text", "words"))
    for start, end in ((0, 14), (-1, 3), (5, 5), (None, 3)):
        bad = pa.array([None, None, [{"start": start, "end": end, "label": "DATE"}]], ENTITY)
        path = write(tmp_path / "d.parquet", entities=bad)
        refused("--data", path, "--no-tagger", says=("d.parquet, row 2", f"[{start}, {end})", "13 characters"))
    strange = pa.array([[{"start": 0, "end": 3, "label": "SHOE"}], None, None], ENTITY)
    path = write(tmp_path / "e.parquet", entities=strange)
    refused("--data", path, "--no-tagger", says=("gold", "'SHOE' is not mapped"))
    status, out, _ = notemill(
        "evaluate", "deid", "--data", path, "--no-tagger", "--json", "--set", "deidentify.labels.SHOE=IDNUM"
    )
    assert status == 0
    assert json.loads(out)["by_class"]["R"]["n"] == 1
    refused("--data", data, "--no-tagger", "--predictions", data, says=("would replace the data",))
    assert pq.read_table(data).num_rows == 3
    (tmp_path / "file").write_text("in the way")
    taken = str(tmp_path / "file" / "x.parquet")
    refused("--data", data, "--no-tagger", "--predictions", taken, says=("cannot write the predictions",))
    refused("--data", data, "--model", "ner=x", says=("deid alone",))
    refused("--data", data, "--model", "deid", says=("HEAD=PATH_OR_ID",))
    refused("--data", data, "--model", "deid=x", "--no-tagger", says=("exclude each other",))
    refused("--data", data, "--model", f"deid={tmp_path / 'none'}", says=("no such checkpoint folder",))
    refused("--data", data, "--set", "deidentify.tager=1", says=("did you mean deidentify.tagger?",))
