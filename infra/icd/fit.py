"""Make transforms/icd/scoring.json: how sure a code is, by what both roads say.

    python -m infra.icd.fit CODIESP.parquet --half FOLDER/half_0.parquet=FOLDER/trained_0 [--half …]

Only the split `train` is used. What a phrase means is counted without the document at hand, and the attention head's
scores are those of checkpoints that were not trained on the document (`infra.icd.halves`). The threshold of a road is
that of greatest micro F1 in five-fold cross-validation, in which the calibration error is measured too. All gold codes
count, those that are not billable in the release as well: they are always missed.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from infra.icd.phrases import Learned, learn
from transforms.assertion.asserter import Asserter
from transforms.assertion.lexicon import Lexicon
from transforms.assertion.stage import Assertion
from transforms.clinical_bert.checkpoints import Checkpoint, labels_of, own_head, read_json, resolve, shipped
from transforms.clinical_bert.stage import ClinicalBert
from transforms.icd.candidates import gather
from transforms.icd.coding import BELOW, CodingOptions
from transforms.icd.linking import Linker
from transforms.icd.phrases import KINDS, MENTION, Sense
from transforms.icd.scoring import FEATURES, Scoring
from transforms.icd.stage import Proposals
from transforms.icd.table import CodeTable
from transforms.icd.wording import Key, Wording
from transforms.sections.stage import Sections

TARGET: Final = Path(__file__).parents[2] / "transforms" / "icd" / "scoring.json"

_STRENGTH: Final = 2.0
_FOLDS: Final = 5
_RIDGE: Final = 1.0
_OF_ATTENTION: Final = frozenset({"attended", "logit", "odds_attended", "logit_linked", "missed"})
_OF_ROAD: Final[Mapping[str, frozenset[str]]] = {
    "both": frozenset(FEATURES),
    "linking": frozenset(FEATURES) - _OF_ATTENTION,
    "attention": frozenset({"bias", "logit"}),
}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """A document with what the stages before `coding` say of it.

    Attributes:
        number: among the documents of the training part.
        text: the document.
        sections, entities: as the columns hold them.
        codes: rows of an attention head that was not trained on the document; None where there is none.
        proposals: of that head.
    """

    number: int
    text: str
    sections: Sequence[Mapping[str, Any]]
    entities: Sequence[Mapping[str, Any]]
    codes: Sequence[Mapping[str, Any]] | None = None
    proposals: Proposals = field(default_factory=Proposals)


@dataclass(frozen=True)
class Scored:
    """The candidates of one document: features, and whether each is gold."""

    features: Floats
    right: npt.NDArray[np.bool_]
    gold: int


def proposals_of(checkpoint: Checkpoint) -> Proposals:
    """Threshold and codes of a checkpoint of our own layout."""
    description = own_head(checkpoint.folder(), "icd")
    if description is None:
        raise ValueError("the checkpoint has no head icd of our own layout")
    return Proposals(float(read_json(description)["threshold"]), frozenset(labels_of(checkpoint, "icd")))


def annotate(texts: Sequence[str], checkpoints: Mapping[str, Checkpoint]) -> list[dict[str, Any]]:
    """Rows with `sections`, and the columns of the heads, entities with what is asserted of them."""
    notes = Sections().open().process(pa.table({"text": pa.array(texts, pa.string())}))
    options = CodingOptions(below=BELOW)
    worker = ClinicalBert(tuple(checkpoints.items()), icd=options, threads=1).open()
    notes = worker.process(notes)
    worker.close()
    if "entities" in notes.column_names:
        notes = Assertion().open().process(notes)
    rows: list[dict[str, Any]] = notes.to_pylist()
    return rows


class Examples:
    """Turns documents into candidates as the stage does, but with counts that leave the document itself out.

    Args:
        learned: of the training part.
        kinds: of each phrase its codes and their kinds.
    """

    def __init__(self, learned: Learned, kinds: Mapping[Key, Mapping[str, str]]) -> None:
        self._learned = learned
        self._kinds = kinds
        self._keys = list(kinds)
        named = {key: (Sense(str(number), KINDS[0]),) for number, key in enumerate(self._keys)}
        self._linker = Linker(named, Wording.shipped())
        self._asserter = Asserter(Lexicon.shipped())
        self._table = CodeTable.shipped()

    def senses(self, key: Key, document: int) -> tuple[Sense, ...]:
        """What a phrase would mean, had the document never been seen."""
        return tuple(
            self._learned.sense(key, code, kind, document)
            for code, kind in self._kinds[key].items()
            if kind != MENTION or self._learned.marked[key, code] - {document}
        )

    def score(self, example: Example, scoring: Scoring, gold: frozenset[str]) -> Scored:
        """The candidates of a document."""
        mentions = [
            mention._replace(senses=self.senses(self._keys[int(mention.senses[0].code)], example.number))
            for mention in self._linker.mentions(example.text, example.entities)
        ]
        asserted = self._asserter.assert_all(example.text, [(mention.start, mention.end) for mention in mentions])
        attended = [
            (row, self._asserter.assert_all(example.text, [(span["start"], span["end"]) for span in row["evidence"]]))
            for row in example.codes or ()
        ]
        candidates = [
            candidate
            for candidate in gather(list(zip(mentions, asserted, strict=True)), attended, scoring)
            if self._table.is_billable(candidate.code)
        ]
        head = example.proposals
        features = [candidate.features(len(example.text), head.threshold, head.codes) for candidate in candidates]
        return Scored(
            np.array(features, dtype=np.float64).reshape(-1, len(FEATURES)),
            np.array([candidate.code in gold for candidate in candidates], dtype=bool),
            len(gold),
        )


def priors(learned: Learned, kinds: Mapping[Key, Mapping[str, str]]) -> dict[str, float]:
    """Of the documents in which a phrase of a kind is said, how many have its code; mentions need another witness."""
    right: dict[str, int] = defaultdict(int)
    said: dict[str, int] = defaultdict(int)
    for key, documents in learned.said.items():
        for code, kind in kinds[key].items():
            for document in documents:
                if kind != MENTION or learned.marked[key, code] - {document}:
                    said[kind] += 1
                    right[kind] += code in learned.gold[document]
    return {kind: round((right[kind] + 1) / (said[kind] + 2), 4) for kind in KINDS}


def regression(features: Floats, right: npt.NDArray[np.bool_]) -> Floats:
    """Weights of a logistic regression with a ridge, by Newton's method."""
    weights: Floats = np.zeros(features.shape[1])
    for _ in range(50):
        probabilities = _probabilities(features, weights)
        gradient = features.T @ (probabilities - right) + _RIDGE * weights
        curvature = (features * (probabilities * (1 - probabilities))[:, None]).T @ features
        step = np.linalg.solve(curvature + _RIDGE * np.eye(len(weights)), gradient)
        weights = weights - step
        if np.abs(step).max() < 1e-8:
            break
    return weights


