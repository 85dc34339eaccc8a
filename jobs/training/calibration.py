"""Fits the line that makes readmission scores probabilities, on encounters that the head did not learn from."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import torch

from jobs.training.documents import Document
from transforms.clinical_bert.checkpoints import resolve
from transforms.clinical_bert.replica import Replica
from transforms.readmission import Calibration

LEAST: Final = 20
"""Encounters with a readmission, and without one, that a calibration needs: with fewer the line would be chance."""

_EVERY: Final = 10  # of the patients, every tenth is withheld
_HEAD: Final = "readmission"
_EDGE: Final = 1e-6  # scores of 0 and 1 have no logit
_RIDGE: Final = 1e-3  # keeps the slope where the encounters say nothing of it


def withhold(documents: Sequence[Document]) -> tuple[list[Document], list[Document]]:
    """Parts what readmission learns from and what it is calibrated on; no patient is in both.

    Returns:
        All documents, those withheld without their label (other heads may learn from them), and the withheld ones.
        Nothing is withheld where that would leave too few to calibrate on.
    """
    labelled = [d for d in documents if d.readmitted is not None]
    held = [d for number, d in enumerate(labelled) if _is_withheld(d, number)]
    yes, no = ({d.group or number for number, d in enumerate(held) if d.readmitted is told} for told in (True, False))
    if min(len(yes), len(no)) < LEAST:
        return list(documents), []
    withheld = {id(d) for d in held}
    return [replace(d, readmitted=None) if id(d) in withheld else d for d in documents], held


def _is_withheld(document: Document, number: int) -> bool:
    key = document.patient or document.group or str(number)
    return hashlib.sha256(key.encode()).digest()[0] % _EVERY == 0


def calibrate(folder: str, documents: Sequence[Document], window: int) -> Calibration | None:
    """Scores encounters with a checkpoint that is not calibrated yet, and fits the line.

    Args:
        folder: the checkpoint.
        documents: withheld ones.
        window: most tokens in an encoder window.

    Returns:
        None where too few encounters have a chunk.
    """
    scores: dict[str, list[float]] = defaultdict(list)
    labels: dict[str, bool] = {}
    with Replica({_HEAD: resolve(folder, _HEAD)}, window=window) as replica:
        found = replica.annotate([document.text for document in documents])[_HEAD]
    for number, (document, chunks) in enumerate(zip(documents, found, strict=True)):
        if chunks:
            encounter = document.group or f"document {number}"
            scores[encounter] += [chunk.score for chunk in chunks]
            labels[encounter] = bool(document.readmitted)
    readmitted = sum(labels.values())
    if min(readmitted, len(labels) - readmitted) < LEAST:
        return None
    return fit(list(scores.values()), list(labels.values()))


def fit(scores: Sequence[Sequence[float]], readmitted: Sequence[bool]) -> Calibration:
    """The line of greatest likelihood, with Platt's targets, which keep it from certainty.

    Args:
        scores: of each encounter its chunks', 0 to 1, none empty.
        readmitted: of each encounter.

    Raises:
        ValueError: all encounters have one label.
    """
    positive = sum(readmitted)
    negative = len(readmitted) - positive
    if not positive or not negative:
        raise ValueError("a calibration needs encounters with a readmission and encounters without one")
    counts = torch.tensor([len(of_one) for of_one in scores])
    logits = torch.cat([_logits(of_one) for of_one in scores])
    highest = torch.stack([_logits(of_one).max() for of_one in scores])  # a line upwards leaves the highest the highest
    owner = torch.repeat_interleave(torch.arange(len(scores)), counts)
    targets = torch.tensor(
        [(positive + 1) / (positive + 2) if told else 1 / (negative + 2) for told in readmitted], dtype=torch.float64
    )
    line = torch.zeros(2, dtype=torch.float64, requires_grad=True)  # logarithm of the slope, intercept
    optimizer = torch.optim.LBFGS([line], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        slope, intercept = line[0].exp(), line[1]
        chunks = torch.sigmoid(slope * logits + intercept)
        sums = torch.zeros(len(scores), dtype=torch.float64).index_add(0, owner, chunks)
        probabilities = (torch.sigmoid(slope * highest + intercept) + sums / 2) / (1 + counts / 2)
        likelihood = torch.nn.functional.binary_cross_entropy(probabilities.clamp(1e-9, 1 - 1e-9), targets)
        total = likelihood + _RIDGE * line[0] ** 2
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    log_slope, intercept = line.detach().tolist()
    return Calibration(math.exp(log_slope), intercept, len(scores), positive)


def _logits(scores: Sequence[float]) -> torch.Tensor:
    clipped = torch.tensor(scores, dtype=torch.float64).clamp(_EDGE, 1 - _EDGE)
    return torch.logit(clipped)
