"""DocumentReferences in NDJSON as notes."""

from __future__ import annotations

import base64
import datetime as dt
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.engines.local import LocalEngine
from pipelines.errors import RequestError
from pipelines.io.columns import PRESETS
from pipelines.io.fhir import DocumentReferences, to_notes
from pipelines.plan import Plan
from pipelines.run import execute
from tests.pipelines.toys import KEY, Quiet, Scrub, read_tables
from transforms.deid.pseudonyms import Pseudonyms
from transforms.validate import Validate

FHIR = PRESETS["fhir"]


def attachment(text: str | bytes, kind: str = "text/plain; charset=utf-8") -> dict[str, Any]:
    data = text.encode() if isinstance(text, str) else text
    return {"attachment": {"contentType": kind, "data": base64.b64encode(data).decode()}}


def document(own: str = "d1", text: str = "Seen by Dr. Grey, é 漢.", **changed: Any) -> dict[str, Any]:
    coding = {"system": "http://loinc.org", "code": "18842-5", "display": "Discharge summary"}
    told = {
        "resourceType": "DocumentReference",
        "id": own,
        "status": "current",
        "type": {"coding": [{"system": "urn:local", "code": "7", "display": "DC"}, coding], "text": "Letter"},
        "subject": {"reference": "Patient/p1", "display": "Ann Doe"},
        "date": "2020-02-29T23:30:00.250-05:00",
        "author": [{"reference": "Practitioner/9", "display": "Meredith Grey"}],
        "custodian": {"reference": "Organization/1", "display": "Seattle Grace"},
        "content": [attachment("%PDF", "application/pdf"), attachment(text)],
        "context": {"encounter": [{"reference": "https://ehr.example/fhir/Encounter/e1/_history/2"}]},
    }
    return {name: value for name, value in {**told, **changed}.items() if value is not None}


def line(resource: Any) -> bytes:
    return json.dumps(resource).encode() + b"\n"


def note(**changed: Any) -> dict[str, Any]:
    (row,) = to_notes([line(document(**changed))], 0)[0].to_pylist()
    return dict(row)


def test_the_elements_of_a_document() -> None:
    assert note() == {
        "row": 0,
        "note_id": "d1",
        "patient_id": "p1",
        "encounter_id": "e1",
        "note_type": "Discharge summary",
        "note_time": dt.datetime(2020, 3, 1, 4, 30, 0, 250_000),
        "admit_time": None,
        "patient_name": ["Ann Doe"],
        "known_phi": [
            {"label": "DOCTOR", "value": "Meredith Grey"},
            {"label": "HOSPITAL", "value": "Seattle Grace"},
        ],
        "text": "Seen by Dr. Grey, é 漢.",
        "reject": None,
    }


@pytest.mark.parametrize(
    ("changed", "column", "value"),
    [
        ({"subject": {"reference": "urn:uuid:0f-1"}}, "patient_id", "0f-1"),
        ({"subject": {"type": "Patient", "identifier": {"value": "MRN 7"}}}, "patient_id", "MRN 7"),
        ({"subject": {"reference": "Group/g1"}}, "patient_id", None),
        ({"subject": None}, "patient_id", None),
        ({"context": {}}, "encounter_id", None),
        ({"type": {"text": "Ward round"}}, "note_type", "Ward round"),
        ({"type": {"coding": [{"system": "http://loinc.org", "code": "11506-3"}]}}, "note_type", "11506-3"),
        ({"type": None, "category": [{"coding": [{"display": "Notes"}]}]}, "note_type", "Notes"),
        ({"date": None, "context": {"period": {"start": "2019-07"}}}, "note_time", dt.datetime(2019, 7, 1)),
        ({"date": None}, "note_time", None),
        ({"content": [attachment("é".encode("latin-1"), 'text/plain;charset="ISO-8859-1"')]}, "text", "é"),
        ({"content": [attachment("a"), attachment("b")]}, "text", "a"),
        ({"content": [{"attachment": {"contentType": "TEXT/Plain", "data": "aGVs\nbG8="}}]}, "text", "hello"),
        ({"own": "a\ud800"}, "note_id", "a\ufffd"),
        ({"author": None, "custodian": None}, "known_phi", None),
    ],
)
def test_other_forms_of_them(changed: dict[str, Any], column: str, value: Any) -> None:
    found = note(**changed)
    assert found[column] == value
    assert found["reject"] is None


