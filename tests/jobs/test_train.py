from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import AutoTokenizer

from jobs.generate import generate
from jobs.train import train
from jobs.training.backbone import base_folder, load_backbone
from jobs.training.documents import Document, mask, read
from jobs.training.evaluation import auroc, best_threshold, coding, spans
from jobs.training.loop import LoopOptions
from jobs.training.model import TokenTask
from jobs.training.vocabulary import prune
from pipelines.errors import RequestError
from tests.transforms.clinical_bert import tiny
from transforms.clinical_bert.checkpoints import resolve
from transforms.clinical_bert.replica import Replica
from transforms.clinical_bert.windows import NoteTokenizer
from transforms.icd import CodeHit

QUICK = LoopOptions(epochs=2, lr=1e-3, head_lr=1e-2, batch_tokens=512, window=48)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny.own(tmp_path_factory.mktemp("base"), heads=()))


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("generated"))
    generate(folder, notes=40, seed=3)
    return folder


def parquet(path: Path, **columns: list[Any]) -> str:
    pq.write_table(pa.table(columns), path)
    return str(path)


def diseases(path: Path, n: int = 400) -> str:
    """Sentences in which `fever` and `chest` are diseases, and nothing else is."""
    rng = random.Random(0)
    sentences = [rng.choices(["the", "patient", "fever", "pain", "chest"], k=8) for _ in range(n)]
    tags = [["B-Disease" if word in {"fever", "chest"} else "O" for word in words] for words in sentences]
    return parquet(path, tokens=sentences, tags=tags)


