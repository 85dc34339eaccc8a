"""The stages that make a row free of raw text: `find_phi`, `link_names`, `deidentify`.

They are apart so that one bad note costs one note: finding is done note by note and may fail on any; linking
looks over all of a patient's notes in the split and hands on offsets alone; replacing is note by note again.
After `deidentify` a row holds nothing raw.

They fail closed (45 CFR 164.514 leaves no room for "mostly"): an exception in any recognizer or in the tagger, a
replaced text that does not map back, or known PHI left in the text raises, and the guard rejects the note.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import pyarrow as pa
from presidio_analyzer import PatternRecognizer

from transforms import schema
from transforms.clinical_bert.counts import Counts
from transforms.deid import recognizers as shipped_recognizers
from transforms.deid.analyzer import build_engine
from transforms.deid.detector import Detector
from transforms.deid.known import KnownPhi
from transforms.deid.labels import SAFE_HARBOR, LabelMap
from transforms.deid.lexicon import Lexicon
from transforms.deid.linking import link
from transforms.deid.note_kinds import note_kind
from transforms.deid.pseudonyms import Key
from transforms.deid.recognizers import RecognizerSpec, from_pattern
from transforms.deid.replace import OffsetMap, replace
from transforms.deid.replacement import MODES, Mode, NoteFacts, Replacer, replacer
from transforms.deid.spans import PhiSpan
from transforms.deid.tagger import Counting, PhiTagger, TaggerSpec, as_phi
from transforms.stage import NoteError, Resources, Stage, Worker, with_column

_IDS = ("raw_patient_id", "raw_encounter_id", "raw_note_id")


class LeakError(Exception):
    """Known PHI is still in the de-identified text. The message holds offsets only."""


def deidentification(
    key: Key,
    *,
    mode: Mode = "tag",
    tagger: TaggerSpec | None = None,
    threshold: float = 0.5,
    recognizers: Sequence[RecognizerSpec | PatternRecognizer] = (),
    labels: Sequence[tuple[str, str]] = (),
    link_names: bool = True,
) -> tuple[Stage, ...]:
    """The stages of a de-identification, in order; see `FindPhi`, `LinkNames`, `Deidentify` for the arguments."""
    find = FindPhi(tagger, threshold, tuple(recognizers), tuple(labels))
    return (find, *([LinkNames()] if link_names else []), Deidentify(key, mode))


@dataclass(frozen=True)
class FindPhi:
    """Adds `found`: where PHI stands in the raw text; and `tagged`: what the tagger's encoder did for the note.

    Attributes:
        tagger: a PHI tagger; None leaves patterns, lists and known PHI alone.
        threshold: least score of a recognizer's span (the tagger has its own).
        recognizers: further ones, as `RecognizerSpec` or Presidio's `PatternRecognizer`.
        labels: pairs (entity or tagger's label, i2b2-2014 label) for names that are not known.
    """

    tagger: TaggerSpec | None = None
    threshold: float = 0.5
    recognizers: tuple[RecognizerSpec, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    resources: Resources = field(default=Resources(cpus=1), repr=False)
    name: ClassVar[str] = "find_phi"
    reads: ClassVar[pa.Schema] = schema.columns("text", "patient_name", "known_phi", *_IDS)
    adds: ClassVar[pa.Schema] = schema.columns("found", "tagged")

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 1.0:
            raise ValueError(f"threshold is {self.threshold}; it must lie between 0 and 1")
        specs = tuple(from_pattern(one) if isinstance(one, PatternRecognizer) else one for one in self.recognizers)
        if strange := [one for one in specs if not isinstance(one, RecognizerSpec)]:
            raise ValueError(f"{type(strange[0]).__name__} is no recognizer spec: name its class with from_class")
        object.__setattr__(self, "recognizers", specs)
        LabelMap(self.labels)

    def open(self) -> FindPhiWorker:
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
        return FindPhiWorker(Detector(engine, labels, Lexicon.shipped(), self.threshold), labels, tagger)


class FindPhiWorker:
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
        counts: Sequence[Counts] | None = None
        if self._tagger is not None and texts:
            tagged = as_phi(texts, self._tagger.tag(texts), self._labels)
            counts = self._tagger.counts if isinstance(self._tagger, Counting) else None
        rows = zip(texts, _known(notes), tagged, strict=True)
        found = [_as_found(self._detector.detect(text, known, spans)) for text, known, spans in rows]
        notes = with_column(notes, FindPhi.adds.field("found"), found)
        did = [None] * len(texts) if counts is None else [asdict(of_note) for of_note in counts]
        return with_column(notes, FindPhi.adds.field("tagged"), did)

    def close(self) -> None:
        """Releases the tagger."""
        if self._tagger is not None:
            self._tagger.close()


@dataclass(frozen=True)
class LinkNames:
    """Extends `found`: a name that is certain in one note is PHI in the patient's other notes of the split too."""

    resources: Resources = field(default=Resources(cpus=1), repr=False)
    name: ClassVar[str] = "link_names"
    reads: ClassVar[pa.Schema] = schema.columns("text", "found", "raw_patient_id")
    adds: ClassVar[pa.Schema] = schema.columns("found")

    def open(self) -> LinkNamesWorker:
        return LinkNamesWorker(Lexicon.shipped())


class LinkNamesWorker:
    """Groups the notes by patient; a note without a patient id stands alone."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def process(self, notes: pa.Table) -> pa.Table:
        texts, found = notes["text"].to_pylist(), [_as_spans(rows) for rows in notes["found"].to_pylist()]
        patients: dict[str, list[int]] = defaultdict(list)
        for row, patient in enumerate(notes["raw_patient_id"].to_pylist()):
            if patient is not None:
                patients[patient].append(row)
        for rows in patients.values():
            if len(rows) > 1:
                linked = link([(texts[row], found[row]) for row in rows], self._lexicon)
                for row, spans in zip(rows, linked, strict=True):
                    found[row] = spans
        return with_column(notes, LinkNames.adds.field("found"), [_as_found(spans) for spans in found])

    def close(self) -> None:
        """Nothing to release."""


@dataclass(frozen=True)
class Deidentify:
    """Replaces `text` and `note_time`, empties the other raw columns, adds `phi`.

    `note_type` stays where it is a kind of note (see `note_kind`); free text in its place goes.

    Attributes:
        key: what numbers, surrogates and date shifts hang on.
        mode: how PHI is replaced; see `transforms.deid.replacement`.
    """

    key: Key
    mode: Mode = "tag"
    resources: Resources = field(default=Resources(cpus=1), repr=False)
    name: ClassVar[str] = "deidentify"
    reads: ClassVar[pa.Schema] = schema.columns(
        "text", "found", "note_type", "note_time", "patient_name", "known_phi", *_IDS
    )
    adds: ClassVar[pa.Schema] = schema.columns(
        "text", "note_type", "note_time", "admit_time", "patient_name", "known_phi", "found", "phi"
    )

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode {self.mode!r} is not supported; supported: {', '.join(MODES)}")

    def open(self) -> DeidentifyWorker:
        return DeidentifyWorker(replacer(self.mode, self.key), Lexicon.shipped())


class DeidentifyWorker:
    """The replacement in its Arrow coat."""

    def __init__(self, replacement: Replacer, lexicon: Lexicon) -> None:
        self._replacement = replacement
        self._lexicon = lexicon

    def process(self, notes: pa.Table) -> pa.Table:
        texts, rows, times = [], [], []
        columns = (notes["text"].to_pylist(), notes["found"].to_pylist(), _facts(notes), _known(notes))
        for text, found, facts, known in zip(*columns, strict=True):
            if text is None or found is None:
                raise NoteError("the note was not searched for PHI")
            new, phi = self._one(text, _as_spans(found), facts, known)
            texts.append(new)
            rows.append(phi)
            times.append(self._replacement.note_time(facts))
        kinds = [note_kind(kind, self._lexicon) for kind in notes["note_type"].to_pylist()]
        values = {"text": texts, "note_type": kinds, "note_time": times, "phi": rows}
        for column in Deidentify.adds:
            notes = with_column(notes, column, values.get(column.name, [None] * len(texts)))
        return notes

    def _one(
        self, text: str, spans: list[PhiSpan], facts: NoteFacts, known: KnownPhi
    ) -> tuple[str, list[dict[str, Any]]]:
        replaced, offsets = replace(text, spans, self._replacement.replacements(text, spans, facts))
        for span in known.find(replaced, self._lexicon):
            if not any(edit.start < span.end and span.start < edit.end for edit in offsets.edits):
                raise LeakError(f"known PHI is left at [{span.start}, {span.end})")
        return replaced, _rows(spans, offsets)

    def close(self) -> None:
        """Nothing to release."""


def _known(notes: pa.Table) -> Iterator[KnownPhi]:
    """What each row knows of its patient."""
    columns = [notes[name].to_pylist() for name in ("patient_name", "known_phi", *_IDS)]
    for names, pairs, patient, encounter, note in zip(*columns, strict=True):
        ids = [(patient, "MEDICALRECORD"), (encounter, "IDNUM"), (note, "IDNUM")]
        yield KnownPhi.of(names or (), [*ids, *((pair["value"], pair["label"]) for pair in pairs or ())])


def _facts(notes: pa.Table) -> Iterator[NoteFacts]:
    columns = [notes[name].to_pylist() for name in ("raw_patient_id", "raw_note_id", "patient_name", "note_time")]
    for patient, note, names, time in zip(*columns, strict=True):
        # A note of nobody is consistent in itself.
        yield NoteFacts(f"note {note}" if patient is None else f"patient {patient}", tuple(names or ()), time)


def _as_found(spans: Sequence[PhiSpan]) -> list[dict[str, Any]]:
    return [span._asdict() for span in spans]


def _as_spans(rows: Sequence[dict[str, Any]]) -> list[PhiSpan]:
    return [PhiSpan(**row) for row in rows]


def _rows(spans: Sequence[PhiSpan], offsets: OffsetMap) -> list[dict[str, Any]]:
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


class Chain:
    """Workers one after another, for those who de-identify outside of a run."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._workers: list[Worker] = [stage.open() for stage in stages]

    def process(self, notes: pa.Table) -> pa.Table:
        for worker in self._workers:
            notes = worker.process(notes)
        return notes

    def close(self) -> None:
        for worker in self._workers:
            worker.close()
