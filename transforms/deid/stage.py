"""The stage `deidentify`: after it a row holds no raw text.

It fails closed (45 CFR 164.514 leaves no room for "mostly"): an exception in any recognizer or in the tagger, a
replaced text that does not map back, or known PHI left in the text raises, and the guard rejects the note.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import pyarrow as pa
from presidio_analyzer import PatternRecognizer

from transforms import schema
from transforms.deid import recognizers as shipped_recognizers
from transforms.deid.analyzer import build_engine
from transforms.deid.detector import Detector
from transforms.deid.known import KnownPhi
from transforms.deid.labels import SAFE_HARBOR, LabelMap
from transforms.deid.lexicon import Lexicon
from transforms.deid.recognizers import RecognizerSpec, from_pattern
from transforms.deid.replace import OffsetMap, replace, tag
from transforms.deid.spans import PhiSpan
from transforms.deid.tagger import PhiTagger, TaggerSpec, as_phi
from transforms.stage import NoteError, Resources, with_column

MODES: Final = ("tag",)


class LeakError(Exception):
    """Known PHI is still in the de-identified text. The message holds offsets only."""


@dataclass(frozen=True)
class Deidentify:
    """Replaces `text`, cuts `note_time` to the year, empties `patient_name`, adds `phi`.

    Attributes:
        mode: how PHI is replaced; `tag` puts `[LABEL]` in its place.
        tagger: a PHI tagger; None leaves patterns and known PHI alone.
        threshold: least score of a recognizer's span (the tagger has its own).
        recognizers: further ones, as `RecognizerSpec` or Presidio's `PatternRecognizer`.
        labels: pairs (entity or tagger's label, i2b2-2014 label) for names that are not known.
    """

    mode: str = "tag"
    tagger: TaggerSpec | None = None
    threshold: float = 0.5
    recognizers: tuple[RecognizerSpec, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    resources: Resources = field(default=Resources(cpus=1), repr=False)
    name: ClassVar[str] = "deidentify"
    reads: ClassVar[pa.Schema] = schema.columns(
        "note_id", "note_time", "patient_name", "raw_patient_id", "raw_encounter_id", "raw_note_id", "text"
    )
    adds: ClassVar[pa.Schema] = schema.columns("text", "note_time", "patient_name", "phi")

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode {self.mode!r} is not supported; supported: {', '.join(MODES)}")
        if not 0.0 <= self.threshold <= 1.0:
            raise ValueError(f"threshold is {self.threshold}; it must lie between 0 and 1")
        specs = tuple(from_pattern(one) if isinstance(one, PatternRecognizer) else one for one in self.recognizers)
        if strange := [one for one in specs if not isinstance(one, RecognizerSpec)]:
            raise ValueError(f"{type(strange[0]).__name__} is no recognizer spec: name its class with from_class")
        object.__setattr__(self, "recognizers", specs)
        LabelMap(self.labels)

    def open(self) -> DeidentifyWorker:
        """Builds the recognizers and loads the tagger.

        Raises:
            ValueError: a recognizer cannot be made or hides its errors.
            UnknownLabelError: a recognizer or the tagger gives a label that is not mapped.
            CheckpointError: the tagger's checkpoint is gone or changed.
        """
        labels = LabelMap(self.labels)
        extra = [spec.open() for spec in self.recognizers]
        engine = build_engine([*shipped_recognizers.shipped(), *extra], labels)
        tagger = self.tagger.open() if self.tagger is not None else None
        if tagger is not None:
            labels.check(tagger.labels, "the tagger")
        return DeidentifyWorker(Detector(engine, labels, Lexicon.shipped(), self.threshold), labels, tagger)


class DeidentifyWorker:
    """The detector and the tagger in their Arrow coat."""

    def __init__(self, detector: Detector, labels: LabelMap, tagger: PhiTagger | None) -> None:
        self._detector = detector
        self._labels = labels
        self._tagger = tagger

    def process(self, notes: pa.Table) -> pa.Table:
        texts = notes["text"].to_pylist()
        if any(text is None for text in texts):
            raise NoteError("text is null")
        tagged: list[list[PhiSpan]] = [[] for _ in texts]
        if self._tagger is not None and texts:
            tagged = as_phi(texts, self._tagger.tag(texts), self._labels)
        replaced, rows = [], []
        for text, known, spans in zip(texts, _known(notes), tagged, strict=True):
            new, phi = self._one(text, known, spans)
            replaced.append(new)
            rows.append(phi)
        notes = with_column(notes, Deidentify.adds.field("text"), replaced)
        notes = with_column(notes, Deidentify.adds.field("phi"), rows)
        years = [None if time is None else dt.datetime(time.year, 1, 1) for time in notes["note_time"].to_pylist()]
        notes = with_column(notes, Deidentify.adds.field("note_time"), years)
        return with_column(notes, Deidentify.adds.field("patient_name"), [None] * len(texts))

    def _one(self, text: str, known: KnownPhi, tagged: list[PhiSpan]) -> tuple[str, list[dict[str, Any]]]:
        spans = self._detector.detect(text, known, tagged)
        replaced, offsets = replace(text, spans, tag)
        offsets.verify(text, replaced)
        if leaks := self._detector.leaks(replaced, ((edit.start, edit.end) for edit in offsets.edits), known):
            raise LeakError(f"known PHI is left at [{leaks[0].start}, {leaks[0].end})")
        return replaced, _rows(spans, offsets)

    def close(self) -> None:
        """Releases the tagger."""
        if self._tagger is not None:
            self._tagger.close()


def _known(notes: pa.Table) -> Iterator[KnownPhi]:
    """What each row knows of its patient."""
    columns = [
        notes[name].to_pylist() for name in ("patient_name", "raw_patient_id", "raw_encounter_id", "raw_note_id")
    ]
    for names, patient, encounter, note in zip(*columns, strict=True):
        yield KnownPhi.of(names or (), ((patient, "MEDICALRECORD"), (encounter, "IDNUM"), (note, "IDNUM")))


def _rows(spans: list[PhiSpan], offsets: OffsetMap) -> list[dict[str, Any]]:
    """The note's rows of the `phi` table."""
    return [
        {
            "label": span.label,
            "safe_harbor": SAFE_HARBOR[span.label],
            "recognizer": span.recognizer,
            "score": span.score,
            "raw_start": edit.raw_start,
            "raw_end": edit.raw_end,
            "start": edit.start,
            "end": edit.end,
        }
        for span, edit in zip(spans, offsets.edits, strict=True)
    ]
