"""A run, before it runs: where the notes come from, which stages they pass, what is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import pyarrow as pa

from pipelines.errors import RequestError
from pipelines.io.sink import Sink
from pipelines.io.source import ReadTask, Source
from pipelines.io.storage import Folder
from pipelines.parcel import Parcel
from pipelines.tables import TABLES, schema_of
from transforms import schema
from transforms.deid.pseudonyms import Pseudonyms
from transforms.readmission import ReadmissionOptions
from transforms.stage import Stage, Worker

RAW: Final = frozenset({"text", "patient_name", "known_phi", "note_type", "note_time", "admit_time"})
"""Columns that hold raw content until `deidentify` replaces them."""

MAY_READ_RAW: Final = frozenset({"validate", "place_notes", "find_phi", "link_names", "deidentify"})


@dataclass(frozen=True)
class Plan:
    """Source, stages and tables of a run.

    Attributes:
        pseudonyms: makes the ids that are written; applied as the notes are read.
        stages: in the order in which notes pass them.
        output: URI of the folder that the run owns.
        version: Notemill's version; another version may give other results, so it is part of the identity.
        readmission: how admissions are scored after the last split.
    """

    source: Source[Any]
    pseudonyms: Pseudonyms
    stages: tuple[Stage, ...]
    output: str
    version: str
    readmission: ReadmissionOptions = field(default_factory=ReadmissionOptions)

    @cached_property
    def tables(self) -> Mapping[str, pa.Schema]:
        """Tables made of living notes, each with its schema: those whose columns the stages give."""
        fields = [*schema.columns(*schema.READ_COLUMNS), *self.pseudonyms.adds]
        fields += [field for stage in self.stages for field in stage.adds]
        given = {field.name: field.type for field in fields}
        return {table.name: schema_of(table.name, given) for table in TABLES if given.keys() >= set(table.needs)}

    @property
    def scores_readmission(self) -> bool:
        return any("chunk_scores" in stage.adds.names for stage in self.stages)

    @property
    def sink(self) -> Sink:
        top_chunks = self.readmission.top_chunks if self.scores_readmission else None
        return Sink(self.output, self.run_id, self.tables, top_chunks)

    @property
    def folder(self) -> Folder:
        return Folder(self.output)

    @cached_property
    def content(self) -> dict[str, Any]:
        """What decides the content of the tables."""
        inputs = [(file.name, file.size, file.digest) for file in self.source.files]
        return {
            "version": self.version,
            "input": _digest(inputs),
            "columns": repr(self.source.mapping),
            "ids": repr(self.pseudonyms),
            "stages": {stage.name: repr(stage) for stage in self.stages},
            **({"readmission": repr(self.readmission)} if self.scores_readmission else {}),
        }

    @cached_property
    def run_id(self) -> str:
        """The same for the same notes, configuration and key, whatever the engine and the size of splits.

        Written again, a run replaces itself; a warehouse may merge by it.
        """
        return _digest(self.content)[:16]

    def identity(self) -> dict[str, Any]:
        """The content of `_plan.json`: what a resumed run must share with the one it resumes."""
        facts = {**self.content, "split_rows": self.source.split_rows}
        facts["input"] = _digest([(file.name, file.size, file.digest, file.stamp) for file in self.source.files])
        return {"run_id": self.run_id, "fingerprint": _digest(facts), **facts}

    def check(self) -> None:
        """Refuses a plan that could not run, or that could let raw text out.

        Raises:
            RequestError: a stage needs a column that nothing gives, or could read raw text.
        """
        given = set(schema.READ_COLUMNS) | set(self.pseudonyms.adds.names)
        raw = set(RAW)
        for stage in self.stages:
            if missing := [name for name in stage.reads.names if name not in given]:
                raise RequestError(
                    f"stage {stage.name} needs {', '.join(missing)}, which no stage before it gives; "
                    "add the stage that does to --stages"
                )
            if stage.name not in MAY_READ_RAW and (leak := sorted(raw.intersection(stage.reads.names))):
                raise RequestError(
                    f"stage {stage.name} would read raw {', '.join(leak)}: put deidentify before it in --stages"
                )
            if stage.name == "deidentify":
                raw -= set(stage.adds.names)
            given |= set(stage.adds.names)
        if raw:
            raise RequestError("deidentify must be among --stages: without it the tables would hold raw text")

    def read(self, task: ReadTask) -> Iterator[Parcel]:
        """The task's splits, with pseudonyms for ids."""
        worker: Worker = self.pseudonyms.open()
        for split, notes, skipped in self.source.read(task):
            yield Parcel(split, worker.process(notes), skipped)
        worker.close()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
