from __future__ import annotations

import pickle
import random
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertModel

from tests.transforms.clinical_bert import tiny
from tests.transforms.clinical_bert.reference import OneByOne
from transforms.clinical_bert.counts import Counts, TruncatedError
from transforms.clinical_bert.encoder import Encoder
from transforms.clinical_bert.packed import Job, Packed
from transforms.clinical_bert.windows import NoteTokenizer, Tokens, Window

WORDS = ["fever", "chest", "pain", "the", "patient", "x9", "asthma", "no", "q-t"]


def texts(n: int, longest: int = 300) -> list[str]:
    rng = random.Random(3)
    return [" ".join(rng.choices(WORDS, k=rng.randrange(1, longest))) for _ in range(n)]


def model() -> Any:
    torch.manual_seed(0)
    return BertModel(tiny.config(), add_pooling_layer=False).eval()


def encoder(window: int = 48, **options: Any) -> tuple[Encoder, NoteTokenizer, OneByOne]:
    tokenizer = NoteTokenizer(tiny.tokenizer())
    backend = OneByOne(model())
    return Encoder(backend, tokenizer, window=window, **options), tokenizer, backend


def by_note(states: torch.Tensor, notes: list[Tokens]) -> list[torch.Tensor]:
    return list(torch.split(states, [len(note) for note in notes]))


def test_states_do_not_depend_on_neighbours_order_or_batch_size() -> None:
    enc, tokenize, backend = encoder()
    notes = tokenize(texts(24))
    together = by_note(enc.encode(notes), notes)
    alone = [enc.encode([note]) for note in notes]
    backwards = by_note(enc.encode(notes[::-1]), notes[::-1])[::-1]
    enc.runner._batch_tokens = 100
    in_small_batches = by_note(enc.encode(notes), notes)
    assert max(map(sum, backend.batches[-20:])) <= 100
    for other in (alone, backwards, in_small_batches):
        assert all(torch.equal(a, b) for a, b in zip(together, other, strict=True))


def test_a_note_that_fits_gets_the_states_that_transformers_gives() -> None:
    enc, tokenize, _ = encoder(window=64)
    (note,) = tokenize(["the patient has fever and chest pain"])
    ids = torch.tensor([[tokenize.first, *note.ids.tolist(), tokenize.last]])
    with torch.no_grad():
        expected = model()(input_ids=ids).last_hidden_state[0, 1:-1]
    assert torch.allclose(enc.encode([note]), expected, atol=1e-5)


def test_every_token_of_a_long_note_has_the_state_of_its_most_central_window() -> None:
    enc, tokenize, _ = encoder()
    (note,) = tokenize([texts(1, 400)[0] + " fever" * 200])
    states = enc.encode([note])
    assert states.shape == (len(note), tiny.WIDTH)
    assert states.isfinite().all()
    # A different overlap gives other windows, hence other contexts, near the seams alone.
    other = encoder(overlap=24)[0].encode([note])
    assert torch.allclose(states[0], other[0], atol=0.5)


def test_notes_without_tokens() -> None:
    enc, tokenize, _ = encoder()
    notes = tokenize(["", " \n "])
    assert tuple(enc.encode(notes).shape) == (0, tiny.WIDTH)
    assert list(enc.stream(notes[0])) == []


def test_a_streamed_note_has_the_same_states_in_bounded_pieces() -> None:
    enc, tokenize, backend = encoder()
    (note,) = tokenize([" ".join(texts(20))])
    enc.runner._batch_tokens = 200
    whole = enc.encode([note])
    backend.batches.clear()
    counts = Counts()
    pieces = list(enc.stream(note, counts=counts))
    assert torch.equal(torch.cat(pieces), whole)
    assert len(pieces) > 10
    assert max(map(len, pieces)) <= 200
    assert max(map(sum, backend.batches)) <= 200
    assert counts.tokens == len(note)


