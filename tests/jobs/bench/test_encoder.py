from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from jobs.bench import encoder
from jobs.bench.arithmetic import Shape
from tests.jobs.conftest import Run
from tests.transforms.clinical_bert import tiny
from transforms.clinical_bert.backends.support import choose

SHORT = "the patient has fever"
LONG = "HISTORY: chest pain and fever of the patient for 30 days. " * 8


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("notes") / "notes.parquet"
    texts = [f"{SHORT} {number}" for number in range(6)] + [f"{LONG} {number}" for number in range(6)]
    pq.write_table(pa.table({"note_id": [str(number) for number in range(12)], "text": texts}), path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.token_classifier(tmp_path_factory.mktemp("model"))


def measured(notemill: Run, *arguments: str) -> dict[str, Any]:
    status, out, err = notemill("bench", "encoder", "--json", "--device", "cpu", *arguments)
    assert status == 0, err
    facts: dict[str, Any] = json.loads(out)
    return facts


def test_figures_belong_together(notemill: Run, notes: Path, model: Path, tmp_path: Path) -> None:
    output, plot = tmp_path / "encoder.json", tmp_path / "encoder.svg"
    facts = measured(
        notemill,
        *("--input", str(notes), "--model", f"ner={model}", "--precision", "bf16", "--rounds", "2"),
        *("--against", "hf-pipeline", "--against", "torch-bf16-padded", "--output", str(output), "--plot", str(plot)),
    )
    tokens = sum(len(tiny.tokenizer().tokenize(text)) for text in pq.read_table(notes)["text"].to_pylist())
    assert (facts["notes"], facts["tokens"]) == (12, tokens)
    assert list(facts["contenders"]) == ["notemill", "hf-pipeline", "torch-bf16-padded"]
    for contender in facts["contenders"].values():
        assert sum(contender["tokens"]) == tokens
        assert len(contender["seconds"]) == 2
        rates = [count / seconds for count, seconds in zip(contender["tokens"], contender["seconds"], strict=True)]
        assert contender["tokens_per_second"]["lowest"] == pytest.approx(min(rates), rel=0.2)  # milliseconds, rounded
    assert set(facts["ratios"]) == {"hf-pipeline", "torch-bf16-padded"}
    for ratio in facts["ratios"].values():
        assert 0 < ratio["lowest"] <= ratio["median"] <= ratio["highest"]
    counts = facts["counts"]
    assert counts["tokens"] == tokens
    assert counts["truncated_tokens"] == 0
    real = counts["positions"] - counts["padding"]
    assert real + counts["repeated_positions"] >= tokens + 2 * 12
    shape = Shape.of(model)
    assert facts["operations"] == shape.operations(real, counts["pairs"])
    # Windows of n_i positions: the sum of squares is least when all are of one length, most when one holds all.
    windows = counts["windows"] - counts["repeated_windows"]
    assert real**2 / windows <= counts["pairs"] <= real * tiny.POSITIONS
    seconds = sum(facts["contenders"]["notemill"]["seconds"])
    assert facts["operations_per_second"] == pytest.approx(facts["operations"] / seconds, rel=0.1)
    assert 0 < facts["mfu"] < 1
    assert facts["matmul_peak"]["dtype"] == "bfloat16"
    config = json.loads((model / "config.json").read_text())
    assert (facts["backend"], facts["precision"]) == choose("auto", "bf16", "cpu", [config])
    assert facts["agreement"]["labels_with_fp32"]["tokens"] == tokens
    entities = facts["agreement"]["fp32_entities_with_hf_pipeline"]
    # Six notes fit in one window, six are parted.
    assert entities["texts"] > 18
    assert entities["different"] == 0
    assert entities["entities"] > 0
    assert facts["command"].startswith("notemill bench encoder")
    assert facts["input"] == notes.name
    assert str(tmp_path.parent) not in json.dumps(facts)  # no folder of the machine that measured
    assert facts["versions"]["torch"]
    assert facts["cpu"]
    assert json.loads(output.read_text()) == facts
    assert plot.read_text().startswith("<svg")


def test_random_weights_of_a_known_size(notemill: Run, notes: Path) -> None:
    facts = measured(notemill, "--input", str(notes), "--base-size", "bert-tiny", "--rounds", "1", "--compare", "0")
    assert facts["model"]["width"] == 128
    # Google's BERT-tiny without its pooler, of 4.4 million parameters.
    assert facts["model"]["parameters"] == pytest.approx(4.37e6, rel=0.01)
    assert "random" in facts["checkpoint"]
    assert "agreement" not in facts


def test_what_ships_is_measured_beside_its_copy_for_transformers(notemill: Run, notes: Path) -> None:
    facts = measured(notemill, "--input", str(notes), "--rounds", "1", "--against", "hf-pipeline", "--notes", "3")
    assert facts["checkpoint"] == "shipped"
    assert facts["agreement"].get("fp32_entities_with_hf_pipeline", {"different": 0})["different"] == 0


def test_a_checkpoint_that_reads_word_shapes_is_too(notemill: Run, notes: Path, tmp_path: Path) -> None:
    model = tiny.own(tmp_path, heads=("ner",), **tiny.SHAPED)
    arguments = ("--input", str(notes), "--model", f"ner={model}", "--rounds", "1", "--against", "hf-pipeline")
    entities = measured(notemill, *arguments)["agreement"]["fp32_entities_with_hf_pipeline"]
    assert entities["texts"] > 18
    assert entities["different"] == 0
    assert entities["entities"] > 0


def test_labels_of_several_groups_are_compared_with_float32_alone(notemill: Run, notes: Path, tmp_path: Path) -> None:
    model = tiny.own(tmp_path, heads=("ner",), labels=["O", "B-Disease", "I-Disease", "O", "B-Sign", "I-Sign"])
    arguments = ("--input", str(notes), "--model", f"ner={model}", "--rounds", "1", "--precision", "bf16")
    found = measured(notemill, *arguments)["agreement"]
    assert found.keys() == {"labels_with_fp32"}
    assert found["labels_with_fp32"]["share"] > 0.9


def test_repeated_notes_are_encoded_each_time(notemill: Run, notes: Path, model: Path) -> None:
    facts = measured(
        notemill,
        *("--input", str(notes), "--model", f"ner={model}", "--rounds", "1", "--compare", "0"),
        *("--repeat-tokens", "9000", "--set", "split_rows=3"),
    )
    assert facts["tokens"] >= 9000
    assert facts["repeated_windows"] == 0
    assert facts["cache_mb"] == 0


def test_the_cache_is_measured_on_copied_notes(notemill: Run, notes: Path) -> None:
    facts = measured(
        notemill,
        *("--input", str(notes), "--base-size", "bert-tiny", "--rounds", "1", "--compare", "0"),
        *("--copy-forward", "60"),
    )
    copied = facts["copy_forward"]
    assert copied["repeated_windows"] > 0
    seconds = {name: sum(contender["seconds"]) for name, contender in copied["contenders"].items()}
    assert copied["time_saved"] == pytest.approx(1 - seconds["cache"] / seconds["no cache"], abs=0.02)
    assert copied["saved_over_repeated"] == pytest.approx(copied["time_saved"] / copied["repeated_windows"], abs=0.01)
    cpu = {name: sum(contender["cpu_seconds"]) for name, contender in copied["contenders"].items()}
    assert copied["cpu_time_saved"] == pytest.approx(1 - cpu["cache"] / cpu["no cache"], abs=0.02)


def test_replicas_and_memory_in_processes_of_their_own(
    notemill: Run, notes: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "LONG_NOTE", 30_000)
    facts = measured(
        notemill,
        *("--input", str(notes), "--model", f"ner={model}", "--rounds", "1", "--compare", "0"),
        *("--replicas", "2", "--memory", "--set", "split_rows=2"),
    )
    several = facts["replicas"]
    assert several["replicas"] == 2
    assert several["ratio"] == pytest.approx(several["tokens_per_second"] / several["one_replica"], rel=0.01)
    memory = facts["memory"]
    assert memory["with_long_note"]["characters"] == 30_000
    for peaks in (memory["short_notes"], memory["with_long_note"]):
        assert 50 < peaks["loaded"] <= peaks["peak"] < 8000
    difference = memory["with_long_note"]["peak"] - memory["short_notes"]["peak"]
    assert memory["difference_mib"] == pytest.approx(difference, abs=0.2)
    assert memory["weights_mib"] < 1


def test_figures_are_shown_to_people(notemill: Run, notes: Path, model: Path) -> None:
    status, out, _ = notemill(
        *("bench", "encoder", "--input", str(notes), "--model", f"ner={model}", "--rounds", "1"),
        *("--against", "hf-pipeline", "--device", "cpu", "--notes", "4"),
    )
    assert status == 0
    for part in (
        "notemill",
        "hf-pipeline",
        "processor",
        "4 of 4 texts of one window",
        "truncated tokens 0",
        "padding",
    ):
        assert part in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "nowhere.parquet"], "no such file or folder: nowhere.parquet"),
        (["--input", "NOTES", "--against", "vllm"], "unknown; known: hf-pipeline"),
        (["--input", "NOTES", "--base-size", "bert-huge"], "the sizes are bert-base"),
        (["--input", "NOTES", "--base-size", "bert-tiny", "--model", "ner=x"], "give one of them"),
        (["--input", "NOTES", "--model", "ner=/no/such/folder"], "/no/such/folder"),
        (["--input", "NOTES", "--model", "icd=x"], "runs the head ner"),
        (["--input", "NOTES", "--precision", "fp8"], "model.precision"),
        (["--input", "NOTES", "--rounds", "13"], "13 rounds need as many notes"),
        (["--input", "NOTES", "--plot", "encoder.png"], "the picture is SVG"),
        (["--input", "NOTES", "--output", "/no/such/folder/encoder.json"], "no such folder"),
        (["--input", "NOTES", "--set", "model.speed=1"], "unknown key model.speed"),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(notemill: Run, notes: Path, arguments: list[str], message: str) -> None:
    status, out, err = notemill("bench", "encoder", *(str(notes) if word == "NOTES" else word for word in arguments))
    assert status == 2
    assert not out
    (line,) = (line for line in err.splitlines() if line.startswith("notemill: "))
    assert message in line


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(notemill: Run, notes: Path) -> None:
    status, _, err = notemill("bench", "encoder", "--input", str(notes), "--device", "cuda")
    assert status == 2
    assert "PyTorch sees no GPU" in err


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_the_gpu_is_seen_to_work(notemill: Run, notes: Path) -> None:
    status, out, err = notemill(
        *("bench", "encoder", "--input", str(notes), "--base-size", "bert-tiny", "--rounds", "1", "--json"),
        *("--device", "cuda", "--against", "hf-pipeline", "--repeat-tokens", "200000"),
    )
    assert status == 0, err
    facts = json.loads(out)
    assert 0 < facts["gpu_use"]["busy"] <= 1
    assert 0 < facts["gpu_use"]["mfu_while_busy"] < 1
    assert facts["padding_waste"] == 0
