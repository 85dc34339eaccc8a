"""Cut a WordPiece vocabulary to the pieces that texts use: in a small encoder it is most of the weights.

Words of the texts keep their pieces. A word with a piece that is gone is read in smaller ones, down to single
characters, which all stay: nothing becomes unknown that was known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from pipelines.errors import RequestError
from transforms.clinical_bert.windows import NoteTokenizer

_GROUP = 1000  # texts tokenised at a time


def prune(tokenizer: Any, backbone: Any, texts: Iterable[str], least: int = 1) -> PreTrainedTokenizerFast:
    """Drops what `texts` do not use from the backbone's embeddings, in place, and from the tokenizer.

    Args:
        tokenizer: a fast WordPiece tokenizer of transformers.
        backbone: its encoder, with `embeddings.word_embeddings`.
        texts: what shall be read as before.
        least: keep a piece that they use so often; rarer ones are read in smaller pieces.

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
    counts = _counts(NoteTokenizer(tokenizer), texts, len(vocabulary))
    used = set(np.flatnonzero(counts >= least).tolist()) | special
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


def _batched(texts: Iterable[str], size: int) -> Iterator[Sequence[str]]:
    rest = iter(texts)
    while group := list(islice(rest, size)):
        yield group


def _counts(tokenizer: NoteTokenizer, texts: Iterable[str], pieces: int) -> npt.NDArray[np.int64]:
    """How often each piece is used, shape (pieces,)."""
    counts = np.zeros(pieces, dtype=np.int64)
    for group in _batched(texts, _GROUP):
        for tokens in tokenizer(group):
            counts += np.bincount(tokens.ids, minlength=pieces)
    return counts


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
