"""Bad training data is refused: exit status 2, and one line that names data set and row and holds no note text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.training.documents import read
from pipelines.errors import RequestError
from tests.jobs.conftest import Run
from tests.transforms.clinical_bert import tiny

TEXT = "Kowalski has fever"
GOOD: dict[str, dict[str, Any]] = {
    "ner": {"text": TEXT, "entities": [{"start": 13, "end": 18, "label": "Symptom", "text": "fever"}]},
    "deid": {"text": TEXT, "entities": [{"start": 0, "end": 8, "label": "PATIENT", "text": None}]},
    "icd": {"text": TEXT, "codes": ["R50.9"]},
    "readmission": {"text": TEXT, "label": 1},
    "tags": {"tokens": ["Kowalski", "has", "fever"], "tags": ["B-Name", "O", "B-Symptom"]},
}
STRUCT = pa.struct([("start", pa.int64()), ("end", pa.int64()), ("label", pa.string()), ("text", pa.string())])
TYPES = {
    "text": pa.string(),
    "entities": pa.list_(STRUCT),
    "codes": pa.list_(pa.string()),
    "label": pa.float64(),
    "tokens": pa.list_(pa.string()),
    "tags": pa.list_(pa.string()),
}


def entity(
    start: int | None, end: int | None, label: str | None = "Symptom", text: str | None = None
) -> dict[str, Any]:
    return {"entities": [{"start": start, "end": end, "label": label, "text": text}]}


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("ner", {"text": ""}, "the document is empty"),
    ("ner", {"text": " \n"}, "the document is empty"),
    ("ner", {"text": None}, "the document is empty"),
    ("ner", {"entities": None}, "entities is null"),
    ("ner", entity(13, 99), "an entity at 13:99 lies outside its text of 18 characters"),
    ("ner", entity(-5, 3), "an entity at -5:3 lies outside"),
    ("ner", entity(5, 5), "an entity at 5:5 lies outside"),
    ("ner", entity(8, 3), "an entity at 8:3 lies outside"),
    ("ner", entity(None, 3), "an entity at None:3 lies outside"),
    ("ner", {"entities": [None]}, "an entity at None:None lies outside"),
    ("ner", entity(0, 8, text="fever"), "the entity at 0:8 has another text"),
    ("ner", entity(0, 8, label=None), "the entity at 0:8 has no label"),
    ("ner", entity(0, 8, label=""), "the entity at 0:8 has no label"),
    ("deid", entity(0, 8, label="Kowalski"), "the entity at 0:8 has no known PHI label; such are PATIENT, DOCTOR"),
    ("icd", {"text": None}, "the document is empty"),
    ("icd", {"codes": None}, "codes is null"),
    ("icd", {"codes": ["R50.9", None]}, "code 1 is not written as ICD-10-CM is"),
    ("icd", {"codes": ["fever"]}, "code 0 is not written as ICD-10-CM is"),
    ("icd", {"codes": ["R509"]}, "code 0 is not written as ICD-10-CM is"),
    ("icd", {"codes": ["E11.99"]}, "there is no code E11.99 in the ICD-10-CM, release of"),
    ("icd", {"codes": ["X99.XXX", "Q00.7XX"]}, "there is no code Q00.7XX"),
    ("readmission", {"label": None}, "the label is null"),
    ("readmission", {"label": 2.0}, "the label is neither 0 nor 1"),
    ("readmission", {"label": 0.5}, "the label is neither 0 nor 1"),
    ("readmission", {"label": float("nan")}, "the label is neither 0 nor 1"),
    ("readmission", {"text": ""}, "the document is empty"),
    ("tags", {"tags": ["B-Name", "O"]}, "3 tokens and 2 tags"),
    ("tags", {"tokens": None}, "tokens is null"),
    ("tags", {"tags": None}, "tags is null"),
    ("tags", {"tokens": ["Kowalski", "", "fever"]}, "token 1 is empty"),
    ("tags", {"tokens": ["Kowalski", None, "fever"]}, "token 1 is empty"),
    ("tags", {"tags": ["B-Name", None, "O"]}, "tag 1 is neither O nor B- or I- with a label"),
    ("tags", {"tags": ["Kowalski", "O", "O"]}, "tag 0 is neither O nor"),
    ("tags", {"tags": ["X-Name", "O", "O"]}, "tag 0 is neither O nor"),
    ("tags", {"tags": ["B-", "O", "O"]}, "tag 0 is neither O nor"),
    ("tags", {"tags": ["I-Name", "O", "O"]}, "tag 0 is an I- that goes on with nothing"),
    ("tags", {"tags": ["B-Name", "I-Symptom", "O"]}, "tag 1 is an I- that goes on with nothing"),
]


def table(kind: str, path: Path, wrong: dict[str, Any], n: int = 12, at: int = 7) -> str:
    rows = [GOOD[kind] | (wrong if number == at else {}) for number in range(n)]
    columns = {name: pa.array([row[name] for row in rows], TYPES[name]) for name in GOOD[kind]}
    pq.write_table(pa.table(columns), path)
    return str(path)


@pytest.mark.parametrize(("kind", "wrong", "words"), BAD)
def test_a_bad_row_is_refused(kind: str, wrong: dict[str, Any], words: str, tmp_path: Path) -> None:
    data = table(kind, tmp_path / "mine.parquet", wrong)
    with pytest.raises(RequestError) as caught:
        read(data, ["ner" if kind == "tags" else kind])
    said = str(caught.value)
    assert said.startswith("mine, row 7: ")
    assert words in said
    assert not any(word in said for word in ("Kowalski", "fever", "\n"))


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_row_is_not(kind: str, tmp_path: Path) -> None:
    (data,) = read(table(kind, tmp_path / "mine.parquet", {}), ["ner" if kind == "tags" else kind])
    assert data.train
    assert data.dev


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        # IOB1: a span begins with I-, and with B- only after another of its label.
        ([["I-A", "I-A", "O"], ["I-A", "B-A", "O"]], ["a b", "a", "b"]),
        # BIOES
        ([["S-A", "O", "S-A"], ["B-A", "E-A", "O"]], ["a", "c", "a b"]),
    ],
)
def test_other_schemes_are_read(tags: list[list[str]], spans: list[str], tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"tokens": [["a", "b", "c"]] * 2, "tags": tags, "split": ["train"] * 2}), path)
    (data,) = read(str(path), ["ner"])
    (document,) = data.train
    assert [document.text[start:end] for start, end, _ in document.spans["ner"]] == spans


def test_codes_that_only_want_characters_exist(tmp_path: Path) -> None:
    """A category, and a code whose seventh character is missing, are left out later; they are no mistakes."""
    (data,) = read(table("icd", tmp_path / "c.parquet", {"codes": ["E11", "W19.XXX", "S19.9X", "T81.4XX"]}), ["icd"])
    assert data.train[7].codes == {"E11", "W19.XXX", "S19.9X", "T81.4XX"}


@pytest.mark.parametrize(
    ("columns", "head", "words"),
    [
        ({"tokens": [["a"]]}, "ner", "mine.parquet has the columns tokens, which fit none of the heads"),
        ({"text": ["a"]}, "icd", "which fit none"),
        ({"codes": [["R50.9"]]}, "icd", "which fit none"),
        ({"text": ["a"], "label": ["yes"]}, "readmission", "column label of mine.parquet is of type string"),
        ({"text": [1], "codes": [["R50.9"]]}, "icd", "column text of mine.parquet is of type int64"),
        ({"text": ["a"], "codes": ["R50.9"]}, "icd", "column codes of mine.parquet is of type string"),
        ({"text": ["a"], "entities": [[{"start": 0, "stop": 1}]]}, "ner", "column entities of mine.parquet is of type"),
        ({"tokens": [["a"]], "tags": [[1]]}, "ner", "column tags of mine.parquet is of type"),
    ],
)
def test_columns_that_do_not_fit_are_named(columns: dict[str, Any], head: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(RequestError, match=words):
        read(str(path), [head])


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.parquet").write_text("text,label\n")
    with pytest.raises(RequestError, match=r"mine.parquet is not a readable Parquet file"):
        read(str(tmp_path / "mine.parquet"), ["ner"])


def test_a_folder_is_read_file_by_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        table("icd", tmp_path / f"{name}.parquet", {})
    assert [data.name for data in read(str(tmp_path), ["icd"])] == ["a", "b"]
    assert [data.name for data in read(str(tmp_path / "*.parquet"), ["icd"])] == ["a", "b"]


@pytest.mark.parametrize("kind", GOOD)
def test_the_command_ends_with_status_2_and_one_line(kind: str, notemill: Run, tmp_path: Path) -> None:
    wrong = next(wrong for of_kind, wrong, _ in BAD if of_kind == kind)
    base, data = tiny.own(tmp_path / "base", heads=()), table(kind, tmp_path / "mine.parquet", wrong)
    head = "ner" if kind == "tags" else kind
    status, out, err = notemill(
        "train", head, "--data", data, "--base", str(base), "--output", str(tmp_path / "trained")
    )
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("notemill: mine, row 7: ")
    assert "Kowalski" not in err
    assert not (tmp_path / "trained").exists()


def test_pre_training_refuses_empty_notes(notemill: Run, tmp_path: Path) -> None:
    base = str(tiny.own(tmp_path / "base", heads=()))
    data, output = str(tmp_path / "mine.parquet"), str(tmp_path / "trained")
    pq.write_table(pa.table({"text": ["Kowalski has fever", None]}), data)
    status, out, err = notemill("train", "mlm", "--data", data, "--base", base, "--output", output, "--length", "32")
    assert (status, out) == (2, "")
    assert err.splitlines()[-1] == "notemill: mine.parquet, row 1: the document is empty"
    pq.write_table(pa.table({"note": ["Kowalski has fever"]}), data)
    status, _, err = notemill("train", "mlm", "--data", data, "--base", base, "--output", output, "--length", "32")
    assert status == 2
    assert "mine.parquet has the columns note: pre-training needs one named text" in err
