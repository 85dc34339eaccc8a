"""Sequence classifiers: what is made of the encoder's states is what transformers' own forward gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tests.transforms.clinical_bert import families
from transforms.clinical_bert.checkpoints import resolve
from transforms.clinical_bert.heads.sequence import SequenceTail
from transforms.clinical_bert.replica import Replica

TEXTS = [  # of more words than a chunk must have
    "the pain was seen by the chest fever was the pain seen",
    "fever fever chest pain the the was by seen by the fever, the",
    "pain pain pain the the was by the chest chest fever fever fever fever",
]


def theirs(folder: Path, text: str) -> torch.Tensor:
    """The logits of a text by itself."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        logits: torch.Tensor = model(
            **transformers.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
        ).logits[0]
    return logits


@pytest.mark.parametrize("family", families.FAMILIES)
def test_one_class_is_a_probability_by_itself(tmp_path: Path, family: str) -> None:
    folder = families.random(tmp_path, family, "ForSequenceClassification", num_labels=1)
    checkpoint = resolve(str(folder), "readmission")
    with Replica({"readmission": checkpoint}, precision="fp32", device="cpu") as replica:
        found = [chunks[0].score for chunks in replica.annotate(TEXTS)["readmission"]]
    expected = [float(torch.sigmoid(theirs(folder, text))[0]) for text in TEXTS]
    assert found == pytest.approx(expected, abs=1e-5)
    assert max(expected) - min(expected) > 1e-4


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_modern_bert_pools_as_its_config_says(tmp_path: Path, pooling: str) -> None:
    changes: dict[str, Any] = {"num_labels": 2, "classifier_pooling": pooling}
    folder = families.random(tmp_path, "ModernBert", "ForSequenceClassification", **changes)
    checkpoint = resolve(str(folder), "readmission")
    with Replica({"readmission": checkpoint}, precision="fp32", device="cpu") as replica:
        found = [chunks[0].score for chunks in replica.annotate(TEXTS)["readmission"]]
    expected = [float(torch.softmax(theirs(folder, text), dim=0)[1]) for text in TEXTS]
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("family", families.FAMILIES)
def test_no_encoder_is_kept_for_the_tail(tmp_path: Path, family: str) -> None:
    folder = families.random(tmp_path, family, "ForSequenceClassification", num_labels=2)
    tail = SequenceTail(folder, torch.device("cpu"))
    kept = {name for name, _ in tail._model.named_parameters()}
    whole = {
        name
        for name, _ in transformers.AutoModelForSequenceClassification.from_pretrained(folder).named_parameters()
        if "embeddings" in name or "layer" in name.lower().split(".")
    }
    assert kept
    assert not kept & whole
