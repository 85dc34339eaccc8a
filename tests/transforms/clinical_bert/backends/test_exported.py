"""ONNX Runtime and OpenVINO against transformers' own forward, and the cache of their graphs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from tests.transforms.clinical_bert.backends import encoders
from transforms.clinical_bert.backends import BackendError, graphs, open_backend, support
from transforms.clinical_bert.backends.base import Backend
from transforms.clinical_bert.packed import Packed
from transforms.clinical_bert.shapes import COUNT, SETTING, WORD_SHAPE

LENGTHS = (7, 33, 2, 80, 33, 16, 48, 7, 50, 64, 3)
# Those whose export is unlike the others': word shapes, positions after the padding id, no padding at all.
CHECKPOINTS = {
    "Bert": {SETTING: WORD_SHAPE, "type_vocab_size": COUNT},
    "Roberta": {},
    "ConvBert": {},
}
WAYS = [("onnx", "fp32"), ("onnx", "int8"), ("openvino", "fp32"), ("openvino", "bf16")]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {
        family: encoders.save(tmp_path_factory.mktemp(family), family, **changes)
        for family, changes in CHECKPOINTS.items()
    }


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    before = os.environ.get("NOTEMILL_CACHE")
    folder = tmp_path_factory.mktemp("cache")
    os.environ["NOTEMILL_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["NOTEMILL_CACHE"]
    else:
        os.environ["NOTEMILL_CACHE"] = before


def batch(family: str) -> Packed:
    return encoders.windows(*LENGTHS, types=COUNT if SETTING in CHECKPOINTS[family] else 0)


def opened(folder: Path, backend: str, precision: str) -> Backend:
    try:
        support.check(support.Computing(backend, precision))  # type: ignore[arg-type]
    except BackendError as error:
        pytest.skip(str(error))
    return open_backend(folder, backend=backend, precision=precision, device="cpu")  # type: ignore[arg-type]


@pytest.mark.parametrize("family", CHECKPOINTS)
@pytest.mark.parametrize(("backend", "precision"), WAYS)
def test_states_are_those_of_transformers(folders: dict[str, Path], family: str, backend: str, precision: str) -> None:
    windows = batch(family)
    expected = encoders.expected(encoders.model(family, **CHECKPOINTS[family]), windows)
    states = opened(folders[family], backend, precision)(windows)
    assert (states.dtype, states.shape) == (torch.float32, expected.shape)
    if precision == "fp32":
        torch.testing.assert_close(states, expected, atol=1e-5, rtol=1e-5)
    else:
        assert torch.cosine_similarity(states, expected).min() > 0.97
        assert not torch.equal(states, expected)


@pytest.mark.parametrize(("backend", "precision"), WAYS)
def test_states_do_not_depend_on_neighbours(folders: dict[str, Path], backend: str, precision: str) -> None:
    run = opened(folders["Bert"], backend, precision)
    windows = batch("Bert")
    for part, states in zip(encoders.parts(windows), run(windows).split(windows.lengths), strict=True):
        torch.testing.assert_close(run(part), states, atol=0 if precision == "int8" else 1e-5, rtol=0)


def test_a_graph_is_made_once_and_a_damaged_one_again(
    folders: dict[str, Path], cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = graphs.graph(folders["Bert"], "fp32")
    assert path.is_relative_to(cache)
    made: list[Path] = []
    real = graphs._export

    def counted(folder: Path, into: Path) -> None:
        made.append(into)
        real(folder, into)

    monkeypatch.setattr(graphs, "_export", counted)
    assert graphs.graph(folders["Bert"], "fp32") == path
    assert not made
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert graphs.graph(folders["Bert"], "fp32") == path
    assert len(made) == 1
    assert "damaged" in caplog.text
    assert path.read_bytes() != content
    assert not list(path.parent.parent.glob(".making-*"))


def test_other_weights_have_another_graph(folders: dict[str, Path], tmp_path: Path) -> None:
    other = encoders.save(tmp_path, "Bert", **CHECKPOINTS["Bert"], hidden_act="relu")
    assert graphs._key(other, "fp32") != graphs._key(folders["Bert"], "fp32")
    assert graphs._key(other, "fp32") != graphs._key(other, "int8")


def test_an_export_that_fails_leaves_nothing(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTEMILL_CACHE", str(tmp_path))

    def broken(*_: object) -> None:
        raise BackendError("no")

    monkeypatch.setattr(graphs, "_export", broken)
    with pytest.raises(BackendError):
        graphs.graph(folders["Bert"], "fp32")
    assert [path.suffix for path in (tmp_path / "graphs").iterdir()] == [".lock"]


def test_a_family_that_cannot_be_exported_is_refused_by_name(tmp_path: Path) -> None:
    folder = encoders.save(tmp_path, "Longformer")
    with pytest.raises(BackendError, match=r'longformer cannot be exported to ONNX: set model\.backend = "torch"'):
        open_backend(folder, backend="openvino", precision="fp32", device="cpu")
