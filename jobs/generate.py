"""`notemill generate`: a corpus of synthetic notes with gold tables, streamed to Parquet.

    OUT/notes/part-00000.parquet                                   what a run reads
    OUT/gold/{phi,sections,entities,codes,readmission}/part-00000.parquet
    OUT/_generate.json                                             seed, counts, versions; written last

Part `k` of every gold table belongs to part `k` of the notes, but a stay whose notes go on in the next part has
its `readmission` row where its first note is. Gold entities of the labels Disease and Chemical are meant to be
complete; Procedure and Lab cover the main mentions only.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import faker
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.synthetic import gold
from jobs.synthetic.corpus import Written, patient_notes
from jobs.synthetic.wording import WORDINGS, Wording

_GROUP_ROWS: Final = 1000
_MANIFEST: Final = "_generate.json"
_OURS: Final = re.compile(rf"{re.escape(_MANIFEST)}|(notes|gold/({'|'.join(gold.SCHEMAS)}))/part-\d{{5,}}\.parquet")


@dataclass(frozen=True)
class GenerateSummary:
    """What was written: rows of each table, patients, and how long it took in seconds."""

    output: str
    patients: int
    rows: dict[str, int]
    seconds: float


def generate(
    output: str,
    *,
    notes: int,
    seed: int = 0,
    notes_per_patient: float | None = None,
    rows_per_file: int = 10_000,
    progress: Callable[[int], None] | None = None,
    wording: Wording = "all",
    copied: float = 0.8,
) -> GenerateSummary:
    """Writes `notes` synthetic notes and their gold tables under `output`.

    The same arguments give the same rows. A patient's notes depend on the seed, the wording and the patient's
    number alone, so the rows of a smaller run are the first rows of a larger one.

    Args:
        output: a URI that fsspec knows: a folder that is empty, missing, or holds a finished corpus, which is replaced.
        notes: how many notes.
        seed: any whole number.
        notes_per_patient: notes a patient on average; None lets the stories run their course (about nine).
        rows_per_file: notes a part file.
        progress: called with the number of notes written so far, after each row group.
        wording: `train` and `heldout` use disjoint phrasings, PHI forms and names; `all` uses both.
        copied: how likely a section of a progress note is yesterday's, 0 to 1; see `jobs.synthetic.copying`.

    Raises:
        ValueError: a request that cannot be met: no notes asked for, an output that cannot be written or that
            holds files of something else.
    """
    _check(notes, notes_per_patient, rows_per_file, wording, copied)
    started = time.monotonic()
    filesystem, root = _prepare(output)
    written = 0
    patients = 0
    rows = dict.fromkeys(gold.SCHEMAS, 0)
    stream = _stream(notes, seed, wording, notes_per_patient, copied)
    for part in itertools.count():
        batch = list(itertools.islice(stream, min(_GROUP_ROWS, rows_per_file)))
        if not batch:
            break
        with contextlib.ExitStack() as stack:
            writers = {
                name: stack.enter_context(_Part(filesystem, _path(root, name, part), schema))
                for name, schema in gold.SCHEMAS.items()
            }
            in_part = 0
            while batch:
                for name, columns in _tables(batch).items():
                    rows[name] += writers[name].write(columns)
                patients = batch[-1].patient.number + 1
                in_part += len(batch)
                written += len(batch)
                if progress is not None:
                    progress(written)
                batch = list(itertools.islice(stream, min(_GROUP_ROWS, rows_per_file - in_part)))
    summary = GenerateSummary(output, patients, rows, round(time.monotonic() - started, 3))
    manifest = {
        "notes": notes,
        "seed": seed,
        "wording": wording,
        "copied": copied,
        "notes_per_patient": notes_per_patient,
        "rows_per_file": rows_per_file,
        "patients": patients,
        "rows": rows,
        "faker": faker.VERSION,
        "pyarrow": pa.__version__,
    }
    with filesystem.open(f"{root}/{_MANIFEST}", "w") as file:
        json.dump(manifest, file, indent=2)
    return summary


def _check(notes: int, notes_per_patient: float | None, rows_per_file: int, wording: str, copied: float) -> None:
    if notes < 1:
        raise ValueError(f"notes must be at least 1, not {notes}")
    if notes_per_patient is not None and notes_per_patient < 1:
        raise ValueError(f"notes_per_patient must be at least 1, not {notes_per_patient}")
    if rows_per_file < 1:
        raise ValueError(f"rows_per_file must be at least 1, not {rows_per_file}")
    if wording not in WORDINGS:
        raise ValueError(f"wording must be one of {', '.join(WORDINGS)}, not {wording!r}")
    if not 0.0 <= copied <= 1.0:
        raise ValueError(f"copied must lie between 0 and 1, not {copied}")


def _prepare(output: str) -> tuple[Any, str]:
    """Opens the output, refuses it if it holds anything but a finished corpus, and clears that."""
    try:
        filesystem, root = fsspec.core.url_to_fs(output)
    except (ValueError, ImportError) as error:
        raise ValueError(f"cannot write to {output}: {error}") from error
    root = root.rstrip("/")
    try:
        if filesystem.isfile(root):
            raise ValueError(f"cannot write to {output}: it is a file, not a folder")
        if filesystem.isdir(root):
            _clear(filesystem, root, output)
        filesystem.makedirs(root, exist_ok=True)
        # Some stores tell only a writer that it may not write.
        with filesystem.open(f"{root}/{_MANIFEST}", "w") as file:
            file.write("{}")
        filesystem.rm(f"{root}/{_MANIFEST}")
    except OSError as error:
        raise ValueError(f"cannot write to {output}: {error.strerror or type(error).__name__}") from error
    return filesystem, root


def _clear(filesystem: Any, root: str, output: str) -> None:
    """Removes an earlier corpus: only what this command is sure to have written."""
    names = sorted(path.removeprefix(root).lstrip("/") for path in filesystem.find(root))
    foreign = [name for name in names if not _OURS.fullmatch(name)]
    if foreign:
        raise ValueError(f"{output} holds other files ({foreign[0]}); choose an empty folder")
    if names and _MANIFEST not in names:
        raise ValueError(f"{output} holds notes but no {_MANIFEST}, so they may not be ours; choose an empty folder")
    # The manifest sorts first: what a crash leaves behind does not pass for a corpus.
    for name in names:
        filesystem.rm(f"{root}/{name}")


def _path(root: str, table: str, part: int) -> str:
    return f"{root}/{'' if table == 'notes' else 'gold/'}{table}/part-{part:05}.parquet"


class _Part:
    """One part file, written a row group at a time."""

    def __init__(self, filesystem: Any, path: str, schema: pa.Schema) -> None:
        filesystem.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        self._schema = schema
        self._file = filesystem.open(path, "wb")
        self._writer = pq.ParquetWriter(self._file, schema, compression="zstd")

    def __enter__(self) -> _Part:
        return self

    def __exit__(self, *unused: object) -> None:
        self._writer.close()
        self._file.close()

    def write(self, rows: list[tuple[Any, ...]]) -> int:
        """Writes rows as one row group and says how many there were."""
        columns = zip(*rows, strict=True) if rows else [()] * len(self._schema)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        if rows:
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        return len(rows)


def _stream(
    notes: int, seed: int, wording: Wording, notes_per_patient: float | None, copied: float
) -> Iterator[Written]:
    patients = (patient_notes(index, seed, wording, notes_per_patient, copied) for index in itertools.count())
    return itertools.islice(itertools.chain.from_iterable(patients), notes)


def _tables(batch: list[Written]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows that a batch of notes adds to every table."""
    tables: dict[str, list[tuple[Any, ...]]] = {name: [] for name in gold.SCHEMAS}
    for item in batch:
        note, patient, stay = item.note, item.patient, item.stay
        note_id = item.note_id
        name = f"{patient.name.first} {patient.name.last}"
        tables["notes"].append((note_id, patient.patient_id, stay.encounter_id, note.kind, note.when, name, note.text))
        tables["phi"] += gold.phi_rows(note_id, note)
        tables["sections"] += gold.section_rows(note_id, note)
        tables["entities"] += gold.entity_rows(note_id, note)
        tables["codes"] += [(note_id, stay.encounter_id, code) for code in note.draft.codes]
        if item.first:
            left = dt.datetime.combine(stay.discharge, dt.time(16))
            tables["readmission"].append((stay.encounter_id, patient.patient_id, stay.readmitted, left))
    return tables
