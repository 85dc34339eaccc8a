from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.clinical_bert import tiny
from transforms.clinical_bert.heads.base import EncodedNotes
from transforms.clinical_bert.heads.icd import IcdHead, LabelAttention
from transforms.clinical_bert.heads.labels import decode, label_groups, split_label
from transforms.clinical_bert.heads.readmission import ChunkHead, token_chunks
from transforms.clinical_bert.heads.tokens import TokenHead, innermost
from transforms.clinical_bert.heads.words import text_words, word_bounds
from transforms.clinical_bert.windows import NoteTokenizer
from transforms.icd import CodeTable, CodingOptions
from transforms.readmission import Calibration

TOKENIZE = NoteTokenizer(tiny.tokenizer())


def spans(labels: list[str]) -> list[tuple[int, int, str]]:
    found = decode(labels, [1.0] * len(labels), range(len(labels)), range(1, len(labels) + 1))
    return [(s.start, s.end, s.label) for s in found]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["O", "B-A", "I-A", "O"], [(1, 3, "A")]),
        (["B-A", "B-A", "I-A"], [(0, 1, "A"), (1, 3, "A")]),
        (["I-A", "I-A", "B-A"], [(0, 2, "A"), (2, 3, "A")]),  # IOB1
        (["B-A", "I-B"], [(0, 1, "A"), (1, 2, "B")]),
        (["S-A", "B-A", "I-A", "E-A", "I-A"], [(0, 1, "A"), (1, 4, "A"), (4, 5, "A")]),  # BIOES
        (["U-A", "B-A", "L-A"], [(0, 1, "A"), (1, 3, "A")]),  # BILOU
        (["A", "A", "O", "B"], [(0, 2, "A"), (3, 4, "B")]),  # plain
        ([], []),
    ],
)
def test_schemes(labels: list[str], expected: list[tuple[int, int, str]]) -> None:
    assert spans(labels) == expected


@settings(deadline=None)
@given(st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B", "E-A", "S-B"])))
def test_spans_hold_every_labelled_word_once_and_nothing_else(labels: list[str]) -> None:
    covered = [i for start, end, _ in spans(labels) for i in range(start, end)]
    assert covered == [i for i, label in enumerate(labels) if label != "O"]


def test_label_names_with_a_dash_keep_it() -> None:
    assert split_label("B-LAB-VALUE") == ("B", "LAB-VALUE")
    assert split_label("Non-drug") == ("", "Non-drug")


class Marker:
    """Token states that say what the token's label shall be: state i is one-hot of label i."""

    def __init__(self, labels: list[str]) -> None:
        self.head = TokenHead(labels, torch.eye(len(labels)) * 20, torch.zeros(len(labels)), text_words)
        self.labels = labels

    def spans(self, text: str, per_token: list[str]) -> list[tuple[str, str, float]]:
        (tokens,) = TOKENIZE([text])
        assert len(tokens) == len(per_token)
        states = torch.eye(len(self.labels))[[self.labels.index(label) for label in per_token]]
        (found,) = self.head(EncodedNotes.of([text], [tokens], states))
        return [(text[s.start : s.end], s.label, s.score) for s in found]


def test_a_word_is_never_split_between_labels() -> None:
    # "abc" is three pieces, two of which say Disease.
    found = Marker(["O", "B-Disease"]).spans("the abc fever", ["O", "B-Disease", "O", "B-Disease", "O"])
    assert [(text, label) for text, label, _ in found] == [("abc", "Disease")]
    assert found[0][2] == pytest.approx(2 / 3, abs=1e-3)


def test_entities_have_their_text_and_innermost_section() -> None:
    text = "the fever\n\nchest pain"
    marker = Marker(["O", "B-Disease", "I-Disease"])
    (tokens,) = TOKENIZE([text])
    (found,) = marker.head(EncodedNotes.of([text], [tokens], torch.eye(3)[[0, 1, 1, 2]]))
    sections = [
        {"section_id": 0, "start": 0, "end": len(text)},
        {"section_id": 1, "start": 11, "end": len(text)},
    ]
    rows = marker.head.rows(found, text, sections)
    assert [(r["entity_id"], r["text"], r["section_id"]) for r in rows] == [(0, "fever", 0), (1, "chest pain", 1)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=6), st.lists(st.integers(0, 45)))
def test_innermost_agrees_with_a_search(sections: list[tuple[int, int]], starts: list[int]) -> None:
    rows = [{"section_id": i, "start": s, "end": s + n} for i, (s, n) in enumerate(sections)]
    # Keep a family of nested or disjoint sections.
    kept: list[dict[str, int]] = []
    for row in rows:
        if all(
            row["end"] <= other["start"]
            or other["end"] <= row["start"]
            or (other["start"] <= row["start"] and row["end"] <= other["end"] and row != other)
            for other in kept
        ):
            kept.append(row)
    for start, found in zip(starts, innermost(kept, starts), strict=True):
        holding = [r for r in kept if r["start"] <= start < r["end"]]
        smallest = min((r["end"] - r["start"] for r in holding), default=None)
        if found is None:
            assert not holding
        else:
            (row,) = [r for r in kept if r["section_id"] == found]
            assert row in holding
            assert row["end"] - row["start"] == smallest


