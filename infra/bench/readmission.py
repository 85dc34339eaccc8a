"""Readmission foretold from text beside the same columns in gradient boosting, on patients that neither has seen.

    python -m infra.bench.readmission --data FOLDER --output infra/bench/readmission.json
    python -m infra.bench.readmission --data FOLDER --model CHECKPOINT

The labels are real (diabetes130, Strack et al. 2014), the text is synthetic: a template tells an encounter's columns
(`jobs.synthetic.diabetes130`). Foretold is a readmission within 30 days; encounters that ended in death are left out.
The text model is trained as `notemill train readmission` does; `--model` takes one that was trained already on the
training patients. Gradient boosting (scikit-learn) reads the columns themselves, from the same encounters, and once
from all training patients: what columns are worth to a model made for columns. Intervals are 95% bootstraps over the
held-out patients. Against any readmission the very same scores are held, and boosting that was trained for it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from infra.bench import conditions
from jobs.evaluation.bootstrap import interval
from jobs.synthetic.diabetes130 import Encounter, note, read
from jobs.synthetic.diabetes130.__main__ import write
from jobs.synthetic.diabetes130.notes import COLUMNS
from jobs.train import train
from jobs.training.backbone import MINILM
from jobs.training.loop import LoopOptions
from transforms.clinical_bert.checkpoints import resolve
from transforms.clinical_bert.replica import Replica
from transforms.readmission import admission_probability

NUMBERS: Final = (
    "time_in_hospital",
    "num_lab_procedures",
    "num_procedures",
    "num_medications",
    "number_outpatient",
    "number_emergency",
    "number_inpatient",
    "number_diagnoses",
)
_IDS: Final = ("encounter_id", "patient_nbr", "readmitted")
_CATEGORIES: Final = 200  # of one column, the most frequent; HistGradientBoosting takes 255
_AT_ONCE: Final = 2000
Scores = npt.NDArray[np.float64]


def table(encounters: Sequence[Encounter], frequent: Sequence[Encounter]) -> pd.DataFrame:
    """The columns as gradient boosting takes them: numbers as numbers, ages in order, all others as categories.

    Args:
        encounters: rows.
        frequent: which categories are kept; the others are one.
    """
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        if name in _IDS:
            continue
        values = pd.Series([e.columns[name] for e in encounters])
        if name in NUMBERS:
            columns[name] = values.astype(float)
        elif name == "age":
            columns[name] = values.str.extract(r"(\d+)", expand=False).astype(float)
        else:
            known = pd.Series([e.columns[name] for e in frequent]).value_counts().index[:_CATEGORIES]
            columns[name] = pd.Categorical(values.where(values.isin(known), "other"), [*sorted({*known, "other"})])
    return pd.DataFrame(columns)


def boosting(training: Sequence[Encounter], held_out: Sequence[Encounter], *, within_30_days: bool) -> Scores:
    """Probabilities of the held-out encounters by gradient boosting over the columns."""
    model = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=400,
        max_leaf_nodes=15,
        min_samples_leaf=50,
        l2_regularization=1.0,
        early_stopping=True,  # on a tenth of the training encounters
        categorical_features="from_dtype",
        random_state=0,
    )
    model.fit(table(training, training), [e.readmitted(within_30_days=within_30_days) for e in training])
    scores: Scores = model.predict_proba(table(held_out, training))[:, 1]
    return scores


def reading(checkpoint: Path, held_out: Sequence[Encounter]) -> Scores:
    """Probabilities of the held-out encounters by a checkpoint that reads their notes."""
    scores: list[float] = []
    with Replica({"readmission": resolve(str(checkpoint), "readmission")}) as replica:
        for first in range(0, len(held_out), _AT_ONCE):
            texts = [note(e.columns) for e in held_out[first : first + _AT_ONCE]]
            for chunks in replica.annotate(texts)["readmission"]:
                of_one = [chunk.score for chunk in chunks]
                scores.append(admission_probability(max(of_one), sum(of_one), len(of_one)))
    return np.array(scores)


def figures(scores: Scores, truth: Sequence[bool], patients: Sequence[str]) -> dict[str, Any]:
    """AUROC with its interval, average precision, Brier score, and readmissions foretold and seen."""
    labels = np.array(truth)
    units, names = pd.factorize(np.array(patients))

    def drawn(chosen: npt.NDArray[np.int64]) -> float | None:
        weights = np.bincount(chosen, minlength=len(names))[units]
        seen = weights[labels].sum()
        return float(roc_auc_score(labels, scores, sample_weight=weights)) if 0 < seen < weights.sum() else None

    return {
        "auroc": {"value": float(roc_auc_score(labels, scores)), "interval": interval(len(names), drawn)},
        "average_precision": float(average_precision_score(labels, scores)),
        "brier": float(brier_score_loss(labels, scores)),
        "expected": float(scores.sum()),
        "observed": int(labels.sum()),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of public corpora, or the Parquet file")
    parser.add_argument("--encounters", type=int, default=37_500, help="from which text is learnt, held-out ones too")
    parser.add_argument("--model", type=Path, help="a checkpoint trained already; else one is trained")
    parser.add_argument("--max-minutes", type=float, default=15, help="of training")
    parser.add_argument("--output", type=Path, help="file for the result as JSON")
    arguments = parser.parse_args()
    every = read(arguments.data)
    chosen = list(islice(every, arguments.encounters))
    training, held_out = ([e for e in chosen if e.split == split] for split in ("train", "dev"))
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = arguments.model or learn(arguments, Path(folder))
        text = reading(checkpoint, held_out)
        about = json.loads((checkpoint / "heads" / "readmission.json").read_text())
    patients = [e.columns["patient_nbr"] for e in held_out]
    all_training = [e for e in every if e.split == "train"]
    results: dict[str, Any] = {}
    for target, within in (("within 30 days", True), ("any", False)):
        truth = [e.readmitted(within_30_days=within) for e in held_out]
        contenders = {
            "text": text,
            "boosting, the same encounters": boosting(training, held_out, within_30_days=within),
            "boosting, all training patients": boosting(all_training, held_out, within_30_days=within),
        }
        results[target] = {name: figures(scores, truth, patients) for name, scores in contenders.items()}
        for name, of_one in results[target].items():
            low, high = of_one["auroc"]["interval"]
            print(f"{target}: {name}: AUROC {of_one['auroc']['value']:.4f} ({low:.4f} to {high:.4f})")
    result = {
        "text": "synthetic, made of the columns by a template; labels are real",
        "command": command(arguments),
        "encounters": {"training": len(training), "held out": len(held_out), "all training": len(all_training)},
        "calibration": about.get("calibration"),
        "results": results,
        "conditions": conditions(("notemill", "torch", "transformers", "scikit-learn")),
    }
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=2) + "\n")


def command(arguments: argparse.Namespace) -> str:
    """How this was started, without the folders of this machine."""
    model = "--model CHECKPOINT" if arguments.model else f"--max-minutes {arguments.max_minutes:g}"
    return f"python -m infra.bench.readmission --data FOLDER --encounters {arguments.encounters} {model}"


def learn(arguments: argparse.Namespace, folder: Path) -> Path:
    """Trains the text model: two layers of MiniLM with the words of these notes."""
    data = folder / "encounters.parquet"
    write(arguments.data, data, encounters=arguments.encounters)
    options = LoopOptions(epochs=2, lr=3e-4, head_lr=2e-3, batch_tokens=4096, max_minutes=arguments.max_minutes)
    checkpoint = folder / "checkpoint"
    train(
        ["readmission"],
        str(data),
        MINILM,
        str(checkpoint),
        layers=2,
        feed_forward=384,
        prune_vocabulary=True,
        options=options,
        log=print,
    )
    return checkpoint


if __name__ == "__main__":
    main()
