"""The canary sings: what is missing from a de-identification is named before a note is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pytest

from transforms import schema
from transforms.deid import canary
from transforms.deid.canary import CanaryError, notes, prove, table
from transforms.deid.detector import Detector
from transforms.deid.labels import SAFE_HARBOR
from transforms.deid.pseudonyms import Key
from transforms.deid.replacement import MODES
from transforms.deid.stage import Chain, deidentification
from transforms.stage import with_column

KEY = Key.from_text("the key of canaries")
CLASSES = "ABCDEFGHIJKLMNOPQR"


def live(**options: Any) -> Callable[[pa.Table], pa.Table]:
    return Chain(deidentification(KEY, **options)).process


def test_the_set_holds_every_class_three_times_and_no_mark() -> None:
    labels = [span.label for note in notes() for span in note.planted]
    counts = {letter: sum(SAFE_HARBOR[label] == letter for label in labels) for letter in CLASSES}
    assert min(counts.values()) >= 3
    assert {"PATIENT", "DOCTOR", "ORGANIZATION", "HOSPITAL", "STREET", "CITY", "ZIP", "DATE", "AGE"} <= set(labels)
    written = {note.text[span.start : span.end] for note in notes() for span in note.planted}
    assert {"00123-45", "(617) 555-0192 x12", "03-APR-19", "SMITHSON,JOHN A", "kowalczyk"} <= written
    for note in notes():
        assert not set("{|}") & set(note.text)
        assert [span.start for span in note.planted] == sorted(span.start for span in note.planted)


@pytest.mark.parametrize("mode", MODES)
def test_what_ships_passes(mode: Any) -> None:
    report = prove(live(mode=mode), links=True)
    assert set(report.planted) == set(CLASSES)
    assert report.found == report.planted
    assert len(report.sha256) == 64
    without = prove(live(mode=mode, link_names=False), links=False)
    assert without.planted["A"] == report.planted["A"] - 1


def test_a_worker_that_does_not_link_is_found_out() -> None:
    with pytest.raises(CanaryError, match=r"class A \(PATIENT\): 1 of \d+ missed"):
        prove(live(link_names=False), links=True)


def test_a_threshold_that_lets_nothing_through_is_found_out() -> None:
    with pytest.raises(CanaryError) as caught:
        prove(live(threshold=1.0), links=True)
    for letter in set(CLASSES) - {"F", "N"}:  # an e-mail or web address is beyond doubt
        assert f"class {letter} (" in str(caught.value)


@pytest.mark.parametrize("label", sorted({span.label for note in notes() for span in note.planted} - {"PATIENT"}))
def test_every_label_that_is_not_found_is_named_alone(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    detect = Detector.detect

    def blind(self: Detector, text: str, *rest: Any) -> Any:
        # A known value that stays would have the note rejected before it comes to this.
        here = [note for note in notes() if note.text == text and not note.known]
        gone = [span for note in here for span in note.planted if span.label == label]
        return [
            hit
            for hit in detect(self, text, *rest)
            if not any(hit.start < span.end and span.start < hit.end for span in gone)
        ]

    monkeypatch.setattr(Detector, "detect", blind)
    with pytest.raises(CanaryError) as caught:
        prove(live(), links=True)
    assert f"class {SAFE_HARBOR[label]} ({label}): " in str(caught.value)
    for note in notes():
        for span in note.planted:
            if span.end - span.start > 4:
                assert note.text[span.start : span.end] not in str(caught.value)


def test_a_note_that_is_rejected_is_a_failure() -> None:
    process = live()

    def rejects(rows: pa.Table) -> pa.Table:
        done = process(rows)
        reasons: Sequence[Any] = [None] * (rows.num_rows - 1)
        reason = {"stage": "find_phi", "error": "KeyError", "detail": ""}
        return with_column(done, schema.IN_FLIGHT.field("reject"), [*reasons, reason])

    with pytest.raises(CanaryError, match=r"rejected in find_phi \(KeyError\)"):
        prove(rejects, links=True)


def test_a_claim_is_not_believed() -> None:
    """Spans that are told but not replaced, and text that was changed elsewhere, do not pass."""
    process = live()

    def untouched(rows: pa.Table) -> pa.Table:
        done = process(rows)
        told = [
            [{**edit, "start": edit["raw_start"], "end": edit["raw_end"]} for edit in phi]
            for phi in done["phi"].to_pylist()
        ]
        done = with_column(done, schema.IN_FLIGHT.field("phi"), told)
        return with_column(done, schema.IN_FLIGHT.field("text"), rows["text"])

    def longer(rows: pa.Table) -> pa.Table:
        done = process(rows)
        return with_column(done, schema.IN_FLIGHT.field("text"), [f"{t} Kowalczyk" for t in done["text"].to_pylist()])

    for cheat in (untouched, longer):
        with pytest.raises(CanaryError):
            prove(cheat, links=True)


def test_the_rows_are_those_of_a_reader() -> None:
    rows = table(notes())
    names = [*schema.READ_COLUMNS, "raw_note_id", "raw_patient_id", "raw_encounter_id"]
    assert rows.schema == schema.columns(*names)
    assert canary.source() == canary.source()
