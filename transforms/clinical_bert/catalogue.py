"""Which heads there are, and what a checkpoint must hold for each.

This module is read before any model library is loaded: `checkpoints.resolve` runs while a plan is being
checked. A new head is one entry here and one class in `heads`; nothing else counts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TOKEN_CLASSIFICATION: Final = "token_classification"
LABEL_ATTENTION: Final = "label_attention"
CHUNK_CLASSIFICATION: Final = "chunk_classification"

_TASK_OF_KIND: Final = {
    TOKEN_CLASSIFICATION: "ForTokenClassification",
    CHUNK_CLASSIFICATION: "ForSequenceClassification",
}

# Architectures whose token classifier is one linear layer on the encoder's last hidden states.
LINEAR_TOKEN_CLASSIFIERS: Final = frozenset(
    f"{family}ForTokenClassification"
    for family in (
        "Bert",
        "BigBird",
        "Camembert",
        "DebertaV2",
        "DistilBert",
        "Electra",
        "Longformer",
        "MegatronBert",
        "Roberta",
        "XLMRoberta",
    )
)


@dataclass(frozen=True)
class HeadSpec:
    """What is known of a head before its weights are read.

    Attributes:
        name: as in `--model NAME=...`.
        kind: how its output is made; names the class that `heads.open_head` builds.
        column: the in-flight column that `ClinicalBert` fills from it; None for a head that only
            `Replica.annotate` serves.
    """

    name: str
    kind: str
    column: str | None

    @property
    def task(self) -> str | None:
        """How the class names of fitting Hugging Face models end; None where only our own heads fit."""
        return _TASK_OF_KIND.get(self.kind)


HEADS: Final[dict[str, HeadSpec]] = {
    spec.name: spec
    for spec in (
        HeadSpec("deid", TOKEN_CLASSIFICATION, None),
        HeadSpec("ner", TOKEN_CLASSIFICATION, "entities"),
        HeadSpec("icd", LABEL_ATTENTION, "codes"),
        HeadSpec("readmission", CHUNK_CLASSIFICATION, "chunk_scores"),
    )
}
