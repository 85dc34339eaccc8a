"""The optimisation loop: length-bucketed batches of whole documents, every head's loss in one step."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn

from jobs.training.documents import Document
from jobs.training.model import Task
from transforms.clinical_bert.catalogue import CHUNK_CLASSIFICATION, HEADS, LABEL_ATTENTION
from transforms.clinical_bert.windows import NoteTokenizer, Tokens, Window, plan

_WARM_UP: Final = 0.06  # share of the run
_CLIP: Final = 1.0  # norm of the gradient

# The gradient of a thousand codes is far longer than that of a few labels; unweighted, it would drown them in
# the backbone, whose optimizer scales by the gradients' usual size. Readmission is for the most part chance, which the
# backbone of other heads should not learn.
_WEIGHT: Final = {LABEL_ATTENTION: 0.08, CHUNK_CLASSIFICATION: 0.2}


@dataclass(frozen=True)
class LoopOptions:
    """How to train; the defaults lie in the grid of Alsentzer et al. (2019), see `jobs.training.grid`.

    Attributes:
        epochs: passes over the labelled corpora.
        generated_epochs: passes over generated notes, spread over the epochs: as there is no end of them, new
            ones teach more than old ones again.
        lr: peak learning rate of the backbone; it rises for 6% of the run and falls to zero in a line.
        head_lr: the same for the heads.
        weight_decay: of AdamW.
        batch_tokens: tokens in a batch, padding included.
        window: most tokens in an encoder window.
        seed: of order and dropout.
        max_minutes: the run is shortened to this wall time, the learning rate with it; None: no limit.
        freeze_backbone: trains the heads alone.
    """

    epochs: int = 4
    generated_epochs: int = 1
    lr: float = 5e-5
    head_lr: float = 1e-3
    weight_decay: float = 0.01
    batch_tokens: int = 2048
    window: int = 128
    seed: int = 0
    max_minutes: float | None = None
    freeze_backbone: bool = False


@dataclass(frozen=True)
class Item:
    """A tokenised document with its windows and the target of each head that has one."""

    tokens: Tokens
    windows: Sequence[Window]
    targets: Mapping[str, torch.Tensor]
    generated: bool

    @property
    def longest(self) -> int:
        return max(window.stop - window.start for window in self.windows) + 2

    @property
    def padded(self) -> int:
        return self.longest * len(self.windows)


def prepare(
    documents: Sequence[Document], tokenizer: NoteTokenizer, tasks: Mapping[str, Task], window: int
) -> list[Item]:
    """Tokenises documents whole; those without a target for any head are left out."""
    items = []
    for document, tokens in zip(documents, tokenizer([d.text for d in documents]), strict=True):
        targets = {
            head: target for head, task in tasks.items() if (target := task.target(document, tokens)) is not None
        }
        if targets and len(tokens):
            windows = plan(len(tokens), window - 2, window // 8)
            items.append(Item(tokens, windows, targets, document.source.startswith("generated")))
    return items


def batches(items: Sequence[Item], budget: int, rng: random.Random) -> Iterator[list[Item]]:
    """Documents of alike window lengths, up to `budget` padded tokens, in random order."""
    # A little noise in the length, so that a document meets other neighbours in each epoch.
    order = sorted(items, key=lambda item: item.longest * rng.uniform(0.9, 1.1))
    groups: list[list[Item]] = []
    longest = count = 0
    for item in order:
        longest, count = max(longest, item.longest), count + len(item.windows)
        if not groups or longest * count > budget:
            groups.append([])
            longest, count = item.longest, len(item.windows)
        groups[-1].append(item)
    rng.shuffle(groups)
    yield from groups


def states_of(backbone: Any, tokenizer: NoteTokenizer, batch: Sequence[Item]) -> list[torch.Tensor]:
    """One forward pass over all windows of a batch; for each document its token states, shape (tokens, width)."""
    longest = max(item.longest for item in batch)
    rows = [(item, window) for item in batch for window in item.windows]
    ids = torch.full((len(rows), longest), tokenizer.pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    types = torch.zeros_like(ids)
    for row, (item, window) in enumerate(rows):
        n = window.stop - window.start
        if item.tokens.types is not None:
            types[row, 1 : n + 1] = torch.from_numpy(item.tokens.types[window.start : window.stop].astype("int64"))
        ids[row, 0] = tokenizer.first
        ids[row, 1 : n + 1] = torch.from_numpy(item.tokens.ids[window.start : window.stop].astype("int64"))
        ids[row, n + 1] = tokenizer.last
        mask[row, : n + 2] = 1
    device = backbone.device
    inputs = {"input_ids": ids.to(device), "attention_mask": mask.to(device)}
    if tokenizer.shapes:
        inputs["token_type_ids"] = types.to(device)
    output = backbone(**inputs).last_hidden_state
    own = [
        row * longest + torch.arange(1 + window.own_start - window.start, 1 + window.own_stop - window.start)
        for row, (_, window) in enumerate(rows)
    ]
    # One look-up of all tokens: the gradient of a slice would be a tensor of zeros as large as the batch for each.
    states = output.flatten(0, 1)[torch.cat(own).to(device)]
    return list(torch.split(states, [len(item.tokens) for item in batch]))


def fit(
    backbone: Any,
    tokenizer: NoteTokenizer,
    tasks: Mapping[str, Task],
    items: Sequence[Item],
    options: LoopOptions,
    log: Callable[[str], None],
    after_epoch: Callable[[int], None],
) -> int:
    """Trains the backbone and the heads in place.

    Args:
        backbone, tokenizer, tasks: the model.
        items: what `prepare` made of the training documents.
        options: how.
        log: takes a line of progress now and then; it holds numbers only.
        after_epoch: called with the number of epochs done.

    Returns:
        Tokens that went through the encoder.
    """
    rng = random.Random(options.seed)
    torch.manual_seed(options.seed)
    epochs = _epochs(items, options, rng)
    total = sum(item.padded for epoch in epochs for item in epoch)
    optimizer = _optimizer(backbone, tasks, options)
    peaks = [float(group["lr"]) for group in optimizer.param_groups]
    began = time.monotonic()
    limit = math.inf if options.max_minutes is None else options.max_minutes * 60
    done = 0
    told = began
    running: dict[str, float] = {}
    for number, epoch in enumerate(epochs, start=1):
        _mode(backbone, tasks, training=True, frozen=options.freeze_backbone)
        for batch in batches(epoch, options.batch_tokens, rng):
            # Where time is short the learning rate must still reach zero: time counts as progress too.
            progress = max(done / total, (time.monotonic() - began) / limit)
            if progress >= 1:
                break
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * min(progress / _WARM_UP, (1 - progress) / (1 - _WARM_UP), 1.0) + 1e-9
            for head, loss in _step(backbone, tokenizer, tasks, batch, optimizer, options).items():
                running[head] = 0.95 * running.get(head, loss) + 0.05 * loss
            done += sum(item.padded for item in batch)
            if time.monotonic() - told > 20:
                told = time.monotonic()
                losses = " ".join(f"{head} {loss:.4f}" for head, loss in sorted(running.items()))
                log(
                    f"epoch {number}/{len(epochs)} progress {progress:.0%} {told - began:.0f} s "
                    f"{done / (told - began):.0f} tokens/s loss: {losses}"
                )
        _mode(backbone, tasks, training=False, frozen=options.freeze_backbone)
        after_epoch(number)
    return done


def _epochs(items: Sequence[Item], options: LoopOptions, rng: random.Random) -> list[list[Item]]:
    corpora = [item for item in items if not item.generated]
    generated = [item for item in items if item.generated] * options.generated_epochs
    rng.shuffle(generated)
    return [corpora + generated[epoch :: options.epochs] for epoch in range(options.epochs)]


def _optimizer(backbone: Any, tasks: Mapping[str, Task], options: LoopOptions) -> torch.optim.Optimizer:
    for parameter in backbone.parameters():
        parameter.requires_grad_(not options.freeze_backbone)
    heads = [parameter for task in tasks.values() for parameter in task.parameters()]
    groups: list[dict[str, Any]] = [{"params": heads, "lr": options.head_lr, "weight_decay": 0.0}]
    if not options.freeze_backbone:
        named = list(backbone.named_parameters())
        # As BERT was trained: no decay on biases and normalisation.
        plain = [p for name, p in named if name.endswith("bias") or "LayerNorm" in name]
        decayed = [p for name, p in named if not (name.endswith("bias") or "LayerNorm" in name)]
        groups.append({"params": plain, "lr": options.lr, "weight_decay": 0.0})
        groups.append({"params": decayed, "lr": options.lr, "weight_decay": options.weight_decay})
    return torch.optim.AdamW(groups, lr=options.lr, fused=True)


def _mode(backbone: Any, tasks: Mapping[str, Task], *, training: bool, frozen: bool) -> None:
    backbone.train(training and not frozen)
    for task in tasks.values():
        task.train(training)


def _step(
    backbone: Any,
    tokenizer: NoteTokenizer,
    tasks: Mapping[str, Task],
    batch: Sequence[Item],
    optimizer: torch.optim.Optimizer,
    options: LoopOptions,
) -> dict[str, float]:
    device = backbone.device
    with torch.autocast(device.type, dtype=torch.bfloat16):
        with torch.set_grad_enabled(not options.freeze_backbone):
            states = states_of(backbone, tokenizer, batch)
        losses = {}
        for head, task in tasks.items():
            pairs = [(s, item.targets[head]) for s, item in zip(states, batch, strict=True) if head in item.targets]
            if pairs:
                losses[head] = task.loss([s for s, _ in pairs], [target.to(device) for _, target in pairs])
    optimizer.zero_grad(set_to_none=True)
    weighted = [loss * _WEIGHT.get(HEADS[head].kind, 1.0) for head, loss in losses.items()]
    torch.stack(weighted).sum().backward()  # type: ignore[no-untyped-call]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    nn.utils.clip_grad_norm_(parameters, _CLIP)
    optimizer.step()
    return {head: float(loss.detach()) for head, loss in losses.items()}
