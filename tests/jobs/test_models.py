"""`notemill models`: what serves which head, what is known besides, and fetching from a hub."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from jobs.models import known_models
from tests.jobs import hub
from tests.transforms.clinical_bert import families, tiny
from transforms.clinical_bert.catalogue import ENCODERS, HEADS
from transforms.clinical_bert.checkpoints import resolve

Models = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def models(tmp_path: Path) -> Models:
    """Runs `notemill models` with a Hub cache of its own, and no hub but the given one."""

    def run(*arguments: str, at: str = "http://127.0.0.1:9") -> subprocess.CompletedProcess[str]:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("HF_")},
            "HF_HOME": str(tmp_path / "hf"),
            "HF_ENDPOINT": at,
            "NOTEMILL_CACHE": str(tmp_path / "cache"),
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "jobs.cli", "models", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    return run


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny.token_classifier(tmp_path_factory.mktemp("safe"))
    (folder / "modeling_custom.py").write_text("raise SystemExit('code of a repository was run')\n")
    (folder / "flax_model.msgpack").write_bytes(b"0" * 100)
    return folder


@pytest.fixture(scope="module")
def pickled(safe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(safe, tmp_path_factory.mktemp("pickled") / "repository"))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


@pytest.fixture(scope="module")
def served(safe: Path, pickled: Path) -> Iterator[tuple[str, list[str]]]:
    with hub.serve({"org/safe": safe, "org/pickled": pickled}) as running:
        yield running


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    for word in words:
        assert word in line


def test_what_serves_each_head_by_default(models: Models) -> None:
    done = models("--json")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    heads = {model["head"]: model for model in listed["heads"]}
    assert {"deid", "ner", "icd", "readmission"} <= set(heads) <= set(HEADS)
    assert all(model["source"] == "shipped" and len(model["sha256"]) == 64 for model in heads.values())
    assert {"O", "B-Chemical", "I-Disease", "B-Sign_symptom", "B-Dosage"} <= set(heads["ner"]["labels"])
    assert heads["ner"]["architecture"] == "BertModel"
    assert heads["ner"]["max_length"] == 512
    assert not heads["ner"]["cased"]
    assert len(heads["icd"]["labels"]) > 1000
    assert heads["ner"]["sha256"] == resolve("shipped", "ner").sha256
    assert len(listed["known"]) == len(known_models())


def test_the_listing_for_people_names_everything(models: Models) -> None:
    done = models()
    assert done.returncode == 0, done.stderr
    for word in ("shipped", resolve("shipped", "deid").sha256, "512 tokens", ": O, B-", "uncased"):
        assert word in done.stdout
    for entry in known_models():
        assert f"  {entry.id or entry.url}\n" in done.stdout


def test_options_of_a_run_are_taken(models: Models, safe: Path, tmp_path: Path) -> None:
    cased = families.random(
        tmp_path / "cased", "Roberta", "ForSequenceClassification", num_labels=2, id2label={0: "stays", 1: "returns"}
    )
    job = tmp_path / "job.toml"
    job.write_text(f'[model]\nreadmission = "{cased}"\n')
    done = models("--json", "--model", f"ner={safe}", "--config", str(job), "--set", "icd.top_k=3")
    heads = {model["head"]: model for model in json.loads(done.stdout)["heads"]}
    assert heads["ner"]["source"] == heads["ner"]["path"] == str(safe)
    assert heads["ner"]["architecture"] == "BertForTokenClassification"
    assert (heads["ner"]["max_length"], heads["ner"]["labels"]) == (tiny.POSITIONS, tiny.LABELS)
    readmission = heads["readmission"]
    assert readmission["architecture"] == "RobertaForSequenceClassification"
    assert (readmission["labels"], readmission["max_length"], readmission["cased"]) == (["stays", "returns"], 64, True)
    assert heads["icd"]["source"] == "shipped"
    refused(models("--model", f"icd={safe}"), "lacks the weights of the head 'icd'", "BertForTokenClassification")
    refused(models("--set", "model.nre=x"), "unknown key model.nre; did you mean model.ner?")


def test_known_models_are_loadable_kinds_and_say_what_they_must() -> None:
    entries = known_models()
    assert len(entries) >= 20
    assert len({entry.id or entry.url for entry in entries}) == len(entries)
    families_known = {name.lower() for name in ENCODERS.values()}
    for entry in entries:
        assert entry.head in {*HEADS, "embed"}
        assert bool(entry.id) != bool(entry.url)
        assert all((entry.name, entry.licence, entry.trained_on))
        family = entry.architecture.partition("For")[0].replace("-", "").lower()
        assert family in families_known, entry.architecture


# -- from a hub


def test_a_hub_id_is_fetched_once_and_then_found_without_the_hub(
    models: Models, served: tuple[str, list[str]], safe: Path
) -> None:
    at, asked = served
    first = models("--json", "--model", "ner=org/safe@main", at=at)
    assert first.returncode == 0, first.stderr
    asked.clear()
    again = models("--json", "--model", "ner=org/safe@main", at=at)
    assert asked == []  # offline first
    gone = models("--json", "--model", "ner=org/safe@main")
    assert first.stdout == again.stdout == gone.stdout
    (ner,) = (model for model in json.loads(first.stdout)["heads"] if model["head"] == "ner")
    assert (ner["source"], ner["revision"]) == ("org/safe@main", hub.COMMIT)
    assert ner["sha256"] == resolve(str(safe), "ner").sha256
    assert {path.name for path in Path(ner["path"]).iterdir()} == {
        *("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
    }


def test_a_cache_that_holds_the_config_alone_is_filled(models: Models, served: tuple[str, list[str]]) -> None:
    at, _ = served
    models("--model", "ner=org/safe", at=at)
    done = models("--json", "--model", "ner=org/safe", at=at)
    (ner,) = (model for model in json.loads(done.stdout)["heads"] if model["head"] == "ner")
    (Path(ner["path"]) / "model.safetensors").unlink()
    refused(models("--model", "ner=org/safe"), "org/safe", "the Hub cannot be reached")
    assert models("--json", "--model", "ner=org/safe", at=at).stdout == done.stdout


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("org/nothing", ["'org/nothing' is neither a folder nor a repository on the Hub"]),
        ("org/safe@v9", ["'org/safe' has no revision 'v9'"]),
        (hub.GATED, ["'org/gated' is gated", "HF_TOKEN"]),
    ],
)
def test_what_the_hub_does_not_have(
    models: Models, served: tuple[str, list[str]], tmp_path: Path, wanted: str, words: list[str]
) -> None:
    refused(models("fetch", wanted, "--to", str(tmp_path / "to"), at=served[0]), *words)
    refused(models("--model", f"ner={wanted}", at=served[0]), *words)
    assert not (tmp_path / "to").exists()


def test_a_hub_out_of_reach_is_one_line(models: Models, tmp_path: Path) -> None:
    done = models("fetch", "org/safe@main", "--to", str(tmp_path / "to"))
    refused(done, "'org/safe@main'", "the Hub cannot be reached (ConnectError)", "models fetch org/safe@main --to DIR")
    assert not (tmp_path / "to").exists()


def test_fetch_puts_a_checkpoint_on_disk_that_runs_without_the_hub(
    models: Models, served: tuple[str, list[str]], safe: Path, tmp_path: Path
) -> None:
    to = tmp_path / "models" / "ner"
    done = models("fetch", "org/safe", "--to", str(to), at=served[0])
    assert done.returncode == 0, done.stderr
    sha256 = resolve(str(safe), "ner").sha256
    first, *rest = done.stdout.splitlines()
    assert hub.COMMIT in first
    written = "\n".join(rest)
    assert tomllib.loads(written)["model"]["ner"] == str(to)
    assert sha256 in written
    assert all(path.is_file() and not path.is_symlink() for path in to.iterdir())
    assert not list(to.glob("*.py"))
    listed = json.loads(models("--json", "--model", f"ner={to}").stdout)
    assert [model["sha256"] for model in listed["heads"] if model["head"] == "ner"] == [sha256]
    refused(models("fetch", "org/safe", "--to", str(to), at=served[0]), "holds something already")


def test_fetch_brings_along_how_sentences_are_pooled(models: Models, tmp_path: Path) -> None:
    folder = families.random(tmp_path / "sentences", "Bert", "Model")
    modules = [{"path": "", "type": "x.Transformer"}, {"path": "1_Pooling", "type": "x.Pooling"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    done = models("fetch", str(folder), "--to", str(tmp_path / "to"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["heads"] == {"embed": resolve(str(folder), "embed").sha256}
    assert (tmp_path / "to/1_Pooling/config.json").is_file()


def test_pickled_weights_of_a_hub_are_fetched_only_to_be_converted(
    models: Models, served: tuple[str, list[str]], safe: Path, tmp_path: Path
) -> None:
    at, asked = served
    to = tmp_path / "to"
    asked.clear()
    refused(models("fetch", "org/pickled", "--to", str(to), at=at), "holds no model.safetensors", "--convert")
    assert not [path for path in asked if path.endswith(".bin")]
    assert not to.exists()
    done = models("fetch", "org/pickled", "--to", str(to), "--convert", "--json", at=at)
    assert done.returncode == 0, done.stderr
    fetched = json.loads(done.stdout)
    assert fetched["converted"]
    assert fetched["revision"] == hub.COMMIT
    assert fetched["heads"]["ner"] == resolve(str(safe), "ner").sha256
    assert not (to / "pytorch_model.bin").exists()
    refused(models("--model", "ner=org/pickled", at=at), "pytorch_model.bin", "pickle", "--convert")
    done = models("--json", "--model", "ner=org/pickled", "--set", "model.pickled=true")
    (ner,) = (model for model in json.loads(done.stdout)["heads"] if model["head"] == "ner")
    assert ner["sha256"] == fetched["heads"]["ner"]
    assert Path(ner["path"]).is_relative_to(tmp_path / "cache")


def test_a_folder_with_a_pickle_is_converted(models: Models, pickled: Path, safe: Path, tmp_path: Path) -> None:
    done = models("fetch", str(pickled), "--to", str(tmp_path / "to"), "--convert")
    assert done.returncode == 0, done.stderr
    assert "converted to safetensors" in done.stdout
    assert resolve(str(tmp_path / "to"), "deid").sha256 == resolve(str(safe), "deid").sha256


def test_a_checkpoint_that_serves_no_head_is_told(models: Models, tmp_path: Path) -> None:
    folder = families.random(tmp_path / "made-up", "Bert", "ForTokenClassification", num_labels=3)
    (folder / "tokenizer.json").unlink()
    done = models("fetch", str(folder), "--to", str(tmp_path / "to"))
    refused(done, "serves no head", "holds no vocabulary")
