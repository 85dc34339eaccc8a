"""Small random encoders of every family, and windows to run through them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from transforms.clinical_bert.packed import Packed

VOCABULARY = 90
POSITIONS = 80
WIDTH = 64

_BERT = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 96,
    "max_position_embeddings": POSITIONS,
    "pad_token_id": 0,
}
_ROBERTA = _BERT | {"max_position_embeddings": POSITIONS + 2, "pad_token_id": 1}
CONFIGS: Mapping[str, dict[str, Any]] = {
    "Albert": _BERT | {"embedding_size": 32},
    "Bert": _BERT,
    "BigBird": _BERT | {"attention_type": "original_full"},
    "Camembert": _ROBERTA,
    "ConvBert": _BERT | {"embedding_size": WIDTH, "conv_kernel_size": 5},
    "Data2VecText": _ROBERTA,
    "Deberta": _BERT | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    "DebertaV2": _BERT | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8},
    "DistilBert": {
        "dim": WIDTH,
        "n_layers": 2,
        "n_heads": 2,
        "hidden_dim": 96,
        "max_position_embeddings": POSITIONS,
        "pad_token_id": 0,
    },
    "Electra": _BERT | {"embedding_size": 32},
    "Ernie": _BERT,
    "Longformer": _ROBERTA | {"attention_window": 16},
    "MPNet": _ROBERTA,
    "MegatronBert": _BERT,
    "MobileBert": _BERT
    | {"embedding_size": 32, "intra_bottleneck_size": 32, "true_hidden_size": 32}
    | {"initializer_range": 0.1},  # it does not normalise its states, which grow
    "ModernBert": _BERT
    | {"global_attn_every_n_layers": 2, "local_attention": 16, "cls_token_id": 2, "sep_token_id": 3}
    | {"bos_token_id": 2, "eos_token_id": 3},
    "RemBert": _BERT | {"input_embedding_size": 32},
    "Roberta": _ROBERTA,
    "RobertaPreLayerNorm": _ROBERTA,
    "XLMRoberta": _ROBERTA,
    "XLMRobertaXL": _ROBERTA,
}
"""Of every family that `catalogue.TOKEN_CLASSIFIERS` lists."""


def model(family: str, dtype: torch.dtype = torch.float32, **changes: Any) -> Any:
    """A random encoder whose tokens see enough of each other to tell a wrong neighbour."""
    torch.manual_seed(4)
    config = getattr(transformers, f"{family}Config")(
        **{"vocab_size": VOCABULARY, "initializer_range": 0.2} | CONFIGS[family] | changes
    )
    made = getattr(transformers, f"{family}Model")(config)
    if hasattr(made, "pooler"):
        made.pooler = None
    return made.to(dtype).eval()


def save(folder: Path, family: str, **changes: Any) -> Path:
    """The same encoder as a checkpoint without a tokenizer."""
    model(family, **changes).save_pretrained(folder)
    return folder


def windows(*lengths: int, seed: int = 0, types: int = 0) -> Packed:
    """Random windows of these lengths, with token types below `types` where it is not 0."""
    random = np.random.default_rng(seed)
    total = sum(lengths)
    return Packed(
        random.integers(5, VOCABULARY, total), random.integers(0, types, total) if types else None, tuple(lengths)
    )


def parts(batch: Packed) -> list[Packed]:
    """Each window by itself."""
    ends = np.cumsum(batch.lengths)
    return [
        Packed(
            batch.ids[end - length : end],
            None if batch.types is None else batch.types[end - length : end],
            (length,),
        )
        for end, length in zip(ends, batch.lengths, strict=True)
    ]


@torch.inference_mode()
def expected(encoder: Any, batch: Packed) -> torch.Tensor:
    """What transformers' own forward gives for each window by itself, without padding."""
    states = []
    for part in parts(batch):
        inputs = {"input_ids": torch.from_numpy(part.ids)[None]}
        if part.types is not None:
            inputs["token_type_ids"] = torch.from_numpy(part.types)[None]
        states.append(encoder(**inputs).last_hidden_state[0])
    return torch.cat(states)
