"""What a tagger says is checked before it counts; the replica is one."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from transforms.clinical_bert.checkpoints import CheckpointError
from transforms.deid.labels import LabelMap, UnknownLabelError
from transforms.deid.spans import PhiSpan
from transforms.deid.tagger import ReplicaTagger, TaggedSpan, TaggerError, as_phi

LABELS = LabelMap()


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
    ],
)
def test_an_answer_that_does_not_fit_raises(spans: list[list[TaggedSpan]]) -> None:
    with pytest.raises(TaggerError):
        as_phi(["Ann MA"], spans, LABELS)


def test_an_unknown_label_raises() -> None:
    with pytest.raises(UnknownLabelError):
        as_phi(["Ann"], [[TaggedSpan(0, 3, "WEAPON", 0.9)]], LABELS)


def test_the_shipped_replica_tags_whole_notes() -> None:
    try:
        spec = ReplicaTagger.shipped()
    except CheckpointError:
        pytest.skip("this copy of the package ships no checkpoint")
    assert pickle.loads(pickle.dumps(spec)) == spec
    tagger = spec.open()
    try:
        text = "Seen by Dr. Alan Kowalski on 3/4/2019. " + "He is well. " * 400 + "Signed: Alan Kowalski, MD"
        spans = tagger.tag([text, ""])
        assert spans[1] == []
        assert {span.label for span in spans[0]} <= set(tagger.labels)
        as_phi([text, ""], spans, LABELS)
        # The last window is read too.
        assert any(span.start > len(text) - 20 and span.label in ("DOCTOR", "PATIENT") for span in spans[0])
        LABELS.check(tagger.labels, "the shipped tagger")
    finally:
        tagger.close()


def test_the_spec_is_its_checkpoint_and_not_its_speed() -> None:
    try:
        checkpoint = ReplicaTagger.shipped().checkpoint
    except CheckpointError:
        pytest.skip("this copy of the package ships no checkpoint")
    assert ReplicaTagger(checkpoint, threads=1) == ReplicaTagger(checkpoint, threads=2)
    assert repr(ReplicaTagger(checkpoint, threads=1)) == repr(ReplicaTagger(checkpoint, threads=2, device="cpu"))
    assert repr(ReplicaTagger(checkpoint, threshold=0.4)) != repr(ReplicaTagger(checkpoint))
    assert str(Path.cwd()) not in repr(ReplicaTagger(checkpoint, device="cpu"))
