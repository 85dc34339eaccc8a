"""From notes to masked batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.training.mlm.loop import PretrainOptions, Schedule
from jobs.training.mlm.masking import Masker
from jobs.training.mlm.sequences import TOKEN, Sequences, sequences_of, write
from jobs.training.mlm.text import text_files, texts
from tests.transforms.clinical_bert import tiny
from transforms.clinical_bert.windows import NoteTokenizer

TOKENIZER = NoteTokenizer(tiny.tokenizer())
FIRST, LAST, MASK = 2, 3, 4


def pieces(sequence: np.ndarray) -> list[str]:
    return tiny.tokenizer().convert_ids_to_tokens(sequence["id"].tolist())


def packed(notes: list[str], length: int) -> list[list[str]]:
    return [pieces(sequence) for sequence in sequences_of(notes, TOKENIZER, length)]


def masker(*, whole_words: bool = False, seed: int = 0) -> Masker:
    ordinary = np.arange(5, len(tiny.tokenizer()), dtype=np.int64)
    return Masker(MASK, 0, (FIRST, LAST), ordinary, 0.15, whole_words, seed)


def test_sequences_take_whole_sentences_and_go_on_with_the_next_note() -> None:
    sentence = ["the", "patient", "fever", "."]
    note = "the patient fever. the patient fever. the patient fever."
    assert packed([note], 10) == [["[CLS]", *sentence, *sentence, "[SEP]"], ["[CLS]", *sentence, "[SEP]"]]
    assert packed(["the patient fever.", "the patient fever."], 11) == [
        ["[CLS]", *sentence, "[SEP]", *sentence, "[SEP]"]
    ]
    # A section begins a sentence, whatever stands before it.
    assert packed(["the pain\n\nHISTORY:\nfever"], 10)[0] == ["[CLS]", "the", "pain", "[SEP]"]
    # A sentence longer than a sequence is cut.
    assert packed(["pain " * 9], 6) == [["[CLS]", *["pain"] * 4, "[SEP]"]] * 2 + [["[CLS]", "pain", "[SEP]"]]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(alphabet="ab. \n:AB1", max_size=80), max_size=8), st.integers(4, 40))
def test_no_token_is_lost(notes: list[str], length: int) -> None:
    found = list(sequences_of(notes, TOKENIZER, length))
    assert all(3 <= len(sequence) <= length for sequence in found)
    inner = [id for sequence in found for id in sequence["id"].tolist() if id not in (FIRST, LAST)]
    assert inner == [id for tokens in TOKENIZER(notes) for id in tokens.ids.tolist()]


def test_sequences_are_read_back(tmp_path: Path) -> None:
    found = list(sequences_of(["the patient fever. " * 20, "pain"], TOKENIZER, 16))
    write(tmp_path / "train.bin", found)
    sequences = Sequences(tmp_path / "train.bin")
    assert len(sequences) == len(found)
    assert all(np.array_equal(one, other) for one, other in zip(sequences, found, strict=True))
    assert sequences.lengths.tolist() == [len(one) for one in found]
    write(tmp_path / "dev.bin", [])
    assert len(Sequences(tmp_path / "dev.bin")) == 0


@pytest.fixture
def sequences(tmp_path: Path) -> Sequences:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        sequence = np.zeros(102, dtype=TOKEN)
        sequence["id"] = rng.integers(20, 60, 102)
        sequence["id"][[0, -1]] = FIRST, LAST
        sequence["inside"][1:-1] = rng.random(100) < 0.4
        found.append(sequence)
    write(tmp_path / "s.bin", found)
    return Sequences(tmp_path / "s.bin")


@pytest.mark.parametrize("whole_words", [False, True])
def test_15_percent_are_masked_80_10_10(sequences: Sequences, whole_words: bool) -> None:
    batch = masker(whole_words=whole_words)(sequences, [(number, 0) for number in range(400)])
    original = np.stack([sequences[number]["id"] for number in range(400)]).ravel()
    ids, places = batch.ids.numpy().ravel(), batch.places.numpy()
    assert batch.attention is None  # all are of one length
    assert np.array_equal(batch.targets.numpy(), original[places])
    assert not np.isin(original[places], (FIRST, LAST)).any()
    untouched = np.delete(np.arange(len(ids)), places)
    assert np.array_equal(ids[untouched], original[untouched])
    assert len(places) / len(ids) == pytest.approx(0.15, abs=0.01)
    masked, same = ids[places] == MASK, ids[places] == original[places]
    assert masked.mean() == pytest.approx(0.8, abs=0.02)
    assert same.mean() == pytest.approx(0.1, abs=0.02)
    assert (~masked & ~same).mean() == pytest.approx(0.1, abs=0.02)


def test_whole_words_are_masked_whole(sequences: Sequences) -> None:
    for number in range(50):
        places = set(masker(whole_words=True)(sequences, [(number, 0)]).places.tolist())
        inside = sequences[number]["inside"]
        for at in range(2, 101):
            if inside[at]:
                assert (at in places) == (at - 1 in places)


def test_masks_are_static_and_of_each_copy_its_own(sequences: Sequences) -> None:
    draw = masker()
    alone, together = draw(sequences, [(7, 1)]), draw(sequences, [(3, 0), (7, 1)])
    assert alone.ids[0].tolist() == together.ids[1].tolist()
    assert draw(sequences, [(7, 2)]).ids.tolist() != alone.ids.tolist()
    assert masker(seed=1)(sequences, [(7, 1)]).ids.tolist() != alone.ids.tolist()


def test_each_copy_is_seen_once_in_an_epoch_from_wherever_it_goes_on() -> None:
    lengths = np.random.default_rng(1).integers(5, 129, 700)
    schedule = Schedule(lengths, PretrainOptions(batch=8, dup_factor=2, epochs=2))
    batches = list(schedule.batches(0))
    assert len(batches) == schedule.steps == 350
    for epoch in (batches[:175], batches[175:]):
        assert sorted(item for batch in epoch for item in batch) == [(n, c) for n in range(700) for c in range(2)]
    assert batches[:175] != batches[175:]
    assert list(schedule.batches(200)) == batches[200:]
    padded = sum(len(batch) * max(lengths[n] for n, _ in batch) for batch in batches)
    assert padded < 1.05 * 4 * lengths.sum()
    assert len(list(Schedule(lengths, PretrainOptions(batch=8, max_steps=9)).batches(0))) == 9


def test_text_is_found_where_it_lies(tmp_path: Path) -> None:
    run = tmp_path / "run"
    for name, columns in {
        "notes/part-0": {"note_id": ["n1", "n2"], "text": ["a", "b"]},
        "phi/part-0": {"note_id": ["n1"], "label": ["DATE"]},
    }.items():
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), run / f"{name}.parquet")
    tokens = tmp_path / "tokens.parquet"
    pq.write_table(pa.table({"tokens": [["no", "fever"], ["pain"]], "split": ["train", "test"]}), tokens)
    files = text_files([str(run), str(tokens), str(tmp_path / "tok*.parquet")])
    assert [(file.name, file.column) for file in files] == [
        ("part-0.parquet", "text"), ("tokens.parquet", "tokens"), ("tokens.parquet", "tokens"),
    ]  # fmt: skip
    assert [text.text for text in texts(files)] == ["a", "b", "no fever", "no fever"]


def test_dev_is_of_other_patients(tmp_path: Path) -> None:
    path = tmp_path / "notes.parquet"
    patients = [n % 50 for n in range(200)]
    pq.write_table(pa.table({"text": [f"of {p}" for p in patients], "patient_id": patients}), path)
    found = list(texts(text_files([str(path)])))
    dev, train = ({text.text for text in found if text.dev == wanted} for wanted in (True, False))
    assert len(dev) == 2
    assert not dev & train
    assert not any(text.dev for text in texts(text_files([str(path)]), only_train=True))
    assert all(text.dev for text in texts(text_files([str(path)]), only_dev=True))
