"""How fast de-identification is, against Presidio's defaults, and what else it takes. Recall: `notemill evaluate deid`.

    python -m infra.bench.deid --notes NOTES.parquet [--tagger] [--ner NER.parquet ...] [--output FILE.json]

Speed of patterns, lists and known PHI is processor time of one process over the same notes in turn, fifty by fifty:
all of ours with known names, then Presidio's AnalyzerEngine with its predefined recognizers and a blank spaCy pipeline.
The notes are read and kept in memory first. Speed of the whole stage is wall time.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import threading
import time
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

from infra.bench import conditions
from transforms import schema
from transforms.clinical_bert.checkpoints import resolve
from transforms.clinical_bert.heads.labels import decode
from transforms.deid.analyzer import BlankNlpEngine
from transforms.deid.pseudonyms import Key
from transforms.deid.stage import Chain, deidentification
from transforms.deid.tagger import ReplicaTagger, TaggerSpec

_BATCH = 200
_ROUND = 50
_KEY = Key.from_text("the key of the bench")
_READS = schema.columns(
    "text", "note_type", "note_time", "patient_name", "known_phi", "raw_patient_id", "raw_encounter_id", "raw_note_id"
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


def whole_stage(path: Path, limit: int, tagger: TaggerSpec, processes: int) -> dict[str, float]:
    """Notes per second of wall time of the whole stage with the tagger, in so many processes of one thread each.

    The models are loaded before the clock starts; it stops when the last process is done.
    """
    texts = pq.read_table(path, columns=["text"])["text"].to_pylist()[:limit]
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes + 1)
    shares = [texts[number::processes] for number in range(processes)]
    workers = [context.Process(target=_work, args=(share, tagger, barrier)) for share in shares]
    for worker in workers:
        worker.start()
    barrier.wait()
    begin = time.monotonic()
    for worker in workers:
        worker.join()
    seconds = time.monotonic() - begin
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a process of the bench failed")
    result = {
        "notes": len(texts),
        "processes": processes,
        "seconds": round(seconds, 1),
        "notes_per_second": round(len(texts) / seconds, 1),
    }
    print(json.dumps(result))
    return result


def _work(texts: list[str], tagger: TaggerSpec, barrier: threading.Barrier) -> None:
    chain = Chain(deidentification(_KEY, tagger=tagger))
    table = rows(pa.table({"text": texts}))
    process(chain, table.slice(0, 5))
    gc.collect()
    gc.freeze()  # as the workers of a run do
    barrier.wait()
    process(chain, table)


def survival(paths: Sequence[Path], tagger: TaggerSpec | None) -> dict[str, float]:
    """Share of the mentions in sentences with `tokens` and `tags` (split dev) of which no character is replaced."""
    texts, mentions = [], []
    for path in paths:
        for row in pq.read_table(path, filters=[("split", "==", "dev")]).to_pylist():
            ends = list(accumulate(len(token) + 1 for token in row["tokens"]))
            starts = [end - len(token) - 1 for end, token in zip(ends, row["tokens"], strict=True)]
            texts.append(" ".join(row["tokens"]))
            mentions.append(decode(row["tags"], [1.0] * len(starts), starts, [end - 1 for end in ends]))
    found = process(Chain(deidentification(_KEY, tagger=tagger)), rows(pa.table({"text": texts})))["phi"].to_pylist()
    total = kept = 0
    for spans, phi in zip(mentions, found, strict=True):
        for span in spans:
            total += 1
            kept += not any(row["raw_start"] < span.end and span.start < row["raw_end"] for row in phi)
    result = {"mentions": total, "survive": kept, "share": round(kept / total, 5)}
    print(json.dumps(result))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of de-identification, and what else it takes.")
    parser.add_argument("--notes", type=Path, help="Parquet file with `text`: speed of patterns, lists and known PHI")
    parser.add_argument("--limit", type=int, default=300, help="notes for the speed")
    parser.add_argument("--tagger", nargs="?", const="shipped", help="speed of the whole stage too: a checkpoint")
    parser.add_argument("--processes", type=int, default=2, help="for the speed of the whole stage")
    parser.add_argument("--ner", type=Path, nargs="+", help="Parquet files with `tokens` and `tags`: what survives")
    parser.add_argument("--output", type=Path, help="JSON file for all of it and the conditions")
    arguments = parser.parse_args()
    record: dict[str, Any] = {"conditions": conditions()}
    print(json.dumps(record["conditions"]))
    tagger = ReplicaTagger(resolve(arguments.tagger, "deid"), threads=1) if arguments.tagger else None
    if arguments.ner:
        record["survival"] = survival(arguments.ner, tagger)
    if arguments.notes:
        record["patterns_lists_known"] = speed(arguments.notes, arguments.limit)
    if arguments.notes and tagger is not None:
        record["whole_stage"] = whole_stage(arguments.notes, arguments.limit, tagger, arguments.processes)
    if arguments.output:
        arguments.output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