def _probabilities(features: Floats, weights: Floats) -> Floats:
    found: Floats = 1 / (1 + np.exp(-features @ weights))
    return found


def best_threshold(probabilities: Floats, right: npt.NDArray[np.bool_], gold: int) -> tuple[float, float]:
    """The threshold of greatest micro F1, and that F1."""
    order = np.argsort(-probabilities, kind="stable")
    f1 = 2 * np.cumsum(right[order]) / (np.arange(1, len(order) + 1) + gold)
    return float(probabilities[order[int(f1.argmax())]]), float(f1.max())


def calibration_error(probabilities: Floats, right: npt.NDArray[np.bool_], bins: int = 10) -> float:
    """The expected calibration error: the mean distance, over bins of equal width, of score and share right."""
    number = np.minimum((probabilities * bins).astype(int), bins - 1)
    return float(
        sum(
            abs(probabilities[number == one].mean() - right[number == one].mean()) * (number == one).mean()
            for one in set(number.tolist())
        )
    )


def fit(road: str, documents: Sequence[Scored]) -> tuple[dict[str, float], float, dict[str, float]]:
    """The weights and the threshold of a road, and what cross-validation says of them."""
    used = [number for number, name in enumerate(FEATURES) if name in _OF_ROAD[road]]
    if road == "attention":
        attended = FEATURES.index("attended")
        documents = [_of(one, one.features[:, attended] > 0) for one in documents]
    elif road == "linking":
        linked = FEATURES.index("linked")
        documents = [_of(one, one.features[:, linked] > 0) for one in documents]
    fold = np.concatenate([np.full(len(one.right), number % _FOLDS) for number, one in enumerate(documents)])
    features = np.concatenate([one.features for one in documents])[:, used]
    right = np.concatenate([one.right for one in documents])
    gold = sum(one.gold for one in documents)
    held_out: Floats = np.zeros(len(right))
    for one in range(_FOLDS):
        weights = regression(features[fold != one], right[fold != one])
        held_out[fold == one] = _probabilities(features[fold == one], weights)
    threshold, f1 = best_threshold(held_out, right, gold)
    weights = regression(features, right)
    figures = {
        "documents": len(documents),
        "f1": round(f1, 4),
        "calibration_error": round(calibration_error(held_out, right), 4),
    }
    named = {FEATURES[number]: round(float(weight), 4) for number, weight in zip(used, weights, strict=True)}
    return named, round(threshold, 4), figures


