"""What a tagger says is checked before it counts; any checkpoint for token classification is one."""

from __future__ import annotations

import pickle
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines.guard import Guard
from tests.transforms.clinical_bert import families
from transforms import schema
from transforms.clinical_bert.checkpoints import CheckpointError, resolve
from transforms.deid.labels import LabelMap, UnknownLabelError
from transforms.deid.pseudonyms import Key, Pseudonyms
from transforms.deid.spans import PhiSpan
from transforms.deid.stage import deidentification
from transforms.deid.tagger import ReplicaTagger, TaggedSpan, TaggerError, TaggerSpec, as_phi

LABELS = LabelMap()
KEY = Key.from_text("the key of tests")


def test_labels_are_mapped_and_what_safe_harbor_does_not_list_goes() -> None:
    spans = [TaggedSpan(0, 3, "PERSON", 0.9), TaggedSpan(4, 6, "STATE", 0.9)]
    assert as_phi(["Ann MA"], [spans], LABELS) == [[PhiSpan(0, 3, "PATIENT", 0.9, "tagger")]]


@pytest.mark.parametrize(
    "spans",
    [
        [],
        [[], []],
        [[TaggedSpan(0, 9, "DATE", 0.9)]],
        [[TaggedSpan(2, 2, "DATE", 0.9)]],
        [[TaggedSpan(-1, 2, "DATE", 0.9)]],
        [[TaggedSpan(0, 2, "DATE", float("nan"))]],
        [[TaggedSpan(0, 2, "DATE", 1.5)]],
    ],
)
def test_an_answer_that_does_not_fit_raises(spans: list[list[TaggedSpan]]) -> None:
    with pytest.raises(TaggerError):
        as_phi(["Ann MA"], spans, LABELS)


def test_an_unknown_label_raises() -> None:
    with pytest.raises(UnknownLabelError):
        as_phi(["Ann"], [[TaggedSpan(0, 3, "WEAPON", 0.9)]], LABELS)


def test_the_shipped_replica_tags_whole_notes() -> None:
    spec = shipped()
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert isinstance(spec, TaggerSpec)
    tagger = spec.open()
    try:
        text = "Seen by Dr. Alan Kowalski on 3/4/2019. " + "He is well. " * 400 + "Signed: Alan Kowalski, MD"
        spans = tagger.tag([text, ""])
        assert spans[1] == []
        assert {span.label for span in spans[0]} <= set(tagger.labels)
        as_phi([text, ""], spans, LABELS)
        # The last window is read too.
        assert any(span.start > len(text) - 20 and span.label in ("DOCTOR", "PATIENT") for span in spans[0])
        assert spec.labels == tagger.labels
        LABELS.check(tagger.labels, "the shipped tagger")
    finally:
        tagger.close()


def shipped() -> ReplicaTagger:
    try:
        return ReplicaTagger.shipped()
    except CheckpointError:
        pytest.skip("this copy of the package ships no checkpoint")


def test_the_spec_is_its_checkpoint_and_not_its_speed() -> None:
    checkpoint = shipped().checkpoint
    assert ReplicaTagger(checkpoint, threads=1) == ReplicaTagger(checkpoint, threads=2)
    assert repr(ReplicaTagger(checkpoint, threads=1)) == repr(ReplicaTagger(checkpoint, threads=2, device="cpu"))
    assert repr(ReplicaTagger(checkpoint, threshold=0.4)) != repr(ReplicaTagger(checkpoint))
    assert str(Path.cwd()) not in repr(ReplicaTagger(checkpoint, device="cpu"))


MARKED = {"Kowalski": "U-PATIENT", "Lee": "U-STAFF", "Mercy": "U-HOSP"}


@pytest.fixture(scope="module")
def roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return families.classifier(tmp_path_factory.mktemp("obi"), "Roberta", families.OBI, MARKED)


def tagger_of(folder: Path, **options: Any) -> ReplicaTagger:
    return ReplicaTagger(resolve(str(folder), "deid"), precision="fp32", device="cpu", **options)


