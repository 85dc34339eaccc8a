"""What an attestation claims, and every way in which it must not claim Safe Harbor."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from presidio_analyzer import Pattern, PatternRecognizer

from transforms.clinical_bert.checkpoints import Checkpoint, CheckpointError
from transforms.deid import attestation, provenance, recognizers
from transforms.deid.attestation import EXPERT_METHOD, SAFE_HARBOR_METHOD, Attestor, Counted
from transforms.deid.canary import prove
from transforms.deid.pseudonyms import Key, Pseudonyms
from transforms.deid.stage import Chain, FindPhi, deidentification
from transforms.deid.tagger import ReplicaTagger, TaggedSpan

KEY = Key.from_text("the key of tests")
CANARY = prove(Chain(deidentification(KEY)).process, links=True).to_json()


@dataclass(frozen=True)
class Silent:
    """A tagger that says nothing."""

    threshold: float = 0.3

    @property
    def labels(self) -> tuple[str, ...]:
        return ("PATIENT",)

    def open(self) -> Silent:
        return self

    def tag(self, texts: Sequence[str]) -> list[list[TaggedSpan]]:
        return [[] for _ in texts]

    def close(self) -> None: ...


SHIPPED = ReplicaTagger.shipped()
STUDY = PatternRecognizer("STUDY", name="study", patterns=[Pattern("s", r"ST-\d+", 0.9)])
OTHER = Checkpoint("elsewhere", "", "0" * 64, SHIPPED.checkpoint.path)
COUNTED = Counted(
    notes_read=10,
    notes_written=8,
    notes_rejected=2,
    rejects={"find_phi/RecognizerError": 2},
    phi={"label": {"DATE": 5, "AGE": 1, "PHONE": 2}, "class": {"C": 6, "D": 2}, "recognizer": {"dates": 5, "x": 3}},
    canaries=[CANARY, CANARY],
    unproven=0,
)


def attest(
    counted: Counted = COUNTED, ids: Any = "pseudonym", known: Sequence[str] = (), **options: Any
) -> dict[str, Any]:
    stages = deidentification(KEY, **{"tagger": SHIPPED, **options})
    told = Attestor(stages, Pseudonyms(KEY, ids), known).attest(counted, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z")
    assert json.loads(json.dumps(told)) == told
    return told


@pytest.mark.parametrize("mode", ["tag", "mask"])
def test_safe_harbor_when_nothing_weakens_it(mode: str) -> None:
    told = attest(mode=mode)
    assert told["method"] == SAFE_HARBOR_METHOD == "Safe Harbor, 45 CFR 164.514(b)(2)"
    assert told["reasons"] == []
    assert told["mode"] == mode
    assert "no legal certification" in told["meaning"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"mode": "surrogate"}, "dates are shifted"),
        ({"ids": "keep"}, "ids = keep"),
        ({"tagger": None}, "the PHI tagger was off"),
        ({"tagger": Silent()}, "the PHI tagger is not the one that ships, so its recall is not known"),
        ({"tagger": dataclasses.replace(SHIPPED, window=16)}, "the window of the tagger was lowered from 128 to 16"),
        ({"tagger": dataclasses.replace(SHIPPED, window=127)}, "lowered from 128 to 127"),
        ({"recognizers": (STUDY,), "labels": (("STUDY", "STATE"),)}, "STUDY was let stay, as STATE"),
        (
            {"tagger": dataclasses.replace(SHIPPED, threshold=0.6)},
            "the threshold of the tagger was raised from 0.3 to 0.6",
        ),
        ({"threshold": 0.51}, "the threshold of the recognizers was raised from 0.5 to 0.51"),
        ({"link_names": False}, "link_names = false"),
        ({"labels": (("HOSPITAL", "STATE"),)}, "HOSPITAL was let stay, as STATE"),
        ({"labels": (("PERSON", "PROFESSION"),)}, "PERSON was let stay, as PROFESSION"),
        ({"counted": dataclasses.replace(COUNTED, unproven=3)}, "3 splits were de-identified by workers that no"),
        (
            {"counted": dataclasses.replace(COUNTED, canaries=[CANARY, {**CANARY, "sha256": "0"}])},
            "other code or lists",
        ),
        ({"counted": dataclasses.replace(COUNTED, canaries=[{**CANARY, "code": "0"}])}, "other code or lists"),
    ],
)
def test_what_weakens_it_is_told(options: dict[str, Any], reason: str) -> None:
    told = attest(**options)
    assert told["method"] == EXPERT_METHOD == "Expert Determination needed, 45 CFR 164.514(b)(1)"
    assert len(told["reasons"]) == 1
    assert reason in told["reasons"][0]


def test_all_reasons_are_told() -> None:
    assert len(attest(mode="surrogate", ids="keep", tagger=None, threshold=0.9, link_names=False)["reasons"]) == 5


def test_what_strengthens_it_is_no_reason() -> None:
    # A label that is not PHI by itself may stay; a lower threshold finds more.
    labels = (("RANK", "PROFESSION"), ("STATE", "COUNTRY"), ("WARD", "ROOM"))
    for window in (None, 128, 256):
        tagger = dataclasses.replace(SHIPPED, threshold=0.1, window=window)
        assert attest(threshold=0.3, tagger=tagger, labels=labels)["reasons"] == []


def test_a_checkpoint_of_ones_own_that_never_speaks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReplicaTagger, "labels", ("QUIET", "SILENT"))
    told = attest(
        tagger=dataclasses.replace(SHIPPED, checkpoint=OTHER), labels=(("QUIET", "STATE"), ("SILENT", "STATE"))
    )
    assert told["method"] == EXPERT_METHOD
    assert told["reasons"] == [
        "the PHI tagger is not the one that ships, so its recall is not known",
        "QUIET was let stay, as STATE",
        "SILENT was let stay, as STATE",
    ]


def test_without_a_shipped_checkpoint_no_tagger_is_the_shipped_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(head: str) -> Checkpoint:
        raise CheckpointError(f"no checkpoint of {head}")

    monkeypatch.setattr(attestation, "shipped", none)
    assert attest()["reasons"] == ["the PHI tagger is not the one that ships, so its recall is not known"]


@pytest.mark.parametrize(("title", "letters"), [("numbers", "G, H, I, J, K, P, Q"), ("phones", "D, E")])
def test_a_class_without_a_rule_is_told(title: str, letters: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = recognizers.shipped
    monkeypatch.setattr(ReplicaTagger, "labels", ("PATIENT",))
    monkeypatch.setattr(recognizers, "shipped", lambda: [one for one in shipped() if one.title != title])
    (reason,) = attest()["reasons"]
    assert f"no active rule for class {letters}" in reason


def test_rules_by_class() -> None:
    rules = attest()["rules"]
    assert "tagger" in rules["A"]
    silent = attest(tagger=Silent())["rules"]
    assert "tagger" in silent["A"]
    assert "tagger" not in silent["C"]
    assert "phones" in rules["D"]
    assert min(len(names) for names in rules.values()) >= 1


def test_counts() -> None:
    told = attest(known=["PHONE", "DATE"])
    assert told["notes"] == {"read": 10, "de_identified": 8, "rejected": 2, "rejects": {"find_phi/RecognizerError": 2}}
    assert told["spans"]["total"] == 8
    assert told["spans"]["by_class"] == dict.fromkeys("ABCDEFGHIJKLMNOPQR", 0) | {"C": 6, "D": 2}
    assert told["spans"]["by_label"] == {"AGE": 1, "DATE": 5, "PHONE": 2}
    assert told["spans"]["by_recognizer"] == {"dates": 5, "x": 3}
    assert told["known_columns"] == ["DATE", "PHONE"]
    assert told["key_id"] == KEY.key_id
    assert "the key of tests" not in json.dumps(told)
    assert (told["started"], told["finished"]) == ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z")
    canary = told["canary"]
    assert (canary["workers"], canary["sha256"]) == (2, [CANARY["sha256"]])
    assert canary["found"] == canary["planted"] == CANARY["planted"]


def test_what_was_used_is_pinned() -> None:
    other = PatternRecognizer("STUDY", name="study", patterns=[Pattern("s", r"ST-\d\d", 0.9)])
    labels = (("STUDY", "IDNUM"),)
    told = attest(recognizers=(STUDY,), labels=labels)
    by_name = {one["name"]: one for one in told["recognizers"]}
    assert {one.title for one in recognizers.shipped()} < set(by_name)
    assert by_name["study"]["labels"] == ["STUDY"]
    assert "study" in told["rules"]["R"]
    (changed,) = (one for one in attest(recognizers=(other,), labels=labels)["recognizers"] if one["name"] == "study")
    assert changed["sha256"] != by_name["study"]["sha256"]
    room = Path(attestation.__file__).parent
    for name in (
        "eponyms.toml",
        "acronyms.txt.gz",
        "ordinary_words.txt.gz",
        "canary.toml",
        "replacement/sparse_zip3.toml",
    ):
        assert told["lists"][name]["sha256"] == hashlib.sha256((room / name).read_bytes()).hexdigest()
    assert told["lists"]["replacement/sparse_zip3.toml"]["version"] == "2012-11-26"
    assert told["code"]["sha256"] == provenance.digest()
    assert told["code"]["files"]["stage.py"] == hashlib.sha256((room / "stage.py").read_bytes()).hexdigest()
    assert {"notemill", "presidio-analyzer", "spacy", "torch", "transformers", "python"} <= set(told["versions"])


def test_the_checkpoint_is_pinned() -> None:
    tagger = SHIPPED
    told = attest(tagger=tagger)
    assert told["tagger"]["sha256"] == tagger.checkpoint.sha256
    assert told["tagger"]["threshold"] == told["thresholds"]["tagger"] == tagger.threshold
    assert told["thresholds"]["patterns"] == FindPhi.threshold
    assert told["method"] == SAFE_HARBOR_METHOD
