"""Every code that a note may have, with what speaks for it.

A mention that the note denies, that is another person's, or that may yet come speaks for nothing. One that is uncertain
or historical does speak: "historical" says that something began before the present episode, as chronic diseases do, and
coders code those (in CodiEsp they are right more often than others) as they code doubtful diagnoses. Both only enter
the score.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from transforms.assertion.asserter import Asserted
from transforms.icd.linking import Mention
from transforms.icd.phrases import MENTION, Sense
from transforms.icd.scoring import Scoring, logit
from transforms.icd.terms import SHORTENED

LINKING: Final = "linking"
ATTENTION: Final = "attention"


def speaks_for_patient(asserted: Asserted) -> bool:
    """Whether what is said here is said of the patient, as being so."""
    return not (asserted.negated or asserted.hypothetical or asserted.experiencer != "patient")


class Support(NamedTuple):
    """A mention that may mean a code, what the note asserts of it, and the log odds that it means the code."""

    mention: Mention
    asserted: Asserted
    sense: Sense
    odds: float


@dataclass
class Candidate:
    """A code, and what speaks for it.

    Attributes:
        code: as the dictionary or the head has it.
        support: its mentions.
        score: of the attention head; None where it did not give the code.
        spans: where its attention rests, as far as that speaks for the patient.
    """

    code: str
    support: list[Support] = field(default_factory=list)
    score: float | None = None
    spans: list[tuple[int, int]] = field(default_factory=list)

    @property
    def roads(self) -> list[str]:
        return [road for road, used in ((LINKING, self.support), (ATTENTION, self.spans)) if used]

    def evidence(self, most: int) -> list[tuple[int, int]]:
        """Offsets in text order: the mentions that mean it most surely, nested ones last, and what attention adds."""
        in_order = sorted(self.support, key=lambda one: (one.mention.nested, -one.odds, one.mention.start))
        surest = [one.mention for one in in_order]
        chosen: list[tuple[int, int]] = []
        for start, end in [(mention.start, mention.end) for mention in surest] + self.spans:
            if len(chosen) < most and all(end <= first or last <= start for first, last in chosen):
                chosen.append((start, end))
        return sorted(chosen)

    def features(self, length: int, threshold: float, known: Collection[str]) -> tuple[float, ...]:
        """In the order of `scoring.FEATURES`.

        Args:
            length: characters of the note.
            threshold: of the attention head.
            known: codes that the head knows.
        """
        linked = attended = 0.0
        of_mentions = [0.0] * 12
        if self.support:
            linked = 1.0
            best = max(self.support, key=lambda one: one.odds)
            of_mentions = [
                best.odds,
                max(0.0, best.odds),
                math.log1p(best.sense.seen),
                float(not best.sense.seen),
                math.log1p(len(self.support)),
                float(best.sense.kind == SHORTENED),
                float(best.sense.kind == MENTION),
                1 - min(one.mention.start for one in self.support) / length,
                float(all(one.asserted.historical for one in self.support)),
                float(all(one.asserted.uncertain for one in self.support)),
                float(all(one.mention.nested for one in self.support)),
                float(any(one.mention.in_entity for one in self.support)),
            ]
        own = 0.0
        if self.score is not None:
            attended = 1.0
            own = logit(self.score) - logit(threshold)
        both = linked * attended
        missed = float(not attended and self.code in known)
        return (1.0, linked, *of_mentions, attended, own, both * of_mentions[0], both * own, missed)


def gather(
    mentions: Sequence[tuple[Mention, Asserted]],
    attended: Sequence[tuple[Mapping[str, Any], Sequence[Asserted]]],
    scoring: Scoring,
) -> list[Candidate]:
    """The codes of a note, each once; those that nothing speaks for are left out.

    Args:
        mentions: as the linker found them, each with what is asserted of it.
        attended: rows of the attention head, each with what is asserted of its evidence.
        scoring: knows how surely a phrase means a code.
    """
    candidates: dict[str, Candidate] = {}
    for mention, asserted in mentions:
        if not speaks_for_patient(asserted):
            continue
        for sense in mention.senses:
            candidate = candidates.setdefault(sense.code, Candidate(sense.code))
            candidate.support.append(Support(mention, asserted, sense, scoring.odds(sense)))
    for row, assertions in attended:
        evidence = [(span["start"], span["end"]) for span in row["evidence"]]
        spans = [span for span, asserted in zip(evidence, assertions, strict=True) if speaks_for_patient(asserted)]
        if spans:
            candidate = candidates.setdefault(row["code"], Candidate(row["code"]))
            candidate.score, candidate.spans = row["score"], spans
    return list(candidates.values())
