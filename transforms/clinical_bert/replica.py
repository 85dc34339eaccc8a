"""A replica: models in memory, texts in, one result per text and head out.

Heads that share a checkpoint share one tokenisation and one encoder pass. Heads from other checkpoints live
in the same replica and run one after another. Texts are taken in groups of bounded size, so that the states
in memory at one time do not grow with the block.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import torch

from transforms.clinical_bert.backends import open_backend
from transforms.clinical_bert.backends.base import Backend
from transforms.clinical_bert.backends.precision import BackendName, Precision
from transforms.clinical_bert.backends.support import pick_device
from transforms.clinical_bert.catalogue import CHUNK_CLASSIFICATION, EMBEDDING, HEADS, LABEL_ATTENTION
from transforms.clinical_bert.checkpoints import Checkpoint, own_head, positions, read_json
from transforms.clinical_bert.checkpoints.loading import load_tokenizer
from transforms.clinical_bert.counts import Counts
from transforms.clinical_bert.encoder import Encoder, Ends
from transforms.clinical_bert.heads import EncodedNotes, Head, open_head
from transforms.clinical_bert.heads.base import StreamedStates
from transforms.clinical_bert.heads.plm_icd import PlmIcd
from transforms.clinical_bert.heads.readmission import ChunkClassifier
from transforms.clinical_bert.heads.sequence import SequenceTail
from transforms.clinical_bert.windows import Tokens

WINDOW: Final = 128
"""Tokens in a window of a checkpoint of our own layout, which is trained and measured with windows of this length: on
a CPU attention over 512 makes a token cost about twice as much. Other checkpoints get all positions that they have."""

CACHE_MB: Final = 256.0
"""MiB of states that each encoder keeps for windows that come again: in bfloat16 350,000 tokens of the checkpoint that
ships or 175,000 of BERT-base, which is more than a split of 200 notes holds."""

# Bytes (UTF-8) of text whose token states may be in memory at one time: about 50,000 tokens, which is 40 MB of
# bfloat16 states for a model 384 wide and 200 MB of float32 states for one 1,024 wide. A longer note is streamed.
# Each head then reads it by a pass of its own (`icd` by two), which is counted once.
_GROUP_BYTES: Final = 200_000


class Replica:
    """Annotates texts with every head of a few checkpoints.

    Args:
        heads: the checkpoint for each head, by the head's name.
        precision: of the encoders; `auto` is the fastest that the processor has and that keeps the labels.
        backend: what computes the encoders; `auto` likewise.
        compiled, check_labels: as of `open_backend`.
        window: most tokens in an encoder window, cut to what the checkpoint takes; None for what it was trained with.
        cache_mb: states of each encoder that are kept for windows that come again, in units of 2**20 bytes.
        threads: of PyTorch in this process; None leaves them as they are.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        options: for a head by its name, what it lets its user choose (`CodingOptions` for `icd`).

    Raises:
        CheckpointError: a checkpoint changed since it was resolved, or its weights do not fit.
        BackendError: the encoders cannot be computed so here.
        ValueError: a window too small to be of use.
    """

    def __init__(
        self,
        heads: Mapping[str, Checkpoint],
        *,
        precision: Precision = "auto",
        backend: BackendName = "auto",
        compiled: bool = False,
        check_labels: bool | None = None,
        window: int | None = None,
        cache_mb: float = CACHE_MB,
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
        self.n_tokens: list[int] = []
        """Tokens of each text of the last `annotate`, under the first head's tokenizer."""
        self.note_counts: list[Counts] = []
        """What the encoders did for each text of the last `annotate`."""
        self.counts = Counts()
        """The sums of `note_counts` over all calls."""
        options = options or {}
        by_folder: dict[tuple[Path, str | None], list[str]] = defaultdict(list)
        for name, checkpoint in heads.items():
            folder = checkpoint.verify(name)
            by_folder[folder, _apart(folder, name)].append(name)
        opened = partial(
            open_backend,
            backend=backend,
            precision=precision,
            device=self.device,
            compiled=compiled,
            check_labels=check_labels,
        )
        self._models: list[_Model | PlmIcd] = [
            PlmIcd(group[0], folder, precision, self.device, options.get(group[0]), opened)
            if apart == LABEL_ATTENTION
            else _Model(folder, group, opened, window, cache_mb, options)
            for (folder, apart), group in by_folder.items()
        ]
        self._ahead = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tokenize")

    def annotate(
        self, texts: Sequence[str], sections: Sequence[Sequence[Mapping[str, Any]]] | None = None
    ) -> dict[str, list[Any]]:
        """Runs every head over every text.

        Args:
            texts: the notes.
            sections: of each text, as the `sections` column holds them; windows of texts longer than one then follow
                them. None: of no text known.

        Returns:
            For each head one result per text, in the texts' order. `deid`, `ner`: a list of `Span`; `icd`: a
            list of `CodeHit`; `readmission`: a list of `Chunk`; `embed`: a list of
            `Embedding`.
        """
        results: dict[str, list[Any]] = {name: [None] * len(texts) for model in self._models for name in model.heads}
        if sections is None:
            sections = [()] * len(texts)
        self.n_tokens = [0] * len(texts)
        self.note_counts = [Counts() for _ in texts]
        for group, tokenized in self._tokenized(texts):
            of_group = [texts[i] for i in group], [sections[i] for i in group], [self.note_counts[i] for i in group]
            for model, tokens in zip(self._models, tokenized, strict=True):
                for name, values in model.annotate(tokens, *of_group).items():
                    for i, value in zip(group, values, strict=True):
                        results[name][i] = value
            for i, of_text in zip(group, tokenized[0], strict=True):
                self.n_tokens[i] = len(of_text)
        self.counts = sum(self.note_counts, self.counts)
        return results

    def _tokenized(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[list[Tokens]]]]:
        """The groups with each model's tokens; while one is encoded, the next one is tokenised."""

        def tokenize(group: list[int]) -> list[list[Tokens]]:
            of_group = [texts[i] for i in group]
            return [model.tokenizer(of_group) for model in self._models]

        groups = list(_groups(texts))
        ahead = [self._ahead.submit(tokenize, group) for group in groups[:1]]
        for number, group in enumerate(groups):
            tokenized = ahead.pop().result()
            ahead += [self._ahead.submit(tokenize, following) for following in groups[number + 1 : number + 2]]
            yield group, tokenized

    def rows(self, head: str, result: Any, text: str, sections: Sequence[dict[str, Any]]) -> list[Any]:
        """One text's result as the value of the head's in-flight column; see `Head.rows`."""
        for model in self._models:
            if head in model.heads:
                rows: list[Any] = model.heads[head].rows(result, text, sections)
                return rows
        raise KeyError(head)

    def close(self) -> None:
        """Lets the models go."""
        self._ahead.shutdown()
        self._models = []
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Model:
    """One encoder, and the heads that read its states.

    A sequence classifier of transformers reads the chunks of a note each by itself, all other heads read whole notes.
    """

    def __init__(
        self,
        folder: Path,
        heads: Sequence[str],
        opened: Callable[..., Backend],
        window: int | None,
        cache_mb: float,
        options: Mapping[str, Any],
    ) -> None:
        limit = positions(read_json(folder / "config.json"))
        own = own_head(folder, heads[0]) is not None
        by_chunk = _apart(folder, heads[0]) == CHUNK_CLASSIFICATION
        # The [CLS] state sums up what a sequence classifier sees, so it is given as much of a chunk as it takes.
        size = limit if by_chunk else min(window or (WINDOW if own else limit), limit)
        self.tokenizer = load_tokenizer(folder)
        backend = opened(folder, for_sequences=by_chunk)
        self._encoder = Encoder(backend, self.tokenizer, window=size, cache_mb=cache_mb)
        self._classifiers: dict[str, ChunkClassifier] = {}
        self._heads: dict[str, Head] = {}
        for name in heads:
            if by_chunk:
                tail = SequenceTail(folder, backend.device)
                self._classifiers[name] = ChunkClassifier(self._encoder.runner, self._encoder.overlap, tail)
            else:
                self._heads[name] = open_head(
                    name, folder, self.tokenizer, backend.dtype, backend.device, options.get(name), cache_mb
                )

        self._reads_ends = any(HEADS[name].kind == EMBEDDING for name in heads)

    @property
    def heads(self) -> Mapping[str, Head | ChunkClassifier]:
        """By name."""
        return {**self._heads, **self._classifiers}

    @torch.inference_mode()
    def annotate(
        self,
        tokens: Sequence[Tokens],
        texts: Sequence[str],
        sections: Sequence[Sequence[Mapping[str, Any]]],
        counts: Sequence[Counts],
    ) -> dict[str, list[Any]]:
        """For each head one result per text."""
        results: dict[str, list[Any]] = {
            name: classify(texts, tokens, counts) for name, classify in self._classifiers.items()
        }
        if self._heads:
            ends: list[Ends] | None = [{} for _ in texts] if self._reads_ends else None
            starts = [[int(section["start"]) for section in of_note] for of_note in sections]
            states = self._encode(tokens, texts, starts, counts, ends)
            stretches = [self._encoder.stretches(*of_note) for of_note in zip(tokens, starts, strict=True)]
            notes = EncodedNotes.of(texts, tokens, states, sections, ends or (), stretches)
            results |= {name: head(notes) for name, head in self._heads.items()}
        return results

    def _encode(
        self,
        tokens: Sequence[Tokens],
        texts: Sequence[str],
        section_starts: Sequence[Sequence[int]],
        counts: Sequence[Counts],
        ends: Sequence[Ends] | None,
    ) -> torch.Tensor | StreamedStates:
        if len(texts) == 1 and _size(texts[0]) > _GROUP_BYTES:
            of_note = ends[0] if ends is not None else None
            stream = partial(self._encoder.stream, tokens[0], section_starts[0], ends=of_note)
            once = [counts[0]]  # a note is counted once, however many heads read it
            return StreamedStates(lambda: stream(once.pop() if once else None), len(tokens[0]))
        return self._encoder.encode(tokens, section_starts, counts, ends)


def _apart(folder: Path, head: str) -> str | None:
    """The kind of a head that reads the chunks of a note in a pass of its own; None: it shares the encoder's pass.

    These are sequence classifiers of transformers, and published checkpoints of PLM-ICD.
    """
    kind = HEADS[head].kind
    return kind if kind in (CHUNK_CLASSIFICATION, LABEL_ATTENTION) and own_head(folder, head) is None else None


def _groups(texts: Sequence[str]) -> Iterator[list[int]]:
    """Indices of the texts, in their order, in groups of bounded size (one text at least)."""
    group: list[int] = []
    size = 0
    for i, text in enumerate(texts):
        if group and size + _size(text) > _GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(i)
        size += _size(text)
    if group:
        yield group


def _size(text: str) -> int:
    """Bytes: some tokenizers make a token of each where they know no word."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
