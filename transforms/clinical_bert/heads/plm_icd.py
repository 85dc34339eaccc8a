"""A published PLM-ICD: its encoder over chunks, and its label attention over all of them.

Huang, Tsai, Chen: PLM-ICD (2022), https://github.com/MiuLab/PLM-ICD. A note is `<s>`, its tokens, `</s>`; that is cut
into chunks of 128, without further special tokens, and each chunk goes through the encoder by itself. The states of
all chunks, one after another, are what the label attention (`icd`) runs over. With `model_mode` `laat-split` it runs
over each chunk, and a code's score is the best of its chunks.

Two things differ from the published code. That pads a note to whole chunks (and to the longest note of its batch) and
lets the attention run over the padding, whose states are no one's. Here it does not; with `CodingOptions.masked` false
it does, over whole chunks, which gives the scores of the published evaluation with its batches of one note. And that
evaluation cuts notes at 3,072 tokens (`--max_length`), while here no note is cut.

Codes come out from a score of 0.5, as in the published evaluation, unless the user sets another threshold. Their
system is told by their form: checkpoints trained on MIMIC-II and MIMIC-III give `ICD-9-CM`, for diagnoses and
procedures alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open

from transforms.clinical_bert.backends import open_backend
from transforms.clinical_bert.backends.base import Backend
from transforms.clinical_bert.backends.precision import Precision
from transforms.clinical_bert.backends.quantized import quantize
from transforms.clinical_bert.backends.support import choose
from transforms.clinical_bert.checkpoints import CheckpointError, read_json, weight_files
from transforms.clinical_bert.checkpoints.loading import load_encoder, load_tokenizer
from transforms.clinical_bert.checkpoints.plm_icd import CHUNK, attention_names, codes
from transforms.clinical_bert.counts import Counts, refuse_truncated
from transforms.clinical_bert.heads.icd import IcdHead, LabelAttention
from transforms.clinical_bert.packed import Packed
from transforms.clinical_bert.windows import Tokens
from transforms.icd.coding import CodeHit, CodingOptions
from transforms.icd.systems import systems_of
from transforms.icd.table import CodeTable

_THRESHOLD: Final = 0.5
_BATCH: Final = 32  # chunks that go through the encoder at a time
_HELD: Final = 512  # chunks whose states may be in memory: of longer notes they are computed whenever they are read

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Chunks:
    """The states of a note's chunks.

    Attributes:
        read: starts a pass over the chunks, each of shape (tokens, width): the first begins with a special token, the
            last ends with one, and with padding where that is attended to.
        tokens: of the note, without special tokens.
    """

    read: Callable[[], Iterator[torch.Tensor]]
    tokens: int


class ChunkAttention:
    """Scores chunks, all as one text or each by itself.

    Args:
        attention: the label attention.
        split: score each chunk by itself, and take the best.
    """

    def __init__(self, attention: LabelAttention, *, split: bool) -> None:
        self._attention = attention
        self._split = split

    def logits(self, states: Chunks) -> torch.Tensor:
        """Shape (labels,), float32."""
        if not self._split:
            return self._attention.logits(states.read())
        return torch.stack([self._attention.logits([chunk]) for chunk in states.read()]).amax(dim=0)

    def attention(self, states: Chunks, labels: Sequence[int]) -> torch.Tensor:
        """Shape (tokens of the note, labels), float32. Of each chunk by itself, only a label's best one counts."""
        if not self._split:
            weights = self._attention.attention(states.read(), labels)
        else:
            parts, scores = [], []
            for chunk in states.read():
                parts.append(self._attention.attention([chunk], labels))
                scores.append(self._attention.logits([chunk])[list(labels)])
            best = torch.stack(scores).argmax(dim=0)
            weights = torch.cat([part * (best == number) for number, part in enumerate(parts)])
        return weights[1 : 1 + states.tokens]


