"""The stage: nothing raw is left in a row, and nothing that goes wrong passes."""

from __future__ import annotations

import datetime as dt
import pickle
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer

from transforms import schema
from transforms.deid.detector import Detector
from transforms.deid.labels import UnknownLabelError
from transforms.deid.pseudonyms import Key
from transforms.deid.recognizers import from_class
from transforms.deid.replace import ReplacementError
from transforms.deid.spans import PhiSpan
from transforms.deid.stage import Chain, Deidentify, FindPhi, LeakError, deidentification
from transforms.deid.tagger import TaggedSpan
from transforms.stage import NoteError, Stage, with_column

NOTE = """MERCY GENERAL HOSPITAL
Patient: KOWALSKI, JOHN A    MRN: 00123-45  DOB: 3/4/1950  SSN 123-45-6789
Mr. Kowalski is a 92-year-old man seen by Dr. Maria Young on March 4th, 2019. Strength 5/5, BP 120/80.
Call (617) 555-0192 x12 or john.kowalski@example.com. Lives at 12 Oak Street, Springfield, MA 01103.
Foley catheter, Parkinson disease. Dr. X. MM/DD/YYYY. [**2123-4-5**] [**Known lastname 12**] ___
Dictated by: Alan Petrov, MD. Petrov agrees. Encounter E-99887.
"""


KEY = Key.from_text("the key of tests")
READS = schema.columns(*(name for name in Deidentify.reads.names if name != "found"))


def table(*texts: str | None, names: Sequence[list[str] | None] | None = None) -> pa.Table:
    rows = len(texts)
    columns: dict[str, Any] = {
        "note_id": [f"n{i}" for i in range(rows)],
        "note_type": ["Discharge summary"] * rows,
        "note_time": [dt.datetime(2019, 3, 4, 12, 30), *([None] * (rows - 1))],
        "patient_name": list(names or [["John A Kowalski"]] * rows),
        "known_phi": [None] * rows,
        "raw_patient_id": ["00123-45"] * rows,
        "raw_encounter_id": ["E-99887"] * rows,
        "raw_note_id": ["note-77"] * rows,
        "text": list(texts),
    }
    return pa.table(columns, schema=READS)


def chain(**options: Any) -> Chain:
    return Chain(deidentification(KEY, **options))


@dataclass(frozen=True)
class WordTagger:
    """Tags every mention of one word."""

    word: str
    label: str = "PATIENT"
    fails: bool = False

    def open(self) -> WordTagger:
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        return (self.label,)

    def tag(self, texts: Sequence[str]) -> list[list[TaggedSpan]]:
        if self.fails:
            raise OSError("a window was not read")
        return [[TaggedSpan(*m.span(), self.label, 0.9) for m in re.finditer(self.word, text)] for text in texts]

    def close(self) -> None: ...


class FailsOn(EntityRecognizer):  # type: ignore[misc]
    """Raises on one word."""

    def load(self) -> None: ...

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> list[Any]:  # noqa: ARG002
        if "POISON" in text:
            raise RuntimeError("broken")
        return []


def plain(text: str) -> str:
    """The tags without the numbers that tell one from another."""
    return re.sub(r"-\d+\]", "]", text)


def test_phi_goes_and_the_rest_stays() -> None:
    out = chain().process(table(NOTE, names=[["John A Kowalski"]]))
    assert out["text"][0].as_py().count("[PATIENT-1]") == 2
    text = plain(out["text"][0].as_py())
    assert text == (
        "[HOSPITAL]\n"
        "Patient: [PATIENT]    MRN: [MEDICALRECORD]  DOB: [DATE] 1950  SSN [SSN]\n"
        "Mr. [PATIENT] is a 90+-year-old man seen by Dr. [DOCTOR] on [DATE] 2019. Strength 5/5, BP 120/80.\n"
        "Call [PHONE] or [EMAIL]. Lives at [STREET], [CITY], MA 011.\n"
        "Foley catheter, Parkinson disease. Dr. X. MM/DD/YYYY. [**2123-4-5**] [**Known lastname 12**] ___\n"
        "Dictated by: [DOCTOR], MD. [DOCTOR] agrees. Encounter [IDNUM].\n"
    )
    assert out["note_time"].to_pylist() == [dt.datetime(2019, 1, 1)]
    assert out["patient_name"].to_pylist() == [None]
    for field in Deidentify.adds:
        assert out.schema.field(field.name).type == field.type


