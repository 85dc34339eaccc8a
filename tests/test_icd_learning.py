"""What the scripts of infra/icd do to documents, on documents made here."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa

from infra.icd import alignment
from infra.icd.fit import best_threshold, calibration_error, regression
from infra.icd.halves import halves
from infra.icd.phrases import Learned

PAIRS = [
    ("fiebre", "fever"), ("hipertensión", "hypertension"), ("dolor abdominal", "abdominal pain"), ("tos", "cough"),
    ("anemia", "anemia"), ("hematuria", "hematuria"), ("cefalea", "headache"), ("asma", "asthma"),
]  # fmt: skip
FRAMES = [
    ("El paciente presenta {}.", "The patient presents {}."),
    ("Acude por {} y {}.", "He comes with {} and {}."),
    ("Se observa {} desde ayer.", "Since yesterday {} is observed."),
]


def document(rng: random.Random) -> dict[str, Any]:
    spanish, english, evidence, gold = "", "", [], []
    for _ in range(4):
        ours, theirs = rng.choice(FRAMES)
        said = rng.sample(PAIRS, ours.count("{}"))
        at = len(spanish)
        sentence = ours.format(*(one for one, _ in said))
        for one, other in said:
            start = at + sentence.index(one)
            evidence.append({"code": one.upper(), "text": one, "start": start, "end": start + len(one)})
            gold.append((one.upper(), other))
        spanish += sentence + " "
        english += theirs.format(*(other for _, other in said)) + "\n"
    return {"text_es": spanish, "text_en": english, "evidence_es": evidence, "gold": gold}


def test_evidence_is_found_in_the_translation() -> None:
    rng = random.Random(1)
    documents = [document(rng) for _ in range(120)]
    found = alignment.evidence(documents)
    right = total = 0
    for made, spans in zip(documents, found, strict=True):
        assert len(spans) <= len(made["evidence_es"])
        total += len(made["gold"])
        right += len({(span.code, made["text_en"][span.start : span.end]) for span in spans} & set(made["gold"]))
    assert right > 0.8 * len({(n, *one) for n, made in enumerate(documents) for one in made["gold"]})
    assert alignment.evidence([]) == []
    assert alignment.evidence([{"text_es": "", "text_en": "", "evidence_es": []}]) == [[]]


def test_counts_leave_a_document_out() -> None:
    learned = Learned([frozenset({"I10"}), frozenset()], {}, {("a",): frozenset({0, 1})})
    assert learned.sense(("a",), "I10", "title")[2:] == (2, 1)
    assert learned.sense(("a",), "I10", "title", without=0)[2:] == (1, 0)
    assert learned.sense(("b",), "I10", "title")[2:] == (0, 0)


def test_halves_ask_about_what_was_not_learned_from() -> None:
    made = pa.table(
        {
            "doc_id": ["a", "b", "c", "d"],
            "text_en": ["A", "B", "C", "D"],
            "codes": [["I10"]] * 4,
            "split": ["train", "dev", "train", "train"],
        }
    )
    one, other = (half.to_pylist() for half in halves(made))
    assert [row["doc_id"] for row in one] == ["a", "c", "d"]
    assert all({row["split"], twin["split"]} == {"train", "dev"} for row, twin in zip(one, other, strict=True))


def test_regression_finds_weights_and_its_scores_are_calibrated() -> None:
    rng = np.random.default_rng(0)
    features = np.column_stack([np.ones(20_000), rng.normal(size=20_000)])
    probabilities = 1 / (1 + np.exp(-(features @ np.array([-1.0, 2.0]))))
    right = rng.random(20_000) < probabilities
    assert np.allclose(regression(features, right), [-1, 2], atol=0.1)
    assert calibration_error(probabilities, right) < 0.02
    assert calibration_error(np.minimum(probabilities + 0.3, 1), right) > 0.2


def test_best_threshold() -> None:
    threshold, f1 = best_threshold(np.array([0.9, 0.8, 0.3, 0.1]), np.array([True, True, False, True]), gold=3)
    assert (threshold, f1) == (0.1, 6 / 7)
    threshold, f1 = best_threshold(np.array([0.9, 0.2]), np.array([True, False]), gold=1)
    assert (threshold, f1) == (0.9, 1.0)