def attention(labels: int = 4) -> LabelAttention:
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return LabelAttention(random(8, 16), random(labels, 8), random(labels, 16), random(labels))


def test_label_attention_is_the_published_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    states = torch.randn(50, 16, generator=torch.Generator().manual_seed(1))
    head = attention()
    weights = torch.softmax(head._second @ torch.tanh(head._first @ states.T), dim=-1)  # (labels, tokens)
    expected = (head._third * (weights @ states)).sum(dim=1) + head._bias
    assert torch.allclose(head.logits(states), expected, atol=1e-5)
    assert torch.allclose(head.attention(states, [2, 0]), weights[[2, 0]].T, atol=1e-6)
    # In pieces, as a very long note is done.
    monkeypatch.setattr("transforms.clinical_bert.heads.icd._PIECE", 7)
    assert torch.allclose(head.logits(states), expected, atol=1e-5)
    assert torch.allclose(head.attention(states, [2, 0]), weights[[2, 0]].T, atol=1e-6)


def test_codes_are_billable_and_their_evidence_is_in_the_text() -> None:
    text = "the patient has fever, chest pain\nand a q-t of 500. " * 4
    (tokens,) = TOKENIZE([text])
    states = torch.randn(len(tokens), 16, generator=torch.Generator().manual_seed(2))
    labels = ["E11.9", "E11", "no such code", "I10"]  # a category and a nonsense code can't come out
    head = IcdHead(labels, attention(), 0.0, CodingOptions(), CodeTable.shipped())
    (hits,) = head(EncodedNotes.of([text], [tokens], states))
    assert sorted(hit.code for hit in hits) == ["E11.9", "I10"]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for row in head.rows(hits, text, []):
        assert row["system"] == "ICD-10-CM"
        assert 1 <= len(row["evidence"]) <= 3
        for span in row["evidence"]:
            assert text[span["start"] : span["end"]] == span["text"]
    (none,) = IcdHead(labels, attention(), 0.0, CodingOptions(threshold=1.0), CodeTable.shipped())(
        EncodedNotes.of([text], [tokens], states)
    )
    assert none == []


def test_a_chunk_is_scored_from_the_mean_of_its_own_tokens() -> None:
    text = "fever " * 318 + "pain " * 20
    (tokens,) = TOKENIZE([text])
    last = len(text.rstrip())
    assert token_chunks(text, tokens) == [(0, 318 * 6 - 1, 0, 318), (318 * 6, last, 318, 338)]
    states = torch.zeros(338, 4)
    states[:318, 0] = 1.0
    states[318:, 1] = 1.0
    weight = torch.tensor([[2.0, -2.0, 0.0, 0.0]])
    notes = EncodedNotes.of([text], [tokens], states)
    (chunks,) = ChunkHead(weight, torch.zeros(1))(notes)
    assert [chunk[:2] for chunk in chunks] == [(0, 318 * 6 - 1), (318 * 6, last)]
    assert [chunk.score for chunk in chunks] == pytest.approx([1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))], abs=1e-6)
    # A calibration is a line under the logistic function: here 0.5 * logit - 1.
    (chunks,) = ChunkHead(weight, torch.zeros(1), Calibration(0.5, -1.0, 100, 10))(notes)
    assert [chunk.score for chunk in chunks] == pytest.approx([1 / 2, 1 / (1 + np.exp(2))], abs=1e-6)


def test_word_bounds() -> None:
    (tokens,) = TOKENIZE(["the abc-fever"])
    assert word_bounds(tokens).tolist() == [0, 1, 4, 5, 6]
    assert word_bounds(TOKENIZE([""])[0]).tolist() == [0]


def test_groups_of_labels_are_decided_each_by_itself() -> None:
    text = "bad headache"
    (tokens,) = NoteTokenizer(tiny.tokenizer())([text])
    labels = ["O", "B-Disease", "I-Disease", "O", "B-Symptom", "I-Symptom"]
    states = torch.ones(len(tokens), 1)
    first = len([t for t in tokens.words if t == tokens.words[0]])
    states[:first] = -1  # the first word is outside in one group and a symptom in the other
    weight = torch.tensor([[-3.0], [3.0], [0.0], [0.0], [-3.0], [3.0]])
    bias = torch.tensor([0.0, 0.0, -9.0, -9.0, 0.0, 0.0])
    head = TokenHead(labels, weight, bias, text_words)
    (found,) = head(EncodedNotes.of([text], [tokens], states, [[]], ()))
    assert [(text[s.start : s.end], s.label) for s in found] == [("bad headache", "Symptom"), ("headache", "Disease")]
    probabilities = head.probabilities(states)
    torch.testing.assert_close(probabilities[:, :3].sum(dim=1), torch.ones(len(tokens)))
    torch.testing.assert_close(probabilities[:, 3:].sum(dim=1), torch.ones(len(tokens)))


def test_groups_begin_with_o() -> None:
    assert label_groups(["B-A", "O", "I-A"]) == [slice(0, 3)]
    assert label_groups(["A", "B"]) == [slice(0, 2)]
    assert label_groups(["O", "B-A", "O", "B-C", "I-C"]) == [slice(0, 2), slice(2, 5)]
    with pytest.raises(ValueError, match="begins with"):
        label_groups(["B-A", "O", "O"])
