"""How sure a code is: one probability out of what both roads say.

A logistic regression over a few things that can be read off a note's mentions and the attention head. Its weights, and
the threshold of each road, come from `infra.icd.fit`, by cross-validation over CodiEsp's training part (`scoring.json`
says how), so that of the codes with a score near 0.7 about seven in ten are right where notes are coded as those were.

The attention head's own score enters as a logit, counted from the threshold that its checkpoint states, so that a head
that was trained otherwise (its scores higher or lower on the whole) is understood too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from transforms.icd.phrases import Sense

Road = Literal["both", "linking", "attention"]

FEATURES: Final = (
    "bias", "linked", "odds", "sure", "seen", "unseen", "mentions", "shortened", "mention", "early", "historical",
    "uncertain", "nested", "entity", "attended", "logit", "odds_attended", "logit_linked", "missed",
)  # fmt: skip
"""What the weights belong to.

- `linked`: some mention may mean the code; the next twelve are zero where none does. Of the phrase that is best known
  to mean it: `odds`, the log odds that it does; `sure`, the same where they are over even; `seen`, log(1 + the number
  of documents in which it was seen), and `unseen`, whether there is none; `shortened`, `mention`, its kind. Of all its
  mentions: `mentions`, log(1 + their number); `early`, how far from the note's end the first one stands, 0 to 1;
  `historical`, `uncertain`, `nested`, whether all are; `entity`, whether one lies in an entity.
- `attended`: the attention head gave the code; `logit`: its score, as above. `odds_attended`, `logit_linked`: the two
  together, where both roads gave it. `missed`: the head knows the code and did not give it.
"""

_HERE: Final = Path(__file__).parent
_FARTHEST: Final = 1e-4  # a score of the head is cut to this distance from 0 and 1 before its logit is taken


def logit(probability: float) -> float:
    """log(p / (1 - p)), of a p that is kept a little away from 0 and 1."""
    kept = min(max(probability, _FARTHEST), 1 - _FARTHEST)
    return math.log(kept / (1 - kept))


@dataclass(frozen=True)
class Scoring:
    """The fitted numbers.

    Attributes:
        prior: how often a phrase of a kind means its code, where nothing is known of the phrase itself.
        strength: how many documents that prior weighs as much as.
        weights: by road, for each of `FEATURES` its weight.
        thresholds: by road, the least score of a code that comes out.
    """

    prior: Mapping[str, float]
    strength: float
    weights: Mapping[str, Mapping[str, float]]
    thresholds: Mapping[str, float]

    @classmethod
    def shipped(cls) -> Scoring:
        """The numbers that come with the package."""
        return _shipped()

    @classmethod
    def read(cls, path: Path) -> Scoring:
        """Reads what `infra.icd.fit` wrote."""
        stored = json.loads(path.read_text(encoding="utf-8"))
        return cls(stored["prior"], stored["strength"], stored["weights"], stored["thresholds"])

    def odds(self, sense: Sense) -> float:
        """The log odds that a mention means a code, by the documents in which the phrase was seen."""
        prior = self.prior[sense.kind]
        return logit((sense.right + self.strength * prior) / (sense.seen + self.strength))

    def probability(self, road: Road, features: Sequence[float]) -> float:
        """The calibrated score of a code.

        Args:
            road: which weights.
            features: in the order of `FEATURES`.
        """
        weights = self.weights[road]
        total = sum(weights[name] * value for name, value in zip(FEATURES, features, strict=True) if value)
        return 1 / (1 + math.exp(-total))


@lru_cache(maxsize=1)
def _shipped() -> Scoring:
    return Scoring.read(_HERE / "scoring.json")
