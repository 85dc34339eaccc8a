"""Checkpoints of several architectures for token classification, built so that chosen words get chosen labels.

All weights of the encoder but the embeddings are zero, so a token's last state is its own embedding, normalised: a
token whose embedding points along axis i has the label i. A random checkpoint's labels could not be told beforehand.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

WIDTH = 64
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CHARACTERS = string.ascii_letters + string.digits + string.punctuation
WORDS = ["seen", "by", "the", "pain", "fever", "was", "chest"]

_NAMES = ("AGE", "DATE", "EMAIL", "HOSP", "ID", "LOC", "OTHERPHI", "PATIENT", "PATORG", "PHONE", "STAFF")
OBI = ["O", *(f"{prefix}-{name}" for name in _NAMES for prefix in "BILU")]
"""Labels of obi/deid_roberta_i2b2, by its model card."""
STANFORD = ["O", "VENDOR", "DATE", "HCW", "HOSPITAL", "ID", "PATIENT", "PHONE"]
"""Labels of StanfordAIMI/stanford-deidentifier-base."""


def byte_level(words: Sequence[str]) -> Any:
    """RoBERTa's tokenizer: byte-level BPE in which each of the words is one token, with and without a blank."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=5000,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator([f"{word}\n{word} {word}" for word in words] * 20, trainer)
    state = json.loads(trained.to_str())["model"]
    return transformers.RobertaTokenizer(vocab=state["vocab"], merges=[tuple(merge) for merge in state["merges"]])


def word_piece(words: Sequence[str]) -> Any:
    """BERT's uncased tokenizer, which knows the words and single letters."""
    lowered = sorted({word.lower() for word in words})
    letters = sorted(set(CHARACTERS.lower()))
    vocabulary = dict.fromkeys([*BERT_SPECIAL, *lowered, *letters, *(f"##{letter}" for letter in letters)])
    return transformers.BertTokenizer(vocab={piece: i for i, piece in enumerate(vocabulary)}, do_lower_case=True)


def _pieces(words: Sequence[str]) -> list[tuple[str, float]]:
    whole = [(f"\u2581{word}", -1.0) for word in words] + [(word, -2.0) for word in words if len(word) > 1]
    letters = [(letter, -10.0) for letter in ("\u2581", *CHARACTERS)]
    return list(dict([*letters, *whole]).items())


def unigram(words: Sequence[str]) -> Any:
    """XLM-RoBERTa's tokenizer: words parted at white space alone, pieces by their probability."""
    return transformers.XLMRobertaTokenizer(vocab=[*((special, 0.0) for special in SPECIAL), *_pieces(words)])


def deberta(words: Sequence[str]) -> Any:
    """DeBERTa's second tokenizer, a unigram model too."""
    special = [(token, 0.0) for token in ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]")]
    return transformers.DebertaV2Tokenizer(vocab=[*special, *_pieces(words)])


def big_bird(words: Sequence[str]) -> Any:
    """BigBird's tokenizer, a unigram model with the special tokens of BERT around it."""
    special = [(token, 0.0) for token in ("<pad>", "</s>", "<s>", "<unk>", "[CLS]", "[SEP]", "[MASK]")]
    return transformers.BigBirdTokenizer(vocab=[*special, *_pieces(words)])


_SIZES = {"hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
FAMILIES: Mapping[str, tuple[Any, dict[str, Any]]] = {
    "Bert": (word_piece, {**_SIZES, "max_position_embeddings": 64}),
    "Roberta": (byte_level, {**_SIZES, "max_position_embeddings": 66, "pad_token_id": 1}),
    "XLMRoberta": (unigram, {**_SIZES, "max_position_embeddings": 66, "pad_token_id": 1}),
    "DistilBert": (
        word_piece,
        {"dim": WIDTH, "n_layers": 1, "n_heads": 2, "hidden_dim": 8, "max_position_embeddings": 64},
    ),
    "MegatronBert": (word_piece, {**_SIZES, "max_position_embeddings": 64}),
    "Longformer": (
        byte_level,
        {**_SIZES, "max_position_embeddings": 66, "pad_token_id": 1, "attention_window": 8},
    ),
    "BigBird": (
        big_bird,
        {**_SIZES, "max_position_embeddings": 64, "block_size": 4, "num_random_blocks": 1, "pad_token_id": 0},
    ),
    "Electra": (word_piece, {**_SIZES, "embedding_size": WIDTH, "max_position_embeddings": 64}),
    "Albert": (word_piece, {**_SIZES, "embedding_size": WIDTH, "max_position_embeddings": 64, "pad_token_id": 0}),
    "DebertaV2": (
        deberta,
        {**_SIZES, "max_position_embeddings": 64, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    ),
    "ModernBert": (
        byte_level,
        {**_SIZES, "max_position_embeddings": 64, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
        | {"cls_token_id": 0, "sep_token_id": 2, "global_attn_every_n_layers": 1},
    ),
    "MPNet": (byte_level, {**_SIZES, "max_position_embeddings": 66, "pad_token_id": 1}),
}


def classifier(
    folder: Path, family: str, labels: Sequence[str], marked: Mapping[str, str], *, random: bool = False
) -> Path:
    """Saves a `*ForTokenClassification` and its tokenizer.

    Args:
        folder: where to.
        family: of `FAMILIES`.
        labels: of the classifier.
        marked: word -> its label; every other word is `O`.
        random: leave the weights as they are made, for comparisons with transformers.
    """
    model, tokenizer = _made(
        family, "ForTokenClassification", marked, id2label=dict(enumerate(labels)), num_labels=len(labels)
    )
    if not random:
        _construct(model, tokenizer, labels, marked)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def random(folder: Path, family: str, task: str, **config: Any) -> Path:
    """Saves a model with random weights, and its tokenizer.

    Args:
        folder: where to.
        family: of `FAMILIES`.
        task: how its class is called behind the family: `Model`, `ForMaskedLM`, `ForSequenceClassification` ...
        config: what is to differ from the family's sizes.
    """
    model, tokenizer = _made(family, task, (), **config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _made(family: str, task: str, words: Iterable[str], **config: Any) -> tuple[Any, Any]:
    make_tokenizer, sizes = FAMILIES[family]
    tokenizer = make_tokenizer([*WORDS, *words])
    values = {"vocab_size": len(tokenizer), "initializer_range": 0.2, **sizes, **config}
    torch.manual_seed(3)
    return getattr(transformers, f"{family}{task}")(getattr(transformers, f"{family}Config")(**values)), tokenizer


@torch.no_grad()
def _construct(model: Any, tokenizer: Any, labels: Sequence[str], marked: Mapping[str, str]) -> None:
    for name, parameter in model.named_parameters():
        is_norm = "norm" in name.lower() or ".ln." in name
        parameter.fill_(1.0 if is_norm and name.endswith("weight") else 0.0)
    embeddings = model.get_input_embeddings().weight
    wanted = {word.lower(): list(labels).index(label) for word, label in marked.items()}
    for piece, number in tokenizer.get_vocab().items():
        word = piece.lstrip("\u0120\u2581").removeprefix("##").lower()
        embeddings[number, wanted.get(word, list(labels).index("O"))] = 8.0
    model.classifier.weight[:, : len(labels)] = torch.eye(len(labels)) * 10
    for name, parameter in model.named_parameters():
        if name in ("head.dense.weight", "albert.encoder.embedding_hidden_mapping_in.weight"):
            parameter.copy_(torch.eye(WIDTH))
