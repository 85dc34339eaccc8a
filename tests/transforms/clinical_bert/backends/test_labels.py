"""Lower precision is taken only where it keeps the labels."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from transforms.clinical_bert import backends
from transforms.clinical_bert.backends import labels, open_backend
from transforms.clinical_bert.checkpoints.loading import load_tokenizer

WINDOW = 64


def states(folder: Path, precision: str) -> torch.Tensor:
    run = open_backend(folder, backend="torch", precision=precision, device="cpu")  # type: ignore[arg-type]
    return run(labels.sample(load_tokenizer(folder), WINDOW))


@pytest.fixture(params=["own", "token_classifier", "sequence_classifier"])
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def test_bfloat16_keeps_them_and_noise_does_not(folder: Path) -> None:
    exact = states(folder, "fp32")
    assert len(exact) > 100
    assert labels.changed(folder, exact, exact) == (0, len(exact))
    assert labels.kept(*labels.changed(folder, exact, states(folder, "bf16")))
    noise = torch.randn(exact.shape, generator=torch.Generator().manual_seed(1)) * exact.std()
    assert not labels.kept(*labels.changed(folder, exact, exact + noise))
    assert not labels.kept(*labels.changed(folder, exact, exact * torch.nan))


def test_heads_of_either_layout_tell_their_labels(own: Path, token_classifier: Path, sequence_classifier: Path) -> None:
    counts = [len(labels._linear_heads(folder)) for folder in (own, token_classifier, sequence_classifier)]
    assert counts == [2, 1, 0]


def test_float32_takes_the_place_of_what_changes_labels(
    own: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lower = open_backend(own, backend="torch", precision="bf16", device="cpu", check_labels=True)
    assert lower.dtype is torch.bfloat16
    real = backends._open

    class Noisy:
        def __init__(self, run: object) -> None:
            self.run = run

        def __call__(self, batch: object) -> torch.Tensor:
            found = self.run(batch)  # type: ignore[operator]
            return found + torch.randn(found.shape) * found.std() if found.dtype is torch.bfloat16 else found

    monkeypatch.setattr(backends, "_open", lambda *asked: Noisy(real(*asked)))
    taken = open_backend(own, backend="torch", precision="bf16", device="cpu", check_labels=True)
    assert taken.run.dtype is torch.float32  # type: ignore[attr-defined]
    assert "torch in bf16 changes" in caplog.text
    unchecked = open_backend(own, backend="torch", precision="bf16", device="cpu")
    assert unchecked.run.dtype is torch.bfloat16  # type: ignore[attr-defined]
