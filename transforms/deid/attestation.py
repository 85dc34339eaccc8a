"""What a run can say for its de-identification, for the person who has to answer for it.

The method is named Safe Harbor only where all that the rule asks of software was done: an active rule for each of the
18 classes, none of them weakened, nothing told of a date but its year, and ids that do not turn back. Anything else
needs an expert (45 CFR 164.514(b)(1)), and the reasons are listed. What was found is counted by class, label and
recognizer; what it was found with is pinned by SHA-256.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import platform
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from presidio_analyzer import EntityRecognizer

from transforms.clinical_bert.checkpoints import CheckpointError, shipped
from transforms.clinical_bert.replica import WINDOW
from transforms.deid import recognizers as shipped_recognizers
from transforms.deid.labels import SAFE_HARBOR, LabelMap, UnknownLabelError
from transforms.deid.provenance import digest, file_digests, room
from transforms.deid.pseudonyms import Pseudonyms
from transforms.deid.spans import TAGGER
from transforms.deid.stage import Deidentify, FindPhi, LinkNames
from transforms.deid.tagger import HEAD, ReplicaTagger, TaggerSpec
from transforms.stage import Stage

SAFE_HARBOR_METHOD: Final = "Safe Harbor, 45 CFR 164.514(b)(2)"
EXPERT_METHOD: Final = "Expert Determination needed, 45 CFR 164.514(b)(1)"
MEANING: Final = (
    "The method names the rules by which the notes were treated. It is no legal certification: software misses some "
    "identifiers, and whether the data are de-identified under 45 CFR 164.514 is for the covered entity to decide, "
    "which must also have no actual knowledge that what is left could identify a person (164.514(b)(2)(ii)). The "
    "tables phi and crosswalk and the pseudonym key are not de-identified and stay with the raw notes. Ids and the "
    "numbers of tags are keyed hashes (HMAC-SHA-256) of what they stand for: without the key no one can go back, but "
    "whoever reads 164.514(c)(1) strictly sees codes derived from information about the individual, and asks an expert."
)
CLASSES: Final = tuple(sorted(set(SAFE_HARBOR.values())))
"""The letters of 45 CFR 164.514(b)(2)(i), A to R."""

_PACKAGES: Final = ("notemill", "presidio-analyzer", "spacy", "torch", "transformers", "numpy", "pyarrow")


@dataclass(frozen=True)
class Counted:
    """What the receipts of a run add up to.

    Attributes:
        rejects: `stage/error` -> notes.
        phi: `label`, `class` and `recognizer`, each with its counts of spans.
        canaries: what the canary said in each worker that de-identified.
        unproven: splits that no such worker de-identified.
    """

    notes_read: int
    notes_written: int
    notes_rejected: int
    rejects: Mapping[str, int]
    phi: Mapping[str, Mapping[str, int]]
    canaries: Sequence[Mapping[str, Any]]
    unproven: int


class Attestor:
    """Takes down, before a run, how it will de-identify, and attests it afterwards.

    Args:
        stages: the run's specs, with those that find and replace PHI among them.
        pseudonyms: how ids are made.
        known: labels of the input's own columns that are given as PHI.

    Raises:
        ValueError: no stage, or more than one, finds or replaces PHI.
    """

    def __init__(self, stages: Sequence[Stage], pseudonyms: Pseudonyms, known: Sequence[str]) -> None:
        (self._find,) = (stage for stage in stages if isinstance(stage, FindPhi))
        (self._replace,) = (stage for stage in stages if isinstance(stage, Deidentify))
        self._links = any(isinstance(stage, LinkNames) for stage in stages)
        self._pseudonyms = pseudonyms
        self._known = sorted(known)
        live = [*shipped_recognizers.shipped(), *(spec.open() for spec in self._find.recognizers)]
        self._giving = _giving(self._find, live)
        self._rules = _rules(self._find, self._giving)
        self._recognizers = [_identity(recognizer) for recognizer in live]
        self._files = file_digests()

    def attest(self, counted: Counted, started: str, finished: str) -> dict[str, Any]:
        """The attestation, as plain values for JSON.

        Args:
            counted: sums of the receipts.
            started, finished: ISO 8601.
        """
        find, reasons = self._find, self._reasons(counted)
        spans = counted.phi
        return {
            "mode": self._replace.mode,
            "method": EXPERT_METHOD if reasons else SAFE_HARBOR_METHOD,
            "reasons": reasons,
            "meaning": MEANING,
            "started": started,
            "finished": finished,
            "notes": {
                "read": counted.notes_read,
                "de_identified": counted.notes_written,
                "rejected": counted.notes_rejected,
                "rejects": dict(counted.rejects),
            },
            "spans": {
                "total": sum(spans.get("label", {}).values()),
                "by_class": {letter: spans.get("class", {}).get(letter, 0) for letter in CLASSES},
                "by_label": dict(sorted(spans.get("label", {}).items())),
                "by_recognizer": dict(sorted(spans.get("recognizer", {}).items())),
            },
            "canary": _canary(counted),
            "rules": self._rules,
            "ids": self._pseudonyms.ids,
            "key_id": self._pseudonyms.key.key_id,
            "known_columns": self._known,
            "link_names": self._links,
            "thresholds": {"patterns": find.threshold, "tagger": _threshold(find.tagger)},
            "labels": dict(find.labels),
            "recognizers": self._recognizers,
            "tagger": _tagger(find.tagger),
            "lists": _lists(self._files),
            "code": {"sha256": digest(), "files": {name: of for name, of in self._files.items() if name[-3:] == ".py"}},
            "versions": {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES},
        }

    def _reasons(self, counted: Counted) -> list[str]:
        """Why the method is not Safe Harbor."""
        find, reasons = self._find, []
        if self._replace.mode == "surrogate":
            reasons.append("dates are shifted, not cut to the year (mode surrogate)")
        if self._pseudonyms.ids != "pseudonym":
            reasons.append(f"ids of notes, patients and encounters are the input's own (ids = {self._pseudonyms.ids})")
        if find.tagger is None:
            reasons.append("the PHI tagger was off")
        elif not _ships(find.tagger):
            reasons.append("the PHI tagger is not the one that ships, so its recall is not known")
        window = getattr(find.tagger, "window", None)
        if window is not None and window < WINDOW:
            reasons.append(f"the window of the tagger was lowered from {WINDOW} to {window}")
        if bare := [letter for letter in CLASSES if not self._rules[letter]]:
            reasons.append(f"no active rule for class {', '.join(bare)} of 164.514(b)(2)(i)")
        for name, threshold, default in (
            ("recognizers", find.threshold, FindPhi.threshold),
            ("tagger", _threshold(find.tagger), ReplicaTagger.threshold),
        ):
            if threshold is not None and threshold > default:
                reasons.append(f"the threshold of the {name} was raised from {default:g} to {threshold:g}")
        if not self._links:
            reasons.append("names were not looked for in the patient's other notes (link_names = false)")
        reasons += [f"{name} was let stay, as {label}" for name, label in self._let_stay()]
        if counted.unproven:
            reasons.append(f"{counted.unproven} splits were de-identified by workers that no canary tested")
        mine = {"sha256": self._files["canary.toml"], "code": digest()}
        if any({name: canary.get(name) for name in mine} != mine for canary in counted.canaries):
            reasons.append("workers held other code or lists than those listed here")
        return reasons

    def _let_stay(self) -> list[tuple[str, str]]:
        """What the job maps to a label that stays, though it is PHI by itself or somebody looks for it as PHI."""
        given = {name for names in self._giving.values() for name in names}
        stay = [(name, label) for name, label in dict(self._find.labels).items() if label not in SAFE_HARBOR]
        return [(name, label) for name, label in stay if _is_phi(name, unknown=name in given)]


def _is_phi(name: str, *, unknown: bool) -> bool:
    """Whether `name` is PHI where no job says otherwise; `unknown` for a name that only a job gives a meaning."""
    try:
        return LabelMap()[name] is not None
    except UnknownLabelError:
        return unknown


def _ships(tagger: TaggerSpec) -> bool:
    """Whether the tagger runs on the checkpoint that comes with the package, whose recall was measured."""
    if not isinstance(tagger, ReplicaTagger):
        return False
    try:
        return tagger.checkpoint.sha256 == shipped(HEAD).sha256
    except CheckpointError:  # this copy of the package holds none
        return False


def _threshold(tagger: TaggerSpec | None) -> float | None:
    return getattr(tagger, "threshold", None)


def _giving(find: FindPhi, live: Sequence[EntityRecognizer]) -> dict[str, set[str]]:
    """The labels that each recognizer and the tagger may give."""
    giving: dict[str, set[str]] = defaultdict(set)
    for recognizer in live:
        giving[recognizer.name].update(recognizer.get_supported_entities())
    if find.tagger is not None:
        giving[TAGGER].update(find.tagger.labels)
    return giving


def _rules(find: FindPhi, giving: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """Who looks for the PHI of each class. What a row tells of itself is not counted: a row may tell nothing."""
    labels = LabelMap(find.labels)
    rules: dict[str, set[str]] = {letter: set() for letter in CLASSES}
    for giver, names in giving.items():
        for name in names:
            label = labels[name]
            if label is not None:
                rules[SAFE_HARBOR[label]].add(giver)
    return {letter: sorted(names) for letter, names in rules.items()}


def _canary(counted: Counted) -> dict[str, Any]:
    """What every worker found of what was planted: the least over workers."""
    told = counted.canaries
    return {
        "workers": len(told),
        "untested_splits": counted.unproven,
        "sha256": sorted({str(canary["sha256"]) for canary in told}),
        "planted": {letter: min((c["planted"].get(letter, 0) for c in told), default=0) for letter in CLASSES},
        "found": {letter: min((c["found"].get(letter, 0) for c in told), default=0) for letter in CLASSES},
    }


def _identity(recognizer: EntityRecognizer) -> dict[str, Any]:
    """A recognizer's name, version and labels, and a digest of its class's module and of its own rules."""
    kind = type(recognizer)
    module = inspect.getsourcefile(kind)
    content = hashlib.sha256(Path(module).read_bytes() if module else b"")
    for pattern in getattr(recognizer, "patterns", None) or ():
        content.update(f"{pattern.name}\0{pattern.regex}\0{pattern.score}\0".encode())
    for word in (*(getattr(recognizer, "deny_list", None) or ()), *(recognizer.context or ())):
        content.update(f"{word}\0".encode())
    return {
        "name": recognizer.name,
        "class": f"{kind.__module__}:{kind.__qualname__}",
        "version": recognizer.version,
        "labels": sorted(recognizer.get_supported_entities()),
        "sha256": content.hexdigest(),
    }


def _tagger(tagger: TaggerSpec | None) -> dict[str, Any] | None:
    if tagger is None:
        return None
    if not isinstance(tagger, ReplicaTagger):
        return {"spec": repr(tagger), "labels": list(tagger.labels)}
    return {
        "checkpoint": tagger.checkpoint.source,
        "revision": tagger.checkpoint.revision,
        "sha256": tagger.checkpoint.sha256,
        "threshold": tagger.threshold,
        "backend": tagger.backend,
        "precision": tagger.precision,
        "window": tagger.window,
        "labels": list(tagger.labels),
    }


def _lists(digests: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Digests, and versions where they have one, of the words, names, places and rules that ship beside the code."""
    lists = {}
    for name, of in digests.items():
        if name.endswith(".py"):
            continue
        lists[name] = {"sha256": of}
        if name.endswith(".toml"):
            version = tomllib.loads((room() / name).read_text(encoding="utf-8")).get("version")
            lists[name] |= {"version": str(version)} if version is not None else {}
    return lists


def _version(name: str) -> str:
    return importlib.metadata.version(name)
