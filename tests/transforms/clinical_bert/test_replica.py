from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, pipeline

from tests.transforms.clinical_bert import tiny
from transforms.clinical_bert import replica as module
from transforms.clinical_bert.checkpoints import CheckpointError, resolve
from transforms.clinical_bert.heads.icd import LabelAttention
from transforms.clinical_bert.replica import Replica
from transforms.clinical_bert.windows import Tokens
from transforms.icd import CodingOptions

WORDS = ["fever", "chest", "pain", "the", "patient", "x9", "asthma", "no", "q-t", "\U0001f600", "Né"]


def texts(n: int = 12, longest: int = 500) -> list[str]:
    rng = random.Random(5)
    return [" ".join(rng.choices(WORDS, k=rng.randrange(1, longest))) for _ in range(n)] + ["", "  \n"]


def all_heads(folder: Path) -> dict[str, object]:
    return {head: resolve(str(folder), head) for head in ("deid", "ner", "icd", "readmission")}


def open_all(folder: Path, **options: object) -> Replica:
    return Replica(all_heads(folder), device="cpu", window=48, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_results_do_not_depend_on_the_block(own: Path, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = texts()
    with open_all(own, precision=precision) as replica:
        together = replica.annotate(notes)
        counts = replica.n_tokens
        alone = [replica.annotate([note]) for note in notes]
        monkeypatch.setattr(module, "_GROUP_BYTES", 2000)
        grouped = replica.annotate(notes[::-1])
    assert {h: [a[h][0] for a in alone] for h in together} == together
    assert {h: values[::-1] for h, values in grouped.items()} == together
    assert counts[-2:] == [0, 0]
    assert all(count > 0 for count in counts[:-2])
    assert together["readmission"][-1] == []
    assert any(together["ner"])


def test_spans_lie_on_whole_words(own: Path) -> None:
    notes = texts()
    with open_all(own) as replica:
        for text, spans in zip(notes, replica.annotate(notes)["deid"], strict=True):
            for span in spans:
                assert 0 <= span.start < span.end <= len(text)
                assert 0 <= span.score <= 1
                around = text[max(0, span.start - 1) : span.start] + text[span.end : span.end + 1]
                inside = text[span.start] + text[span.end - 1]
                assert not (around.isalnum() and len(around) == 2 and inside.isalnum())


def test_heads_of_one_checkpoint_share_one_encoder_pass(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []
    real = module.Encoder.encode

    def counted(self: module.Encoder, notes: list[Tokens], *others: Any) -> torch.Tensor:
        passes.append(len(notes))
        return real(self, notes, *others)

    monkeypatch.setattr(module.Encoder, "encode", counted)
    with open_all(own) as replica:
        replica.annotate(["fever", "chest pain"])
    assert passes == [2]


def test_token_classifier_gives_what_transformers_gives(token_classifier: Path) -> None:
    text = "The patient has asthma, chest pain and 39c fever"
    with Replica({"ner": resolve(str(token_classifier), "ner")}, precision="fp32", device="cpu") as replica:
        (found,) = replica.annotate([text])["ner"]
    model = AutoModelForTokenClassification.from_pretrained(token_classifier)
    tokenizer = tiny.tokenizer()
    encoded = tokenizer(text, return_tensors="pt", return_offsets_mapping=True)
    offsets = encoded.pop("offset_mapping")[0].tolist()
    with torch.no_grad():
        probabilities = torch.softmax(model(**encoded).logits[0], dim=-1)
    words: dict[int, list[int]] = {}
    for i, word in enumerate(encoded.word_ids()):
        if word is not None:
            words.setdefault(word, []).append(i)
    best = {word: probabilities[pieces].mean(dim=0).max(dim=-1) for word, pieces in words.items()}
    tagged = {w for w, value in best.items() if tiny.LABELS[int(value.indices)] != "O"}
    covered = {w for w, pieces in words.items() for s in found if s.start <= offsets[pieces[0]][0] < s.end}
    assert covered == tagged
    assert tagged
    single = [w for s in found for w, p in words.items() if (offsets[p[0]][0], offsets[p[-1]][1]) == (s.start, s.end)]
    scores = {s.score for s in found}
    assert all(any(abs(float(best[w].values) - score) < 1e-5 for score in scores) for w in single)


def test_average_strategy_of_the_pipeline_agrees_on_the_words(token_classifier: Path) -> None:
    """The pipeline's own words, on a text where its words (split at ##) are ours."""
    text = "patient has fever and chest pain the asthma"
    model = AutoModelForTokenClassification.from_pretrained(token_classifier)
    tagger = pipeline("token-classification", model=model, tokenizer=tiny.tokenizer(), aggregation_strategy="average")
    expected = {(e["entity_group"], e["start"], e["end"]) for e in tagger(text)}
    with Replica({"ner": resolve(str(token_classifier), "ner")}, precision="fp32", device="cpu") as replica:
        (found,) = replica.annotate([text])["ner"]
    assert {(s.label, s.start, s.end) for s in found} == expected


def test_sequence_classifier_reads_each_chunk_from_its_own_cls_token(sequence_classifier: Path) -> None:
    text = " ".join(["fever", "pain"] * 10) + " " + " ".join(["the"] * 5)  # 25 words: one chunk in one window
    with Replica({"readmission": resolve(str(sequence_classifier), "readmission")}, precision="fp32") as replica:
        (chunks,) = replica.annotate([text])["readmission"]
        long = replica.annotate([" ".join(["fever", "pain", "x"] * 200)])["readmission"][0]
    model = AutoModelForSequenceClassification.from_pretrained(sequence_classifier)
    with torch.no_grad():
        expected = torch.softmax(model(**tiny.tokenizer()(text, return_tensors="pt")).logits[0], dim=0)[1]
    assert chunks == [(0, len(text), pytest.approx(float(expected), abs=1e-5))]
    assert len(long) == 2  # 600 words: 318 and 282, each over the 64 positions of the model


def test_heads_of_different_checkpoints_live_side_by_side(own: Path, token_classifier: Path) -> None:
    both = {"icd": resolve(str(own), "icd"), "ner": resolve(str(token_classifier), "ner")}
    with Replica(both, device="cpu", options={"icd": CodingOptions(threshold=0.0)}) as replica:
        results = replica.annotate(["fever and chest pain"])
    with Replica({"ner": both["ner"]}, device="cpu") as replica:
        assert replica.annotate(["fever and chest pain"])["ner"] == results["ner"]
    assert {hit.code for hit in results["icd"][0]} == set(tiny.CODES)


def test_the_window_never_exceeds_the_positions_of_the_checkpoint(own: Path) -> None:
    with Replica({"ner": resolve(str(own), "ner")}, device="cpu", window=100_000) as replica:
        replica.annotate(["fever " * 1000])  # 64 positions: a longer window would raise an IndexError
        assert replica.n_tokens == [1000]


def test_weights_that_are_not_there_are_never_made_up(own: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(own, tmp_path / "holes"))
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks weights of its own model: .*layer\.1\.output\.dense\.weight"):
        Replica({"ner": resolve(str(folder), "ner")}, device="cpu")


def test_a_window_too_small_is_refused(own: Path) -> None:
    with pytest.raises(ValueError, match="too small"):
        Replica({"ner": resolve(str(own), "ner")}, window=8)


def test_a_streamed_note_gives_the_same_results_and_is_counted_once(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = " ".join(texts(8))
    options = {"icd": CodingOptions(threshold=0.0)}
    with open_all(own, precision="fp32", options=options, cache_mb=0) as replica:
        whole, counts = replica.annotate([note]), replica.note_counts
        monkeypatch.setattr(module, "_GROUP_BYTES", 1000)
        streamed = replica.annotate([note])
        assert replica.note_counts == counts
    assert counts[0].tokens > 1000
    assert streamed["deid"] == whole["deid"]
    assert streamed["ner"] == whole["ner"]
    expected = [(c.start, c.end, pytest.approx(c.score, abs=1e-5)) for c in whole["readmission"][0]]
    assert streamed["readmission"][0] == expected != []
    assert [hit.code for hit in streamed["icd"][0]] == [hit.code for hit in whole["icd"][0]]
    assert [hit.evidence for hit in streamed["icd"][0]] == [hit.evidence for hit in whole["icd"][0]]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_copied_text_costs_the_coding_head_nothing(own: Path, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a window adds to the codes' scores is kept like its states, and scores are the same without that."""
    computed = []
    partial = LabelAttention.partial
    monkeypatch.setattr(LabelAttention, "partial", lambda self, of: computed.append(len(of)) or partial(self, of))
    (note,) = texts(1, 900)[:1]
    copy = f"fever \n\n{note}"
    at = [{"section_id": 1, "start": 8, "end": len(copy)}]
    notes, sections = [note, copy, note], [[], at, []]
    with open_all(own, precision=precision) as replica:
        kept = replica.annotate(notes, sections)["icd"]  # type: ignore[arg-type]
        first = len(computed)
        again = replica.annotate(notes, sections)["icd"]  # type: ignore[arg-type]
        assert len(computed) == first
    computed.clear()
    with open_all(own, precision=precision, cache_mb=0) as replica:
        assert replica.annotate(notes, sections)["icd"] == kept == again  # type: ignore[arg-type]
    assert kept[0] == kept[2] != kept[1]
    assert kept[0]
    assert first < 0.5 * len(computed)
