from __future__ import annotations

import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from transforms import schema
from transforms.clinical_bert.checkpoints import resolve
from transforms.clinical_bert.stage import ClinicalBert
from transforms.icd import CodingOptions
from transforms.stage import Resources, Stage


def notes(texts: list[str]) -> pa.Table:
    sections = [[{"section_id": 7, "start": 0, "end": len(text)}] for text in texts]
    columns = schema.columns("note_id", "text", "sections")
    ids = [str(i) for i in range(len(texts))]
    return pa.table([ids, texts, pa.array(sections, columns.field("sections").type)], schema=columns)


def spec(folder: Path, *heads: str, **options: object) -> ClinicalBert:
    return ClinicalBert(tuple((head, resolve(str(folder), head)) for head in heads), **options)  # type: ignore[arg-type]


def test_columns_have_the_types_of_the_contract_and_spans_their_text(own: Path) -> None:
    texts = ["the patient has fever, x9 and chest pain " * 20, "", "pain"]
    stage = spec(own, "ner", "icd", "readmission", icd=CodingOptions(threshold=0.0))
    assert isinstance(stage, Stage)
    worker = pickle.loads(pickle.dumps(stage)).open()
    done = worker.process(notes(texts))
    worker.close()
    assert done.schema == schema.columns("note_id", "text", "sections", *stage.adds.names)
    assert done["n_tokens"].to_pylist()[1] == 0
    ((chunk,), *others) = done["chunk_scores"].to_pylist()
    assert (chunk["start"], chunk["end"]) == (0, len(texts[0]) - 1)
    assert 0 < chunk["score"] < 1
    assert others == [[], []]
    entities = done["entities"].to_pylist()
    assert entities[0]
    for text, of_note in zip(texts, entities, strict=True):
        assert [e["entity_id"] for e in of_note] == list(range(len(of_note)))
        for entity in of_note:
            assert text[entity["start"] : entity["end"]] == entity["text"]
            assert entity["section_id"] == 7
            assert entity["negated"] is entity["experiencer"] is None
    for text, of_note in zip(texts, done["codes"].to_pylist(), strict=True):
        for code in of_note:
            assert all(text[e["start"] : e["end"]] == e["text"] for e in code["evidence"])
    assert done["codes"].to_pylist()[0][0]["description"]


def test_a_stage_adds_the_columns_of_its_heads(own: Path) -> None:
    stage = spec(own, "ner")
    done = stage.open().process(notes(["fever"]))
    assert done.column_names == ["note_id", "text", "sections", "entities", "n_tokens", "encoded"]
    assert stage.adds.names == ["entities", "n_tokens", "encoded"]
    assert done["entities"].null_count == 0


def test_no_rows(own: Path) -> None:
    worker = spec(own, "ner", "icd").open()
    assert worker.process(notes([])).num_rows == 0


def test_identity_holds_what_changes_results_and_nothing_else(own: Path) -> None:
    stage = spec(own, "ner")
    same = spec(own, "ner", threads=3, resources=Resources(gpus=1.0))
    assert repr(stage) == repr(same)
    for other in (spec(own, "ner", window=64), spec(own, "ner", precision="fp32"), spec(own, "ner", "icd")):
        assert repr(stage) != repr(other)
    assert stage.heads[0][1].sha256 in repr(stage)


def test_a_head_of_another_stage_is_refused(own: Path) -> None:
    with pytest.raises(ValueError, match="deid"):
        spec(own, "deid")
