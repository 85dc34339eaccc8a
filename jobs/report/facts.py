"""The figures of a report, worked out in DuckDB over all rows of a run.

Of the restricted tables nothing is read, but for the crosswalk where outcomes come with the input's own encounter ids;
what is told of PHI are the receipts' counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds

from pipelines.errors import RequestError
from pipelines.feed.run_tables import RunTables
from pipelines.finish import account
from pipelines.io.database import RunDatabase
from pipelines.io.ledger import Receipt
from pipelines.io.storage import open_filesystem
from transforms.deid.labels import SAFE_HARBOR

TABLES: Final = ("notes", "sections", "entities", "codes", "readmission", "crosswalk")

CLASSES: Final = {
    "A": "Names",
    "B": "Places smaller than a state",
    "C": "Dates, ages over 89",
    "D": "Telephone numbers",
    "E": "Fax numbers",
    "F": "E-mail addresses",
    "G": "Social security numbers",
    "H": "Medical record numbers",
    "I": "Health plan numbers",
    "J": "Account numbers",
    "K": "Certificate and licence numbers",
    "L": "Vehicles and plates",
    "M": "Device identifiers",
    "N": "Web addresses",
    "O": "IP addresses",
    "P": "Biometric identifiers",
    "Q": "Photographs",
    "R": "Other identifying numbers",
}
"""Classes of 45 CFR 164.514(b)(2)(i), in short."""

OUTCOME: Final = ("readmitted", "label", "readmitted_30d")
"""Names of the column that says what happened."""

_TOP: Final = 20
_TERMS: Final = 12
_LABELS: Final = 6  # whose most frequent terms are told
_BINS: Final = 20
_LEAST: Final = 10  # admissions of a dot of the calibration
_TOPS: Final = (0.1, 0.2, 0.5, 1.0)  # where the histogram may end
_PAUSE: Final = 900.0  # seconds without a finished split that are left out of the plot
_STEPS: Final = 48
_ENCODERS: Final = {"tagged": "PHI tagger", "encoded": "clinical BERT"}


def gather(database: RunDatabase, outcomes: str | None = None) -> dict[str, Any]:
    """Everything that the page tells, apart from notes.

    Args:
        database: of the run, with the views `TABLES`.
        outcomes: URI of Parquet with `encounter_id` and one column of `OUTCOME`, for calibration.

    Raises:
        RequestError: the outcomes cannot be read, or none belongs to an admission of the run.
    """
    run = database.run
    manifest = run.manifest or {"run_id": run.run_id, **account(run.receipts)}
    return {
        "run": _run(run, manifest),
        "notes": _notes(database),
        "rejects": _ranked(manifest["rejects"]),
        "phi": _phi(manifest, run.receipts),
        "throughput": throughput(run.receipts.values()),
        "sections": database.dicts(
            "select category as name, any_value(loinc) as loinc, count(*) as count from sections group by 1 "
            f"order by 3 desc, 1 limit {_TOP}"
        ),
        "entities": _entities(database),
        "codes": _codes(database),
        "readmission": _readmission(database, outcomes),
        "machine": _machine(manifest),
    }


def _run(run: RunTables, manifest: Mapping[str, Any]) -> dict[str, Any]:
    wanted = ("run_id", "started", "finished", "seconds", "notes_per_second", "tokens_per_second", "engine", "splits")
    counts = ("rows_read", "rows_written", "rows_rejected", "rows_skipped", "tokens", "tables")
    told = {name: manifest.get(name) for name in (*wanted, *counts)}
    mode = manifest.get("job", {}).get("deidentify", {}).get("mode")
    return {**told, "complete": run.complete, "mode": mode, "version": manifest.get("versions", {}).get("notemill")}


def _notes(database: RunDatabase) -> dict[str, Any]:
    told = database.dicts(
        "select count(*) as notes, count(distinct patient_id) as patients, count(distinct encounter_id) as encounters, "
        "min(year(note_time)) as first_year, max(year(note_time)) as last_year, "
        "median(text_length)::bigint as median_length, max(text_length) as longest from notes"
    )[0]
    types = database.dicts(
        "select coalesce(note_type, 'not told') as name, count(*) as count from notes group by 1 "
        f"order by 2 desc, 1 limit {_TOP}"
    )
    return {**told, "types": types}


def _ranked(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {"name": name, "count": count} for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _phi(manifest: Mapping[str, Any], receipts: Mapping[str, Receipt]) -> dict[str, Any]:
    attestation = manifest.get("deidentification")
    labels: dict[str, int] = {}
    for receipt in receipts.values():
        for label, count in receipt.phi.get("label", {}).items():
            labels[label] = labels.get(label, 0) + count
    classes = dict.fromkeys(CLASSES, 0)
    for label, count in labels.items():
        if label in SAFE_HARBOR:
            classes[SAFE_HARBOR[label]] += count
    told: dict[str, Any] = {
        "total": sum(labels.values()),
        "classes": [{"letter": letter, "name": CLASSES[letter], "count": n} for letter, n in classes.items()],
        "labels": _ranked(labels),
        "attested": attestation is not None,
    }
    if attestation is not None:
        canary = attestation["canary"]
        told |= {name: attestation[name] for name in ("mode", "method", "reasons", "meaning")}
        told["canary"] = {"workers": canary["workers"], "planted": sum(canary["planted"].values())}
        told["tagger"] = bool(attestation.get("tagger"))
    return told


def throughput(receipts: Iterable[Receipt]) -> dict[str, Any]:
    """Notes per second over the time of the run, pauses left out.

    Each split's notes are spread evenly between its start and its finish, so that a slow split is no spike.

    Returns:
        `points`: seconds of work since the first split, and notes a second from then on; `pauses`: how many stretches
        of time, in which nothing was finished for a quarter of an hour, are left out.
    """
    done = sorted((one.started, one.finished, one.rows_read) for one in receipts if one.finished > one.started)
    if not done:
        return {"points": [], "seconds": 0.0, "pauses": 0}
    shift, reach, pauses = done[0][0], done[0][0], 0
    moved: list[tuple[float, float, int]] = []
    for start, end, rows in done:
        if start - reach > _PAUSE:
            pauses += 1
            shift += start - reach
        reach = max(reach, end)
        moved.append((start - shift, end - shift, rows))
    seconds = max(end for _, end, _ in moved)
    steps = min(_STEPS, max(1, len(moved)))
    width = seconds / steps
    notes = [0.0] * steps
    for start, end, rows in moved:
        for step in range(int(start // width), min(steps, int(end // width) + 1)):
            shared = min(end, (step + 1) * width) - max(start, step * width)
            notes[step] += rows * max(0.0, shared) / (end - start)
    points = [{"second": round(at * width, 3), "rate": round(count / width, 4)} for at, count in enumerate(notes)]
    return {"points": points, "seconds": round(seconds, 3), "pauses": pauses}


def _entities(database: RunDatabase) -> dict[str, Any]:
    flags = ", ".join(
        f"count(*) filter ({said}) as {name}"
        for name, said in (
            ("negated", "negated"),
            ("uncertain", "uncertain"),
            ("historical", "historical"),
            ("hypothetical", "hypothetical"),
            ("others", "experiencer <> 'patient'"),
        )
    )
    labels = database.dicts(
        f"select label as name, count(*) as count, {flags} from entities group by 1 order by 2 desc, 1"
    )
    terms = {
        label["name"]: database.dicts(
            "select lower(regexp_replace(text, '\\s+', ' ', 'g')) as name, count(*) as count from entities "
            f"where label = ? group by 1 order by 2 desc, 1 limit {_TERMS}",
            [label["name"]],
        )
        for label in labels[:_LABELS]
    }
    return {"labels": labels, "terms": terms}


def _codes(database: RunDatabase) -> dict[str, Any]:
    top = database.dicts(
        "select code as name, system, any_value(description) as description, count(*) as count, "
        f"round(avg(score), 3)::double as score from codes group by 1, 2 order by 4 desc, 1 limit {_TOP}"
    )
    distinct = database.one("select count(*) from (select distinct system, code from codes)")
    return {"distinct": distinct, "top": top}


def _readmission(database: RunDatabase, outcomes: str | None) -> dict[str, Any]:
    told = database.dicts(
        "select count(*) as admissions, avg(probability) as mean, median(probability) as median, "
        "quantile_cont(probability, 0.9) as p90, max(probability) as highest from readmission"
    )[0]
    top = next((top for top in _TOPS if top >= (told["highest"] or 0)), 1.0)
    counted = dict(
        database.rows(
            f"select least(floor(probability / {top} * {_BINS}), {_BINS - 1})::integer as bin, count(*) "
            "from readmission where probability is not null group by 1"
        )
    )
    told["top"] = top
    told["bins"] = [{"low": top * at / _BINS, "count": counted.get(at, 0)} for at in range(_BINS)]
    told["calibration"] = None if outcomes is None else _calibration(database, outcomes)
    return told


def _calibration(database: RunDatabase, outcomes: str) -> dict[str, Any]:
    fs, path = open_filesystem(outcomes)
    try:
        given = ds.dataset(path, format="parquet", filesystem=fs)
        names = given.schema.names
    except (OSError, pa.ArrowInvalid) as error:
        raise RequestError(f"--outcomes {outcomes}: cannot be read as Parquet ({type(error).__name__})") from error
    column = next((name for name in OUTCOME if name in names), None)
    if column is None or "encounter_id" not in names:
        raise RequestError(f"--outcomes {outcomes} needs the columns encounter_id and one of {', '.join(OUTCOME)}")
    database.db.register("outcomes", given)
    database.db.execute(
        f'create table happened as select encounter_id::varchar as encounter_id, max("{column}"::integer) as happened '
        f'from outcomes where "{column}" is not null group by 1'
    )
    direct = "select probability, happened from readmission join happened using (encounter_id)"
    if not database.one(f"select count(*) from ({direct})"):  # by the input's own ids, then
        direct = (
            "select probability, happened from readmission join (select distinct encounter_id, raw_encounter_id from "
            "crosswalk) using (encounter_id) join happened on happened.encounter_id = raw_encounter_id"
        )
    known = database.one(f"select count(*) from ({direct}) where probability is not null")
    if not known:
        raise RequestError(f"--outcomes {outcomes}: no encounter_id of it is one of the run's, or of its input's")
    parts = max(1, min(10, known // _LEAST))
    bins = database.dicts(
        "select bin, count(*) as n, avg(probability) as probability, avg(happened) as observed from "
        f"(select *, ntile({parts}) over (order by probability) as bin from ({direct}) where probability is not null) "
        "group by 1 order by 1"
    )
    brier = database.one(f"select avg((probability - happened) ** 2) from ({direct})")
    return {"bins": bins, "admissions": known, "brier": brier}


def _machine(manifest: Mapping[str, Any]) -> dict[str, Any]:
    encoders = []
    for name, counts in manifest.get("encoded", {}).items():
        positions = counts.get("positions", 0)
        encoders.append(
            {
                "name": _ENCODERS.get(name, name),
                **{key: counts.get(key, 0) for key in ("tokens", "windows", "repeated_windows", "truncated_tokens")},
                "padding": counts.get("padding", 0) / positions if positions else 0.0,
                "saved": counts.get("saved", 0.0),
            }
        )
    return {
        "stages": [{"name": name, "seconds": value} for name, value in manifest.get("stage_seconds", {}).items()],
        "encoders": encoders,
        "workers": len(manifest.get("workers", ())),
        "computing": manifest.get("computing", {}),
        "checkpoints": manifest.get("checkpoints", {}),
        "versions": manifest.get("versions", {}),
    }
