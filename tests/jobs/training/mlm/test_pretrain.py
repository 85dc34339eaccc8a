from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM, AutoTokenizer

from jobs.train import train
from jobs.training.loop import LoopOptions
from jobs.training.mlm.loop import PretrainOptions
from jobs.training.mlm.pretrain import pretrain
from jobs.training.mlm.state import State
from pipelines.errors import RequestError
from tests.transforms.clinical_bert import families, tiny
from transforms.clinical_bert.shapes import COUNT as SHAPES

ROOT = Path(__file__).parents[4]
QUICK = PretrainOptions(length=32, batch=8, lr=2e-3, dup_factor=2, epochs=2)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny.own(tmp_path_factory.mktemp("base"), heads=()))


def notes(path: Path, n: int = 60, **columns: list[Any]) -> str:
    """Notes in which a masked word can be told from the words beside it."""
    words = ["the", "patient", "chest", "pain", "fever"]
    texts = ["HISTORY: " + " ".join((words * 12)[i % 5 : i % 5 + 40]) for i in range(n)]
    pq.write_table(pa.table({"text": texts, **columns}), path)
    return str(path)


class Killed(BaseException):
    """What a process does not survive."""


def test_it_learns_and_the_model_is_a_base(base: str, tmp_path: Path) -> None:
    lines: list[str] = []
    out = tmp_path / "out"
    data = notes(tmp_path / "notes.parquet")
    summary = pretrain(
        [data],
        base,
        str(out),
        options=replace(QUICK, lr=5e-3, epochs=12),
        device="cpu",
        command="notemill train mlm",
        log=lines.append,
    )
    assert summary is not None
    assert summary.dev_loss is not None
    assert summary.dev_loss_before is not None
    assert summary.dev_loss < 0.3 * summary.dev_loss_before
    assert summary.dev_perplexity == math.exp(summary.dev_loss)
    assert any("the base has no head for masked words" in line for line in lines)
    model, tokenizer = AutoModelForMaskedLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    inputs = tokenizer("the patient chest [MASK] fever the patient chest", return_tensors="pt")
    with torch.no_grad():
        found = model.eval()(**inputs).logits[0, inputs["input_ids"][0] == tokenizer.mask_token_id].argmax()
    assert tokenizer.convert_ids_to_tokens([int(found)]) == ["pain"]
    records = [json.loads(line) for line in (out / "losses.jsonl").read_text().splitlines()]
    assert records[-1] == {
        "step": summary.steps,
        "dev_loss": summary.dev_loss,
        "dev_perplexity": summary.dev_perplexity,
    }
    assert (out / "loss.png").read_bytes().startswith(b"\x89PNG")
    card = (out / "README.md").read_text()
    assert f"{summary.dev_loss:.4f} after" in card
    assert not (tmp_path / "out.training").exists()

    labelled = tmp_path / "labelled.parquet"
    tokens = [["the", "patient", "fever"]] * 40
    pq.write_table(pa.table({"tokens": tokens, "tags": [["O", "O", "B-Disease"]] * 40}), labelled)
    options = LoopOptions(epochs=1, batch_tokens=512, window=48)
    train(["ner"], str(labelled), str(out), str(tmp_path / "ner"), options=options, command="notemill train ner")
    assert "notemill train mlm" in (tmp_path / "ner/README.md").read_text()


def test_killed_it_goes_on_as_if_it_had_not_been(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = notes(tmp_path / "notes.parquet")
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    pretrain([data], base, str(whole), options=QUICK, save_steps=4, device="cpu")
    save = State.save

    def killed_after_eight(self: State, progress: Any, *rest: Any) -> None:
        save(self, progress, *rest)
        if progress.step == 8:
            raise Killed

    monkeypatch.setattr(State, "save", killed_after_eight)
    with pytest.raises(Killed):
        pretrain([data], base, str(resumed), options=QUICK, save_steps=4, device="cpu")
    monkeypatch.undo()
    assert not resumed.exists()
    AutoModelForMaskedLM.from_pretrained(tmp_path / "resumed.training/checkpoint-8")
    with pytest.raises(RequestError, match="with other lr: give the same command"):
        pretrain([data], base, str(resumed), options=PretrainOptions(length=32, batch=8, dup_factor=2, epochs=2))
    lines: list[str] = []
    pretrain([data], base, str(resumed), options=QUICK, save_steps=4, device="cpu", log=lines.append)
    assert "goes on from step 8" in lines
    before, after = (load_file(folder / "model.safetensors") for folder in (whole, resumed))
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())
    losses = [
        [(r["step"], r.get("loss"), r.get("dev_loss")) for r in map(json.loads, path.read_text().splitlines())]
        for path in (whole / "losses.jsonl", resumed / "losses.jsonl")
    ]
    assert losses[0] == losses[1]


