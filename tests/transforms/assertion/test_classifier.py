"""A classifier of assertions: what transformers gives for the marked sentence, and what its labels say."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import torch
import transformers
from transformers import BertForSequenceClassification

from tests.transforms.clinical_bert import tiny
from transforms import schema
from transforms.assertion.classifier import MARK, AssertionClassifier, meanings
from transforms.assertion.stage import Assertion
from transforms.clinical_bert.checkpoints import Checkpoint, CheckpointError, resolve

LABELS = ["PRESENT", "ABSENT", "POSSIBLE"]
TEXT = "the patient has pain. no fever, chest pain"


def save(folder: Path, labels: list[str], *, marked: bool = True) -> Checkpoint:
    tokenizer = tiny.tokenizer()
    if marked:
        tokenizer.add_special_tokens({"additional_special_tokens": [MARK]})
    torch.manual_seed(4)
    config = tiny.config(id2label=dict(enumerate(labels)), num_labels=len(labels), vocab_size=len(tokenizer))
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return resolve(str(folder), "assertion")


def span(words: str, text: str = TEXT) -> tuple[int, int]:
    return text.index(words), text.index(words) + len(words)


@pytest.mark.parametrize("marked", [True, False])
def test_the_label_is_the_one_that_transformers_gives(tmp_path: Path, marked: bool) -> None:
    checkpoint = save(tmp_path, LABELS, marked=marked)
    spans = [span("fever"), span("pain"), span("chest pain"), span("patient")]
    sentences = [
        "no [entity]fever[entity], chest pain",
        "the patient has [entity]pain[entity]. ",
        "no fever, [entity]chest pain[entity]",
        "the [entity]patient[entity] has pain. ",
    ]
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    says = meanings(checkpoint)
    with torch.no_grad():
        logits = [model(**tokenizer(sentence, return_tensors="pt")).logits[0] for sentence in sentences]
    expected = [says[int(of_one.argmax())] for of_one in logits]
    assert AssertionClassifier(checkpoint, "cpu").decide(TEXT, spans) == expected
    assert AssertionClassifier(checkpoint, "cpu").decide(TEXT, []) == []


def test_a_long_sentence_keeps_the_entity(tmp_path: Path) -> None:
    classifier = AssertionClassifier(save(tmp_path, LABELS), "cpu")
    long = "the chest " * 60
    mark = classifier._mark[0]
    for text in (f"{long}fever {long}", f"fever {long}", f"{long}fever"):
        row = classifier._row(text, *span("fever", text), [0])
        assert len(row) == tiny.POSITIONS
        assert row.count(mark) == 2
        assert row[row.index(mark) + 1] == classifier._ids("fever")[0]
    whole = classifier._row("chest " * 200, 0, 1199, [0])
    assert (len(whole), whole.count(mark)) == (tiny.POSITIONS, 2)
    assert classifier._row("x [SEP] fever", 8, 13, [0]).count(classifier._tokenizer.last) == 1


def test_what_no_label_is_about_stays_with_context(tmp_path: Path) -> None:
    checkpoint = save(tmp_path, LABELS)
    assert meanings(checkpoint) == [
        {"negated": False, "uncertain": False},
        {"negated": True, "uncertain": False},
        {"negated": False, "uncertain": True},
    ]
    text = "History of fever. Mother with pain."
    spans = [span("fever", text), span("pain", text)]
    entities = [{"entity_id": at, "start": s, "end": e} for at, (s, e) in enumerate(spans)]
    notes = pa.table(
        {"text": [text], "sections": [[]], "entities": [entities]},
        schema=schema.columns("text", "sections", "entities"),
    )
    worker = Assertion(checkpoint=checkpoint, device="cpu").open()
    (found,) = worker.process(notes)["entities"].to_pylist()
    decided = AssertionClassifier(checkpoint, "cpu").decide(text, spans)
    for entity, says in zip(found, decided, strict=True):
        assert {name: entity[name] for name in says} == says
    assert [entity["historical"] for entity in found] == [True, False]
    assert [entity["experiencer"] for entity in found] == ["patient", "family"]


def test_labels_of_the_i2b2_task(tmp_path: Path) -> None:
    labels = ["present", "absent", "possible", "conditional", "hypothetical", "associated with someone else"]
    says = meanings(save(tmp_path, labels))
    assert says[3] == says[4]
    assert says[4]["hypothetical"]
    assert says[5]["experiencer"] == "family"
    assert says[0] == {"negated": False, "uncertain": False, "hypothetical": False, "experiencer": "patient"}


def test_a_label_that_stands_for_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no assertion is known for its label 'perhaps'"):
        meanings(save(tmp_path, ["PRESENT", "PERHAPS"]))
