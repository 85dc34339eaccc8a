"""One backbone with heads, as it is trained; and how it is written as a checkpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from jobs.training.documents import Document
from transforms.clinical_bert.catalogue import HEADS
from transforms.clinical_bert.checkpoints import own_head, read_json
from transforms.clinical_bert.encoder import Encoder
from transforms.clinical_bert.heads.labels import OUTSIDE, label_groups
from transforms.clinical_bert.heads.readmission import token_chunks
from transforms.clinical_bert.heads.words import word_bounds
from transforms.clinical_bert.windows import NoteTokenizer, Tokens
from transforms.readmission import Calibration

_INIT_LOGIT_BIAS: Final = -5.0  # a code is rare: about one in two hundred of those known is a note's


class TokenTask(nn.Module):
    """Token classification in the IOB2 scheme, from corpora that do not all mark the same labels.

    What a corpus does not mark, it cannot teach to be absent: where a word of it bears no label, the loss asks only
    that the word be `O` or of a label that the corpus does not mark (-log of the sum of their probabilities). Labels
    that no corpus marks together are groups, each a softmax of its own (`heads.labels.label_groups`).

    Args:
        head: name of the head, whose gold spans a document may hold.
        marked: the labels, without prefix, that each data set marks.
        width: of a token's state.
    """

    def __init__(self, head: str, marked: Mapping[str, Collection[str]], width: int) -> None:
        super().__init__()
        self.head = head
        self.labels: list[str] = []
        self._marked = {source: frozenset(names) for source, names in marked.items()}
        groups = _groups(self._marked.values())
        for names in groups:
            self.labels += [OUTSIDE, *(f"{prefix}-{name}" for name in names for prefix in "BI")]
        self.linear = nn.Linear(width, len(self.labels))
        self._parts = label_groups(self.labels)
        self._index = {label: i for i, label in enumerate(self.labels) if label != OUTSIDE}
        # Which classes a token may have: row i < labels stands for the class i, and below there is a row for each data
        # set's unlabelled words. Of groups that a data set does not mark, every class is allowed.
        self._unlabelled = {source: len(self.labels) + i for i, source in enumerate(self._marked)}
        allowed = torch.zeros(len(self.labels) + len(self._marked), len(self.labels), dtype=torch.bool)
        for part in self._parts:
            allowed[:, part] = True
            allowed[part, part] = torch.eye(part.stop - part.start, dtype=torch.bool)
            for source, row in self._unlabelled.items():
                of_group = [label.partition("-")[2] for label in self.labels[part]]
                if self._marked[source].intersection(of_group):
                    allowed[row, part] = torch.tensor([name not in self._marked[source] for name in of_group])
        self.register_buffer("_allowed", torch.where(allowed, 0.0, -torch.inf), persistent=False)

    def target(self, document: Document, tokens: Tokens) -> torch.Tensor | None:
        """The row of `_allowed` of each token: every piece of a word has the word's. None: there is no gold for it."""
        spans = document.spans.get(self.head)
        if spans is None:
            return None
        bounds = word_bounds(tokens)
        starts, ends = tokens.starts[bounds[:-1]], tokens.ends[bounds[1:] - 1]
        classes = np.full(len(tokens), self._unlabelled[document.source], dtype=np.int64)
        # Of spans that overlap the longer one is learnt: it is written last.
        for start, end, label in sorted(spans, key=lambda span: span[1] - span[0]):
            if f"B-{label}" not in self._index:
                continue
            first = int(np.searchsorted(ends, start, side="right"))
            last = int(np.searchsorted(starts, end, side="left"))
            for word in range(first, last):
                prefix = "B" if word == first else "I"
                classes[bounds[word] : bounds[word + 1]] = self._index[f"{prefix}-{label}"]
        return torch.from_numpy(classes)

    def loss(self, states: Sequence[torch.Tensor], targets: Sequence[torch.Tensor]) -> torch.Tensor:
        logits = self.linear(torch.cat(list(states))).float()
        allowed = self.get_buffer("_allowed")[torch.cat(list(targets))]
        of_groups = [
            logits[:, part].logsumexp(dim=1) - (logits[:, part] + allowed[:, part]).logsumexp(dim=1)
            for part in self._parts
        ]
        return torch.stack(of_groups).sum(dim=0).mean()

    def export(self) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        return {"labels": self.labels}, {"weight": self.linear.weight, "bias": self.linear.bias}


