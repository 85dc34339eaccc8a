"""Keys, pseudonyms and their stage."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

from transforms.deid.pseudonyms import Key, Pseudonyms, pseudonym


def ids(note: list[str | None], patient: list[str | None], encounter: list[str | None]) -> pa.Table:
    columns = {"note_id": note, "patient_id": patient, "encounter_id": encounter}
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def test_a_key_shows_its_id_and_never_its_secret() -> None:
    key = Key.from_text("correct horse battery")
    for shown in (repr(key), str(key), repr(Pseudonyms(key)), f"{key}"):
        assert "horse" not in shown
        assert key.key_id in shown
    assert Key.from_text(" correct horse battery\n") == key
    assert Key.from_text("another key of tests").key_id != key.key_id
    assert Key.random() != Key.random()


@pytest.mark.parametrize("text", ["", "a", "  fifteen bytes..  ", "demo" * 3])
def test_a_key_that_can_be_guessed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"needs 16 at least.*python -c \"import secrets") as caught:
        Key.from_text(text)
    assert "\n" not in str(caught.value)
    assert "fifteen" not in str(caught.value)


def test_a_key_of_sixteen_bytes_is_taken() -> None:
    assert Key.from_text("sixteen bytes...").secret == b"sixteen bytes..."
    assert Key.from_text("é" * 8).secret == "é".encode() * 8


def test_pseudonyms_are_stable_separate_by_kind_and_hang_on_the_key() -> None:
    key = Key.from_text("the key of tests")
    assert pseudonym(key, "note", "1") == pseudonym(Key.from_text("the key of tests"), "note", "1")
    assert len(pseudonym(key, "note", "1")) == 32
    made = {
        pseudonym(one, kind, "1")
        for one in (key, Key.from_text("the other key of tests"))
        for kind in ("note", "patient", "encounter")
    }
    assert len(made) == 6


def test_the_stage_moves_the_ids_and_keeps_null() -> None:
    key = Key.from_text("the key of tests")
    spec = pickle.loads(pickle.dumps(Pseudonyms(key)))
    assert spec == Pseudonyms(key)
    out = spec.open().process(ids(["n1", "n2"], ["p", None], ["e", "e"]))
    assert out["raw_note_id"].to_pylist() == ["n1", "n2"]
    assert out["note_id"].to_pylist() == [pseudonym(key, "note", "n1"), pseudonym(key, "note", "n2")]
    assert out["patient_id"].to_pylist() == [pseudonym(key, "patient", "p"), None]
    assert out["raw_patient_id"].to_pylist() == ["p", None]
    assert len(set(out["encounter_id"].to_pylist())) == 1
    for field in Pseudonyms.adds:
        assert out.schema.field(field.name).type == field.type


def test_ids_may_be_kept() -> None:
    out = Pseudonyms(Key.from_text("the key of tests"), "keep").open().process(ids(["n1"], ["p"], [None]))
    assert out["note_id"].to_pylist() == out["raw_note_id"].to_pylist() == ["n1"]
    with pytest.raises(ValueError, match="'pseudonym', 'keep'"):
        Pseudonyms(Key.from_text("the key of tests"), "drop")  # type: ignore[arg-type]
