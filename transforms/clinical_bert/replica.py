"""A replica: models in memory, texts in, one result per text and head out.

Heads that share a checkpoint share one tokenisation and one encoder pass. Heads from other checkpoints live
in the same replica and run one after another. Texts are taken in groups of bounded size, so that the states
in memory at one time do not grow with the block.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import torch

from transforms.clinical_bert.catalogue import CHUNK_CLASSIFICATION, HEADS
from transforms.clinical_bert.checkpoints import Checkpoint, own_head, positions, read_json
from transforms.clinical_bert.checkpoints.loading import load_classifier, load_encoder, load_tokenizer
from transforms.clinical_bert.encoder import Encoder, Precision, WindowRunner, pick_device, pick_dtype
from transforms.clinical_bert.heads import EncodedNotes, Head, open_head
from transforms.clinical_bert.heads.readmission import ChunkClassifier
from transforms.clinical_bert.windows import NoteTokenizer

WINDOW: Final = 128
"""Tokens in a window of a checkpoint of our own layout, which is trained and measured with windows of this length: on
a CPU attention over 512 makes a token cost about twice as much. Other checkpoints get all positions that they have."""

# Characters of text whose token states may be in memory at one time: about 50,000 tokens, which is 40 MB of
# bfloat16 states for a model 384 wide and 200 MB of float32 states for one 1,024 wide.
_GROUP_CHARACTERS: Final = 200_000


class _Model(Protocol):
    """One model in memory, with the heads that it serves."""

    heads: dict[str, Any]

    def annotate(self, texts: Sequence[str]) -> tuple[dict[str, list[Any]], list[int]]:
        """For each head one result per text; and the number of tokens of each text."""
        ...


class Replica:
    """Annotates texts with every head of a few checkpoints.

    Args:
        heads: the checkpoint for each head, by the head's name.
        precision: `auto` is bf16 where the hardware computes in it, else fp32.
        window: most tokens in an encoder window, cut to what the checkpoint takes; None for what it was trained with.
        threads: of PyTorch in this process; None leaves them as they are.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        options: for a head by its name, what it lets its user choose (`CodingOptions` for `icd`).

    Raises:
        CheckpointError: a checkpoint changed since it was resolved, or its weights do not fit.
        ValueError: an unknown precision, or a window too small to be of use.
    """

    def __init__(
        self,
        heads: Mapping[str, Checkpoint],
        *,
        precision: Precision = "auto",
        window: int | None = None,
        threads: int | None = None,
        device: str = "auto",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if window is not None and window < 16:
            raise ValueError(f"a window of {window} tokens is too small: take 16 at least")
        if threads is not None:
            # The tokenizer's pool reads this once, when it is first used.
            os.environ.setdefault("RAYON_NUM_THREADS", str(threads))
            torch.set_num_threads(threads)
        self.device = pick_device(device)
        self.dtype = pick_dtype(precision, self.device)
        self.n_tokens: list[int] = []
        """Tokens of each text of the last `annotate`, under the first head's tokenizer."""
        by_folder: dict[tuple[Path, bool], dict[str, Checkpoint]] = defaultdict(dict)
        for name, checkpoint in heads.items():
            folder = checkpoint.verify(name)
            alone = HEADS[name].kind == CHUNK_CLASSIFICATION and own_head(folder, name) is None
            by_folder[folder, alone][name] = checkpoint
        self._models: list[_Model] = []
        for (folder, alone), group in by_folder.items():
            limit = positions(read_json(folder / "config.json"))
            own = own_head(folder, next(iter(group))) is not None
            size = min(window or (WINDOW if own else limit), limit)
            tokenizer = load_tokenizer(folder)
            if alone:
                self._models.append(_Classifier(folder, list(group), tokenizer, size, self.dtype, self.device))
            else:
                self._models.append(
                    _Shared(folder, list(group), tokenizer, size, self.dtype, self.device, options or {})
                )

    def annotate(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        """Runs every head over every text.

        Returns:
            For each head one result per text, in the texts' order. `deid`, `ner`: a list of `Span`; `icd`: a
            list of `CodeHit`; `readmission`: a list of probabilities, one per chunk.
        """
        results: dict[str, list[Any]] = {name: [None] * len(texts) for model in self._models for name in model.heads}
        counts = [0] * len(texts)
        for group in _groups(texts):
            chosen = [texts[i] for i in group]
            for number, model in enumerate(self._models):
                values, tokens = model.annotate(chosen)
                for name, of_head in values.items():
                    for i, value in zip(group, of_head, strict=True):
                        results[name][i] = value
                if number == 0:
                    for i, count in zip(group, tokens, strict=True):
                        counts[i] = count
        self.n_tokens = counts
        return results

    def rows(self, head: str, result: Any, text: str, sections: Sequence[dict[str, Any]]) -> list[Any]:
        """One text's result as the value of the head's in-flight column; see `Head.rows`."""
        for model in self._models:
            if head in model.heads:
                rows: list[Any] = model.heads[head].rows(result, text, sections)
                return rows
        raise KeyError(head)

    def close(self) -> None:
        """Lets the models go."""
        self._models = []
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Shared:
    """One encoder, and the heads that read its states."""

    def __init__(
        self,
        folder: Path,
        heads: Sequence[str],
        tokenizer: NoteTokenizer,
        window: int,
        dtype: torch.dtype,
        device: torch.device,
        options: Mapping[str, Any],
    ) -> None:
        model = load_encoder(folder, dtype, device)
        self._tokenizer = tokenizer
        self._encoder = Encoder(model, tokenizer, window=window)
        self.heads: dict[str, Head] = {
            name: open_head(name, folder, tokenizer, dtype, device, options.get(name)) for name in heads
        }

    @torch.inference_mode()
    def annotate(self, texts: Sequence[str]) -> tuple[dict[str, list[Any]], list[int]]:
        tokens = self._tokenizer(texts)
        notes = EncodedNotes.of(texts, tokens, torch.cat(self._encoder.encode(tokens)))
        return {name: head(notes) for name, head in self.heads.items()}, [len(note) for note in tokens]


class _Classifier:
    """A sequence classifier of its own over the chunks of a note."""

    def __init__(
        self,
        folder: Path,
        heads: Sequence[str],
        tokenizer: NoteTokenizer,
        window: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        model = load_classifier(folder, dtype, device)
        self._tokenizer = tokenizer
        # The [CLS] state sums up what the classifier sees, so it is given as much of a chunk as it takes.
        window = max(window, positions(read_json(folder / "config.json")))
        runner = WindowRunner(model, tokenizer, window, lambda output: output.logits)
        self.heads: dict[str, ChunkClassifier] = {name: ChunkClassifier(runner, window // 8) for name in heads}

    def annotate(self, texts: Sequence[str]) -> tuple[dict[str, list[Any]], list[int]]:
        tokens = self._tokenizer(texts)
        return {name: head(texts, tokens) for name, head in self.heads.items()}, [len(note) for note in tokens]


def _groups(texts: Sequence[str]) -> Iterator[list[int]]:
    """Indices of the texts, in order of length, in groups of bounded size (one text at least)."""
    group: list[int] = []
    characters = 0
    for i in sorted(range(len(texts)), key=lambda i: len(texts[i])):
        if group and characters + len(texts[i]) > _GROUP_CHARACTERS:
            yield group
            group, characters = [], 0
        group.append(i)
        characters += len(texts[i])
    if group:
        yield group