def _groups(marked: Iterable[Collection[str]]) -> list[list[str]]:
    """Joins sets of labels that share one; the groups and the labels in them are in the order of the alphabet."""
    groups: list[set[str]] = []
    for names in marked:
        joined = set(names).union(*(group for group in groups if group & set(names)))
        groups = [group for group in groups if not group & joined] + [joined]
    return sorted(sorted(group) for group in groups if group)


class CodingTask(nn.Module):
    """Label attention: the formula of `transforms.clinical_bert.heads.icd`.

    Args:
        codes: the labels.
        embeddings: a sentence embedding of each code's title, shape (codes, width). Attention starts where a
            token's state resembles the title, which is what few documents cannot teach for a thousand codes.
        state_norm: usual length of a token's state.
    """

    def __init__(self, codes: Sequence[str], embeddings: torch.Tensor, state_norm: float) -> None:
        super().__init__()
        width = embeddings.shape[1]
        self.labels = list(codes)
        self._index = {code: i for i, code in enumerate(self.labels)}
        self.threshold = 0.5
        directions = functional.normalize(embeddings - embeddings.mean(dim=0), dim=1)
        self.first = nn.Linear(width, width, bias=False)
        self.second = nn.Linear(width, len(codes), bias=False)
        self.third = nn.Linear(width, len(codes))
        with torch.no_grad():
            # tanh(W1 h) begins as h itself, in the range where tanh is nearly straight; W2 and W3 so that a
            # cosine of 0.5 between a token and a title is an attention score of 10 and a logit of 4.
            scale = 0.5 * width**0.5 / state_norm
            self.first.weight.copy_(torch.eye(width) * scale)
            self.second.weight.copy_(directions * (20.0 / (scale * state_norm)))
            self.third.weight.copy_(directions * (8.0 / state_norm))
            self.third.bias.fill_(_INIT_LOGIT_BIAS)

    def target(self, document: Document, tokens: Tokens) -> torch.Tensor | None:
        if document.codes is None or not len(tokens):
            return None
        known = [self._index[code] for code in document.codes if code in self._index]
        return torch.zeros(len(self.labels)).index_fill_(0, torch.tensor(known, dtype=torch.long), 1.0)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """Shape (codes,); `states` has shape (tokens, width)."""
        attention = torch.softmax(self.second(torch.tanh(self.first(states))).float(), dim=0)
        values = functional.linear(states, self.third.weight).float()
        return (attention * values).sum(dim=0) + self.third.bias

    def loss(self, states: Sequence[torch.Tensor], targets: Sequence[torch.Tensor]) -> torch.Tensor:
        logits = torch.stack([self.logits(of_note) for of_note in states])
        gold = torch.stack(list(targets))
        # Per gold code, so that a batch of titles and a batch of long notes weigh alike.
        return functional.binary_cross_entropy_with_logits(logits, gold, reduction="sum") / gold.sum().clamp(min=1)

    def export(self) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        weights = {
            "first.weight": self.first.weight,
            "second.weight": self.second.weight,
            "third.weight": self.third.weight,
            "third.bias": self.third.bias,
        }
        return {"labels": self.labels, "threshold": self.threshold}, weights


