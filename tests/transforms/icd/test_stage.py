from __future__ import annotations

import pickle
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms import schema
from transforms.icd.scoring import FEATURES, Scoring, logit
from transforms.icd.stage import Coding, CodingWorker, Proposals
from transforms.icd.table import CodeTable, Release
from transforms.stage import Stage

PROPOSALS = Proposals(0.5, frozenset({"I10", "J18.9", "R50.9", "R07.9"}))
ASSERTED = {"negated": False, "uncertain": False, "historical": False, "hypothetical": False, "experiencer": "patient"}


def entity(text: str, phrase: str, **asserted: Any) -> dict[str, Any]:
    start = text.index(phrase)
    end = start + len(phrase)
    about = {"entity_id": 0, "text": phrase, "label": "Disease", "score": 0.9, "section_id": None}
    return {"start": start, "end": end, **about, **ASSERTED, **asserted}


def proposal(text: str, phrase: str, code: str, score: float = 0.9, system: str = "ICD-10-CM") -> dict[str, Any]:
    start = text.index(phrase)
    evidence = [{"start": start, "end": start + len(phrase), "text": phrase}]
    return {
        "code": code,
        "system": system,
        "description": None,
        "score": score,
        "evidence": evidence,
        "roads": ["attention"],
    }


def table(
    text: str | None, entities: list[dict[str, Any]] | None = None, codes: list[dict[str, Any]] | None = None
) -> pa.Table:
    fields = schema.columns("text", "sections", "entities", "codes")
    return pa.table({"text": [text], "sections": [None], "entities": [entities], "codes": [codes]}, schema=fields)


def coded(
    text: str, *entities: dict[str, Any], codes: list[dict[str, Any]] | None = None, **options: Any
) -> dict[str, dict[str, Any]]:
    worker = Coding(**{"road": "both", "proposals": PROPOSALS, **options}).open()
    (rows,) = worker.process(table(text, list(entities), codes or []))["codes"].to_pylist()
    assert len({(row["system"], row["code"]) for row in rows}) == len(rows)
    return {row["code"]: row for row in rows}


@pytest.mark.parametrize(
    ("text", "code", "evidence"),
    [
        ("She has type 2 diabetes.", "E11.9", "type 2 diabetes"),
        ("Assessment: HTN.", "I10", "HTN"),
        ("The patient has a history of diabetes.", "E11.9", "diabetes"),
        ("PAST MEDICAL HISTORY: hypertension", "I10", "hypertension"),
        ("Community acquired pneumonia.", "J18.9", "Community acquired pneumonia"),
    ],
)
def test_linking(text: str, code: str, evidence: str) -> None:
    row = coded(text, road="linking")[code]
    assert row["evidence"][0]["text"] == evidence
    assert row["roads"] == ["linking"]
    assert row["description"] == CodeTable.shipped().description(code)
    assert 0 < row["score"] < 1


@pytest.mark.parametrize(
    "text",
    [
        "He denies chest pain.",
        "No evidence of pneumonia.",
        "Mother has diabetes.",
        "Return if fever develops.",
        "",
        ".",
    ],
)
def test_nothing_that_is_not_the_patients(text: str) -> None:
    assert coded(text, threshold=0.0) == {}


def test_what_is_asserted_of_an_entity_counts() -> None:
    text = "Pneumonia: see below."
    assert "J18.9" in coded(text, entity(text, "Pneumonia"))
    assert "J18.9" not in coded(text, entity(text, "Pneumonia", negated=True), threshold=0.0)
    assert "J18.9" not in coded(text, entity(text, "Pneumonia", experiencer="family"), threshold=0.0)
    assert "J18.9" not in coded(text, entity(text, "Pneumonia", hypothetical=True), threshold=0.0)
    assert "J18.9" in coded(text, entity(text, "Pneumonia", historical=True, uncertain=True))


def test_entities_without_assertions_are_looked_at_here() -> None:
    text = "He denies pneumonia."
    unknown = dict.fromkeys(ASSERTED)
    assert coded(text, entity(text, "pneumonia", **unknown), threshold=0.0) == {}


def test_a_proposal_without_evidence_that_holds_is_dropped() -> None:
    text = "He denies fever. He has a cough."
    rows = coded(text, codes=[proposal(text, "fever", "R50.9"), proposal(text, "cough", "R07.9")], threshold=0.0)
    assert "R50.9" not in rows
    assert rows["R07.9"]["roads"] == ["attention"]
    assert [span["text"] for span in rows["R07.9"]["evidence"]] == ["cough"]


def test_both_roads_are_surer_than_one_and_share_evidence() -> None:
    text = "He has hypertension, treated."
    linked = coded(text)["I10"]
    both = coded(text, codes=[proposal(text, "hypertension", "I10")])["I10"]
    assert both["roads"] == ["linking", "attention"]
    assert both["score"] > linked["score"]
    assert [span["text"] for span in both["evidence"]] == ["hypertension"]