@pytest.mark.parametrize(
    ("content", "error", "detail"),
    [
        ([attachment("<p>", "text/html"), attachment("%", "application/pdf")], "UnsupportedContentType",
         "no attachment is text/plain: application/pdf, text/html"),
        ([attachment("x", "Ann Doe")], "UnsupportedContentType", "no attachment is text/plain: unknown"),
        ([], "UnsupportedContentType", "no attachment is text/plain: none"),
        ([{"attachment": {"contentType": "text/plain", "url": "Binary/1"}}], "NoData", "it stands at a url"),
        ([{"attachment": {"contentType": "text/plain"}}], "NoData", "it has none"),
        ([{"attachment": {"contentType": "text/plain", "data": "=!"}}], "InvalidBase64", "not base64"),
        ([attachment(b"\xff\xfe\xfa")], "InvalidUnicode", "not in its charset"),
        ([attachment("\\ud800", "text/plain; charset=unicode_escape")], "InvalidUnicode", "not in its charset"),
        ([attachment("x", "text/plain; charset=klingon")], "UnknownCharset", "not known"),
        ([attachment("x", "text/plain; charset=hex")], "UnknownCharset", "not known"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_rejected_with_its_ids(content: list[Any], error: str, detail: str) -> None:
    found = note(content=content)
    assert (found["note_id"], found["patient_id"], found["text"]) == ("d1", "p1", None)
    assert (found["reject"]["stage"], found["reject"]["error"]) == ("read", error)
    assert detail in found["reject"]["detail"]
    assert "Doe" not in found["reject"]["detail"]


def test_lines_that_are_no_documents_are_rejected_and_marked_ones_skipped() -> None:
    lines = [
        b"{broken\n",
        b"\xff\n",
        b"[" * 100_000 + b"\n",
        line([1]),
        line({"resourceType": "Patient", "id": "p1"}),
        line(document(date="yesterday")),
        b"\n",
        line(document(status="entered-in-error")),
        line(document(status="superseded")),
        line(document(docStatus="entered-in-error")),
        b"\xef\xbb\xbf" + line(document("last")).rstrip(),
    ]
    notes, skipped = to_notes(lines, 100)
    assert skipped == 4
    assert notes["row"].to_pylist() == [*range(100, 106), 110]
    errors = [reject and reject["error"] for reject in notes["reject"].to_pylist()]
    assert errors == [*["InvalidJson"] * 3, *["NotDocumentReference"] * 2, "UnreadableNoteTime", None]
    assert notes["note_id"].to_pylist() == [None, None, None, None, "p1", "d1", "last"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from([*document(), "category", "authenticator"]), _JSON))
def test_elements_of_any_form_break_nothing(changed: dict[str, Any]) -> None:
    changed["resourceType"] = "DocumentReference"
    notes, skipped = to_notes([line({**document(), **changed})], 0)
    assert notes.num_rows + skipped == 1
    notes.validate(full=True)


def test_every_line_is_read_once_whatever_the_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.io.fhir._GROUP_LINES", 7)
    (tmp_path / "DocumentReference.ndjson").write_bytes(b"".join(line(document(f"d{i}")) for i in range(23)))
    for rows in (1, 5, 7, 10, 40):
        source = DocumentReferences(str(tmp_path), FHIR, rows)
        assert [split.start for split in source.splits()] == list(range(0, 23, rows))
        done = frozenset(split.id for i, split in enumerate(source.splits()) if i % 3 == 1)
        tasks = pickle.loads(pickle.dumps(list(source.tasks(done))))
        read = [row for task in tasks for _, notes, _ in source.read(task) for row in notes.to_pylist()]
        left = [
            i for split in source.splits() if split.id not in done for i in range(split.start, split.start + split.rows)
        ]
        assert [(row["row"], row["note_id"]) for row in read] == [(i, f"d{i}") for i in left]


def test_of_an_export_only_documents_are_read(tmp_path: Path) -> None:
    documents = ("DocumentReference.1.ndjson", "more/DocumentReference.2.ndjson")
    for name in ("Patient.ndjson", *documents, "_x/DocumentReference.ndjson"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(line(document(name)))
    names = [file.name for file in DocumentReferences(str(tmp_path), FHIR, 5).files]
    assert names == [*documents]
    assert [file.name for file in DocumentReferences(f"{tmp_path}/*.ndjson", FHIR, 5).files] == [
        "DocumentReference.1.ndjson",
        "Patient.ndjson",
    ]
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/Patient.ndjson").write_bytes(b"")
    with pytest.raises(RequestError, match=r"no DocumentReference….ndjson under .*empty"):
        _ = DocumentReferences(str(tmp_path / "empty"), FHIR, 5).files


def test_a_run_accounts_for_every_line(tmp_path: Path) -> None:
    lines = [
        line(document("d1", "Note SECRET1 one")),
        line(document("d2", content=[attachment("%", "application/pdf")])),
        line(document("d3", status="superseded")),
        b"{\n",
        line(document("d1", "the same id")),
    ]
    (tmp_path / "notes.ndjson").write_bytes(b"".join(lines))
    source = DocumentReferences(f"{tmp_path}/notes.ndjson", FHIR, 10)
    plan = Plan(source, Pseudonyms(KEY, "keep"), (Validate(), Scrub()), f"{tmp_path}/out", "test")
    outcome = execute(plan, LocalEngine(), Quiet(), facts={})
    tables = read_tables(f"{tmp_path}/out")
    assert tables["notes"]["text"].to_pylist() == ["Note [IDNUM] one"]
    assert dict(zip(tables["rejects"]["row"].to_pylist(), tables["rejects"]["error"].to_pylist(), strict=True)) == {
        1: "UnsupportedContentType",
        3: "InvalidJson",
        4: "DuplicateNoteId",
    }
    assert (outcome.manifest["rows_read"], outcome.manifest["rows_skipped"]) == (4, 1)
