"""Which splits are done: a receipt for each, and the fingerprint of the run that they belong to.

A receipt is written after all tables of its split, so a split with a receipt is whole. `_plan.json` is written
before the first split; a later run over the same output must have the same fingerprint, or it would mix two runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from pipelines.errors import RequestError
from pipelines.io.storage import TEMPORARY, Folder
from transforms import schema

LEDGER: Final = "_ledger"
PLAN: Final = "_plan.json"
MANIFEST: Final = "_run.json"
ATTESTATION: Final = "_attestation.json"
CHUNKS: Final = "_chunks"
KEY: Final = "crosswalk/_key"

OWNED: Final = (*schema.TABLES, CHUNKS, LEDGER, TEMPORARY, PLAN, MANIFEST, ATTESTATION)
"""Everything that a run may write under its output."""


@dataclass(frozen=True)
class Receipt:
    """What became of a split.

    Attributes:
        start: first row of the split in its file.
        rows_read: rows that entered the stages; `rows_skipped` more were marked by the source as not to be read.
        rejects: `stage/error` -> notes.
        tables: table -> rows and bytes of the split's part file.
        phi: `label`, `class` (of Safe Harbor) and `recognizer`, each with its counts of replaced spans.
        tokens: tokens that the encoder saw.
        encoded: what the encoders did for the notes written: `tagged` of the PHI tagger and `encoded` of the
            clinical-BERT replica, each with the sums of `transforms.clinical_bert.counts.Counts`; `truncated_tokens`
            of rejected notes too.
        seconds: stage -> time spent in it.
        started: when the first stage took the split, `finished` when its tables were written (since the epoch).
        workers: who worked on it: stages, host, process id, accelerators.
    """

    split: str
    start: int
    rows_read: int
    rows_written: int
    rows_rejected: int
    rows_skipped: int = 0
    rejects: Mapping[str, int] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    phi: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    tokens: int = 0
    encoded: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    started: float = 0.0
    finished: float = 0.0
    workers: Sequence[Mapping[str, Any]] = ()

    @property
    def balanced(self) -> bool:
        return self.rows_read == self.rows_written + self.rows_rejected

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @staticmethod
    def from_json(text: str | bytes) -> Receipt:
        facts = json.loads(text)
        return Receipt(**{**facts, "phi": facts["phi"], "workers": tuple(facts["workers"])})


class Ledger:
    """The ledger under one output."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def plan(self) -> dict[str, Any] | None:
        """What `_plan.json` says, or None for an output that was never begun."""
        data = self._folder.get(PLAN)
        if data is None:
            return None
        try:
            return dict(json.loads(data))
        except ValueError as error:
            raise RequestError(f"{PLAN} of {self._folder.uri} is damaged; start over with --fresh") from error

    def begin(self, identity: Mapping[str, Any], *, fresh: bool) -> None:
        """Opens the ledger for a run of this identity.

        Args:
            identity: the run's identity; its key `fingerprint` decides.
            fresh: remove what a former run wrote here.

        Raises:
            RequestError: the output belongs to another run, or holds tables that no run of ours wrote.
        """
        if fresh:
            self.clear()
        elif (found := self.plan()) is not None:
            if found.get("fingerprint") != identity["fingerprint"]:
                changed = ", ".join(key for key in identity if key != "fingerprint" and identity[key] != found.get(key))
                raise RequestError(
                    f"{self._folder.uri} holds a run over another input or configuration (changed: {changed}); "
                    "choose another --output, or start over with --fresh, which removes it"
                )
            self._folder.remove(TEMPORARY)
            return
        elif occupied := [name for name in schema.TABLES if self._folder.sizes(name)]:
            raise RequestError(
                f"{self._folder.uri} already holds files under {', '.join(occupied)} but no {PLAN}; "
                "choose another --output, or remove them with --fresh"
            )
        self._folder.put(PLAN, json.dumps(dict(identity), indent=1).encode())

    def clear(self) -> None:
        """Removes all that a run may have written; the plan last, so that a killed clean-up is begun again."""
        for name in (*(name for name in OWNED if name != PLAN), PLAN):
            self._folder.remove(name)

    def write(self, receipt: Receipt) -> None:
        self._folder.put(f"{LEDGER}/{receipt.split}.json", receipt.to_json().encode())

    def names(self) -> set[str]:
        """Ids of the splits that have a receipt."""
        return {name.removesuffix(".json") for name in self._folder.sizes(LEDGER) if name.endswith(".json")}

    def read(self, split: str) -> Receipt | None:
        data = self._folder.get(f"{LEDGER}/{split}.json")
        if data is None:
            return None
        try:
            return Receipt.from_json(data)
        except (ValueError, TypeError, KeyError):  # damaged, so no receipt: the split is done again
            return None

    def receipts(self) -> dict[str, Receipt]:
        """The receipts of all splits whose part files are still there, whole."""
        found: dict[str, dict[str, int]] = {}
        receipts: dict[str, Receipt] = {}
        for split in sorted(self.names()):
            receipt = self.read(split)
            if receipt is None:
                continue
            for table in receipt.tables:
                if table not in found:
                    found[table] = self._folder.sizes(table)
            name = part_name(split)
            if all(found[table].get(name) == facts["bytes"] for table, facts in receipt.tables.items()):
                receipts[split] = receipt
        return receipts

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Writes `_run.json`, the last thing that a run writes; before it the attestation, to be filed by itself."""
        if "deidentification" in manifest:
            attestation = {"run_id": manifest["run_id"], **manifest["deidentification"]}
            self._folder.put(ATTESTATION, json.dumps(attestation, indent=1).encode())
        self._folder.put(MANIFEST, json.dumps(dict(manifest), indent=1).encode())

    def manifest(self) -> dict[str, Any] | None:
        data = self._folder.get(MANIFEST)
        try:
            return None if data is None else dict(json.loads(data))
        except ValueError:  # damaged, so not written: it is drawn up again from the receipts
            return None


def part_name(split: str) -> str:
    """The name of a split's file in every table's folder."""
    return f"part-{split}.parquet"
