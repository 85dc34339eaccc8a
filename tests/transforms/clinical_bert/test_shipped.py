"""The checkpoint that comes with the package: whole, small, offline, and good for something."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from transforms.clinical_bert.catalogue import EMBEDDING, ENTITY_CLASSIFICATION, HEADS
from transforms.clinical_bert.checkpoints import SHIPPED, resolve, shipped
from transforms.clinical_bert.replica import Replica
from transforms.icd import CodeTable

NOTE = """DISCHARGE SUMMARY

HISTORY: The patient is a 61-year-old man with type 2 diabetes mellitus, hypertension and asthma who was
admitted with pneumonia. He was treated with azithromycin and prednisone. Metformin was held.
"""


SERVED = [name for name, spec in HEADS.items() if spec.kind != ENTITY_CLASSIFICATION]
"""By the checkpoint that ships; for assertion it is ConText that does."""


@pytest.fixture(scope="module")
def replica() -> Iterator[Replica]:
    with Replica({head: shipped(head) for head in SERVED}, threads=1, device="cpu", precision="fp32") as opened:
        yield opened


@pytest.mark.parametrize("head", [name for name in SERVED if HEADS[name].kind != EMBEDDING])
def test_every_head_is_there_with_its_figures(head: str) -> None:
    checkpoint = shipped(head)
    assert checkpoint == resolve(SHIPPED, head)
    about = json.loads((checkpoint.folder() / "heads" / f"{head}.json").read_text())
    assert about["figures"]
    assert f"`{head}` on " in (checkpoint.folder() / "README.md").read_text()


def test_size() -> None:
    files = [path for head in ("ner", "deid") for path in shipped(head).folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 60_000_000
    assert not [path for path in files if path.suffix in {".bin", ".pt", ".pkl"}]


def test_the_codes_of_the_head_are_billable() -> None:
    about = json.loads((shipped("icd").folder() / "heads" / "icd.json").read_text())
    assert all(CodeTable.shipped().is_billable(code) for code in about["labels"])


def test_entities_of_a_plain_note(replica: Replica) -> None:
    found = {(NOTE[s.start : s.end].lower(), s.label) for s in replica.annotate([NOTE])["ner"][0]}
    for word, label in (("azithromycin", "Chemical"), ("metformin", "Chemical"), ("hypertension", "Disease")):
        assert any(word in text and label == of_span for text, of_span in found), word


def test_codes_of_a_plain_note_rest_on_their_words(replica: Replica) -> None:
    hits = {hit.code: hit for hit in replica.annotate([NOTE])["icd"][0]}
    for code, word in (("I10", "hypertension"), ("E11.9", "diabetes")):
        evidence = [NOTE[start:end] for start, end in hits[code].evidence]
        assert any(word in text for text in evidence)


def test_phi_of_a_plain_header(replica: Replica) -> None:
    text = "Patient: John Miller\nAdmission Date: 03/12/2021\nAttending: Dr. Susan Park\n\n" + NOTE
    covered = {i for s in replica.annotate([text])["deid"][0] for i in range(s.start, s.end)}
    for phi in ("John Miller", "03/12/2021", "Susan Park"):
        at = text.index(phi)
        letters = [at + match.start() for match in re.finditer(r"\w", phi)]
        assert covered.issuperset(letters), phi
    assert len([i for i in covered if i >= text.index(NOTE)]) < 0.05 * len(NOTE)
