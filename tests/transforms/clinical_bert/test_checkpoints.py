from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.transforms.clinical_bert import tiny
from transforms.clinical_bert import checkpoints
from transforms.clinical_bert.checkpoints import Checkpoint, CheckpointError, positions, resolve


def copy(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target))


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("head", ["deid", "ner", "icd", "readmission"])
def test_own_layout_serves_its_heads(own: Path, head: str) -> None:
    checkpoint = resolve(str(own), head)
    assert checkpoint.folder() == own
    assert pickle.loads(pickle.dumps(checkpoint)) == checkpoint
    assert len(checkpoint.sha256) == 64


def test_identity_is_the_content_not_the_place(own: Path, tmp_path: Path) -> None:
    here = resolve(str(own), "ner")
    moved = copy(own, tmp_path / "moved")
    there = resolve(str(moved), "ner")
    assert here.sha256 == there.sha256
    assert str(own) in repr(here)  # as it was asked for ...
    assert repr(Checkpoint("a", "", "b", "/x")) == repr(Checkpoint("a", "", "b", "/y"))  # ... and nothing else
    save_file(
        {k: v + 1 for k, v in load_file(moved / "heads/ner.safetensors").items()}, moved / "heads/ner.safetensors"
    )
    assert resolve(str(moved), "ner").sha256 != here.sha256
    assert resolve(str(moved), "deid").sha256 == resolve(str(own), "deid").sha256


def test_a_checkpoint_that_changed_after_planning_is_refused(own: Path, tmp_path: Path) -> None:
    folder = copy(own, tmp_path / "c")
    checkpoint = resolve(str(folder), "ner")
    edit_config(folder, hidden_dropout_prob=0.3)
    with pytest.raises(CheckpointError, match="changed since"):
        checkpoint.verify("ner")


def test_plain_hugging_face_checkpoints(token_classifier: Path, sequence_classifier: Path) -> None:
    assert resolve(str(token_classifier), "ner").sha256 == resolve(str(token_classifier), "deid").sha256
    resolve(str(sequence_classifier), "readmission")
    with pytest.raises(CheckpointError, match=r"'readmission'.*BertForTokenClassification"):
        resolve(str(token_classifier), "readmission")
    with pytest.raises(CheckpointError, match=r"'ner'.*BertForSequenceClassification"):
        resolve(str(sequence_classifier), "ner")
    with pytest.raises(CheckpointError, match=r"notemill train icd"):
        resolve(str(token_classifier), "icd")


def test_a_head_without_weights_is_refused(own: Path, token_classifier: Path, tmp_path: Path) -> None:
    lacking = copy(own, tmp_path / "lacking")
    (lacking / "heads/ner.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"ner\.safetensors"):
        resolve(str(lacking), "ner")
    (lacking / "heads/ner.json").unlink()
    with pytest.raises(CheckpointError, match="lacks the weights of the head 'ner'"):
        resolve(str(lacking), "ner")

    bare = copy(token_classifier, tmp_path / "bare")
    weights = load_file(bare / "model.safetensors")
    save_file({k: v for k, v in weights.items() if "classifier" not in k}, bare / "model.safetensors")
    with pytest.raises(CheckpointError, match="no classifier weights for its 5 labels"):
        resolve(str(bare), "ner")


def test_pickled_weights_are_refused_by_name_with_the_way_out(token_classifier: Path, tmp_path: Path) -> None:
    folder = copy(token_classifier, tmp_path / "p")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(
        CheckpointError, match=r"pytorch_model\.bin.*a pickle.*fetch \S+ --to DIR --convert.*model\.pickled"
    ):
        resolve(str(folder), "ner")


@pytest.mark.parametrize("size", [4, 100, -8])
def test_cut_off_weights_are_refused(own: Path, tmp_path: Path, size: int) -> None:
    folder = copy(own, tmp_path / "cut")
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        resolve(str(folder), "ner")


@pytest.mark.parametrize(
    ("spec", "words"),
    [("/no/such/folder", "no such checkpoint folder"), ("a/b/c/d", "no such checkpoint folder"), ("", "is empty")],
)
def test_unreadable_paths(spec: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=words):
        resolve(spec, "ner")


def test_a_file_is_no_checkpoint(own: Path) -> None:
    with pytest.raises(CheckpointError, match="is a file"):
        resolve(str(own / "model.safetensors"), "ner")


def test_unknown_head(own: Path) -> None:
    with pytest.raises(CheckpointError, match="unknown head 'nre': the heads are deid, ner"):
        resolve(str(own), "nre")


def test_hub_id_that_is_nowhere_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    asked = []

    def nowhere(repo: str, *, revision: str | None, local_files_only: bool, **_: object) -> str:
        asked.append((repo, revision, local_files_only))
        raise LocalEntryNotFoundError("not there")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", nowhere)
    with pytest.raises(CheckpointError) as caught:
        resolve("some/model@v1", "ner")
    assert asked == [("some/model", "v1", True), ("some/model", "v1", False)]  # offline first
    assert "some/model@v1" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_hub_id_in_the_cache(monkeypatch: pytest.MonkeyPatch, own: Path, tmp_path: Path) -> None:
    import huggingface_hub

    snapshot = copy(own, tmp_path / "0123abc")

    def cached(_repo: str, *, local_files_only: bool, **_: object) -> str:
        assert local_files_only
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", cached)
    checkpoint = resolve("some/model", "icd")
    assert (checkpoint.source, checkpoint.revision) == ("some/model", "0123abc")


def test_positions_come_from_the_config_and_not_from_the_tokenizer(own: Path) -> None:
    assert positions(checkpoints.read_json(own / "config.json")) == tiny.POSITIONS
    assert positions({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}) == 512
    with pytest.raises(CheckpointError):
        positions({"model_type": "bert"})


def test_relative_positions_that_transformers_no_longer_computes_are_refused(own: Path, tmp_path: Path) -> None:
    folder = copy(own, tmp_path / "relative")
    edit_config(folder, position_embedding_type="relative_key_query")
    with pytest.raises(CheckpointError, match="relative_key_query"):
        positions(checkpoints.read_json(folder / "config.json"))


def test_decoders_are_refused(own: Path, tmp_path: Path) -> None:
    folder = copy(own, tmp_path / "decoder")
    edit_config(folder, is_decoder=True)
    with pytest.raises(CheckpointError, match="is_decoder"):
        positions(checkpoints.read_json(folder / "config.json"))


def test_a_check_loads_no_model_library(own: Path) -> None:
    code = (
        "import sys; from transforms.clinical_bert.checkpoints import resolve; "
        f"resolve({str(own)!r}, 'ner'); print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
