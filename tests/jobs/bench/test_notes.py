from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.bench.notes import Cutter, blocks, deal, long_note, read, repeat, stretches
from jobs.config import load
from pipelines.errors import RequestError
from tests.transforms.clinical_bert import tiny

TEXT = "The patient has chest pain, fever and abdominalpain. " * 3


def tokens(text: str) -> list[str]:
    return tiny.tokenizer().tokenize(text)


def test_pieces_hold_every_token_once_and_no_word_is_cut() -> None:
    (pieces,) = Cutter(tiny.tokenizer(), 20).cut([TEXT])
    assert len(pieces) > 3
    assert [token for piece in pieces for token in tokens(piece)] == tokens(TEXT)
    assert max(len(tokens(piece)) for piece in pieces) <= 20
    assert all(not tokens(piece)[0].startswith("##") for piece in pieces)


def test_a_text_that_fits_is_one_piece() -> None:
    assert Cutter(tiny.tokenizer(), 3).cut(["chest pain the", "fever", ""]) == [["chest pain the"], ["fever"], []]


def test_a_word_longer_than_a_window_is_cut() -> None:
    (pieces,) = Cutter(tiny.tokenizer(), 4).cut(["pain abcdefghij fever"])
    assert pieces == ["pain", "abcd", "efgh", "ij fever"]
    assert all(len(tokens(piece)) <= 4 for piece in pieces)


def test_tokens_are_counted_without_special_ones() -> None:
    assert Cutter(tiny.tokenizer(), 9).counts(["chest pain", "", "ab"]) == [2, 0, 2]


def test_notes_are_dealt_out() -> None:
    assert deal(["a", "b", "c", "d", "e"], 2) == [["a", "c", "e"], ["b", "d"]]
    assert stretches(["a", "b", "c", "d", "e"], 2) == [["a", "b"], ["c", "d", "e"]]
    for hands in (deal, stretches):
        with pytest.raises(RequestError, match="3 rounds need as many notes"):
            hands(["a", "b"], 3)


def test_notes_are_repeated_up_to_a_number_of_tokens() -> None:
    assert repeat(["a", "b"], [3, 2], 9) == ["a", "b", "a", "b"]
    assert repeat(["a", "b"], [3, 2], 8) == ["a", "b", "a"]
    assert repeat(["a", "b"], [3, 2], 2) == ["a"]


def test_a_long_note_has_its_length() -> None:
    note = long_note(["chest pain", "fever"], 1000)
    assert len(note) == 1000
    assert note.startswith("chest pain\nfever\nchest")


def test_blocks_know_tokens_sections_and_pieces() -> None:
    texts = ["HISTORY:\nchest pain\n\nMEDICATIONS:\nfever", "pain", "the fever"]
    first, second = blocks(texts, Cutter(tiny.tokenizer(), 60), 2)
    assert first.texts == texts[:2]
    starts = [[section["start"] for section in of_note] for of_note in first.sections]
    assert starts == [[0, texts[0].index("MEDICATIONS")], [0]]
    assert list(first.pieces) == texts[:2]
    assert first.tokens == len(tokens(texts[0])) + 1
    assert (second.texts, second.tokens) == (texts[2:], 2)


def test_notes_are_read_as_a_run_reads_them(tmp_path: Path) -> None:
    notes = pa.table({"id": ["1", "2", "3", "4"], "note": ["first", " ", None, "fourth"]})
    pq.write_table(notes, tmp_path / "notes.parquet")
    settings = ["columns.note_id=id", "columns.text=note"]
    job = load(None, settings, {"input": str(tmp_path / "notes.parquet"), "output": "x"})
    assert read(job) == ["first", "fourth"]
    assert read(job, 1) == ["first"]
    pq.write_table(notes.slice(1, 2), tmp_path / "notes.parquet")
    with pytest.raises(RequestError, match="holds no note with text"):
        read(job)
