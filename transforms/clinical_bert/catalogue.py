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
EMBEDDING: Final = "embedding"
ENTITY_CLASSIFICATION: Final = "entity_classification"

_TASK_OF_KIND: Final = {
    TOKEN_CLASSIFICATION: "ForTokenClassification",
    CHUNK_CLASSIFICATION: "ForSequenceClassification",
    ENTITY_CLASSIFICATION: "ForSequenceClassification",
}

ENCODERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "albert": "Albert",
        "bert": "Bert",
        "big_bird": "BigBird",
        "camembert": "Camembert",
        "convbert": "ConvBert",
        "data2vec-text": "Data2VecText",
        "deberta": "Deberta",
        "deberta-v2": "DebertaV2",
        "distilbert": "DistilBert",
        "electra": "Electra",
        "ernie": "Ernie",
        "longformer": "Longformer",
        "megatron-bert": "MegatronBert",
        "mobilebert": "MobileBert",
        "modernbert": "ModernBert",
        "mpnet": "MPNet",
        "rembert": "RemBert",
        "roberta": "Roberta",
        "roberta-prelayernorm": "RobertaPreLayerNorm",
        "xlm-roberta": "XLMRoberta",
        "xlm-roberta-xl": "XLMRobertaXL",
    }
)
"""`model_type` of a config.json -> how the names of its classes in transformers begin.

Families whose tokenizer or window has not one special token at either end (XLNet, GPT, T5 and the like) are not here.
"""

TOKEN_CLASSIFIERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {f"{family}ForTokenClassification": ("classifier",) for family in ENCODERS.values()}
    | {"ModernBertForTokenClassification": ("head", "classifier")}
)
"""Class of transformers -> its modules between the encoder's last hidden states and the logits, in order.

Dropout, which does nothing outside training, is left out; the last module is always one linear layer.
"""


@dataclass(frozen=True)
class HeadSpec:
    """What is known of a head before its weights are read.

    Attributes:
        name: as in `--model NAME=...`.
        kind: how its output is made; names the class that `heads.open_head` builds.
        column: the in-flight column that `ClinicalBert` fills from it; None for a head that another stage runs.
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
        HeadSpec("embed", EMBEDDING, "embeddings"),
        HeadSpec("assertion", ENTITY_CLASSIFICATION, None),
    )
}
