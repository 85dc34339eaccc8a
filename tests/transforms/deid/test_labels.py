"""Labels and their Safe Harbor classes."""

from __future__ import annotations

import pytest

from transforms.deid.labels import ALIASES, NOT_IDENTIFYING, PRIORITY, SAFE_HARBOR, LabelMap, UnknownLabelError


def test_every_class_of_safe_harbor_has_a_label_and_every_label_a_rank() -> None:
    assert set(SAFE_HARBOR.values()) == set("ABCDEFGHIJKLMNOPQR")
    assert set(PRIORITY) == set(SAFE_HARBOR)
    assert set(ALIASES.values()) <= set(SAFE_HARBOR) | NOT_IDENTIFYING


def test_labels_map_and_unknown_ones_are_refused() -> None:
    labels = LabelMap([("STUDY_ID", "IDNUM"), ("PERSON", "DOCTOR"), ("PLANET", "STATE")])
    assert labels["DATE"] == "DATE"
    assert labels["PHONE_NUMBER"] == "PHONE"
    assert labels["STUDY_ID"] == "IDNUM"
    assert labels["PERSON"] == "DOCTOR"
    assert [labels[name] for name in (*NOT_IDENTIFYING, "PLANET")] == [None] * 4
    with pytest.raises(UnknownLabelError, match="'BADGE' is not mapped"):
        _ = labels["BADGE"]
    with pytest.raises(UnknownLabelError, match=r"the tagger gives PHI labels that are not mapped: B, C"):
        labels.check(["DATE", "C", "B"], "the tagger")
    with pytest.raises(UnknownLabelError, match="'NOPE'"):
        LabelMap([("X", "NOPE")])
