"""Pickled weights: refused, or read as tensors alone and written as safetensors."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file

from tests.transforms.clinical_bert import families, tiny
from transforms.clinical_bert.checkpoints import CheckpointError, resolve
from transforms.clinical_bert.checkpoints.converting import convert, converted
from transforms.clinical_bert.replica import Replica

TEXT = "The patient has asthma, chest pain and 39c fever"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NOTEMILL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def pickled(folder: Path, **options: Any) -> dict[str, torch.Tensor]:
    """Puts a pickle in the place of the folder's safetensors."""
    weights = load_file(folder / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin", **options)
    (folder / "model.safetensors").unlink()
    return weights


@pytest.mark.parametrize("zipped", [True, False])
def test_pickles_serve_when_they_are_asked_for_and_give_the_same(tmp_path: Path, cache: Path, zipped: bool) -> None:
    safe = tiny.token_classifier(tmp_path / "safe")
    folder = tiny.token_classifier(tmp_path / "pickled")
    pickled(folder, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin.*pickle.*--convert"):
        resolve(str(folder), "ner")
    checkpoint = resolve(str(folder), "ner", pickled=True)
    assert checkpoint.source == str(folder)
    assert checkpoint.folder().is_relative_to(cache)
    assert checkpoint.sha256 == resolve(str(safe), "ner").sha256  # the same tensors, written the same way
    with (
        Replica({"ner": checkpoint}, precision="fp32", device="cpu") as ours,
        Replica({"ner": resolve(str(safe), "ner")}, precision="fp32", device="cpu") as theirs,
    ):
        assert ours.annotate([TEXT]) == theirs.annotate([TEXT])


def test_a_conversion_is_made_once_and_again_where_it_is_gone(tmp_path: Path, cache: Path) -> None:
    folder = tiny.token_classifier(tmp_path / "pickled")
    pickled(folder)
    checkpoint = resolve(str(folder), "ner", pickled=True)
    (made,) = cache.glob("converted/*/model.safetensors")
    before = made.stat().st_mtime_ns
    assert resolve(str(folder), "ner", pickled=True) == checkpoint
    assert made.stat().st_mtime_ns == before
    checkpoint.folder().rename(tmp_path / "gone")  # as on another machine
    assert checkpoint.verify("ner").is_relative_to(cache)
    pickled_again = torch.load(folder / "pytorch_model.bin")
    pickled_again["classifier.bias"] += 1
    torch.save(pickled_again, folder / "pytorch_model.bin")
    assert resolve(str(folder), "ner", pickled=True).sha256 != checkpoint.sha256


class Evil:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._path),)


@pytest.mark.parametrize("plain", [True, False])
def test_what_a_pickle_would_run_is_not_run(tmp_path: Path, plain: bool) -> None:
    folder = tiny.token_classifier(tmp_path / "evil")
    weights = pickled(folder)
    evil = {**weights, "x": Evil(tmp_path / "run")}
    if plain:
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps(evil))
    else:
        torch.save(evil, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="holds more than tensors"):
        resolve(str(folder), "ner", pickled=True)
    assert not (tmp_path / "run").exists()
    assert not list(tmp_path.glob("cache/converted/*"))


@pytest.mark.parametrize("content", [{"state_dict": {"a": torch.ones(1)}}, [torch.ones(1)], {}, {"a": 3}])
def test_what_is_no_table_of_weights_is_refused(tmp_path: Path, content: object) -> None:
    folder = tiny.token_classifier(tmp_path / "other")
    pickled(folder)
    torch.save(content, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="does not hold weights by their names alone"):
        resolve(str(folder), "ner", pickled=True)


def test_a_cut_off_pickle_is_refused(tmp_path: Path) -> None:
    folder = tiny.token_classifier(tmp_path / "cut")
    pickled(folder)
    path = folder / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin' (is not a whole PyTorch file|holds more than)"):
        resolve(str(folder), "ner", pickled=True)


def test_shards_stay_shards(tmp_path: Path) -> None:
    folder = families.random(tmp_path / "shards", "Roberta", "ForMaskedLM")
    expected = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(expected)
    parts = {
        "pytorch_model-00001-of-00002.bin": names[: len(names) // 2],
        "pytorch_model-00002-of-00002.bin": names[len(names) // 2 :],
    }
    for name, held in parts.items():
        torch.save({key: expected[key] for key in held}, folder / name)
    index = {"weight_map": {key: name for name, held in parts.items() for key in held}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    convert(folder, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "config.json",
        "tokenizer.json",
    }
    assert not list((tmp_path / "out").glob("pytorch_model*"))
    loaded = transformers.RobertaForMaskedLM.from_pretrained(tmp_path / "out").state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in expected.items())


def test_an_index_that_names_a_file_elsewhere_is_refused(tmp_path: Path) -> None:
    folder = tiny.token_classifier(tmp_path / "p")
    pickled(folder)
    (folder / "pytorch_model.bin").rename(tmp_path / "outside.bin")
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": {"a": "../outside.bin"}}))
    with pytest.raises(CheckpointError, match="outside the checkpoint's folder"):
        resolve(str(folder), "ner", pickled=True)


def test_weights_that_share_memory_are_written_each(tmp_path: Path) -> None:
    folder = tiny.token_classifier(tmp_path / "shared")
    weights = pickled(folder)
    weights["other"] = weights["classifier.weight"]
    weights["turned"] = weights["classifier.weight"].T
    torch.save(weights, folder / "pytorch_model.bin")
    found = load_file(converted(folder) / "model.safetensors")
    assert torch.equal(found["other"], found["classifier.weight"])
    assert torch.equal(found["turned"], found["classifier.weight"].T)


def test_a_cache_that_cannot_be_written_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny.token_classifier(tmp_path / "p")
    pickled(folder)
    (tmp_path / "file").touch()
    monkeypatch.setenv("NOTEMILL_CACHE", str(tmp_path / "file"))
    with pytest.raises(CheckpointError, match="writable in NOTEMILL_CACHE"):
        resolve(str(folder), "ner", pickled=True)


def test_a_folder_with_safetensors_is_taken_as_it_is(own: Path, cache: Path) -> None:
    assert resolve(str(own), "ner", pickled=True).folder() == own
    assert not cache.exists()