def test_equal_windows_are_run_once_and_results_are_the_same_with_and_without_the_cache() -> None:
    tokenizer = NoteTokenizer(tiny.tokenizer())
    notes = tokenizer([*texts(6), *texts(6), "fever"])
    plain, cached = encoder()[0], encoder(cache_mb=8)[0]
    expected = plain.encode(notes)
    counts = [Counts() for _ in notes]
    assert torch.equal(cached.encode(notes, counts=counts), expected)
    assert all(c.repeated_windows == c.windows for c in counts[6:12])
    assert all(c.positions == 0 and c.repeated_positions > 0 for c in counts[6:12])
    backend = cached.runner.backend
    assert isinstance(backend, OneByOne)
    backend.batches.clear()
    assert torch.equal(cached.encode(notes[::-1]), torch.cat(by_note(expected, notes)[::-1]))
    assert backend.batches == []


def test_the_word_shapes_of_a_window_tell_it_from_another() -> None:
    enc, tokenize, backend = encoder(cache_mb=8)
    (note,) = tokenize(["fever chest pain"])
    shapes = [np.array(types, dtype=np.int32) for types in ([0, 0, 0], [0, 1, 0], [0, 0, 0])]
    typed = [Tokens(note.ids, note.starts, note.ends, note.words, types) for types in shapes]
    enc.encode(typed)
    assert len(backend.batches) == 1
    assert backend.batches[0] == (5, 5)


def test_what_is_counted() -> None:
    enc, tokenize, _ = encoder(window=34, overlap=4, cache_mb=8)
    notes = tokenize(["fever " * 32, "pain " * 60, ""])
    counts = [Counts(), Counts(), Counts()]
    enc.encode(notes, counts=counts)
    assert counts[0] == Counts(tokens=32, windows=1, positions=34, pairs=34**2)
    # 60 tokens, each window of 32 at most, 4 shared: two windows of 32, which hold the same words.
    once = Counts(tokens=60, windows=2, repeated_windows=1, positions=34, pairs=34**2, repeated_positions=34)
    assert counts[1] == once
    assert counts[2] == Counts()


def test_without_a_cache_every_window_is_run() -> None:
    enc, tokenize, backend = encoder(window=34, overlap=4)
    counts = [Counts(), Counts()]
    enc.encode(tokenize(["pain " * 60, "pain " * 32]), counts=counts)
    assert counts[0] == Counts(tokens=60, windows=2, positions=68, pairs=2 * 34**2)
    assert counts[1].repeated_windows == 0
    assert backend.batches == [(34, 34, 34)]


def test_windows_follow_sections_so_that_a_copied_section_is_repeated() -> None:
    enc, tokenize, _ = encoder(window=64, cache_mb=8)
    rng = random.Random(1)
    sections = ["".join(f"{word} " for word in rng.choices(WORDS[:5], k=90)) for _ in range(4)]
    copied = [sections[3], sections[1], sections[2]]
    bodies = ["".join(sections[:3]), "".join(copied)]
    starts = [[0, *np.cumsum([len(part) for part in parts])[:-1]] for parts in (sections[:3], copied)]
    notes = tokenize(bodies)
    counts = [Counts(), Counts()]
    enc.encode(notes, starts, counts)
    assert counts[0].repeated_windows == 0
    assert counts[1].windows == 6  # each section in two
    assert counts[1].repeated_windows == 4


def scarce(backend: OneByOne, most: int, error: Exception) -> Any:
    real = type(backend).__call__

    class Scarce(OneByOne):
        def __call__(self, batch: Packed) -> torch.Tensor:
            if len(batch.lengths) > most:
                raise error
            return real(self, batch)

    return Scarce(backend.model)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_out_of_memory_halves_the_batch_and_goes_on(error: Exception) -> None:
    enc, tokenize, backend = encoder()
    notes = tokenize(texts(12))
    expected = enc.encode(notes)
    assert max(map(len, backend.batches)) > 3
    enc.runner.backend = scarce(backend, 3, error)
    assert torch.equal(enc.encode(notes), expected)
    assert enc.runner.budget < 300


def test_a_single_window_that_does_not_fit_raises() -> None:
    enc, tokenize, backend = encoder()
    enc.runner.backend = scarce(backend, 0, MemoryError())
    with pytest.raises(MemoryError):
        enc.encode(tokenize(texts(2)))


def test_other_errors_are_not_taken_for_lack_of_memory() -> None:
    enc, tokenize, backend = encoder()
    enc.runner.backend = scarce(backend, 0, RuntimeError("shape mismatch"))
    with pytest.raises(RuntimeError, match="shape"):
        enc.encode(tokenize(texts(8)))
    assert enc.runner.budget == 4096


