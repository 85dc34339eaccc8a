"""The model card of a pre-trained encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.training.card import BASE_LINE, COMMAND_LINE, lineage, listed


@dataclass(frozen=True)
class Facts:
    """What the card tells.

    Attributes:
        base: as it was asked for.
        base_folder: where it was found.
        files: names of the files that were read.
        options: of the optimisation.
        command: how it was started; empty if not from the command line.
        summary: of the training, as `PretrainSummary` has it.
        versions: of the software.
    """

    base: str
    base_folder: Path
    files: Sequence[str]
    options: Mapping[str, Any]
    command: str
    summary: Mapping[str, Any]
    versions: Mapping[str, str]


def write_card(path: Path, facts: Facts) -> None:
    """Writes the card in Markdown with the metadata block that the Hub reads."""
    origin, steps = lineage(facts.base, facts.base_folder, facts.command)
    told = facts.summary
    figures = (
        f"Mean loss of a masked token of {told['dev_sequences']:,} held-out sequences (at most 2,000 of them are "
        f"measured): {told['dev_loss_before']:.4f} before, {told['dev_loss']:.4f} after; perplexity "
        f"{told['dev_perplexity']:.2f}."
        if told["dev_loss"] is not None
        else "None: no text was held out."
    )
    lines = [
        "---",
        "license: apache-2.0",
        "language: en",
        "library_name: transformers",
        "pipeline_tag: fill-mask",
        "---",
        "",
        "# Encoder pre-trained on clinical notes",
        "",
        "A masked language model to fine-tune from: `notemill train ner --base PATH`, or transformers' "
        "`AutoModelForMaskedLM`. The curve of its loss is in `loss.png`, the figures of it in `losses.jsonl`.",
        "",
        f"{BASE_LINE}{origin}",
        "- Weights: float32 safetensors",
        "",
        "## Data",
        "",
        f"{told['sequences']:,} sequences to train on, whole sentences of notes cut into sections and sentences, from: "
        f"{', '.join(facts.files)}.",
        "",
        "## Dev figures",
        "",
        figures,
        "",
        "## How it was trained",
        "",
        "Masked language modelling as Alsentzer et al. (2019) did it on MIMIC, without next sentence prediction.",
        "",
        *(f"{COMMAND_LINE}{step}" for step in steps),
        *([""] if steps else []),
        f"{'The last of these: ' if len(steps) > 1 else ''}{told['steps']:,} steps, {told['tokens']:,} tokens in "
        f"{told['seconds'] / 60:.0f} minutes, with {listed(facts.options)}; AdamW, mixed precision. "
        f"{listed(facts.versions)}.",
        "",
        "## Limits",
        "",
        "- A language model can repeat what it has read. Trained on notes with PHI it is PHI: pre-train on "
        "de-identified notes, or keep it where the notes are.",
        "- No medical device; no clinical decision.",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