class ReadmissionTask(nn.Module):
    """Logistic regression on the mean state of each chunk of 318 words; a chunk has its encounter's label."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1)
        self.calibration: Calibration | None = None

    def target(self, document: Document, tokens: Tokens) -> torch.Tensor | None:
        """Rows of (first token, token after the last, label)."""
        if document.readmitted is None:
            return None
        chunks = token_chunks(document.text, tokens)
        if not chunks:
            return None
        return torch.tensor([[chunk.first, chunk.last, int(document.readmitted)] for chunk in chunks])

    def loss(self, states: Sequence[torch.Tensor], targets: Sequence[torch.Tensor]) -> torch.Tensor:
        means, gold = [], []
        for of_note, chunks in zip(states, targets, strict=True):
            for first, last, label in chunks.tolist():
                means.append(of_note[first:last].float().mean(dim=0))
                gold.append(float(label))
        logits = self.linear(torch.stack(means))[:, 0].float()
        return functional.binary_cross_entropy_with_logits(logits, torch.tensor(gold, device=logits.device))

    def export(self) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        calibration = None if self.calibration is None else self.calibration.to_json()
        return {"labels": ["readmitted"], "calibration": calibration}, {
            "weight": self.linear.weight,
            "bias": self.linear.bias,
        }


Task = TokenTask | CodingTask | ReadmissionTask


def title_embeddings(encoder: Encoder, tokenizer: NoteTokenizer, titles: Sequence[str]) -> tuple[torch.Tensor, float]:
    """Mean token state of each title, shape (titles, width), and the mean length of a token's state."""
    tokens = tokenizer(titles)
    states = encoder.encode(tokens).float()
    of_titles = torch.split(states, [len(title) for title in tokens])
    return torch.stack([of_title.mean(dim=0) for of_title in of_titles]), float(states.norm(dim=1).mean())


def known_labels(folder: Path, head: str) -> list[str]:
    """The labels of a head that a base has already; none if it has not."""
    description = own_head(folder, head)
    return [] if description is None else [str(label) for label in read_json(description)["labels"]]


def go_on(task: Task, folder: Path, head: str) -> int:
    """Takes over from a base's head what belongs to the labels that both have.

    Returns:
        How many labels that were.
    """
    about, weights = task.export()
    here = {label: row for row, label in enumerate(_told_apart(about["labels"]))}
    rows = [(old, here[label]) for old, label in enumerate(_told_apart(known_labels(folder, head))) if label in here]
    if not rows:
        return 0
    old, new = (torch.tensor(column) for column in zip(*rows, strict=True))
    stored = load_file(folder / "heads" / f"{head}.safetensors")
    with torch.no_grad():
        for name, weight in weights.items():
            if len(weight) == len(here):
                weight[new.to(weight.device)] = stored[name][old].to(weight)
            elif weight.shape == stored[name].shape:
                weight.copy_(stored[name])
    return len(rows)


def _told_apart(labels: Sequence[str]) -> list[str]:
    """The labels, with the `O` of each group named by the label after it."""
    return [f"{a} {b}" if a == OUTSIDE else a for a, b in pairwise([*labels, ""])]


def save(
    folder: Path,
    backbone: Any,
    tokenizer: Any,
    tasks: Mapping[str, Task],
    figures: Mapping[str, Mapping[str, Any]],
    kept: Path | None = None,
) -> None:
    """Writes the checkpoint whole, then puts it in the place of an older one.

    Weights are stored in 16 bits (float16 keeps three more bits of them than bfloat16).

    Args:
        folder: where it shall lie.
        backbone: the encoder.
        tokenizer: of transformers.
        tasks: the trained heads by name.
        figures: measured figures of a head, for its description.
        kept: a checkpoint with the same backbone, whose other heads are taken over.
    """
    staging = folder.with_name(folder.name + ".part")
    if staging.exists():
        shutil.rmtree(staging)
    (staging / "heads").mkdir(parents=True)
    if kept is not None and (kept / "heads").is_dir():
        shutil.copytree(kept / "heads", staging / "heads", dirs_exist_ok=True)
    config = backbone.config.to_dict() | {"architectures": [type(backbone).__name__], "dtype": "float16"}
    config.pop("_name_or_path", None)
    _write_json(staging / "config.json", config)
    state = {name: value for name, value in backbone.state_dict().items() if not name.startswith("pooler.")}
    _write_weights(staging / "model.safetensors", state)
    tokenizer.save_pretrained(staging)
    for head, task in tasks.items():
        about, weights = task.export()
        description = {"head": head, "kind": HEADS[head].kind, **about, "figures": dict(figures.get(head, {}))}
        _write_json(staging / "heads" / f"{head}.json", description)
        _write_weights(staging / "heads" / f"{head}.safetensors", weights)
    if folder.exists():
        shutil.rmtree(folder)
    staging.rename(folder)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_weights(path: Path, weights: Mapping[str, torch.Tensor]) -> None:
    save_file({name: value.detach().cpu().half().contiguous() for name, value in weights.items()}, path)
    path.chmod(0o644)
