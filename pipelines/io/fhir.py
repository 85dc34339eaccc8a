"""Notes in FHIR R4 Bulk Data: DocumentReferences in NDJSON, their text in base64 attachments.

A line is a row. Its text is the first attachment of `text/plain` that has data, in the charset that its content type
names, else UTF-8. A line without one is rejected, with the reason; one that the server marks as superseded or entered
in error is skipped. `subject.display` and the names of who wrote the document are known PHI of the note.

https://hl7.org/fhir/R4/documentreference.html
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from itertools import islice
from typing import Any, Final

import pyarrow as pa

from pipelines.errors import RequestError, RunError
from pipelines.io.columns import FHIR, PRESETS
from pipelines.io.source import InputFile, ReadTask, Source, Split, find_files, stamp
from pipelines.io.storage import open_filesystem
from transforms import schema

_SUFFIXES: Final = (".ndjson", ".jsonl")
_TYPE: Final = "DocumentReference"
_GROUP_LINES: Final = 5_000
_LOINC: Final = "http://loinc.org"
_MEDIA_TYPE: Final = re.compile(r"[\w.+-]+/[\w.+-]+")
_REFERENCE: Final = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/[^/]+)?$")
_PARTIAL: Final = re.compile(r"(\d{4})(?:-(\d{2}))?")
_LABELS: Final = {"Practitioner": "DOCTOR", "PractitionerRole": "DOCTOR", "Organization": "HOSPITAL"}
"""What a name is that a reference to a resource of a type displays."""

Row = dict[str, Any]


class DocumentError(ValueError):
    """Why a line gives no note: `args` are the error's name and what a person may read of it, never content."""


@dataclass(frozen=True)
class NdjsonFile(InputFile):
    """A file of lines. Attributes: offsets: where each group begins (bytes)."""

    offsets: tuple[int, ...]


class DocumentReferences(Source[NdjsonFile]):
    """Lines of DocumentReferences. Of a folder, the files named so are read: it may be a whole export."""

    def _find(self, fs: Any, path: str) -> Mapping[str, str]:
        return find_files(fs, path, self.uri, _is_of_documents, f"{_TYPE}….ndjson")

    def _look(self, fs: Any, name: str, path: str) -> NdjsonFile:
        """Counts the lines of a file."""
        digest = hashlib.sha256()
        offsets, groups, position = [0], [0], 0
        try:
            info = fs.info(path)
            with fs.open(path, "rb") as handle:
                for line in handle:
                    if groups[-1] == _GROUP_LINES:
                        offsets.append(position)
                        groups.append(0)
                    groups[-1] += 1
                    position += len(line)
                    digest.update(line)
        except OSError as error:
            raise RequestError(f"cannot read {name}: {error.strerror or type(error).__name__}") from error
        return NdjsonFile(
            name, path, tuple(groups), info["size"], digest.hexdigest(), stamp(info), offsets=tuple(offsets)
        )

    def read(self, task: ReadTask) -> Iterator[tuple[Split, pa.Table, int]]:
        file = task.file
        assert isinstance(file, NdjsonFile)
        fs, _ = open_filesystem(self.uri)
        with fs.open(file.path, "rb") as handle:
            handle.seek(file.offsets[task.first_group])
            position = sum(file.group_rows[: task.first_group])
            for split in task.splits:
                lines = list(islice(handle, split.start - position, split.start - position + split.rows))
                if len(lines) < split.rows:
                    raise RunError(f"cannot read split {split.id}: {file.name} has become shorter")
                position = split.start + split.rows
                yield split, *to_notes(lines, split.start)


def _is_of_documents(name: str) -> bool:
    last = name.rsplit("/", 1)[-1]
    return last.startswith(_TYPE) and last.lower().endswith(_SUFFIXES)


def to_notes(lines: list[bytes], first_row: int) -> tuple[pa.Table, int]:
    """Reads lines of a file.

    Args:
        first_row: position of the first of them in the file.

    Returns:
        The notes (columns `schema.READ_COLUMNS`), and how many lines were skipped.
    """
    rows = []
    for row, line in enumerate(lines, first_row):
        note: Row | None = {}
        try:
            note = read_document(line)
        except DocumentError as error:
            name, detail = error.args
            note = {**_identified(line), "reject": {"stage": "read", "error": name, "detail": detail}}
        if note is not None:
            rows.append({**note, "row": row})
    fields = schema.columns(*schema.READ_COLUMNS)
    columns = {field.name: pa.array([row.get(field.name) for row in rows], field.type) for field in fields}
    return pa.table(columns, schema=fields), len(lines) - len(rows)


