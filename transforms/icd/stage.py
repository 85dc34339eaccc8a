"""The stage `coding`: the codes of a note, out of its entities and of what the attention head proposes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import pyarrow as pa

from transforms import schema
from transforms.assertion.asserter import Asserted, Asserter
from transforms.assertion.lexicon import Lexicon
from transforms.assertion.stage import Innermost
from transforms.icd import phrases
from transforms.icd.candidates import Candidate, gather, speaks_for_patient
from transforms.icd.excludes import Excludes1
from transforms.icd.gems import icd9_of
from transforms.icd.linking import Linker
from transforms.icd.scoring import Road, Scoring
from transforms.icd.systems import ICD9CM
from transforms.icd.table import SYSTEM, Release
from transforms.icd.wording import Wording
from transforms.stage import Resources, with_column

_LAYERS: Final = 4  # entities around one place that are looked at


@dataclass(frozen=True)
class Proposals:
    """What is known of the attention head whose codes the stage reads.

    Attributes:
        threshold: the least score at which its checkpoint gives a code by itself.
        codes: all that it knows.
    """

    threshold: float = 0.5
    codes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Coding:
    """Replaces `codes` by those that both roads, or one of them, give for the patient.

    `linking` goes from mentions to codes by a dictionary (`linking`, `phrases`); `attention` is the head `icd`, whose
    codes are taken from the column `codes`. A code comes out when its score (`scoring`) reaches the threshold, it is
    billable in the release, and something in the text speaks for it that the note does not deny, ascribe to another
    person or only expect. Codes of another system than ICD-10-CM, which some checkpoints give, come out with the score
    of their checkpoint when their evidence holds. A note whose entities and codes are null keeps null.

    What is asserted of an entity is taken from the column `entities`; of what lies elsewhere it is found out here.

    Attributes:
        road: which of the two.
        threshold: least score; None for the one that was fitted for the road.
        top_k: most codes of a note in each system.
        spans: most evidence spans of a code.
        release: in which codes must be valid.
        systems: `ICD-10-CM`, or `ICD-9-CM` by the General Equivalence Mappings, or both.
        proposals: of the attention head; it follows from the head's checkpoint.
        lexicon: the words that change what a mention asserts.
    """

    road: Road = "both"
    threshold: float | None = None
    top_k: int = 50
    spans: int = 5
    release: Release = field(default_factory=Release)
    systems: tuple[str, ...] = (SYSTEM,)
    proposals: Proposals = field(default_factory=Proposals, repr=False)
    lexicon: Lexicon = field(default_factory=Lexicon.shipped)
    name: ClassVar[str] = "coding"
    adds: ClassVar[pa.Schema] = schema.columns("codes")
    resources: ClassVar[Resources] = Resources(cpus=1)

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ValueError(f"the ICD threshold {self.threshold} is not a probability")
        if min(self.top_k, self.spans) < 1:
            raise ValueError("top_k and spans of the stage coding are at least 1")
        if not self.systems or not set(self.systems) <= {SYSTEM, ICD9CM}:
            raise ValueError(f"systems of the stage coding are {SYSTEM} and {ICD9CM}")

    @property
    def reads(self) -> pa.Schema:
        of_road = {"both": ("entities", "codes"), "linking": ("entities",), "attention": ("codes",)}
        return schema.columns("text", "sections", *of_road[self.road])

    def open(self) -> CodingWorker:
        """Reads the dictionary.

        Raises:
            UnknownReleaseError: the file of the release is gone or changed.
        """
        return CodingWorker(self)


class CodingWorker:
    """The stage at work.

    Args:
        spec: what is asked for.
    """

    def __init__(self, spec: Coding) -> None:
        self._spec = spec
        self._table = spec.release.table()
        self._scoring = Scoring.shipped()
        self._least = self._scoring.thresholds[spec.road] if spec.threshold is None else spec.threshold
        self._least_elsewhere = spec.proposals.threshold if spec.threshold is None else spec.threshold
        linked = spec.road != "attention"
        self._linker = Linker(phrases.shipped(self._table), Wording.shipped()) if linked else None
        self._asserter = Asserter(spec.lexicon)
        self._excludes1 = Excludes1.shipped()

    def process(self, notes: pa.Table) -> pa.Table:
        given = [
            notes[name].to_pylist() if name in self._spec.reads.names else [None] * notes.num_rows
            for name in ("text", "sections", "entities", "codes")
        ]
        codes = [
            self._code(text, sections or (), entities or (), proposed or ())
            if text is not None and not (entities is None and proposed is None)
            else None
            for text, sections, entities, proposed in zip(*given, strict=True)
        ]
        return with_column(notes, schema.IN_FLIGHT.field("codes"), codes)

    def close(self) -> None:
        """Nothing to release."""

    def _code(
        self,
        text: str,
        sections: Sequence[Mapping[str, Any]],
        entities: Sequence[Mapping[str, Any]],
        proposed: Sequence[Mapping[str, Any]],
    ) -> list[dict[str, Any]]:
        mentions = self._linker.mentions(text, entities) if self._linker is not None else []
        spans = {(mention.start, mention.end) for mention in mentions}
        spans.update((span["start"], span["end"]) for row in proposed for span in row["evidence"])
        asserted = self._assert(text, sorted(spans), sections, entities)
        own = [row for row in proposed if row["system"] == SYSTEM]
        candidates = gather(
            [(mention, asserted[mention.start, mention.end]) for mention in mentions],
            [(row, [asserted[span["start"], span["end"]] for span in row["evidence"]]) for row in own],
            self._scoring,
        )
        rows = self._rows(text, candidates)
        if ICD9CM in self._spec.systems:
            rows += self._mapped(rows)
        if SYSTEM not in self._spec.systems:
            rows = [row for row in rows if row["system"] != SYSTEM]
        return rows + self._elsewhere([row for row in proposed if row["system"] != SYSTEM], asserted)

    def _assert(
        self,
        text: str,
        spans: Sequence[tuple[int, int]],
        sections: Sequence[Mapping[str, Any]],
        entities: Sequence[Mapping[str, Any]],
    ) -> dict[tuple[int, int], Asserted]:
        """What is asserted of each span: of one that lies in an entity, what is asserted of the entity."""
        told = sorted(
            (entity["start"], entity["end"], Asserted(*(entity[name] for name in Asserted._fields)))
            for entity in entities
            if entity["negated"] is not None
        )
        known = dict(_within(spans, told))
        others = [span for span in spans if span not in known]
        innermost = Innermost([(section["start"], section["end"]) for section in sections])
        places = [innermost.at(start) for start, _ in others]
        categories = [None if place is None else sections[place]["category"] for place in places]
        return known | dict(zip(others, self._asserter.assert_all(text, others, categories), strict=True))

    def _rows(self, text: str, candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
        """The codes that come out, the best first."""
        head = self._spec.proposals
        scored = []
        for candidate in candidates:
            if self._table.is_billable(candidate.code):
                features = candidate.features(len(text), head.threshold, head.codes)
                scored.append((self._scoring.probability(self._spec.road, features), candidate))
        chosen = sorted(
            (found for found in scored if found[0] >= self._least), key=lambda found: (-found[0], found[1].code)
        )[: self._spec.top_k]
        conflicts = self._excludes1.conflicts([candidate.code for _, candidate in chosen])
        return [
            {
                "code": candidate.code,
                "system": SYSTEM,
                "description": self._table.description(candidate.code),
                "score": score,
                "evidence": [
                    {"start": start, "end": end, "text": text[start:end]}
                    for start, end in candidate.evidence(self._spec.spans)
                ],
                "roads": candidate.roads,
                "excludes1": against,
            }
            for (score, candidate), against in zip(chosen, conflicts, strict=True)
        ]

    def _mapped(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """ICD-9-CM codes of ICD-10-CM rows; of several rows for one code the best stands for all."""
        found: dict[str, dict[str, Any]] = {}
        for row in rows:
            for code in icd9_of(row["code"]):
                found.setdefault(code, {**row, "code": code, "system": ICD9CM, "description": None, "excludes1": []})
        return list(found.values())[: self._spec.top_k]

    def _elsewhere(
        self, rows: Sequence[Mapping[str, Any]], asserted: Mapping[tuple[int, int], Asserted]
    ) -> list[dict[str, Any]]:
        """The head's codes of other systems, without the evidence that does not speak for the patient."""
        kept = []
        for row in rows:
            evidence = [span for span in row["evidence"] if speaks_for_patient(asserted[span["start"], span["end"]])]
            if evidence and row["score"] >= self._least_elsewhere:
                kept.append({**row, "evidence": evidence, "excludes1": []})
        return kept[: self._spec.top_k]


def _within(
    spans: Sequence[tuple[int, int]], told: Sequence[tuple[int, int, Asserted]]
) -> Iterator[tuple[tuple[int, int], Asserted]]:
    """The spans that lie in one of the told stretches, each with what the last such stretch says; both are sorted."""
    starts = [start for start, _, _ in told]
    for span in spans:
        # Stretches of two label layers may overlap: of the few that begin before the span, one may reach over its end.
        at = bisect_right(starts, span[0]) - 1
        for start, end, asserted in reversed(told[max(0, at - _LAYERS) : at + 1]):
            if start <= span[0] and span[1] <= end:
                yield span, asserted
                break
