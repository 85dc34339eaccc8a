"""Lower precision is taken only where it keeps the labels."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from transforms.clinical_bert import backends
from transforms.clinical_bert.backends import labels, open_backend
from transforms.clinical_bert.checkpoints import shipped
from transforms.clinical_bert.checkpoints.loading import load_tokenizer

WINDOW = 64


def states(folder: Path, precision: str) -> torch.Tensor:
    run = open_backend(folder, backend="torch", precision=precision, device="cpu")  # type: ignore[arg-type]
    return run(labels.sample(load_tokenizer(folder), WINDOW))


@pytest.fixture(params=["own", "token_classifier", "sequence_classifier"])
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


class Gives:
    """A backend that gives what it is made with."""

    def __init__(self, states: torch.Tensor) -> None:
        self.states = states

    def __call__(self, _: object) -> torch.Tensor:
        return self.states


def keeps(folder: Path, exact: torch.Tensor, states: torch.Tensor, precision: str = "bf16") -> bool:
    return labels.keeps_labels(folder, Gives(exact), Gives(states), None, precision)[0]  # type: ignore[arg-type]


def test_bfloat16_keeps_them_and_noise_does_not(folder: Path) -> None:
    exact = states(folder, "fp32")
    assert len(exact) > 100
    assert labels.changed(folder, exact, exact, 0.0) == (0, len(exact))
    assert keeps(folder, exact, states(folder, "bf16"))
    noise = torch.randn(exact.shape, generator=torch.Generator().manual_seed(1)) * exact.std()
    for precision in labels.TOLERANCES:
        assert not keeps(folder, exact, exact + noise, precision)
        assert not keeps(folder, exact, exact * torch.nan, precision)


@pytest.mark.parametrize(("precision", "most"), [("bf16", 0), ("int8", 1)])
def test_one_label_in_a_thousand_may_change_in_bfloat16_and_one_in_a_hundred_in_8_bits(
    token_classifier: Path, precision: str, most: int
) -> None:
    exact = states(token_classifier, "fp32")[:180]
    for changes in range(4):
        lower = exact.clone()
        lower[:changes] = -exact[:changes]
        assert labels.changed(token_classifier, exact, lower, 0.05) == (changes, 180)
        assert keeps(token_classifier, exact, lower, precision) is (changes <= most)


def test_a_tie_may_turn_and_more_than_that_may_not(token_classifier: Path) -> None:
    ((weight, bias),) = labels._linear_heads(token_classifier)
    # States whose logits for two labels differ by what gives one of them 0.01, 0.03 and 0.06 more probability.
    direction = torch.linalg.pinv(weight) @ (torch.eye(len(weight))[1] - torch.eye(len(weight))[2])
    base = torch.linalg.pinv(weight) @ (torch.tensor([-20.0, 5, 5, -20, -20]) - bias)
    told = []
    for lead in (0.01, 0.03, 0.06):
        step = torch.atanh(torch.tensor(lead)) * direction
        exact, lower = (base + step).repeat(20, 1), (base - step).repeat(20, 1)
        told.append([keeps(token_classifier, exact, lower, precision) for precision in ("bf16", "int8")])
    assert told == [[True, True], [False, True], [False, False]]


@pytest.mark.parametrize("head", ["ner", "deid"])
def test_bfloat16_keeps_the_labels_of_what_ships(head: str) -> None:
    folder = shipped(head).folder()
    windows = labels.sample(load_tokenizer(folder), 128)
    exact = open_backend(folder, backend="torch", precision="fp32", device="cpu")
    lower = open_backend(folder, backend="torch", precision="bf16", device="cpu")
    assert labels.keeps_labels(folder, exact, lower, windows, "bf16")[:2] == (True, 0)


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