def read_document(line: bytes) -> Row | None:
    """The note of a line, by `PRESETS["fhir"]`; None for one that is not to be read.

    Raises:
        DocumentError: the line is no DocumentReference, or has no text that can be read.
    """
    if not line.strip():
        return None
    resource = _parsed(line)
    if resource.get("resourceType") != _TYPE:
        raise DocumentError("NotDocumentReference", f"the line is no {_TYPE}")
    skip = PRESETS[FHIR].skip_where
    if skip is not None and any(resource.get(name) in skip[1] for name in ("status", "docStatus")):
        return None
    names: list[str] = []
    known: list[dict[str, str]] = []
    for reference in (resource.get("subject"), *_list(resource.get("author")), *_references(resource)):
        shown = _text(_at(reference, "display"))
        label = _LABELS.get(_target(reference)[0] or "")
        if shown and label:
            known.append({"label": label, "value": shown})
        elif shown and reference is resource.get("subject"):
            names.append(shown)
    return {
        **_ids(resource),
        "note_type": _coded(resource.get("type")) or _coded(_at(resource, "category")),
        "note_time": _time(_at(resource, "date") or _at(resource, "context", "period", "start")),
        "patient_name": names or None,
        "known_phi": known or None,
        "text": _attached(resource),
    }


def _parsed(line: bytes) -> Row:
    try:
        resource = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        raise DocumentError("InvalidJson", "the line is not JSON in UTF-8") from None
    if not isinstance(resource, dict):
        raise DocumentError("NotDocumentReference", "the line is no resource")
    return resource


def _identified(line: bytes) -> Row:
    """What tells a line that is rejected from others, as far as it can be read."""
    try:
        return _ids(_parsed(line))
    except DocumentError:
        return {}


def _ids(resource: Row) -> Row:
    kind, patient = _target(resource.get("subject"))
    return {
        "note_id": _text(resource.get("id")),
        "patient_id": patient if kind in (None, "Patient") else None,
        "encounter_id": _target(_at(resource, "context", "encounter"))[1],
    }


def _references(resource: Row) -> tuple[Any, ...]:
    return resource.get("authenticator"), resource.get("custodian")


def _attached(resource: Row) -> str:
    """The text of the first attachment that has one."""
    attachments = [_at(content, "attachment") for content in _list(resource.get("content"))]
    plain = [one for one in attachments if _media_type(one)[0] == "text/plain"]
    if not plain:
        found = sorted({_media_type(one)[0] or "unknown" for one in attachments})
        raise DocumentError("UnsupportedContentType", f"no attachment is text/plain: {', '.join(found) or 'none'}")
    data = next((one for one in plain if isinstance(one.get("data"), str)), None)
    if data is None:
        where = "it stands at a url" if any("url" in one for one in plain) else "it has none"
        raise DocumentError("NoData", f"the attachment of text/plain has no data: {where}")
    try:
        decoded = base64.b64decode("".join(data["data"].split()), validate=True)
    except (binascii.Error, ValueError):
        raise DocumentError("InvalidBase64", "the attachment's data is not base64") from None
    try:
        text = decoded.decode(_media_type(data)[1])
        text.encode()  # some codecs give what no table can hold
    except UnicodeError:
        raise DocumentError("InvalidUnicode", "the attachment is not in its charset") from None
    except (LookupError, ValueError):
        raise DocumentError("UnknownCharset", "the charset of the attachment is not known") from None
    return text


def _media_type(attachment: Any) -> tuple[str | None, str]:
    """Type and charset of an attachment."""
    told = _at(attachment, "contentType")
    if not isinstance(told, str):
        return None, "utf-8"
    message = Message()
    message["content-type"] = " ".join(told.split())
    kind = told.partition(";")[0].strip().lower()
    return kind if _MEDIA_TYPE.fullmatch(kind) else None, str(message.get_param("charset", "utf-8"))


def _target(reference: Any) -> tuple[str | None, str | None]:
    """Type and id of the resource that is referred to; what has another form is an id of no known type."""
    told = _text(_at(reference, "reference"))
    if not told:
        return _text(_at(reference, "type")), _text(_at(reference, "identifier", "value"))
    found = _REFERENCE.search(told)
    if found is not None:
        return found[1], found[2]
    return _text(_at(reference, "type")), told.removeprefix("urn:uuid:")


def _coded(concept: Any) -> str | None:
    """What a CodeableConcept says: LOINC's words or code, else its text, else any other code's words."""
    codings = [coding for coding in _list(_at(concept, "coding")) if isinstance(coding, dict)]
    loinc = [coding for coding in codings if coding.get("system") == _LOINC]
    said = [_at(coding, name) for coding in loinc for name in ("display", "code")]
    said += [_at(concept, "text"), *(_at(coding, name) for coding in codings for name in ("display", "code"))]
    return next((text for one in said if (text := _text(one))), None)


def _time(told: Any) -> dt.datetime | None:
    if told is None:
        return None
    partial = _PARTIAL.fullmatch(told) if isinstance(told, str) else None
    try:
        moment = dt.datetime.fromisoformat(f"{partial[1]}-{partial[2] or '01'}-01" if partial else str(told))
        return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise DocumentError("UnreadableNoteTime", "the date is not that of FHIR, or out of range") from None


def _at(value: Any, *path: str) -> Any:
    """What stands there: of lists the first; None where there is nothing."""
    for name in path:
        value = _list(value)[0] if _list(value) else None
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Any) -> str | None:
    """The text, without lone surrogates, which JSON can name and no table can hold; None for anything else."""
    if not isinstance(value, str) or not value:
        return None
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