class PlmIcd:
    """The whole model: tokens of notes in, codes out.

    Args:
        name: of its head.
        folder: a checkpoint that was found fit for the head.
        precision: of the encoder, and of the attention's products.
        device: where it runs.
        options: of the user.
        opened: opens the encoder's backend, where scores are masked.

    Attributes:
        tokenizer: of the encoder.
        heads: the head by its name; it makes rows of the codes.

    Raises:
        CheckpointError: weights are missing or of another shape.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        precision: Precision,
        device: torch.device,
        options: CodingOptions | None = None,
        opened: Callable[[Path], Backend] | None = None,
    ) -> None:
        options = options or CodingOptions()
        config = read_json(folder / "config.json")
        self.tokenizer = load_tokenizer(folder)
        self._encode: Callable[[Sequence[Ids]], Iterator[torch.Tensor]]
        if options.masked:
            backend = opened(folder) if opened else open_backend(folder, precision=precision, device=device)
            self._encode, dtype = partial(_unpadded, backend), backend.dtype
        else:
            chosen = choose("torch", precision, device.type).precision
            dtype = torch.bfloat16 if chosen == "bf16" else torch.float32
            model = load_encoder(folder, dtype, device)
            if chosen == "int8":
                quantize(model)
            self._encode = partial(_padded, model, self.tokenizer.pad)
        self._masked = options.masked
        first, second, third, bias = _attention_weights(folder, device)
        attention = LabelAttention(first.to(dtype), second.to(dtype), third.to(dtype), bias)
        scoring = ChunkAttention(attention, split=config["model_mode"] == "laat-split")
        labels = codes(folder, config, str(folder))
        self._name = name
        self._head = IcdHead(labels, scoring, _THRESHOLD, options, CodeTable.shipped(), systems_of(labels))
        self.heads: Mapping[str, IcdHead] = {name: self._head}

    @torch.inference_mode()
    def annotate(
        self,
        tokens: Sequence[Tokens],
        texts: Sequence[str],
        sections: Sequence[Sequence[Mapping[str, Any]]],  # noqa: ARG002  (its chunks are cut as in its training)
        counts: Sequence[Counts],
    ) -> dict[str, list[list[CodeHit]]]:
        """The codes of each note, the best first, under the head's name.

        Args:
            tokens: of each note.
            texts: the notes.
            sections: of each note; they are not asked for.
            counts: of each note, to which this pass is added.

        Raises:
            TruncatedError: tokens of a note were cut off, or are in no chunk.
        """
        notes = zip(texts, tokens, counts, strict=True)
        return {self._name: [self._head.codes(text, note, self._chunks(note, count)) for text, note, count in notes]}

    def _chunks(self, tokens: Tokens, counts: Counts) -> Chunks:
        ids = np.concatenate([[self.tokenizer.first], tokens.ids, [self.tokenizer.last]]).astype(np.int64)
        chunks = [ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK)] if len(tokens) else []
        padding = 0 if self._masked else len(chunks) * CHUNK - len(ids)
        counts.truncated_tokens += tokens.cut
        if chunks:
            counts.tokens += len(tokens)
            counts.truncated_tokens += len(ids) - sum(map(len, chunks))
            counts.windows += len(chunks)
            counts.positions += len(ids) + padding
            counts.padding += padding
        refuse_truncated([counts])
        if len(chunks) > _HELD:
            return Chunks(partial(self._run, chunks), len(tokens))
        states = list(self._run(chunks))
        return Chunks(lambda: iter(states), len(tokens))

    def _run(self, chunks: Sequence[Ids]) -> Iterator[torch.Tensor]:
        for at in range(0, len(chunks), _BATCH):
            part = chunks[at : at + _BATCH]
            for chunk, states in zip(part, self._encode(part), strict=True):
                if len(states) < len(chunk):
                    raise AssertionError("a chunk came back without some of its states")
                yield states


def _unpadded(backend: Backend, chunks: Sequence[Ids]) -> Iterator[torch.Tensor]:
    lengths = [len(chunk) for chunk in chunks]
    return iter(torch.split(backend(Packed(np.concatenate(chunks), None, tuple(lengths))), lengths))


def _padded(model: Any, pad: int, chunks: Sequence[Ids]) -> Iterator[torch.Tensor]:
    """Every chunk padded to its full length; the states of the padding come out too."""
    ids = np.full((len(chunks), CHUNK), pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, chunk in enumerate(chunks):
        ids[row, : len(chunk)] = chunk
        mask[row, : len(chunk)] = 1
    inputs = {"input_ids": ids, "attention_mask": mask}
    given = {name: torch.from_numpy(values).to(model.device) for name, values in inputs.items()}
    return iter(model(**given).last_hidden_state)


def _attention_weights(folder: Path, device: torch.device) -> list[Any]:
    """W1, W2, W3 and b, in float32."""
    found: dict[str, torch.Tensor] = {}
    for path in weight_files(folder):
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118  (a safetensors file is no mapping)
                if "_linear." in key:
                    found[key] = file.get_tensor(key).to(device, torch.float32)
    names = attention_names(found)
    if names is None:
        raise CheckpointError(f"the checkpoint {str(folder)!r} lacks weights of its label attention")
    return [found[name] for name in names]