def test_tokens_that_no_window_owns_are_counted_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 60 tokens the first window of 32 owns 30; the other plans lose one token, one that it does not hold, and two
    of which another is owned twice."""
    plans = {
        30: [Window(28, 60, 30, 60)],
        1: [Window(0, 32, 0, 30), Window(28, 60, 30, 59)],
        2: [Window(0, 30, 0, 30), Window(32, 60, 30, 60)],
        3: [Window(0, 32, 0, 32), Window(28, 60, 30, 57)],
    }
    for lost, windows in plans.items():
        enc, tokenize, _ = encoder(window=34, overlap=4)
        notes = tokenize(["fever chest pain", "pain " * 60])
        monkeypatch.setattr(
            "transforms.clinical_bert.encoder.cover",
            lambda tokens, *_, windows=windows: windows if len(tokens) == 60 else [Window(0, 3, 0, 3)],
        )
        counts = [Counts(), Counts()]
        with pytest.raises(TruncatedError, match=f"^{lost} of the note's tokens were not encoded$") as caught:
            enc.encode(notes, counts=counts)
        assert [of_note.truncated_tokens for of_note in counts] == [0, lost]
        assert (caught.value.counts.tokens, caught.value.counts.truncated_tokens) == (63, lost)
        with pytest.raises(TruncatedError):
            enc.encode(notes)
        assert len(enc.encode(notes[:1])) == 3
        streamed = Counts()
        with pytest.raises(TruncatedError):
            next(enc.stream(notes[1], counts=streamed))
        assert (streamed.truncated_tokens, streamed.windows) == (lost, 0)


def test_tokens_of_windows_that_were_planned_and_not_run_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    enc, tokenize, _ = encoder(window=34, overlap=4)
    (note,) = tokenize(["pain " * 60])
    real = type(enc.runner).run
    monkeypatch.setattr(type(enc.runner), "run", lambda *of_call: list(real(*of_call))[:1])  # of two windows
    for work in (lambda counts: enc.encode([note], counts=[counts]), lambda counts: list(enc.stream(note, (), counts))):
        counts = Counts()
        with pytest.raises(TruncatedError):
            work(counts)
        assert counts.truncated_tokens == 30


def test_a_window_that_owns_tokens_of_another_is_no_stream() -> None:
    enc, tokenize, _ = encoder(window=34, overlap=4)
    (note,) = tokenize(["pain " * 60])
    enc._jobs = lambda *_: [Job(0, Window(0, 32, 0, 31)), Job(0, Window(28, 60, 30, 60))]  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="twice"):
        list(enc.stream(note))


@pytest.mark.parametrize("stride", [0, 5])
@pytest.mark.parametrize("direction", ["left", "right"])
def test_what_a_tokenizer_cuts_off_is_counted_and_refused(stride: int, direction: str) -> None:
    enc, tokenize, _ = encoder()
    tokenize.backend.enable_truncation(20, stride=stride, direction=direction)  # as another holder of it may
    notes = tokenize(["pain " * 20, "fever " * 77])
    assert [(len(note), note.cut) for note in notes] == [(20, 0), (20, 57)]
    counts = [Counts(), Counts()]
    with pytest.raises(TruncatedError):
        enc.encode(notes, counts=counts)
    assert [of_note.truncated_tokens for of_note in counts] == [0, 57]
    with pytest.raises(TruncatedError):
        next(enc.stream(notes[1]))


def test_what_was_truncated_survives_a_process_border() -> None:
    error = pickle.loads(pickle.dumps(TruncatedError(Counts(tokens=9, truncated_tokens=2))))
    assert (str(error), error.counts) == (
        "2 of the note's tokens were not encoded",
        Counts(tokens=9, truncated_tokens=2),
    )


def test_jobs_of_the_runner_hold_the_special_tokens() -> None:
    enc, tokenize, _ = encoder()
    notes = tokenize(["fever chest pain"])
    ((job, states),) = enc.runner.run(notes, [Job(0, Window(0, 2, 0, 2))])
    assert job.positions == 4
    assert states.shape == (4, tiny.WIDTH)