def test_a_note_type_stays_and_free_text_in_its_place_goes() -> None:
    notes = table("Stable.", "Stable.", "Stable.")
    types = ["Nursing/other", "Note by Dr. Petrov for Kowalski 03/04/2019", None]
    out = chain().process(with_column(notes, schema.IN_FLIGHT.field("note_type"), types))
    assert out["note_type"].to_pylist() == ["Nursing/other", None, None]


def test_phi_rows_point_into_both_texts() -> None:
    out = chain().process(table(NOTE))
    text = out["text"][0].as_py()
    rows = out["phi"][0].as_py()
    assert [row["raw_start"] for row in rows] == sorted(row["raw_start"] for row in rows)
    for row in rows:
        tag = {"AGE": "90+", "ZIP": "011"}.get(row["label"], f"[{row['label']}]")
        assert plain(text[row["start"] : row["end"]]).startswith(tag)
    by_raw = {
        NOTE[row["raw_start"] : row["raw_end"]]: (row["label"], row["safe_harbor"], row["recognizer"]) for row in rows
    }
    assert by_raw["KOWALSKI, JOHN A"] == ("PATIENT", "A", "known")
    assert by_raw["Petrov"] == ("DOCTOR", "A", "echo")
    assert by_raw["(617) 555-0192 x12"] == ("PHONE", "D", "phones")
    assert by_raw["92"] == ("AGE", "C", "ages")


@pytest.mark.parametrize(
    "text", ["Кириллица ש 👩‍⚕️ on 3/4/2019\r\nİstanbul Jose\u0301", "", " \n", "x" * 50, "3/4/2019"]
)
def test_offsets_are_exact_in_any_script(text: str) -> None:
    out = chain().process(table(text, names=[["José Kowalski"]]))
    new, at, raw_at = out["text"][0].as_py(), 0, 0
    for row in out["phi"][0].as_py():
        assert new[at : row["start"]] == text[raw_at : row["raw_start"]]
        at, raw_at = row["end"], row["raw_end"]
    assert new[at:] == text[raw_at:]


def test_a_note_does_not_depend_on_its_neighbours() -> None:
    worker = chain(tagger=WordTagger("Zed"))
    texts = [NOTE, "Zed came on 3/4/19.", "nothing here", NOTE.lower()]
    together = worker.process(table(*texts))["text"].to_pylist()
    alone = [worker.process(table(text))["text"][0].as_py() for text in reversed(texts)]
    assert together == alone[::-1]


def test_the_taggers_spans_count_and_their_names_echo() -> None:
    note = "Ambulated with Kaczander. Later KACZANDER slept. Parkinson tremor. Born 1950."
    text = chain(tagger=WordTagger("Kaczander|Parkinson")).process(table(note))["text"][0].as_py()
    assert plain(text) == "Ambulated with [PATIENT]. Later [PATIENT] slept. Parkinson tremor. Born [DATE] 1950."
    years = chain(tagger=WordTagger("in 1950|20/25|age 12", "DATE"))
    assert years.process(table("Ill in 1950, vision 20/25, at age 12."))["phi"][0].as_py() == []


def test_users_recognizers_take_part() -> None:
    study = PatternRecognizer("STUDY_ID", name="study", patterns=[Pattern("p", r"TR-\d{3}", 0.9)])
    mapped = chain(recognizers=(study,), labels=(("STUDY_ID", "IDNUM"),))
    assert mapped.process(table("in TR-123"))["text"][0].as_py() == "in [IDNUM]"
    with pytest.raises(UnknownLabelError, match="STUDY_ID"):
        chain(recognizers=(study,))
    with pytest.raises(ValueError, match="from_class"):
        FindPhi(recognizers=(FailsOn(["PERSON"]),))  # type: ignore[arg-type]


