"""Whether a lower precision keeps the labels of a checkpoint: seen on a few made-up sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from transforms.clinical_bert.backends.base import Backend
from transforms.clinical_bert.catalogue import TOKEN_CLASSIFICATION, TOKEN_CLASSIFIERS
from transforms.clinical_bert.checkpoints.files import read_json, weight_files
from transforms.clinical_bert.heads.labels import label_groups
from transforms.clinical_bert.packed import Job, Packed, pack
from transforms.clinical_bert.windows import NoteTokenizer, Window

SENTENCES: Final = (
    "DISCHARGE SUMMARY\nPatient: Maria Testperson, MRN 00412345, born 02/29/1952, seen by Dr. A. Example on 3/14/2019.",
    "CHIEF COMPLAINT: Chest pain and shortness of breath for two days. No fever, no cough, denies nausea.",
    "Past history of type 2 diabetes mellitus, hypertension and COPD; father died of a myocardial infarction at 61.",
    "Started on metformin 500 mg b.i.d. and lisinopril 10 mg daily; aspirin was stopped because of a GI bleed.",
    "LABS: WBC 11.2, Hgb 9.8, Cr 1.4 (baseline 1.0). CT abdomen w/o contrast: no acute process.",
    "Call 555-0142 or write to clinic@example.org, 12 Main Street, Springfield, if symptoms return.",
)


class Tolerance(NamedTuple):
    """What a lower precision may change.

    Attributes:
        tie: a label that float32 itself prefers by no more probability than this may turn.
        share: of the tokens whose labels may change besides.
    """

    tie: float
    share: float


TOLERANCES: Final = {"bf16": Tolerance(0.02, 0.001), "int8": Tolerance(0.05, 0.01)}
"""bfloat16 is to keep the labels of 99.9% of the tokens, so of the 200 tokens of the sentences none may change. It
raises no false alarm: over 24,400 tokens of real notes it turned 0.06% of the labels of an entity head of six layers,
none of which float32 preferred by more than 0.015, and none of the PHI tagger's. 8 bits promise less, and are taken
unasked only for checkpoints that were measured with them (0.28% turned, 0.1% by more than 0.05): there it finds what is
broken."""
_LEAST_COSINE: Final = 0.99
"""Where the checkpoint has no labels: of a token's state with the one in float32."""


def sample(tokenizer: NoteTokenizer, window: int) -> Packed:
    """The sentences as windows of at most so many tokens."""
    tokens = tokenizer(SENTENCES)
    jobs = [Job(i, Window(0, min(len(t), window - 2), 0, 0)) for i, t in enumerate(tokens) if len(t)]
    return pack(tokens, jobs, tokenizer)


def changed(folder: Path, exact: torch.Tensor, states: torch.Tensor, tie: float) -> tuple[int, int]:
    """How many tokens' labels changed, and of how many tokens.

    Args:
        folder: the checkpoint, whose heads tell the labels.
        exact: the states in float32, shape (tokens, width).
        states: the same in the lower precision.
        tie: as of `Tolerance`.
    """
    exact, states = exact.float().cpu(), states.float().cpu()
    bad = torch.zeros(len(exact), dtype=torch.bool)
    heads = _linear_heads(folder)
    for weight, bias in heads:
        before = torch.softmax(exact @ weight.T + bias, dim=1)
        now = (states @ weight.T + bias).argmax(dim=1, keepdim=True)
        bad |= before.amax(dim=1) - before.gather(1, now)[:, 0] > tie
    if not heads:
        bad = torch.cosine_similarity(exact, states) < _LEAST_COSINE
    bad |= ~states.isfinite().all(dim=1)
    return int(bad.sum()), len(bad)


def keeps_labels(
    folder: Path, exact: Backend, lower: Backend, windows: Packed, precision: str
) -> tuple[bool, int, int]:
    """Whether a backend keeps the labels that another one gives; with the number of changes, and of tokens.

    Args:
        folder: the checkpoint.
        exact: computes it in float32.
        lower: computes it in `precision`.
        windows: to compute.
        precision: a key of `TOLERANCES`.
    """
    tie, share = TOLERANCES[precision]
    changes, tokens = changed(folder, exact(windows), lower(windows), tie)
    return changes <= share * tokens, changes, tokens


def _linear_heads(folder: Path) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Weight and bias of each group of labels of each token classifier that is one linear layer on the states."""
    found = []
    for path in sorted((folder / "heads").glob("*.json")):
        about = read_json(path)
        if about.get("kind") == TOKEN_CLASSIFICATION:
            tensors = load_file(path.with_suffix(".safetensors"))
            weight, bias = tensors["weight"].float(), tensors["bias"].float()
            found += [(weight[group], bias[group]) for group in label_groups(about["labels"])]
    named = read_json(folder / "config.json").get("architectures") or []
    if any(TOKEN_CLASSIFIERS.get(name) == ("classifier",) for name in named):
        parts = {}
        for path in weight_files(folder):
            with safe_open(path, framework="pt") as file:
                for key in {"classifier.weight", "classifier.bias"} & {*file.keys()}:
                    parts[key] = file.get_tensor(key).float()
        if len(parts) == 2:  # a checkpoint may serve as an encoder though its classifier is missing
            found.append((parts["classifier.weight"], parts["classifier.bias"]))
    return found
