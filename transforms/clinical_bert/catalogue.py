"""Which heads there are, and what a checkpoint must hold for each.

This module is read before any model library is loaded: `checkpoints.resolve` runs while a plan is being
checked. A new head is one entry here and one class in `heads`; nothing else counts them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

TOKEN_CLASSIFICATION: Final = "token_classification"
LABEL_ATTENTION: Final = "label_attention"
CHUNK_CLASSIFICATION: Final = "chunk_classification"

_TASK_OF_KIND: Final = {
    TOKEN_CLASSIFICATION: "ForTokenClassification",
    CHUNK_CLASSIFICATION: "ForSequenceClassification",
}

TOKEN_CLASSIFIERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        f"{family}ForTokenClassification": ("classifier",)
        for family in (
            "Albert",
            "Bert",
            "BigBird",
            "Camembert",
            "ConvBert",
            "Data2VecText",
            "Deberta",
            "DebertaV2",
            "DistilBert",
            "Electra",
            "Ernie",
            "Longformer",
            "MPNet",
            "MegatronBert",
            "MobileBert",
            "RemBert",
            "Roberta",
            "RobertaPreLayerNorm",
            "XLMRoberta",
            "XLMRobertaXL",
        )
    }
    | {"ModernBertForTokenClassification": ("head", "classifier")}
)
"""Class of transformers -> its modules between the encoder's last hidden states and the logits, in order.

Dropout, which does nothing outside training, is left out; the last module is always one linear layer. Classes whose
tokenizer or window has not one special token at either end (XLNet, GPT, T5 and the like) are not here.
"""


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
