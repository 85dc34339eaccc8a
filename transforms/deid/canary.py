"""The canary: planted PHI that must be found before a worker is given a real note.

Notes with PHI of every Safe Harbor class, A to R, pass through a worker's own live stages when it opens. A
recognizer that is missing, or a threshold that lets nothing through, is then seen in the process where it would do
harm, not in a test elsewhere. What counts is the text that comes out: each planted letter and digit must be gone from
it, and all else must still be there. Patterns alone find all that is planted, so a model that says nothing is not seen.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import pyarrow as pa

from transforms import schema
from transforms.deid import provenance
from transforms.deid.labels import SAFE_HARBOR

_MARK: Final = re.compile(r"\{([A-Z-]+)\|([^{}]+)\}")
_IDS: Final = ("raw_note_id", "raw_patient_id", "raw_encounter_id")

Process = Callable[[pa.Table], pa.Table]
"""The stages that de-identify, as one: rows in, the same rows out; a note that failed has a `reject`."""


class CanaryError(Exception):
    """Planted PHI was not found: this worker may not de-identify. The message names classes and labels only."""


class Planted(NamedTuple):
    """`text[start:end]` is PHI of this label."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class CanaryNote:
    """A made-up note.

    Attributes:
        linked: its PHI is found only by what another note of the same patient tells.
    """

    text: str = field(repr=False)
    planted: tuple[Planted, ...]
    name: tuple[str, ...] = ()
    known: tuple[tuple[str, str], ...] = ()
    patient: str | None = None
    linked: bool = False


@dataclass(frozen=True)
class CanaryReport:
    """What was planted and what was found, by Safe Harbor class.

    Attributes:
        sha256: of the set of notes.
        code: digest of the code and lists that this worker holds (`provenance.digest`).
    """

    planted: Mapping[str, int]
    found: Mapping[str, int]
    sha256: str
    code: str

    def to_json(self) -> dict[str, Any]:
        return {
            "planted": dict(self.planted),
            "found": dict(self.found),
            "sha256": self.sha256,
            "code": self.code,
        }


@cache
def source() -> bytes:
    """The canary set as it ships."""
    return (files("transforms.deid") / "canary.toml").read_bytes()


@cache
def notes() -> tuple[CanaryNote, ...]:
    """The canary set."""
    return tuple(_note(entry) for entry in tomllib.loads(source().decode())["note"])


def _note(entry: Mapping[str, Any]) -> CanaryNote:
    pieces: list[str] = []
    planted: list[Planted] = []
    at = length = 0
    marked = entry["text"]
    for mark in _MARK.finditer(marked):
        before, value = marked[at : mark.start()], mark[2]
        length += len(before)
        planted.append(Planted(length, length + len(value), mark[1]))
        pieces += (before, value)
        length += len(value)
        at = mark.end()
    pieces.append(marked[at:])
    return CanaryNote(
        text="".join(pieces),
        planted=tuple(planted),
        name=tuple(entry.get("name", ())),
        known=tuple((label, value) for label, value in entry.get("known", ())),
        patient=entry.get("patient"),
        linked=entry.get("linked", False),
    )


def table(chosen: Sequence[CanaryNote]) -> pa.Table:
    """The notes as they come from the reader and the pseudonyms."""
    rows = len(chosen)
    columns: dict[str, Any] = {
        "row": list(range(rows)),
        "note_id": [f"canary {row}" for row in range(rows)],
        "patient_id": [note.patient for note in chosen],
        "patient_name": [list(note.name) or None for note in chosen],
        "known_phi": [[{"label": label, "value": value} for label, value in note.known] or None for note in chosen],
        "text": [note.text for note in chosen],
        "raw_patient_id": [note.patient for note in chosen],
    }
    fields = schema.columns(*schema.READ_COLUMNS, *_IDS)
    return pa.table({name: columns.get(name, [None] * rows) for name in fields.names}, schema=fields)


def prove(process: Process, *, links: bool) -> CanaryReport:
    """Passes the canary set through live stages.

    Args:
        process: the stages, as they will treat real notes.
        links: whether names are looked for in a patient's other notes.

    Raises:
        CanaryError: a note was rejected, or planted PHI is left.
    """
    chosen = [note for note in notes() if links or not note.linked]
    done = process(table(chosen))
    planted: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    columns = (done[name].to_pylist() for name in ("text", "phi", "reject"))
    for note, text, phi, reject in zip(chosen, *columns, strict=True):
        if reject is not None:
            raise CanaryError(
                f"a canary note was rejected in {reject['stage']} ({reject['error']}): this worker may not de-identify"
            )
        planted.update(span.label for span in note.planted)
        missed.update(span.label for span in note.planted if not _is_gone(note.text, text, span, phi))
    if missed:
        told = ", ".join(
            f"class {SAFE_HARBOR[label]} ({label}): {missed[label]} of {planted[label]} missed"
            for label in sorted(missed, key=lambda label: (SAFE_HARBOR[label], label))
        )
        raise CanaryError(
            f"planted PHI was not found: {told}. De-identification is not whole with these recognizers, thresholds "
            "and tagger, so the run stops"
        )
    by_class = Counter(SAFE_HARBOR[label] for label in planted.elements())
    counts = dict(sorted(by_class.items()))
    return CanaryReport(counts, dict(counts), hashlib.sha256(source()).hexdigest(), provenance.digest())


def _is_gone(raw: str, text: str, span: Planted, phi: Sequence[Mapping[str, Any]]) -> bool:
    """Whether no letter or digit of the planted span is left, by the edits and by the text itself."""
    left = {at for at in range(span.start, span.end) if raw[at].isalnum()}
    raw_at = at = 0
    kept: list[tuple[str, str]] = []
    for edit in phi:
        kept.append((raw[raw_at : edit["raw_start"]], text[at : edit["start"]]))
        if raw[edit["raw_start"] : edit["raw_end"]] != text[edit["start"] : edit["end"]]:
            left.difference_update(range(edit["raw_start"], edit["raw_end"]))
        raw_at, at = edit["raw_end"], edit["end"]
    kept.append((raw[raw_at:], text[at:]))
    return not left and all(before == after for before, after in kept)
