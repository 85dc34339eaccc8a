from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.bench import rivals
from jobs.bench.rivals import RIVALS, Padded, Pipeline, Setting, batches, check_rivals, tuned_pipeline
from pipelines.errors import RequestError
from tests.transforms.clinical_bert import tiny
from transforms.clinical_bert.checkpoints.loading import load_tokenizer

CPU = torch.device("cpu")
TEXTS = ["the Patient has CHEST pain", "fever", "Pain and fever\nof the chest, 3 days", "no", "the The THE"] * 3


@pytest.fixture(scope="module", params=[{}, tiny.SHAPED], ids=["", "word shapes"])
def setting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Setting:
    folder = tiny.token_classifier(tmp_path_factory.mktemp("tokens"), **request.param)
    return Setting(folder, tiny.POSITIONS, 1, "cpu", tmp_path_factory.mktemp("scratch"))


def expected(setting: Setting) -> list[np.ndarray]:
    """The labels of each text by itself, with transformers' model in full precision."""
    model = tiny.BertForTokenClassification.from_pretrained(setting.folder).eval()
    read = load_tokenizer(setting.folder)
    found = []
    for tokens in read(TEXTS):
        ids = torch.tensor([[read.first, *tokens.ids.tolist(), read.last]])
        types = None if tokens.types is None else torch.tensor([[0, *tokens.types.tolist(), 0]])
        with torch.no_grad():
            found.append(model(input_ids=ids, token_type_ids=types).logits[0, 1:-1].argmax(dim=-1).numpy())
    return found


@pytest.mark.parametrize("name", ["torch-bf16-padded", "onnx-int8", "openvino-bf16"])
def test_padded_rivals_compute_the_model(name: str, setting: Setting) -> None:
    """Each in its coarser arithmetic; a graph that is wrong agrees on a third of the labels."""
    if name != "torch-bf16-padded" and not all(map(find_spec, ("onnx", "onnxscript", "onnxruntime", "openvino"))):
        pytest.skip("needs the extras onnx and openvino")
    rival = RIVALS[name](setting)
    assert rival.name == name
    found = rival(TEXTS)
    exact = expected(setting)
    assert [len(labels) for labels in found] == [len(labels) for labels in exact]
    assert np.mean(np.concatenate(found) == np.concatenate(exact)) > 0.9
    assert isinstance(rival, Padded)
    lengths = [len(setting.tokenizer()(text).input_ids) for text in TEXTS]
    first, second = sorted(lengths, reverse=True)[:8], sorted(lengths, reverse=True)[8:]
    assert rival.positions == 8 * first[0] + 7 * second[0]
    assert rival.padding == rival.positions - sum(lengths)


def test_batches_are_of_eight_in_order_of_length() -> None:
    made = list(batches([5, 9, 1, 7, 3, 2, 8, 6, 4, 0]))
    assert made == [[1, 6, 3, 7, 0, 8, 4, 5], [2, 9]]


def test_pipeline_is_transformers_own(setting: Setting) -> None:
    found = Pipeline(setting)(TEXTS)
    assert len(found) == len(TEXTS)
    assert set(found[2][0]) == {"entity_group", "score", "word", "start", "end"}
    exact = expected(setting)
    for entities, labels in zip(found, exact, strict=True):
        assert bool(entities) == bool(labels.any())
    assert Pipeline(setting, batch=4)(TEXTS) == [
        [{**entity, "score": pytest.approx(entity["score"], abs=1e-5)} for entity in entities] for entities in found
    ]


def test_the_pipeline_is_tuned(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still but for the setting that is told to be slow, each by its batch size."""
    now = [0.0]
    monkeypatch.setattr(rivals.time, "perf_counter", lambda: now[0])
    run = Pipeline.__call__

    def timed(self: Pipeline, texts: list[str]) -> list[object]:
        now[0] += {1: 3.0, 2: 1.0, 4: 2.0}[self._batch]
        return run(self, texts)

    monkeypatch.setattr(Pipeline, "__call__", timed)
    said: list[str] = []
    fastest = tuned_pipeline(setting, TEXTS, said.append, batches=(1, 2, 4), dtypes=(torch.float32,))
    assert "batches of 2" in fastest.about
    assert len(said) == 3


def test_unknown_and_unfit_rivals_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_rivals(["hf-pipeline", "torch-bf16-padded"], torch.device("cuda"))
    with pytest.raises(RequestError, match=r"--against vllm: unknown; known: hf-pipeline, .*onnx-int8"):
        check_rivals(["vllm"], CPU)
    with pytest.raises(RequestError, match="runs on a CPU only"):
        check_rivals(["onnx-int8"], torch.device("cuda"))
    monkeypatch.setattr(rivals, "find_spec", lambda name: None if name == "openvino" else object())
    check_rivals(["onnx-int8"], CPU)
    with pytest.raises(RequestError, match=r"needs openvino: pip install 'notemill\[openvino\]'"):
        check_rivals(["openvino-bf16"], CPU)


def test_a_tokenizer_without_a_limit_is_given_the_models(setting: Setting) -> None:
    assert setting.tokenizer().model_max_length == tiny.POSITIONS
    long = Pipeline(Setting(Path(setting.folder), tiny.POSITIONS, 1, "cpu", setting.scratch))(["pain " * 500])
    assert all(entity["end"] <= 5 * (tiny.POSITIONS - 2) for entity in long[0])