def test_attention_alone_keeps_to_the_heads_codes() -> None:
    text = "He has hypertension and pneumonia."
    codes = [proposal(text, "pneumonia", "J18.9")]
    assert list(coded(text, codes=codes, road="attention")) == ["J18.9"]
    assert coded(text, codes=[proposal(text, "pneumonia", "J18.9", 0.06)], road="attention") == {}


def test_a_code_that_is_not_billable_never_comes_out() -> None:
    text = "He has diabetes."
    assert "E11" not in coded(text, codes=[proposal(text, "diabetes", "E11", 0.99)], threshold=0.0)


def test_codes_that_exclude_one_another_are_flagged() -> None:
    text = "Type 1 diabetes. Type 2 diabetes. Hypertension."
    rows = coded(text, road="linking", threshold=0.05)
    assert rows["E10.9"]["excludes1"] == ["E11.9"]
    assert rows["E11.9"]["excludes1"] == ["E10.9"]
    assert rows["I10"]["excludes1"] == []


def test_icd_9_cm_through_the_mappings() -> None:
    text = "He has type 2 diabetes."
    both = coded(text, systems=("ICD-10-CM", "ICD-9-CM"))
    assert both["250.00"] == {**both["E11.9"], "code": "250.00", "system": "ICD-9-CM", "description": None}
    assert {row["system"] for row in coded(text, systems=("ICD-9-CM",)).values()} == {"ICD-9-CM"}


def test_codes_of_another_system_come_out_as_they_are() -> None:
    text = "He denies fever. Intubated."
    codes = [proposal(text, "Intubated", "96.04", 0.8, "ICD-9-CM"), proposal(text, "fever", "780.60", 0.9, "ICD-9-CM")]
    codes.append(proposal(text, "Intubated", "96.71", 0.3, "ICD-9-CM"))
    rows = coded(text, codes=codes, road="attention")
    assert list(rows) == ["96.04"]
    assert rows["96.04"]["score"] == pytest.approx(0.8)


def test_the_best_come_first_and_no_more_than_asked() -> None:
    text = "Hypertension, type 2 diabetes, pneumonia, asthma, gout, headache and cough."
    rows = list(coded(text, road="linking", threshold=0.0).values())
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert list(coded(text, road="linking", threshold=0.0, top_k=3).values()) == rows[:3]


def test_null_stays_null_and_rows_keep_their_order() -> None:
    notes = pa.concat_tables([table("He has asthma.", [], []), table(None), table("He has gout."), table("", [], [])])
    codes = Coding(proposals=PROPOSALS).open().process(notes)["codes"].to_pylist()
    assert [row["code"] for row in codes[0]] == ["J45.909"]
    assert codes[1:] == [None, None, []]


def test_the_spec() -> None:
    spec = Coding(road="linking", proposals=PROPOSALS)
    assert isinstance(spec, Stage)
    assert spec.reads.names == ["text", "sections", "entities"]
    assert Coding(road="attention").reads.names == ["text", "sections", "codes"]
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert isinstance(spec.open(), CodingWorker)
    assert repr(Coding(release=Release("a.txt", "ab12", "/here"))) == repr(
        Coding(release=Release("a.txt", "ab12", "/there"))
    )


@pytest.mark.parametrize(
    "options", [{"threshold": 1.2}, {"top_k": 0}, {"spans": 0}, {"systems": ()}, {"systems": ("ICD-10-PCS",)}]
)
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Coding(**options)


WORDS = [
    "no",
    "denies",
    "mother",
    "has",
    "hypertension",
    "type 2 diabetes",
    "chest pain",
    "asthma",
    "and",
    "HTN",
    "cancer",
]
WORKER = Coding(proposals=PROPOSALS, threshold=0.0).open()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", ". ", ", ", "\n"])), max_size=25))
def test_every_code_has_evidence_that_resolves(parts: list[tuple[str, str]]) -> None:
    text = "".join(word + gap for word, gap in parts)
    (rows,) = WORKER.process(table(text, [], []))["codes"].to_pylist()
    for row in rows:
        assert CodeTable.shipped().is_billable(row["code"])
        assert row["evidence"]
        spans = [(span["start"], span["end"]) for span in row["evidence"]]
        assert spans == sorted(spans)
        assert all(left[1] <= right[0] for left, right in pairwise(spans))
        assert all(text[span["start"] : span["end"]] == span["text"] for span in row["evidence"])


def test_scoring_knows_all_features_and_kinds() -> None:
    scoring = Scoring.shipped()
    for weights in scoring.weights.values():
        assert tuple(weights) == FEATURES
    assert all(0 < threshold < 1 for threshold in scoring.thresholds.values())
    nothing = [0.0] * len(FEATURES)
    assert scoring.probability("both", nothing) == 0.5
    assert logit(0.0) == pytest.approx(-logit(1.0))
    assert logit(0.0) < -9
