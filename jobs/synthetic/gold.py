"""The tables that a generated corpus consists of, and the rows that one note gives to each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from jobs.synthetic.draft import SectionSpan
from jobs.synthetic.notes import Note

_SPAN: Final = [("note_id", pa.string()), ("start", pa.int32()), ("end", pa.int32()), ("text", pa.string())]

SCHEMAS: Final[dict[str, pa.Schema]] = {
    "notes": pa.schema(
        [
            ("note_id", pa.string()),
            ("patient_id", pa.string()),
            ("encounter_id", pa.string()),
            ("note_type", pa.string()),
            ("note_time", pa.timestamp("us")),
            ("patient_name", pa.string()),
            ("text", pa.string()),
        ]
    ),
    "phi": pa.schema([_SPAN[0], ("label", pa.string()), *_SPAN[1:]]),
    "sections": pa.schema(
        [
            ("note_id", pa.string()),
            ("section_id", pa.int32()),
            ("category", pa.string()),
            ("title", pa.string()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("body_start", pa.int32()),
        ]
    ),
    "entities": pa.schema(
        [
            *_SPAN,
            ("label", pa.string()),
            ("negated", pa.bool_()),
            ("uncertain", pa.bool_()),
            ("historical", pa.bool_()),
            ("hypothetical", pa.bool_()),
            ("experiencer", pa.string()),
        ]
    ),
    "codes": pa.schema([("note_id", pa.string()), ("encounter_id", pa.string()), ("code", pa.string())]),
    "readmission": pa.schema(
        [
            ("encounter_id", pa.string()),
            ("patient_id", pa.string()),
            ("readmitted_30d", pa.bool_()),
            ("discharge_time", pa.timestamp("us")),
        ]
    ),
}
"""The schema of each table. All but `notes` lie under `gold/`."""

_CATEGORIES: Final = {"nursing_assessment": "assessment", "nursing_plan": "plan"}
"""Headings that have their own wordings but mean a category of the segmenter's."""


def phi_rows(note_id: str, note: Note) -> list[tuple[Any, ...]]:
    """Rows of `phi`, in order of position."""
    text = note.text
    return [(note_id, label, start, end, text[start:end]) for label, start, end in sorted(note.draft.phi, key=_start)]


def _start(span: Any) -> int:
    return int(span.start)


def entity_rows(note_id: str, note: Note) -> list[tuple[Any, ...]]:
    """Rows of `entities`, in order of position."""
    text = note.text
    return [
        (note_id, start, end, text[start:end], label, *assertion)
        for label, start, end, assertion in sorted(note.draft.entities, key=_start)
    ]


def section_rows(note_id: str, note: Note) -> Iterator[tuple[Any, ...]]:
    """Rows of `sections`, in order of position.

    What stands before the first heading is the header (a note without any is one section `other`). A section ends
    where the next of the same or a higher level begins; its body begins at the first character after the heading
    that is neither white space nor a colon.
    """
    text, spans = note.text, note.draft.sections
    first = spans[0].start if spans else len(text)
    if first:
        spans = [SectionSpan("header" if spans else "other", 1, 0, 0, 0), *spans]
    for index, (category, level, start, title_end, body_start) in enumerate(spans):
        end = next((later.start for later in spans[index + 1 :] if later.level <= level), len(text))
        while body_start < end and text[body_start] in " \t\n:":
            body_start += 1
        category = _CATEGORIES.get(category, category)
        yield note_id, index, category, text[start:title_end], start, end, body_start