def test_ner_learns_and_the_checkpoint_runs(base: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = LoopOptions(epochs=4, lr=1e-3, head_lr=1e-2, batch_tokens=512, window=48)
    summary = train(
        ["ner"], diseases(tmp_path / "d.parquet"), base, str(out), options=options, command="notemill train"
    )
    assert summary.figures["ner"]["d"]["f1"] > 0.9
    text = "The patient pain Fever the pain"
    with Replica({"ner": resolve(str(out), "ner")}, device="cpu", precision="fp32") as replica:
        (found,) = replica.annotate([text])["ner"]
    assert [(text[s.start : s.end], s.label) for s in found] == [("Fever", "Disease")]
    card = (out / "README.md").read_text()
    assert "notemill train" in card
    assert f"f1 {summary.figures['ner']['d']['f1']:.3f}" in card
    assert json.loads((out / "heads/ner.json").read_text())["figures"] == summary.figures["ner"]


def test_all_heads_on_one_backbone(base: str, notes: str, tmp_path: Path) -> None:
    lines: list[str] = []
    heads = ["deid", "ner", "icd", "readmission"]
    out = tmp_path / "all"
    held_out = str(tmp_path / "held-out")
    generate(held_out, notes=10, seed=4)
    summary = train(heads, notes, base, str(out), dev=held_out, options=QUICK, log=lines.append)
    assert set(summary.figures) == set(heads)
    assert all(set(by_set) == {"generated notes (dev source)"} for by_set in summary.figures.values())
    with Replica({head: resolve(str(out), head) for head in heads}, device="cpu") as replica:
        results = replica.annotate(["fever and pain " * 200])
    assert set(results) == set(heads)
    texts = pq.read_table(f"{notes}/notes")["text"].to_pylist()
    assert "(10 notes, seed 4, wording all)" in (out / "README.md").read_text()
    told = "\n".join(lines) + (out / "README.md").read_text()
    assert not [word for text in texts for word in text.split() if len(word) > 11 and word in told]


def test_the_coding_head_starts_from_the_titles_of_its_codes(base: str, tmp_path: Path) -> None:
    data = parquet(
        tmp_path / "icd.parquet", text=["fever and pain", "asthma"] * 10, codes=[["R50.9"], ["J45.909"]] * 10
    )
    train(["icd"], data, base, str(tmp_path / "o"), options=QUICK)
    assert json.loads((tmp_path / "o/heads/icd.json").read_text())["labels"] == ["J45.909", "R50.9"]


def test_a_head_is_added_to_a_frozen_backbone_and_the_others_are_kept(base: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    train(["ner"], diseases(tmp_path / "d.parquet"), base, str(first), options=QUICK, command="notemill train ner")
    data = parquet(tmp_path / "r.parquet", text=["fever " * 30, "pain " * 30] * 10, label=[1, 0] * 10)
    frozen = LoopOptions(epochs=1, batch_tokens=512, window=48, freeze_backbone=True)
    train(["readmission"], data, str(first), str(second), options=frozen, command="notemill train readmission")
    card = (second / "README.md").read_text()
    assert f"- Base: {base}\n" in card  # not the checkpoint between, whose own command is told
    assert card.index("notemill train ner") < card.index("notemill train readmission")
    for name in ("model.safetensors", "heads/ner.safetensors"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    resolve(str(second), "readmission")


def test_codes_that_are_not_billable_are_left_out(base: str, tmp_path: Path) -> None:
    data = parquet(tmp_path / "icd.parquet", text=["fever"] * 20, codes=[["R50.9", "E11", "W19.XXX"]] * 20)
    lines: list[str] = []
    train(["icd"], data, base, str(tmp_path / "o"), options=QUICK, log=lines.append)
    assert json.loads((tmp_path / "o/heads/icd.json").read_text())["labels"] == ["R50.9"]
    assert any(line.startswith("40 of 60 gold codes are left out") for line in lines)


def test_wrong_requests_are_one_line(base: str, tmp_path: Path) -> None:
    data = diseases(tmp_path / "d.parquet")
    for heads, source, start, words in (
        (["nre"], data, base, "cannot train nre: the heads are deid"),
        (["icd"], data, base, "fit none of the heads"),
        (["deid", "ner"], data, base, "fit deid and ner of the heads"),
        (["ner"], str(tmp_path / "none"), base, "no such file or folder"),
        (["ner"], data, str(tmp_path / "nothing"), "no such checkpoint folder"),
    ):
        with pytest.raises(RequestError, match=words) as caught:
            train(heads, source, start, str(tmp_path / "o"), options=QUICK)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "o").exists()


def test_sentences_are_packed_with_right_offsets(tmp_path: Path) -> None:
    tokens = [["severe", "asthma", "."], [], ["No", "fever"]] * 90
    tags = [["B-Disease", "I-Disease", "O"], [], ["O", "B-Disease"]] * 90
    (data,) = read(parquet(tmp_path / "t.parquet", tokens=tokens, tags=tags, split=["train"] * 270), ["ner"])
    found = [d.text[s:e] for d in data.train for s, e, _ in d.spans["ner"]]
    assert found == ["severe asthma", "fever"] * 90
    assert 1 < len(data.train) < 30
    assert not data.dev


def test_generated_notes_for_other_heads_are_masked_as_a_run_would_see_them(notes: str) -> None:
    (data,) = read(notes, ["deid", "ner"])
    phi = pq.read_table(f"{notes}/gold/phi").to_pylist()
    names = {row["text"] for row in phi if row["label"] == "PATIENT" and " " in row["text"]}
    masked = [d for d in data.train + data.dev if "ner" in d.spans]
    raw = [d for d in data.train + data.dev if "deid" in d.spans]
    assert len(masked) == len(raw) == 40
    assert names
    assert not any(name in d.text for d in masked for name in names)
    entities = pq.read_table(f"{notes}/gold/entities").to_pylist()
    assert {d.text[s:e] for d in masked for s, e, _ in d.spans["ner"]} <= {row["text"] for row in entities}
    assert {d.text[s:e] for d in raw for s, e, _ in d.spans["deid"]} == {row["text"] for row in phi}


def test_patients_are_not_shared_between_train_and_dev(notes: str) -> None:
    (data,) = read(notes, ["readmission"])
    assert data.train
    assert not {d.group for d in data.train} & {d.group for d in data.dev}


@settings(deadline=None)
@given(st.lists(st.integers(0, 60), min_size=2, max_size=12), st.lists(st.integers(0, 60), max_size=12))
def test_mask_moves_spans_with_their_text(cuts: list[int], marks: list[int]) -> None:
    text = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    edges, places = sorted(set(cuts)), sorted(set(marks))
    phi = [(s, e, "DATE") for s, e in zip(edges[::2], edges[1::2], strict=False)]
    wanted = [(s, e, "X") for s, e in zip(places[::2], places[1::2], strict=False)]
    masked, moved = mask(text, phi, wanted)
    clear = [(s, e) for s, e, _ in wanted if not any(s < b and a < e for a, b, _ in phi)]
    assert [masked[s:e] for s, e, _ in moved] == [text[s:e] for s, e in clear]
    assert masked.count("[DATE]") == len(phi)


def test_every_piece_of_a_word_has_the_label_of_the_word() -> None:
    text = "no asthma attack"
    (tokens,) = NoteTokenizer(tiny.tokenizer())([text])
    task = TokenTask("ner", {"x": {"Disease"}}, 8)
    target = task.target(Document(text, "x", spans={"ner": [(3, 16, "Disease")]}), tokens)
    assert target is not None
    labels = [task.labels[i] if i < len(task.labels) else "O" for i in target]
    assert labels == ["O"] * 2 + ["B-Disease"] * 6 + ["I-Disease"] * 6
    assert task.target(Document(text, "x"), tokens) is None


def test_a_corpus_teaches_only_what_it_marks() -> None:
    text = "no asthma attack"
    (tokens,) = NoteTokenizer(tiny.tokenizer())([text])
    marked = {"both": {"Disease", "Drug"}, "one": {"Disease"}, "other": {"Organ"}}
    task = TokenTask("ner", marked, 8)
    assert task.labels == ["O", "B-Disease", "I-Disease", "B-Drug", "I-Drug", "O", "B-Organ", "I-Organ"]
    states = torch.zeros(len(tokens), 8)

    def loss(source: str, label: str | None, bias: dict[str, float]) -> float:
        spans = {"ner": [(0, len(text), label)] if label else []}
        target = task.target(Document(text, source, spans=spans), tokens)
        assert target is not None
        with torch.no_grad():
            task.linear.bias.zero_()
            for name, value in bias.items():
                task.linear.bias[task.labels.index(name)] = value
        return float(task.loss([states], [target]).detach())

    sure_of_drug, sure_of_organ = {"I-Drug": 20.0, "B-Drug": 20.0}, {"I-Organ": 20.0, "B-Organ": 20.0}
    assert loss("both", None, sure_of_drug) > 10  # it marks drugs, and there is none
    assert loss("one", None, sure_of_drug) < 1e-3  # whether there is one it cannot tell
    assert loss("one", "Disease", sure_of_drug) > 10
    assert loss("both", None, {"O": 20.0} | sure_of_organ) == pytest.approx(0, abs=1e-3)
    assert loss("other", None, sure_of_drug | {"O": 0.0}) == pytest.approx(float(torch.log(torch.tensor(3.0))))
    assert loss("other", None, sure_of_organ) > 10


def test_figures() -> None:
    measured = spans([[(0, 5, "A"), (6, 9, "B")]], [[(0, 5, "A", 0.9), (6, 8, "B", 0.9), (20, 21, "B", 0.5)]])
    assert (measured["precision"], measured["recall"]) == (1 / 3, 1 / 2)
    assert measured["covered"] == 7 / 8
    assert measured["by_label"]["B"] == {"precision": 0.0, "recall": 0.0, "support": 1}
    assert auroc([0.9, 0.4, 0.4, 0.1], [True, True, False, False]) == 0.875
    gold = [frozenset({"A", "B"}), frozenset({"C"})]
    found = [[CodeHit("A", 0.9, []), CodeHit("X", 0.8, []), CodeHit("B", 0.7, [])], [CodeHit("X", 0.6, [])]]
    assert coding(gold, found, 0.65)["map"] == pytest.approx(((1 + 2 / 3) / 2 + 0) / 2)
    assert coding(gold, found, 0.65)["f1"] == pytest.approx(2 * 2 / (3 + 3))
    assert best_threshold(gold, found) == 0.7


def test_a_head_of_the_base_goes_on_label_by_label(base: str, tmp_path: Path) -> None:
    first = parquet(tmp_path / "1.parquet", text=["fever and pain", "asthma"] * 10, codes=[["R50.9"], ["J45.909"]] * 10)
    train(["icd"], first, base, str(tmp_path / "first"), options=QUICK)
    second = parquet(tmp_path / "2.parquet", text=["chest pain"] * 20, codes=[["R07.9"]] * 20)
    still = LoopOptions(epochs=1, head_lr=0.0, batch_tokens=512, window=48, freeze_backbone=True)
    train(["icd"], second, str(tmp_path / "first"), str(tmp_path / "second"), options=still)
    before, after = (load_file(tmp_path / name / "heads/icd.safetensors") for name in ("first", "second"))
    labels = json.loads((tmp_path / "second/heads/icd.json").read_text())["labels"]
    assert labels == ["J45.909", "R07.9", "R50.9"]  # what the base knew is not forgotten
    assert torch.allclose(after["second.weight"][[0, 2]], before["second.weight"], atol=1e-3)
    assert torch.allclose(after["first.weight"], before["first.weight"], atol=1e-3)


def test_a_shallow_base_that_sees_word_shapes(base: str, tmp_path: Path) -> None:
    """`fever` and `Fever` are one word to an uncased encoder: only the shape tells the name."""
    rng = random.Random(0)
    rows = [rng.choices(["the", "patient", "fever", "Fever", "pain"], k=8) for _ in range(400)]
    tags = [["B-PATIENT" if word == "Fever" else "O" for word in words] for words in rows]
    data = parquet(tmp_path / "names.parquet", tokens=rows, tags=tags)
    options = LoopOptions(epochs=15, lr=1e-3, head_lr=1e-2, batch_tokens=512, window=48)
    f1 = {}
    for shapes in (False, True):
        out = tmp_path / f"shapes-{shapes}"
        f1[shapes] = train(
            ["deid"], data, base, str(out), layers=1, feed_forward=24, word_shapes=shapes, options=options
        ).figures["deid"]["names"]["f1"]
    assert f1[True] > 0.95 > 0.8 > f1[False]
    config = json.loads((tmp_path / "shapes-True/config.json").read_text())
    assert (config["num_hidden_layers"], config["intermediate_size"]) == (1, 24)
    with pytest.raises(RequestError, match="--layers 9"):
        train(["deid"], data, base, str(tmp_path / "no"), layers=9, options=options)


def test_a_pruned_vocabulary_reads_the_same_texts_alike(tmp_path: Path) -> None:
    folder = base_folder("shipped")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    backbone = load_backbone(folder, 1)
    texts = ["The patient has fever.", "Pneumonia of the left lung, pt. Kowalski"]
    before, states = NoteTokenizer(tokenizer)(texts), backbone.embeddings.word_embeddings.weight.detach().clone()
    pieces = [tokenizer.convert_ids_to_tokens(tokens.ids.tolist()) for tokens in before]
    small = prune(tokenizer, backbone, texts)
    assert len(small) == backbone.config.vocab_size < 3000
    small.save_pretrained(tmp_path)
    reread = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    after = NoteTokenizer(reread)(texts)
    for old, new, of_text in zip(before, after, pieces, strict=True):
        assert reread.convert_ids_to_tokens(new.ids.tolist()) == of_text
        assert new.starts.tolist() == old.starts.tolist()
        kept = backbone.embeddings.word_embeddings.weight[torch.from_numpy(new.ids).long()]
        assert torch.equal(kept, states[torch.from_numpy(old.ids).long()])
    assert (NoteTokenizer(reread).first, NoteTokenizer(reread).last) == (reread.cls_token_id, reread.sep_token_id)
    (unseen,) = NoteTokenizer(reread)(["hypertension"])
    assert reread.unk_token_id not in unseen.ids.tolist()


def test_rare_pieces_are_read_in_smaller_ones() -> None:
    folder = base_folder("shipped")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    often, once = "pneumonia", "kowalski"
    assert len(tokenizer.tokenize(often)) == 1
    small = prune(tokenizer, load_backbone(folder, 1), [often, often, once], least=2)
    assert small.tokenize(often) == [often]
    assert len(small.tokenize(once)) > len(tokenizer.tokenize(once))
    assert small.unk_token not in small.tokenize(once)
