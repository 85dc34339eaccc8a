"""Dev figures of a checkpoint, measured through the replica that a run uses."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jobs.training.documents import Document, GoldSpan, labels_of
from transforms.clinical_bert.checkpoints import resolve
from transforms.clinical_bert.heads.labels import split_label
from transforms.clinical_bert.replica import Replica
from transforms.clinical_bert.spans import Span
from transforms.icd.coding import CodeHit, CodingOptions
from transforms.readmission import Chunk, admission_probability

Figures = dict[str, Any]

_RANKED: Final = 200  # codes of a note that enter its average precision


def spans(gold: Sequence[Sequence[tuple[int, int, str]]], found: Sequence[Sequence[Any]]) -> Figures:
    """Exact-span precision, recall and F1 over all labels (micro), and recall and support by label.

    `covered` is the share of gold characters under a span of any label: what de-identification would remove.
    """
    right: Counter[str] = Counter()
    told: Counter[str] = Counter()
    true: Counter[str] = Counter()
    characters = under = 0
    for of_gold, of_found in zip(gold, found, strict=True):
        wanted = {tuple(span) for span in of_gold}
        for start, end, label, *_ in of_found:
            told[label] += 1
            right[label] += (start, end, label) in wanted
        for start, end, label in of_gold:
            true[label] += 1
            marked = {i for s, e, *_ in of_found if s < end and start < e for i in range(max(s, start), min(e, end))}
            characters += end - start
            under += len(marked)
    precision = _ratio(sum(right.values()), sum(told.values()))
    recall = _ratio(sum(right.values()), sum(true.values()))
    return {
        "precision": precision,
        "recall": recall,
        "f1": _ratio(2 * precision * recall, precision + recall),
        "covered": _ratio(under, characters),
        "by_label": {
            label: {
                "precision": _ratio(right[label], told[label]),
                "recall": _ratio(right[label], true[label]),
                "support": true[label],
            }
            for label in sorted(true)
        },
    }


def coding(gold: Sequence[frozenset[str]], found: Sequence[Sequence[CodeHit]], threshold: float) -> Figures:
    """Micro precision, recall and F1 at a threshold, and mean average precision over all gold codes of a note.

    A gold code that the head does not know counts as missed.
    """
    right = told = true = 0
    precisions = []
    for codes, hits in zip(gold, found, strict=True):
        kept = {hit.code for hit in hits if hit.score >= threshold}
        right += len(kept & codes)
        told += len(kept)
        true += len(codes)
        if codes:
            ranks = [rank for rank, hit in enumerate(sorted(hits, key=lambda h: -h.score), 1) if hit.code in codes]
            precisions.append(sum(i / rank for i, rank in enumerate(ranks, 1)) / len(codes))
    precision, recall = _ratio(right, told), _ratio(right, true)
    return {
        "threshold": threshold,
        "precision": precision,
        "recall": recall,
        "f1": _ratio(2 * precision * recall, precision + recall),
        "map": float(np.mean(precisions)) if precisions else 0.0,
    }


def best_threshold(gold: Sequence[frozenset[str]], found: Sequence[Sequence[CodeHit]]) -> float:
    """The threshold of greatest micro F1: precision and recall at every score that was given."""
    pairs = sorted(
        ((hit.score, hit.code in codes) for codes, hits in zip(gold, found, strict=True) for hit in hits), reverse=True
    )
    if not pairs:
        return 0.5
    right = np.cumsum([is_gold for _, is_gold in pairs])
    told = np.arange(1, len(pairs) + 1)
    f1 = 2 * right / (told + sum(map(len, gold)))
    return float(pairs[int(f1.argmax())][0])


def auroc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """Area under the ROC curve: the chance that a positive scores over a negative, ties counting half."""
    positive = np.array([s for s, label in zip(scores, labels, strict=True) if label])
    negative: npt.NDArray[np.float64] = np.sort([s for s, label in zip(scores, labels, strict=True) if not label])
    if not len(positive) or not len(negative):
        return float("nan")
    below = np.searchsorted(negative, positive, side="left")
    up_to = np.searchsorted(negative, positive, side="right")
    return float((below + up_to).sum() / 2 / len(positive) / len(negative))


def measure(
    folder: str, heads: Mapping[str, Sequence[str]], dev: Mapping[str, Sequence[Document]], window: int
) -> tuple[dict[str, Figures], float | None]:
    """Figures by head, and within a head by data set.

    The threshold of `icd` is calibrated on its first data set in `dev`; the figures of that set are at this
    threshold, so its F1 is a little hopeful.

    Args:
        folder: the checkpoint.
        heads: that were trained, with their labels.
        dev: dev documents by data set.
        window: most tokens in an encoder window.

    Returns:
        The figures, and the threshold if `icd` is among the heads and has dev documents.
    """
    figures: dict[str, Figures] = defaultdict(dict)
    threshold: float | None = None
    # Every code is ranked, and none asks for evidence.
    options = {"icd": CodingOptions(threshold=0.0, top_k=_RANKED, spans=0)}
    for head, labels in heads.items():
        with Replica({head: resolve(folder, head)}, window=window, options=options) as replica:
            for name, documents in dev.items():
                chosen = [d for d in documents if _has_gold(d, head)]
                if not chosen:
                    continue
                results = replica.annotate([d.text for d in chosen])[head]
                if head == "icd":
                    gold = [d.codes or frozenset() for d in chosen]
                    threshold = best_threshold(gold, results) if threshold is None else threshold
                    figures[head][name] = coding(gold, results, threshold) | {"documents": len(chosen)}
                elif head == "readmission":
                    figures[head][name] = _readmission(chosen, results)
                else:
                    gold_spans, found = _comparable(chosen, head, labels, results)
                    figures[head][name] = spans(gold_spans, found) | {"documents": len(chosen)}
    return dict(figures), threshold


def _readmission(documents: Sequence[Document], results: Sequence[Sequence[Chunk]]) -> Figures:
    chunks: dict[str, list[float]] = defaultdict(list)
    labels: dict[str, bool] = {}
    for number, (document, found) in enumerate(zip(documents, results, strict=True)):
        encounter = document.group or str(number)
        chunks[encounter] += [chunk.score for chunk in found]
        labels[encounter] = bool(document.readmitted)
    scored = [encounter for encounter, of_encounter in chunks.items() if of_encounter]
    probabilities = [admission_probability(max(chunks[e]), sum(chunks[e]), len(chunks[e])) for e in scored]
    truth = [labels[e] for e in scored]
    errors = [(probability - label) ** 2 for probability, label in zip(probabilities, truth, strict=True)]
    return {
        "auroc": auroc(probabilities, truth),
        "brier": float(np.mean(errors)) if errors else float("nan"),
        "encounters": len(truth),
        "readmitted": sum(truth),
        "expected": float(sum(probabilities)),
    }


def _comparable(
    documents: Sequence[Document], head: str, labels: Sequence[str], results: Sequence[Sequence[Span]]
) -> tuple[list[list[GoldSpan]], list[list[Span]]]:
    """Gold and found spans of the labels that both the head and the data set have.

    For de-identification every label counts: what the data set leaves unmarked is no PHI.
    """
    names = {split_label(label)[1] for label in labels}
    told = names if head == "deid" else labels_of(documents, head)
    gold = [[span for span in document.spans[head] if span[2] in names] for document in documents]
    return gold, [[span for span in of_text if span.label in told] for of_text in results]


def _has_gold(document: Document, head: str) -> bool:
    if head == "icd":
        return document.codes is not None
    if head == "readmission":
        return document.readmitted is not None
    return head in document.spans


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