def test_labels_are_known_before_the_model_is_loaded(roberta: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tagger_of(roberta)
    monkeypatch.setattr("transforms.deid.tagger.Replica", None)
    expected = ("AGE", "DATE", "EMAIL", "HOSP", "ID", "LOC", "OTHERPHI", "PATIENT", "PATORG", "PHONE", "STAFF")
    assert spec.labels == expected
    LABELS.check(spec.labels, "the tagger")


def test_every_public_label_is_mapped() -> None:
    LABELS.check(set(families.STANFORD) - {"O"}, "the tagger")


def test_a_word_counts_by_all_its_probability_of_being_phi(roberta: Path, tmp_path: Path) -> None:
    """Three labels with a fifth each outvote `O` with two fifths; below the threshold nothing counts."""
    folder = Path(shutil.copytree(roberta, tmp_path / "torn"))
    weights = load_file(folder / "model.safetensors")
    logits = torch.full((len(families.OBI),), -20.0)
    for label, share in (("O", 0.4), ("B-PATIENT", 0.2), ("U-PATIENT", 0.22), ("U-STAFF", 0.18)):
        logits[families.OBI.index(label)] = torch.log(torch.tensor(share))
    weights["classifier.weight"] = torch.zeros_like(weights["classifier.weight"])
    weights["classifier.bias"] = logits
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    opened = tagger_of(folder).open()
    (spans,) = opened.tag(["Lee"])
    assert [(span.start, span.end, span.label) for span in spans] == [(0, 3, "PATIENT")]
    assert spans[0].score == pytest.approx(0.6, abs=1e-4)
    assert tagger_of(folder, threshold=0.61).open().tag(["Lee"]) == [[]]


def test_scores_that_are_not_numbers_raise(roberta: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(roberta, tmp_path / "overflow"))
    weights = load_file(folder / "model.safetensors")
    weights["classifier.weight"].fill_(3e38)  # numbers, but their sums are none
    weights["classifier.bias"].fill_(3e38)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(FloatingPointError, match="not numbers"):
        tagger_of(folder).open().tag(["seen by Lee"])


@dataclass(frozen=True)
class Odd:
    """Tags `Zed`, and does something odd with a note that holds `POISON`."""

    oddity: str

    @property
    def labels(self) -> tuple[str, ...]:
        return ("PATIENT",)

    def open(self) -> Odd:
        return self

    def tag(self, texts: Sequence[str]) -> list[list[TaggedSpan]]:
        answers = [[TaggedSpan(*m.span(), "PATIENT", 0.9) for m in re.finditer("Zed", text)] for text in texts]
        for text, answer in zip(texts, answers, strict=True):
            if "POISON" in text:
                if self.oddity == "raises":
                    raise OSError(f"a window was not read: {text}")
                if self.oddity == "answers fewer":
                    return answers[:-1]
                answer.append(
                    {
                        "outside": TaggedSpan(0, len(text) + 1, "PATIENT", 0.9),
                        "backwards": TaggedSpan(5, 2, "PATIENT", 0.9),
                        "nan": TaggedSpan(0, 2, "PATIENT", float("nan")),
                        "other label": TaggedSpan(0, 2, "WEAPON", 0.9),
                    }[self.oddity]
                )
        return answers

    def close(self) -> None: ...


@pytest.mark.parametrize("oddity", ["raises", "answers fewer", "outside", "backwards", "nan", "other label"])
def test_a_note_that_the_tagger_fails_on_is_rejected_alone(oddity: str) -> None:
    texts = ["Zed slept.", "Zed ate.", "Zed: POISON.", "Zed went.", "Zed came."]
    given = {"row": range(len(texts)), "note_id": [f"n{i}" for i in range(len(texts))], "text": texts}
    empty = {name: [None] * len(texts) for name in schema.READ_COLUMNS if name not in given}
    notes = pa.table({**given, **empty}, schema=schema.columns(*given, *empty))
    guards = [Guard(stage) for stage in (Pseudonyms(KEY, "keep"), *deidentification(KEY, tagger=Odd(oddity)))]
    for guard in guards:
        notes = guard.process(notes)
    out = notes["text"].to_pylist()
    assert out[2] is None
    assert [text.endswith((" slept.", " ate.", " went.", " came.")) for i, text in enumerate(out) if i != 2] == [
        True
    ] * 4
    assert not any("Zed" in (text or "") for text in out)
    rejects = notes["reject"].to_pylist()
    assert [reject is not None for reject in rejects] == [False, False, True, False, False]
    assert rejects[2]["stage"] == "find_phi"
    assert "POISON" not in str(rejects[2])