def test_two_processes_train_as_one(base: str, tmp_path: Path) -> None:
    """Started by accelerate, each process computes its share of the same batches."""
    data = notes(tmp_path / "notes.parquet")
    options = PretrainOptions(length=32, batch=8, max_steps=12, lr=2e-3)
    one = pretrain([data], base, str(tmp_path / "one"), options=options, device="cpu")
    assert one is not None
    launched = ["--cpu", "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no"]
    launched += ["--dynamo_backend", "no", "--main_process_port", "0", "-m", "jobs.cli", "train", "mlm"]
    asked = ["--data", data, "--base", base, "--output", str(tmp_path / "two"), "--length", "32", "--batch", "8"]
    asked += ["--max-steps", "12", "--lr", "2e-3", "--save-steps", "6", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "accelerate.commands.launch", *launched, *asked],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (told,) = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]  # by one of them
    assert done.stderr.count("dev loss") == 3
    assert (told["steps"], told["tokens"]) == (one.steps, one.tokens)
    assert told["dev_loss_before"] == pytest.approx(one.dev_loss_before, abs=1e-6)
    assert told["dev_loss"] == pytest.approx(one.dev_loss, abs=0.02)
    assert (tmp_path / "two/README.md").exists()


def test_a_smaller_encoder_with_a_smaller_vocabulary(tmp_path: Path) -> None:
    data, out = notes(tmp_path / "notes.parquet"), tmp_path / "out"
    pretrain(
        [data], "shipped", str(out), layers=1, feed_forward=64, word_shapes=True, prune_vocabulary=True,
        options=replace(QUICK, max_steps=2), device="cpu",
    )  # fmt: skip
    config = json.loads((out / "config.json").read_text())
    assert (config["num_hidden_layers"], config["intermediate_size"]) == (1, 64)
    assert config["vocab_size"] < 3000
    model = AutoModelForMaskedLM.from_pretrained(out)
    assert model.get_output_embeddings().weight.shape == (config["vocab_size"], config["hidden_size"])
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert model.base_model.embeddings.token_type_embeddings.weight.shape[0] == SHAPES


@pytest.mark.parametrize("family", families.FAMILIES)
def test_every_family(family: str, tmp_path: Path) -> None:
    """From an encoder alone, whose head is new, and from one with its head, which goes on."""
    data, told = notes(tmp_path / "notes.parquet", n=20), "the base has no head for masked words"
    for task, new in (("Model", True), ("ForMaskedLM", False)):
        lines: list[str] = []
        base, out = families.random(tmp_path / task, family, task), tmp_path / f"{task}-out"
        options = replace(QUICK, max_steps=2)
        summary = pretrain([data], str(base), str(out), options=options, device="cpu", log=lines.append)
        assert summary is not None
        assert summary.steps == 2
        assert any(told in line for line in lines) == new
        AutoModelForMaskedLM.from_pretrained(out)


def test_what_cannot_be_asked_for(base: str, tmp_path: Path) -> None:
    data = notes(tmp_path / "notes.parquet")
    with pytest.raises(RequestError, match="--length 128: the base reads at most 64 tokens"):
        pretrain([data], base, str(tmp_path / "o"), device="cpu")
    with pytest.raises(RequestError, match="no such file or folder"):
        pretrain([str(tmp_path / "none")], base, str(tmp_path / "o"), device="cpu")
    with pytest.raises(RequestError, match="--layers 9"):
        pretrain([data], base, str(tmp_path / "o"), layers=9, options=QUICK, device="cpu")
    assert not (tmp_path / "o").exists()


def test_time_that_is_short_ends_it(base: str, tmp_path: Path) -> None:
    data = notes(tmp_path / "notes.parquet")
    options = replace(QUICK, epochs=10_000, max_minutes=0.02)
    summary = pretrain([data], base, str(tmp_path / "o"), options=options, device="cpu")
    assert summary is not None
    assert 0 < summary.steps < 1000
    records = [json.loads(line) for line in (tmp_path / "o/losses.jsonl").read_text().splitlines()]
    assert next(record["lr"] for record in reversed(records) if "lr" in record) < 1e-3
