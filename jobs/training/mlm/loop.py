"""The optimisation loop of pre-training: the order of the data is one, whoever is killed and however many compute."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator

from jobs.training.mlm.masking import Masker
from jobs.training.mlm.model import MaskedModel
from jobs.training.mlm.sequences import Sequences

_CLIP: Final = 1.0  # norm of the gradient
_TOLD_EVERY: Final = 20.0  # seconds
_MOST_DEV: Final = 2000  # sequences that are measured on, spread over all of dev
_BUCKET: Final = 50  # batches whose sequences are put in order of length, so that neighbours need no padding


@dataclass(frozen=True)
class PretrainOptions:
    """How to pre-train; the defaults are those of Alsentzer et al. (2019).

    Attributes:
        length: most tokens of a sequence.
        batch: sequences in a batch, over all processes.
        lr: peak learning rate.
        warm_up: share of the run in which it rises; then it falls to zero in a line.
        weight_decay: of AdamW.
        masked: share of the tokens that is masked.
        whole_words: mask all pieces of a word together.
        dup_factor: how often the data are masked, each time differently; all these copies make an epoch.
        epochs: passes over the copies.
        max_steps: at most so many batches; the learning rate falls accordingly.
        max_minutes: the run is shortened to this wall time, the learning rate with it.
        seed: of masks, order and dropout.
    """

    length: int = 128
    batch: int = 32
    lr: float = 5e-5
    warm_up: float = 0.06
    weight_decay: float = 0.01
    masked: float = 0.15
    whole_words: bool = False
    dup_factor: int = 5
    epochs: int = 1
    max_steps: int | None = None
    max_minutes: float | None = None
    seed: int = 0


@dataclass
class Progress:
    """How far a training is: batches done, seconds spent, tokens that went through the encoder."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0


class Schedule:
    """Which sequences, in which of their copies, make the batch of a step.

    Args:
        lengths: tokens of each sequence.
        options: of the training.
    """

    def __init__(self, lengths: npt.NDArray[np.int64], options: PretrainOptions) -> None:
        self._lengths = lengths
        self._options = options
        self._instances = len(lengths) * options.dup_factor
        self._per_epoch = max(
            1, self._instances // options.batch
        )  # a rest smaller than a batch waits for another epoch
        steps = self._per_epoch * options.epochs
        self.steps = steps if options.max_steps is None else min(steps, options.max_steps)

    def batches(self, first: int) -> Iterator[list[tuple[int, int]]]:
        """The batches from a step on: number of a sequence, number of its copy."""
        for epoch in range(first // self._per_epoch, self._options.epochs):
            order = self._order(epoch)
            size = self._options.batch
            for within in range(max(0, first - epoch * self._per_epoch), self._per_epoch):
                if epoch * self._per_epoch + within >= self.steps:
                    return
                chosen = order[within * size : (within + 1) * size].tolist()
                yield [(item % len(self._lengths), item // len(self._lengths)) for item in chosen]

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        rng = np.random.default_rng([self._options.seed, epoch])
        order = rng.permutation(self._instances)[: self._per_epoch * self._options.batch]
        size, bucket = self._options.batch, self._options.batch * _BUCKET
        for start in range(0, len(order), bucket):
            part = order[start : start + bucket]
            part = part[np.argsort(self._lengths[part % len(self._lengths)], kind="stable")]
            rows = np.split(part, range(size, len(part), size))
            order[start : start + bucket] = np.concatenate([rows[i] for i in rng.permutation(len(rows))])
        return order


def fit(
    accelerator: Accelerator,
    model: Any,
    optimizer: Any,
    sequences: Sequences,
    masker: Masker,
    options: PretrainOptions,
    progress: Progress,
    log: Callable[[str], None],
    after_step: Callable[[float, float, bool], None],
) -> None:
    """Trains in place.

    Args:
        accelerator: which prepared the model and the optimizer.
        model: a `MaskedModel`.
        optimizer: over its parameters.
        sequences: to train on.
        masker: draws the masks.
        options: how.
        progress: where to go on; kept up to date.
        log: takes a line of progress now and then.
        after_step: called after each step with the loss, the learning rate, and whether it was the last.
    """
    schedule = Schedule(sequences.lengths, options)
    limit = math.inf if options.max_minutes is None else options.max_minutes * 60
    began = time.monotonic() - progress.seconds
    told, told_tokens, mean = time.monotonic(), progress.tokens, 0.0
    model.train()
    for chosen in schedule.batches(progress.step):
        share = _share(progress, schedule.steps, limit)
        if share >= 1:
            return
        lr = options.lr * min((share + 1 / schedule.steps) / options.warm_up, (1 - share) / (1 - options.warm_up), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = lr
        # Dropout of a step is its own, so that it is the same when the training goes on there.
        torch.manual_seed(hash((options.seed, progress.step, accelerator.process_index)))
        mine = chosen[accelerator.process_index :: accelerator.num_processes]
        batch = masker(sequences, mine)
        with accelerator.autocast():
            loss = model(batch.to(accelerator.device)).mean()
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), _CLIP)
        optimizer.step()
        progress.step += 1
        progress.seconds = _mean(accelerator, time.monotonic() - began)
        progress.tokens += int(sum(sequences.lengths[number] for number, _ in chosen))
        value = float(accelerator.reduce(loss.detach(), "mean"))
        mean = value if mean == 0.0 else 0.95 * mean + 0.05 * value
        done = progress.step >= schedule.steps or _share(progress, schedule.steps, limit) >= 1
        if (now := time.monotonic()) - told > _TOLD_EVERY or done:
            rate = (progress.tokens - told_tokens) / max(now - told, 1e-9)
            told, told_tokens = now, progress.tokens
            log(
                f"step {progress.step}/{schedule.steps} {_share(progress, schedule.steps, limit):.0%} "
                f"{progress.seconds:.0f} s {rate:.0f} tokens/s loss {mean:.4f} lr {lr:.2e}"
            )
        after_step(value, lr, done)
        if done:
            return


def _share(progress: Progress, steps: int, limit: float) -> float:
    # Where time is short the learning rate must still reach zero: time counts as progress too.
    return min(1.0, max(progress.step / steps, progress.seconds / limit))


def _mean(accelerator: Accelerator, value: float) -> float:
    """Over the processes: what they decide on must be the same in all."""
    return float(accelerator.reduce(torch.tensor(value, device=accelerator.device), "mean"))


@torch.inference_mode()
def dev_loss(accelerator: Accelerator, model: MaskedModel, sequences: Sequences, masker: Masker, size: int) -> float:
    """Mean loss of masked tokens, each sequence masked once; it is computed in each process alike.

    Args:
        accelerator: for the device and the precision.
        model: itself, not what it was wrapped in.
        sequences: to measure on; at least one.
        masker: draws the masks.
        size: sequences in a batch.
    """
    training = model.training
    model.eval()
    chosen = np.unique(np.linspace(0, len(sequences) - 1, min(len(sequences), _MOST_DEV)).astype(np.int64))
    order = chosen[np.argsort(sequences.lengths[chosen], kind="stable")].tolist()
    total, count = 0.0, 0
    for start in range(0, len(order), size):
        batch = masker(sequences, [(number, 0) for number in order[start : start + size]])
        with accelerator.autocast():
            losses = model(batch.to(accelerator.device))
        total += float(losses.sum())
        count += len(losses)
    model.train(training)
    return total / count
