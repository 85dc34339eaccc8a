"""Cut a WordPiece vocabulary to the pieces that texts use: in a small encoder it is most of the weights.

Words of the texts keep their pieces. A word with a piece that is gone is read in smaller ones, down to single
characters, which all stay: nothing becomes unknown that was known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from pipelines.errors import RequestError
from transforms.clinical_bert.windows import NoteTokenizer

_GROUP = 1000  # texts tokenised at a time


def prune(tokenizer: Any, backbone: Any, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Drops what `texts` do not use from the backbone's embeddings, in place, and from the tokenizer.

    Args:
        tokenizer: a fast WordPiece tokenizer of transformers.
        backbone: its encoder, with `embeddings.word_embeddings`.
        texts: what shall be read as before.

    Returns:
        The tokenizer with the smaller vocabulary.

    Raises:
        RequestError: the tokenizer is of another kind.
    """
    spec = json.loads(tokenizer.backend_tokenizer.to_str())
    if spec["model"]["type"] != "WordPiece" or not hasattr(backbone, "embeddings"):
        raise RequestError("--prune-vocabulary: the base has no WordPiece vocabulary")
    vocabulary: dict[str, int] = spec["model"]["vocab"]
    special = {token["id"] for token in spec["added_tokens"]}
    used = _used(NoteTokenizer(tokenizer), texts) | special
    kept = sorted(id for piece, id in vocabulary.items() if id in used or len(piece.removeprefix("##")) == 1)
    new = {old: number for number, old in enumerate(kept)}
    spec["model"]["vocab"] = {piece: new[id] for piece, id in vocabulary.items() if id in new}
    for token in spec["added_tokens"]:
        token["id"] = new[token["id"]]
    _renumber(spec["post_processor"], new)
    old_embeddings = backbone.embeddings.word_embeddings
    padding = new[tokenizer.pad_token_id]
    weight = old_embeddings.weight.detach()[torch.tensor(kept, device=old_embeddings.weight.device)].clone()
    rows, width = weight.shape
    backbone.embeddings.word_embeddings = torch.nn.Embedding(rows, width, padding_idx=padding, _weight=weight)
    backbone.config.vocab_size = len(kept)
    backbone.config.pad_token_id = padding
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(spec)),
        model_max_length=tokenizer.model_max_length,
        **{name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)},
    )


def _used(tokenizer: NoteTokenizer, texts: Iterable[str]) -> set[int]:
    used: set[int] = set()
    group: list[str] = []
    for text in texts:
        group.append(text)
        if len(group) == _GROUP:
            used.update(*(tokens.ids.tolist() for tokens in tokenizer(group)))
            group = []
    return used.union(*(tokens.ids.tolist() for tokens in tokenizer(group)))


def _renumber(processor: Any, new: dict[int, int]) -> None:
    """The special tokens of a tokenizer's post-processor."""
    if processor["type"] == "TemplateProcessing":
        for token in processor["special_tokens"].values():
            token["ids"] = [new[id] for id in token["ids"]]
    elif processor["type"] == "BertProcessing":
        for end in ("sep", "cls"):
            processor[end][1] = new[processor[end][1]]
    else:
        raise RequestError(f"--prune-vocabulary: unknown post-processor {processor['type']!r}")