def _of(document: Scored, chosen: npt.NDArray[np.bool_]) -> Scored:
    return Scored(document.features[chosen], document.right[chosen], document.gold)


def write(
    learned: Learned,
    kinds: Mapping[Key, Mapping[str, str]],
    golds: Sequence[frozenset[str]],
    examples: Iterable[Example],
) -> None:
    """Fits all roads and writes the file.

    Args:
        learned, kinds: of the training part.
        golds: all gold codes of each document, as they are.
        examples: the documents.
    """
    prior = priors(learned, kinds)
    scoring = Scoring(prior, _STRENGTH, {}, {})
    maker = Examples(learned, kinds)
    scored: list[Scored] = []
    attended: list[Scored] = []
    for example in examples:
        one = maker.score(example, scoring, golds[example.number])
        scored.append(one)
        if example.codes is not None:
            attended.append(one)
    fitted = {road: fit(road, scored if road == "linking" else attended) for road in _OF_ROAD}
    content = {
        "prior": prior,
        "strength": _STRENGTH,
        "weights": {road: dict.fromkeys(FEATURES, 0.0) | weights for road, (weights, _, _) in fitted.items()},
        "thresholds": {road: threshold for road, (_, threshold, _) in fitted.items()},
        "cross_validation": {road: figures for road, (_, _, figures) in fitted.items()},
    }
    TARGET.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(content["cross_validation"], indent=1))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("documents")
    arguments.add_argument("--half", action="append", default=[], help="PARQUET=CHECKPOINT; repeatable")
    asked = arguments.parse_args()
    rows = [row for row in pq.read_table(asked.documents).to_pylist() if row["split"] == "train"]
    learned, kinds = learn(rows, CodeTable.shipped(), Wording.shipped())
    proposed: dict[str, tuple[Sequence[Mapping[str, Any]], Proposals]] = {}
    for half in asked.half:
        path, _, folder = half.partition("=")
        checkpoint = resolve(folder, "icd")
        held_out = [row for row in pq.read_table(path).to_pylist() if row["split"] == "dev"]
        found = annotate([row["text"] for row in held_out], {"icd": checkpoint})
        for row, of_row in zip(held_out, found, strict=True):
            proposed[row["doc_id"]] = of_row["codes"], proposals_of(checkpoint)
    notes = annotate([row["text_en"] for row in rows], {"ner": shipped("ner")})
    examples = (
        Example(number, row["text_en"], note["sections"], note["entities"], *proposed.get(row["doc_id"], ()))
        for number, (row, note) in enumerate(zip(rows, notes, strict=True))
    )
    write(learned, kinds, [frozenset(row["codes"]) for row in rows], examples)


if __name__ == "__main__":
    main()
