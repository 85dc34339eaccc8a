"""De-identification of notes in a language it was not made for: none is lost, and every offset is exact.

    python -m infra.bench.spanish --data meddocan_es_dev.parquet --output infra/bench/spanish.json

Runs `notemill evaluate deid` over the notes three times: as they are, with letters and accents taken apart (NFD), and
with CRLF at the ends of lines; the gold moves along. Offsets are exact when no note is rejected (a stage rejects a
note whose two texts differ outside the spans) and every span lies in its note, apart from the others, without white
space at its ends. Recall is told by label and is nothing to be proud of: recognizers and tagger know English.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from infra.bench import conditions
from jobs.evaluate import Request
from jobs.evaluation.deid import evaluate

FORMS: Final[dict[str, Callable[[str], str]]] = {
    "as they are": str,
    "NFD": lambda text: unicodedata.normalize("NFD", text),
    "CRLF": lambda text: text.replace("\n", "\r\n"),
}


def in_form(notes: pa.Table, form: Callable[[str], str]) -> pa.Table:
    """The notes in another form; a gold offset moves by what the text before it grew."""
    texts, golds = notes["text"].to_pylist(), notes["entities"].to_pylist()
    moved = [
        [{**span, **{edge: len(form(text[: span[edge]])) for edge in ("start", "end")}} for span in gold]
        for text, gold in zip(texts, golds, strict=True)
    ]
    columns = {name: notes[name] for name in notes.column_names}
    columns |= {
        "text": pa.array(list(map(form, texts))),
        "entities": pa.array(moved, notes.schema.field("entities").type),
    }
    return pa.table(columns)


def wrong_offsets(notes: pa.Table, found: pa.Table) -> int:
    """How many spans do not lie in their note, meet another one, or have white space at an end."""
    by_note: dict[Any, list[tuple[int, int]]] = defaultdict(list)
    for row in found.to_pylist():
        by_note[row["doc_id"]].append((row["start"], row["end"]))
    wrong = 0
    for note, text in zip(notes["doc_id"].to_pylist(), notes["text"].to_pylist(), strict=True):
        at = 0
        for start, end in sorted(by_note[note]):
            fits = at <= start < end <= len(text)
            wrong += not fits or text[start].isspace() or text[end - 1].isspace()
            at = end
    return wrong


def measure(notes: pa.Table, *, tagger: bool) -> dict[str, Any]:
    """What `notemill evaluate deid` says of the notes, and the spans that are wrong."""
    with tempfile.TemporaryDirectory() as folder:
        data, found = f"{folder}/notes.parquet", f"{folder}/found.parquet"
        pq.write_table(notes, data)
        report = evaluate(Request(data, predictions=found), tagger=tagger).to_json()
        wrong = wrong_offsets(notes, pq.read_table(found))
    facts = {name: report[name] for name in ("notes", "n", "recall", "character_recall", "precision", "masked_other")}
    by_label = {
        label: {"n": figures["n"], "recall": figures["recall"], "character_recall": figures["character_recall"]}
        for label, figures in report["by_label"].items()
        if figures["n"]
    }
    return {"rejected": report["rejected"]["notes"], "wrong_offsets": wrong, **facts, "by_label": by_label}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--no-tagger", action="store_true")
    parser.add_argument("--output", type=Path, help="file for the result as JSON")
    arguments = parser.parse_args()
    notes = pq.read_table(arguments.data)
    results = {name: measure(in_form(notes, form), tagger=not arguments.no_tagger) for name, form in FORMS.items()}
    text = json.dumps({"data": Path(arguments.data).name, "forms": results, "conditions": conditions()}, indent=2)
    if arguments.output:
        arguments.output.write_text(text + "\n")
    print(text)
    if any(result["rejected"] or result["wrong_offsets"] for result in results.values()):
        raise SystemExit("notes were rejected, or offsets are wrong")


if __name__ == "__main__":
    main()