def test_the_spec_pickles_compares_and_shows_what_it_does() -> None:
    study = PatternRecognizer("STUDY_ID", patterns=[Pattern("p", r"TR-\d{3}", 0.9)])
    specs = [
        FindPhi(tagger=WordTagger("a"), recognizers=(study,), labels=(("STUDY_ID", "IDNUM"),))  # type: ignore[arg-type]
        for _ in range(2)
    ]
    assert specs[0] == specs[1] == pickle.loads(pickle.dumps(specs[0]))
    assert repr(specs[0]) == repr(specs[1])
    assert "TR-" in repr(specs[0])
    assert isinstance(specs[0], Stage)
    assert repr(FindPhi()) != repr(FindPhi(threshold=0.4))
    for stage in deidentification(KEY):
        assert isinstance(stage, Stage)
        assert pickle.loads(pickle.dumps(stage)) == stage
        assert "test key" not in repr(stage)
    assert Deidentify.reads.field("text") == schema.IN_FLIGHT.field("text")


def test_what_is_not_supported_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mode 'hide' is not supported; supported: tag"):
        Deidentify(KEY, "hide")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="between 0 and 1"):
        FindPhi(threshold=1.5)


def test_names_of_one_note_go_from_the_patients_other_notes() -> None:
    texts = ["Seen by Dr. Alan Petrov today.", "The plan of Petrov stands.", "The plan of Petrov stands too."]
    notes = table(*texts, names=[None] * 3)
    patients = pa.array(["p1", "p1", None])
    notes = notes.set_column(notes.schema.get_field_index("raw_patient_id"), "raw_patient_id", patients)
    linked = chain().process(notes)["text"].to_pylist()
    assert "Petrov" not in "".join(linked[:2])
    assert "Petrov" in linked[2]
    again = chain().process(notes.take([2, 1, 0]))["text"].to_pylist()
    assert again[::-1] == linked
    assert "Petrov" in chain(link_names=False).process(notes)["text"][1].as_py()


def test_a_note_that_was_not_searched_is_not_replaced() -> None:
    unsearched = table(NOTE).append_column(
        schema.IN_FLIGHT.field("found"), pa.nulls(1, schema.IN_FLIGHT.field("found").type)
    )
    with pytest.raises(NoteError, match="not searched"):
        Deidentify(KEY).open().process(unsearched)


def test_nothing_raw_is_left_in_a_row() -> None:
    out = chain().process(table(NOTE))
    for column in ("patient_name", "known_phi", "found"):
        assert out[column].to_pylist() == [None]


def test_a_recognizer_that_raises_fails_the_note() -> None:
    worker = chain(recognizers=(from_class(f"{__name__}:FailsOn", supported_entities=["PERSON"]),))
    assert worker.process(table("fine"))["text"][0].as_py() == "fine"
    with pytest.raises(RuntimeError, match="broken"):
        worker.process(table("POISON"))


def test_a_tagger_that_raises_or_misleads_fails_the_note() -> None:
    with pytest.raises(OSError, match="window"):
        chain(tagger=WordTagger("x", fails=True)).process(table("text"))
    with pytest.raises(UnknownLabelError, match="the tagger gives PHI labels that are not mapped: WEAPON"):
        chain(tagger=WordTagger("x", "WEAPON"))


def test_null_text_fails_the_note() -> None:
    with pytest.raises(NoteError, match="null"):
        chain().process(table(None))


@pytest.mark.parametrize("spans", [[(0, 4), (2, 6)], [(0, 99)]])
def test_spans_that_do_not_fit_fail_the_note(monkeypatch: pytest.MonkeyPatch, spans: list[tuple[int, int]]) -> None:
    bad = [PhiSpan(start, end, "DATE", 1.0, "bug") for start, end in spans]
    monkeypatch.setattr(Detector, "detect", lambda *_: bad)
    with pytest.raises(ReplacementError):
        chain().process(table("abcdefgh"))


def test_known_phi_that_is_left_fails_the_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Detector, "detect", lambda *_: [])
    with pytest.raises(LeakError) as error:
        chain().process(table("seen: Kowalski"))
    assert "Kowalski" not in str(error.value)


def test_a_tag_that_equals_a_name_is_no_leak() -> None:
    out = chain().process(table("Ann Date came on 3/4/19", names=[["Ann Date"]]))
    assert out["text"][0].as_py() == "[PATIENT-1] came on [DATE] 2019"


def test_an_empty_table_has_the_right_types() -> None:
    worker = chain(tagger=WordTagger("x"))
    out = worker.process(table(NOTE).slice(0, 0))
    assert out.num_rows == 0
    assert out.schema.field("phi").type == schema.IN_FLIGHT.field("phi").type
    worker.close()
