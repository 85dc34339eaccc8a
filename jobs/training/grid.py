"""The search over learning rate, batch and epochs of Devlin et al. (2019) and Alsentzer et al. (2019)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np

from jobs.train import TrainSummary
from jobs.training.evaluation import Figures
from jobs.training.loop import LoopOptions
from pipelines.errors import RequestError

_JUDGED_BY: Final = {"readmission": "auroc"}
"""The figure of a head that counts; of the others it is `f1`."""


@dataclass(frozen=True)
class Grid:
    """What is tried, each with each.

    Attributes:
        lrs: learning rates of the backbone.
        batches: windows in a batch.
        epochs: passes.
    """

    lrs: Sequence[float] = (2e-5, 3e-5, 5e-5)
    batches: Sequence[int] = (16, 32)
    epochs: Sequence[int] = (2, 3, 4)

    def points(self, options: LoopOptions) -> list[LoopOptions]:
        """The options of each combination."""
        return [
            replace(options, lr=lr, batch_tokens=batch * options.window, epochs=epochs)
            for lr, batch, epochs in product(self.lrs, self.batches, self.epochs)
        ]


@dataclass(frozen=True)
class _Tried:
    options: LoopOptions
    figures: Mapping[str, float]

    @property
    def batch(self) -> int:
        return self.options.batch_tokens // self.options.window

    @property
    def score(self) -> float:
        return float(np.mean(list(self.figures.values())))


def search(
    train: Callable[[LoopOptions, str], TrainSummary],
    grid: Grid,
    options: LoopOptions,
    output: str,
    log: Callable[[str], None],
) -> TrainSummary:
    """Trains with each combination and keeps the checkpoint that is best on dev; its card tells of all.

    Args:
        train: trains with these options into this folder.
        grid: what is tried.
        options: all else.
        output: folder for the best checkpoint.
        log: takes lines of progress.

    Raises:
        RequestError: nothing is held out to choose by.
    """
    target = Path(output)
    folder = target.with_name(target.name + ".grid")
    shutil.rmtree(folder, ignore_errors=True)
    tried: list[_Tried] = []
    best: TrainSummary | None = None
    points = grid.points(options)
    for number, chosen in enumerate(points, start=1):
        batch = chosen.batch_tokens // chosen.window
        log(f"{number} of {len(points)}: learning rate {chosen.lr:g}, batch {batch}, {chosen.epochs} epochs")
        summary = train(chosen, str(folder / str(number)))
        tried.append(_Tried(chosen, _judged(summary.figures)))
        if not tried[-1].figures:
            shutil.rmtree(folder)
            raise RequestError("--grid chooses by dev figures, but no document with gold is held out: name --dev")
        log(f"{number} of {len(points)}: {tried[-1].score:.4f}")
        if best is not None and tried[-1].score <= max(point.score for point in tried[:-1]):
            shutil.rmtree(folder / str(number))
            continue
        if best is not None:
            shutil.rmtree(best.output)
        best = summary
    assert best is not None  # a grid has a point
    card = Path(best.output) / "README.md"
    before, limits, after = card.read_text(encoding="utf-8").partition("\n## Limits\n")
    card.write_text(before + _told(tried) + limits + after, encoding="utf-8")
    if target.exists():
        shutil.rmtree(target)
    Path(best.output).rename(target)
    shutil.rmtree(folder)
    return replace(best, output=output)


def _judged(figures: Mapping[str, Mapping[str, Figures]]) -> dict[str, float]:
    return {
        f"{head} on {name}": float(measured[_JUDGED_BY.get(head, "f1")])
        for head, by_set in figures.items()
        for name, measured in by_set.items()
    }


def _told(tried: Sequence[_Tried]) -> str:
    names = list(tried[0].figures)
    best = max(tried, key=lambda point: point.score)
    lines = [
        "",
        "## Grid",
        "",
        "Each combination was trained and measured on dev (F1, of readmission AUROC); kept is learning rate "
        f"{best.options.lr:g}, batch {best.batch}, {best.options.epochs} epochs. Chosen on dev, its dev figures are a "
        "little hopeful.",
        "",
        f"| learning rate | batch | epochs | {' | '.join(names)} |",
        f"|---:|---:|---:|{'---:|' * len(names)}",
        *(
            f"| {point.options.lr:g} | {point.batch} | {point.options.epochs} | "
            f"{' | '.join(f'{point.figures[name]:.4f}' for name in names)} |"
            for point in tried
        ),
    ]
    return "\n".join(lines) + "\n"
