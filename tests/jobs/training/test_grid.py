from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.train import TrainSummary
from jobs.training.grid import Grid, search
from jobs.training.loop import LoopOptions
from tests.jobs.conftest import Run
from tests.transforms.clinical_bert import tiny


def labelled(path: Path, split: str | None = None) -> str:
    tokens = [["the", "patient", "fever", "pain"]] * 40
    columns = {"tokens": tokens, "tags": [["O", "O", "B-Disease", "O"]] * 40}
    pq.write_table(pa.table(columns | ({"split": [split] * 40} if split else {})), path)
    return str(path)


def test_the_defaults_are_those_of_the_paper_and_in_its_grid() -> None:
    points = Grid().points(LoopOptions())
    assert len(points) == 18
    assert {point.lr for point in points} == {2e-5, 3e-5, 5e-5}
    assert {point.batch_tokens for point in points} == {16 * 128, 32 * 128}
    assert {point.epochs for point in points} == {2, 3, 4}
    assert LoopOptions() in points


def test_the_best_on_dev_is_kept(tmp_path: Path) -> None:
    scores = iter([0.3, 0.9, 0.9, 0.1])
    trained: list[str] = []

    def train(options: LoopOptions, folder: str) -> TrainSummary:
        Path(folder).mkdir(parents=True)
        (Path(folder) / "README.md").write_text(f"of {options.lr} {options.epochs}\n\n## Limits\n\nMany.\n")
        trained.append(folder)
        return TrainSummary(folder, ("ner",), 1, 1, 1, 1.0, {"ner": {"mine": {"f1": next(scores)}}})

    output = tmp_path / "best"
    summary = search(train, Grid([1e-5, 2e-5], [16], [1, 2]), LoopOptions(), str(output), lambda _: None)
    assert summary.output == str(output)
    assert summary.figures == {"ner": {"mine": {"f1": 0.9}}}
    card = (output / "README.md").read_text()
    assert card.startswith("of 1e-05 2\n")  # of two that are alike the first
    assert re.findall(r"^\| \S+ \| 16 \| \d \| (\S+) \|$", card, re.MULTILINE) == [
        "0.3000",
        "0.9000",
        "0.9000",
        "0.1000",
    ]
    assert card.endswith("## Limits\n\nMany.\n")
    assert len(trained) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_the_command_searches_what_is_not_given(notemill: Run, tmp_path: Path) -> None:
    base, out = str(tiny.own(tmp_path / "base", heads=())), tmp_path / "out"
    data = labelled(tmp_path / "mine.parquet")
    status, told, _ = notemill(
        "train", "ner", "--data", data, "--base", base, "--output", str(out), "--grid", "--lr", "1e-3", "--batch", "8",
        "--json",
    )  # fmt: skip
    assert status == 0
    card = (out / "README.md").read_text()
    assert re.findall(r"^\| 0.001 \| 8 \| (\d) \|", card, re.MULTILINE) == ["2", "3", "4"]
    assert f"{json.loads(told)['figures']['ner']['mine']['f1']:.4f}" in card
    assert "--grid" in card


def test_without_dev_there_is_nothing_to_choose_by(notemill: Run, tmp_path: Path) -> None:
    base = str(tiny.own(tmp_path / "base", heads=()))
    data = labelled(tmp_path / "mine.parquet", split="train")
    status, _, err = notemill("train", "ner", "--data", data, "--base", base, "--output", str(tmp_path / "o"), "--grid")
    assert status == 2
    assert "--grid chooses by dev figures, but no document with gold is held out" in err
    assert not list(tmp_path.glob("o*"))
