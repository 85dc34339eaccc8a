"""Small random checkpoints for tests. Nothing outside the tests starts from random weights."""

from __future__ import annotations

import json
import string
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    PreTrainedTokenizerFast,
)

from transforms.clinical_bert.shapes import COUNT, SETTING, WORD_SHAPE

WIDTH = 32
POSITIONS = 64
CODES = ["E11.9", "I10", "J18.9", "N17.9"]
LABELS = ["O", "B-Disease", "I-Disease", "B-Chemical", "I-Chemical"]


def tokenizer() -> PreTrainedTokenizerFast:
    """An uncased WordPiece tokenizer that knows single letters, and a few whole words."""
    characters = string.ascii_lowercase + string.digits + string.punctuation
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "pain", "chest", "patient", "the", "fever"]
    vocabulary = [*words, *characters, *(f"##{c}" for c in characters)]
    model = Tokenizer(WordPiece({word: i for i, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    model.normalizer = BertNormalizer(lowercase=True)
    model.pre_tokenizer = BertPreTokenizer()
    model.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=model,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=int(1e30),  # as some clinical checkpoints claim
    )


def config(**changes: object) -> BertConfig:
    values: dict[str, object] = {
        "vocab_size": len(tokenizer()),
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": POSITIONS,
        # Large weights, so that a token's state depends on its neighbours enough to be seen in a test.
        "initializer_range": 0.2,
    }
    return BertConfig(**values | changes)


SHAPED = {SETTING: WORD_SHAPE, "type_vocab_size": COUNT}
"""Changes of `config` for an encoder that reads word shapes."""


def own(
    folder: Path,
    heads: tuple[str, ...] = ("deid", "ner", "icd", "readmission"),
    labels: list[str] = LABELS,
    **changes: object,
) -> Path:
    """A checkpoint in our own layout."""
    torch.manual_seed(0)
    BertModel(config(**changes), add_pooling_layer=False).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    (folder / "heads").mkdir()
    for head in heads:
        if head == "icd":
            about = {"kind": "label_attention", "labels": CODES, "threshold": 0.3}
            weights = {
                "first.weight": torch.randn(WIDTH, WIDTH) * 0.3,
                "second.weight": torch.randn(len(CODES), WIDTH),
                "third.weight": torch.randn(len(CODES), WIDTH),
                "third.bias": torch.zeros(len(CODES)),
            }
        elif head == "readmission":
            about = {"kind": "chunk_classification", "labels": ["readmitted"]}
            weights = {"weight": torch.randn(1, WIDTH), "bias": torch.zeros(1)}
        else:
            about = {"kind": "token_classification", "labels": labels}
            weights = {"weight": torch.randn(len(labels), WIDTH), "bias": torch.zeros(len(labels))}
        (folder / "heads" / f"{head}.json").write_text(json.dumps(about))
        save_file(weights, folder / "heads" / f"{head}.safetensors")
    return folder


def token_classifier(folder: Path, labels: list[str] = LABELS, **changes: object) -> Path:
    """A plain `BertForTokenClassification`."""
    torch.manual_seed(1)
    model = BertForTokenClassification(config(id2label=dict(enumerate(labels)), num_labels=len(labels), **changes))
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def sequence_classifier(folder: Path) -> Path:
    """A plain `BertForSequenceClassification` with two classes."""
    torch.manual_seed(2)
    BertForSequenceClassification(config(num_labels=2)).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
