"""How much PHI is found, how much else is lost, and how fast, against Presidio's defaults.

    python -m infra.bench.deid --generated NOTES_FOLDER [--tagger]     recall by label, on `notemill generate`'s notes
    python -m infra.bench.deid --notes NOTES.parquet                   notes/s side by side with Presidio

A gold span counts as found when every letter and digit of it is replaced. Speed is processor time of one process
over the same notes in turn, fifty by fifty: all of ours with known names, then Presidio's AnalyzerEngine with its
predefined recognizers and a blank spaCy pipeline. The notes are read and kept in memory first.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

from infra.bench import conditions
from transforms import schema
from transforms.deid.analyzer import BlankNlpEngine
from transforms.deid.labels import NOT_IDENTIFYING
from transforms.deid.pseudonyms import Key
from transforms.deid.stage import Chain, deidentification
from transforms.deid.tagger import ReplicaTagger

_BATCH = 200
_ROUND = 50
_KEY = Key.from_text("bench")
_READS = schema.columns(
    "text", "note_time", "patient_name", "known_phi", "raw_patient_id", "raw_encounter_id", "raw_note_id"
)


def rows(notes: pa.Table) -> pa.Table:
    """The columns that `deidentify` reads, null where the notes do not have them."""
    columns = {}
    for field in _READS:
        name = field.name.removeprefix("raw_")
        values = notes[name] if name in notes.column_names else pa.nulls(notes.num_rows, field.type)
        if field.name == "patient_name" and pa.types.is_string(values.type):
            values = pa.array([[value] if value else None for value in values.to_pylist()])
        columns[field.name] = pc.cast(values, field.type)
    return pa.table(columns, schema=_READS)


def process(worker: Chain, notes: pa.Table) -> pa.Table:
    """All notes, batch by batch, as in a run."""
    batches = [worker.process(notes.slice(at, _BATCH)) for at in range(0, notes.num_rows, _BATCH)]
    return pa.concat_tables(batches)


def recall(folder: Path, tagger: ReplicaTagger | None) -> None:
    """Prints recall by label and the share of the other characters that is replaced."""
    notes = pq.read_table(folder / "notes")
    gold: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for span in pq.read_table(folder / "gold" / "phi").to_pylist():
        gold[span["note_id"]].append(span)
    found = process(Chain(deidentification(_KEY, tagger=tagger)), rows(notes))
    whole: Counter[str] = Counter()
    total: Counter[str] = Counter()
    other = lost = 0
    for note_id, text, phi in zip(
        *(notes[name].to_pylist() for name in ("note_id", "text")), found["phi"].to_pylist(), strict=True
    ):
        masked = {at for row in phi for at in range(row["raw_start"], row["raw_end"])}
        identifying: set[int] = set()
        for span in gold[note_id]:
            identifying.update(range(span["start"], span["end"]))
            total[span["label"]] += 1
            missed = [at for at in range(span["start"], span["end"]) if text[at].isalnum() and at not in masked]
            whole[span["label"]] += not missed
        other += len(text) - len(identifying)
        lost += len(masked - identifying)
    for label in sorted(total, key=lambda label: whole[label] / total[label]):
        stays = " (no Safe Harbor identifier: stays)" if label in NOT_IDENTIFYING else ""
        print(f"{label:14} {whole[label]:6} of {total[label]:6}  {whole[label] / total[label]:8.4f}{stays}")
    print(f"other characters replaced: {lost} of {other}, {lost / other:.4%}")


def speed(path: Path, limit: int) -> dict[str, float]:
    """Notes per second of processor time, ours (patterns, lists, known names) and Presidio's, and their ratio."""
    notes = pq.read_table(path, columns=["text"]).slice(0, limit)
    names = pa.array([["Kowalski, Johanna M"]] * notes.num_rows)
    ours = Chain(deidentification(_KEY))
    table = rows(notes.append_column("patient_name", names))
    engine = BlankNlpEngine()
    engine.load()
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
    presidio = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
    texts = notes["text"].to_pylist()
    ours.process(table.slice(0, 5))
    for text in texts[:5]:
        presidio.analyze(text, "en")

    gc.collect()
    gc.freeze()  # the modules that are loaded belong to neither side: let no sweep over them fall on one
    mine = theirs = 0.0
    for at in range(0, len(texts), _ROUND):  # in turn, so that both meet the machine in the same state
        begin = time.process_time()
        process(ours, table.slice(at, _ROUND))
        middle = time.process_time()
        for text in texts[at : at + _ROUND]:
            presidio.analyze(text, "en")
        mine += middle - begin
        theirs += time.process_time() - middle
    result = {
        "notes": len(texts),
        "characters_per_note": round(sum(map(len, texts)) / len(texts)),
        "notes_per_second": round(len(texts) / mine, 1),
        "presidio_notes_per_second": round(len(texts) / theirs, 1),
        "ratio": round(theirs / mine, 2),
    }
    print(json.dumps(result))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Recall and speed of `deidentify`.")
    parser.add_argument("--generated", type=Path, help="folder of `notemill generate`: recall by label")
    parser.add_argument("--tagger", action="store_true", help="with the shipped PHI tagger")
    parser.add_argument("--notes", type=Path, help="Parquet file with `text`: speed")
    parser.add_argument("--limit", type=int, default=300, help="notes for the speed")
    parser.add_argument("--output", type=Path, help="JSON file for the speed and the conditions")
    arguments = parser.parse_args()
    print(json.dumps(conditions()))
    if arguments.generated:
        recall(arguments.generated, ReplicaTagger.shipped() if arguments.tagger else None)
    if arguments.notes:
        result = speed(arguments.notes, arguments.limit)
        if arguments.output:
            record = {"conditions": conditions(), "patterns_lists_known": result}
            arguments.output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
