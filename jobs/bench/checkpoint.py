"""The token classifier of a bench: a checkpoint of the user's, the one that ships, or random weights of a known size.

Speed does not depend on what the weights are, so a model of BERT's size with random weights measures what a checkpoint
of that size would, and needs no hub. Its entities mean nothing, and its labels are so close to one another that
bfloat16 changes more of them than it does of a trained model's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer, BertConfig

from transforms.clinical_bert.backends import graphs
from transforms.clinical_bert.checkpoints import own_head, read_json, shipped
from transforms.clinical_bert.checkpoints.loading import load_encoder

SIZES: Final[Mapping[str, Mapping[str, int]]] = MappingProxyType(
    {
        "bert-base": {
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
        },
        "bert-large": {
            "hidden_size": 1024,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
        },
        "bert-tiny": {
            "hidden_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 512,
        },
    }
)
"""Sizes of Devlin et al.: BERT, 2019, and of Turc et al.: Well-Read Students Learn Better, 2019 (tiny)."""

_VOCABULARY: Final = 30_522
_LABELS: Final = ("O", "B-Disease", "I-Disease", "B-Chemical", "I-Chemical")


def random_classifier(size: str, folder: Path) -> Path:
    """Writes a `BertForTokenClassification` with random weights: 512 positions, BERT's 30,522 pieces.

    The tokenizer is that of the checkpoint that ships, which may know fewer of them.

    Args:
        size: a name of `SIZES`.
        folder: where it goes.
    """
    tokenizer = AutoTokenizer.from_pretrained(shipped("ner").folder(), local_files_only=True)
    config = BertConfig(
        vocab_size=max(_VOCABULARY, len(tokenizer)),
        max_position_embeddings=512,
        id2label=dict(enumerate(_LABELS)),
        label2id={label: number for number, label in enumerate(_LABELS)},
        **SIZES[size],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForTokenClassification.from_config(config)
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def for_transformers(checkpoint: Path, head: str, folder: Path) -> Path:
    """A folder that `AutoModelForTokenClassification` loads: the checkpoint itself, or a copy of one of our layout.

    Args:
        checkpoint: that was resolved for the head.
        head: `ner` or `deid`.
        folder: where a copy goes.
    """
    description = own_head(checkpoint, head)
    if description is None:
        return checkpoint
    labels = [str(label) for label in read_json(description)["labels"]]
    numbered = {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}
    config: Any = AutoConfig.from_pretrained(checkpoint, local_files_only=True, **numbered)
    model = AutoModelForTokenClassification.from_config(config)
    model.base_model.load_state_dict(load_encoder(checkpoint, torch.float32, torch.device("cpu")).state_dict())
    model.classifier.load_state_dict(load_file(description.with_suffix(".safetensors")))
    with quiet():
        model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(checkpoint, local_files_only=True).save_pretrained(folder)
    return folder


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps progress bars and advice of transformers and the exporters off the terminal."""
    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        with graphs.quiet():
            yield
    finally:
        transformers.logging.set_verbosity(level)
