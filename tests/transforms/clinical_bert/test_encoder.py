from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import BertModel

from tests.transforms.clinical_bert import tiny
from transforms.clinical_bert.encoder import Encoder, pick_device, pick_dtype
from transforms.clinical_bert.windows import NoteTokenizer

WORDS = ["fever", "chest", "pain", "the", "patient", "x9", "asthma", "no", "q-t"]


def texts(n: int, longest: int = 300) -> list[str]:
    rng = random.Random(3)
    return [" ".join(rng.choices(WORDS, k=rng.randrange(1, longest))) for _ in range(n)]


def encoder(dtype: torch.dtype = torch.float32, window: int = 48) -> tuple[Encoder, NoteTokenizer]:
    torch.manual_seed(0)
    tokenizer = NoteTokenizer(tiny.tokenizer())
    model = BertModel(tiny.config(), add_pooling_layer=False).to(dtype).eval()
    return Encoder(model, tokenizer, window=window), tokenizer


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_states_do_not_depend_on_neighbours_order_or_batch_size(dtype: torch.dtype) -> None:
    enc, tokenize = encoder(dtype)
    notes = tokenize(texts(24))
    together = enc.encode(notes)
    alone = [enc.encode([note])[0] for note in notes]
    backwards = enc.encode(notes[::-1])[::-1]
    enc._runner._batch_tokens = 100
    in_small_batches = enc.encode(notes)
    for other in (alone, backwards, in_small_batches):
        assert all(torch.equal(a, b) for a, b in zip(together, other, strict=True))


def test_a_note_that_fits_gets_the_states_that_transformers_gives() -> None:
    enc, tokenize = encoder(window=64)
    (note,) = tokenize(["the patient has fever and chest pain"])
    torch.manual_seed(0)
    model = BertModel(tiny.config(), add_pooling_layer=False).eval()
    ids = torch.tensor([[tokenize.first, *note.ids.tolist(), tokenize.last]])
    with torch.no_grad():
        expected = model(input_ids=ids).last_hidden_state[0, 1:-1]
    assert torch.allclose(enc.encode([note])[0], expected, atol=1e-5)


def test_every_token_of_a_long_note_has_the_state_of_its_most_central_window() -> None:
    enc, tokenize = encoder()
    (note,) = tokenize([texts(1, 400)[0] + " fever" * 200])
    states = enc.encode([note])[0]
    assert states.shape == (len(note), tiny.WIDTH)
    assert states.isfinite().all()
    # A different overlap gives other windows, hence other contexts, near the seams alone.
    other = Encoder(enc._runner._model, tokenize, window=48, overlap=24).encode([note])[0]
    assert torch.allclose(states[0], other[0], atol=0.5)


def test_notes_without_tokens() -> None:
    enc, tokenize = encoder()
    assert [tuple(s.shape) for s in enc.encode(tokenize(["", " \n "]))] == [(0, tiny.WIDTH)] * 2


def test_out_of_memory_halves_the_batch_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    enc, tokenize = encoder()
    notes = tokenize(texts(12))
    expected = enc.encode(notes)
    model = enc._runner._model
    sizes: list[int] = []

    def scarce(input_ids: torch.Tensor, attention_mask: torch.Tensor | None) -> Any:
        sizes.append(len(input_ids))
        if len(input_ids) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return model(input_ids=input_ids, attention_mask=attention_mask)

    monkeypatch.setattr(enc._runner, "_model", scarce)
    assert all(torch.equal(a, b) for a, b in zip(enc.encode(notes), expected, strict=True))
    assert max(sizes) > 3


def test_a_single_window_that_does_not_fit_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    enc, tokenize = encoder()

    def scarce(**_: object) -> SimpleNamespace:
        raise MemoryError

    monkeypatch.setattr(enc._runner, "_model", scarce)
    with pytest.raises(MemoryError):
        enc.encode(tokenize(texts(2)))


def test_other_errors_are_not_taken_for_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    enc, tokenize = encoder()
    calls = []

    def broken(**_: object) -> SimpleNamespace:
        calls.append(1)
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr(enc._runner, "_model", broken)
    with pytest.raises(RuntimeError, match="shape"):
        enc.encode(tokenize(texts(8)))
    assert len(calls) == 1


def test_precision_names() -> None:
    cpu = pick_device("cpu")
    assert pick_dtype("bf16", cpu) is torch.bfloat16
    assert pick_dtype("fp32", cpu) is torch.float32
    assert pick_dtype("auto", cpu) in {torch.bfloat16, torch.float32}
    with pytest.raises(ValueError, match="precision 'fp8'"):
        pick_dtype("fp8", cpu)  # type: ignore[arg-type]
