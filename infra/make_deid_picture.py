"""Draw the README's picture of de-identification: one generated note, raw and in the modes tag and surrogate.

    python -m infra.make_deid_picture --output infra/deidentified.svg

No note of a real person: the text is made by `notemill generate`, the PHI that is found by the stages of a run with
the shipped tagger.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.generate import generate
from transforms import schema
from transforms.deid.pseudonyms import Key
from transforms.deid.replacement import Mode
from transforms.deid.stage import Chain, deidentification
from transforms.deid.tagger import ReplicaTagger

_KEY: Final = Key.from_text("the key of the picture")
_MODES: Final[dict[Mode, str]] = {"tag": "bold green", "surrogate": "bold blue"}
_COLUMN: Final = 46  # characters
_MOST_LINES: Final = 26
_READS: Final = (
    "text",
    "note_type",
    "note_time",
    "patient_name",
    "known_phi",
    "raw_patient_id",
    "raw_encounter_id",
    "raw_note_id",
)


def choose(notes: pa.Table, phi: dict[str, set[str]]) -> dict[str, Any]:
    """The note with the most kinds of PHI among those that fit the picture."""
    fitting = [
        row
        for row in notes.to_pylist()
        if sum(1 + len(line) // _COLUMN for line in row["text"].splitlines()) < _MOST_LINES
        and row["text"] not in (row["text"].lower(), row["text"].upper())
    ]
    return max(fitting, key=lambda row: (len(phi.get(row["note_id"], ())), row["note_id"]))


def in_flight(row: dict[str, Any]) -> pa.Table:
    """The note as the stages read it."""
    values = {name: [row.get(name.removeprefix("raw_"))] for name in _READS}
    name = row.get("patient_name")
    values["patient_name"] = [[name] if isinstance(name, str) else name]
    return pa.table(values, schema=schema.columns(*_READS))


def marked(text: str, spans: list[tuple[int, int]], style: str) -> Text:
    """The text with its spans coloured."""
    styled = Text(text, overflow="fold")
    for start, end in spans:
        styled.stylize(style, start, end)
    return styled


def draw(row: dict[str, Any]) -> str:
    """The picture as SVG."""
    table = Table(show_lines=False, pad_edge=False, padding=(0, 1))
    cells: list[tuple[str, Text]] = []
    for mode, style in _MODES.items():
        chain = Chain(deidentification(_KEY, mode=mode, tagger=ReplicaTagger.shipped()))
        out = chain.process(in_flight(row))
        chain.close()
        phi = out["phi"][0].as_py()
        if not cells:
            cells.append(("raw", marked(row["text"], [(p["raw_start"], p["raw_end"]) for p in phi], "bold red")))
        cells.append((f'mode = "{mode}"', marked(out["text"][0].as_py(), [(p["start"], p["end"]) for p in phi], style)))
    for title, _ in cells:
        table.add_column(title, width=_COLUMN)
    table.add_row(*(text for _, text in cells))
    console = Console(record=True, width=3 * _COLUMN + 10, file=io.StringIO())
    console.print(table)
    return console.export_svg(title="One generated note, before and after")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        generate(folder, notes=300, seed=arguments.seed)
        notes = pq.read_table(f"{folder}/notes")
        phi: dict[str, set[str]] = {}
        for span in pq.read_table(f"{folder}/gold/phi").to_pylist():
            phi.setdefault(span["note_id"], set()).add(span["label"])
    arguments.output.write_text(draw(choose(notes, phi)), encoding="utf-8")


if __name__ == "__main__":
    main()
