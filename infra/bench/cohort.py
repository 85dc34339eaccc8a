"""How long a cohort takes over ten million entities, and in how much memory.

    python -m infra.bench.cohort --entities 10000000 --memory 2GB --output infra/bench/cohort.json

Makes the tables of a run with DuckDB (20 entities, 4 codes and 5 sections a note, 20 notes a patient; offsets are not
those of the texts), runs `notemill cohort` over them for each of three definitions, in a process of its own, and prints
seconds and peak resident memory. The answer of the first definition is held against plain SQL.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import duckdb

from infra.bench import conditions
from pipelines.finish import account
from pipelines.io.ledger import Ledger, Receipt, part_name
from pipelines.io.storage import Folder

PER_NOTE: Final = {"entities": 20, "codes": 4, "sections": 5}
PER_PATIENT: Final = 20
PARTS: Final = 20

_TERMS: Final = (
    "['diabetes', 'hypertension', 'heart failure', 'asthma', 'fever', 'cough', 'edema', 'pain', 'anemia', 'copd', "
    "'metformin', 'insulin', 'aspirin', 'lisinopril', 'furosemide', 'warfarin']"
)
_CODES: Final = (
    "['E11.9', 'E11.65', 'I10', 'I50.9', 'J45.909', 'R50.9', 'D64.9', 'J44.9', 'N18.6', 'C34.90', 'K21.9', 'F32.A']"
)
_SECTIONS: Final = "['history_of_present_illness', 'past_medical_history', 'medications', 'family_history', 'plan']"

TABLES: Final = {
    "notes": """
        select 'bench' as run_id, 'note-' || n as note_id, 'patient-' || (n % {patients}) as patient_id,
            'stay-' || (n % {patients}) || '-' || (n // {patients} // 4) as encounter_id,
            (['progress note', 'discharge summary', 'radiology report'])[1 + dice(n, 1, 3)] as note_type,
            timestamp '2015-01-01' + to_minutes(dice(n, 2, 2600000)) as note_time,
            'A ' || (20 + dice(n % {patients}, 0, 60)) || '-year-old patient. '
                || repeat('Nothing to report. ', 12) as text,
            260 as text_length
        from range({low}, {high}) t(n)""",
    "entities": """
        select 'bench' as run_id, 'note-' || n as note_id, i::integer as entity_id, (i * 12)::integer as start,
            (i * 12 + 8)::integer as "end", ({terms})[1 + term] as text,
            case when term < 10 then 'Disease' else 'Chemical' end as label, 0.9::float as score,
            (i % 5)::integer as section_id, dice(n, i + 2000, 5) = 0 as negated, dice(n, i + 3000, 9) = 0 as uncertain,
            false as historical, false as hypothetical,
            case when dice(n, i + 4000, 12) = 0 then 'family' else 'patient' end as experiencer
        from (select n, i, dice(n, i + 1000, 16) as term from range({low}, {high}) t(n), range({entities}) u(i))""",
    "codes": """
        select 'bench' as run_id, 'note-' || n as note_id, null::varchar as encounter_id,
            ({codes})[1 + dice(n, i + 5000, 12)] as code, 'ICD-10-CM' as system, '' as description, 0.8::float as score,
            [{{'start': (i * 12)::integer, 'end': (i * 12 + 8)::integer, 'text': 'words'}}] as evidence,
            ['linking'] as roads, []::varchar[] as excludes1
        from range({low}, {high}) t(n), range({per_codes}) u(i) where dice(n, i + 6000, 3) = 0""",
    "sections": """
        select 'bench' as run_id, 'note-' || n as note_id, i::integer as section_id, ({sections})[1 + i] as category,
            null::varchar as loinc, 'Title' as title, (i * 50)::integer as start, (i * 50 + 50)::integer as "end",
            (i * 50 + 6)::integer as body_start
        from range({low}, {high}) t(n), range({per_sections}) u(i)""",
    "rejects": """
        select 'bench' as run_id, '' as note_id, '' as split, 0::bigint as row, '' as stage, '' as error, '' as detail
        where false""",
}
_READMISSION: Final = """
    select 'bench' as run_id, 'stay-' || p || '-' || e as encounter_id, 'patient-' || p as patient_id,
        dice(p, e, 1000) / 1000.0::double as probability, 4::integer as n_notes, 4::integer as n_chunks,
        0.5::double as max_chunk, 0.4::double as mean_chunk,
        [{{'note_id': 'note-' || (p + 4 * e * {patients}), 'start': 0::integer, 'end': 20::integer,
            'score': 0.5::float}}] as top_chunks
    from range({patients}) t(p), range(5) u(e)"""

DEFINITIONS: Final = {
    "mentions in a window, exclusion by code": """
        id = 1
        name = "Diabetes, then metformin"
        [index]
        codes = ["E11.*"]
        [[include]]
        name = "metformin within 90 days"
        entities = { text = "metformin", label = "Chemical" }
        days = [0, 90]
        [[exclude]]
        name = "dialysis before"
        codes = "N18.6"
        days = [-inf, 0]
    """,
    "mentions in sections, counted": """
        id = 2
        name = "Heart failure in the past history"
        [index]
        entities = { text = "heart failure", label = "Disease" }
        sections = "past_medical_history"
        [[include]]
        name = "edema in two notes within a year"
        entities = { text = ["edema", "furosemide"] }
        days = [0, 365]
        at_least = 2
        [[exclude]]
        name = "in the family"
        entities = { text = "heart*", experiencer = "family" }
        sections = "family_history"
        at_least = 3
    """,
    "age, risk, mentions that are coded": """
        id = 3
        name = "Likely back, with a coded cancer"
        [index]
        readmission = [0.9, 1.0]
        [[include]]
        name = "adult under 66"
        age = [18, 65]
        [[include]]
        name = "coded mention in that admission"
        entities = { codes = "C00-C96", negated = "any" }
        same = "encounter"
    """,
}

FIRST: Final = """
    with k as (select note_id, patient_id, note_time from '{run}/notes/*.parquet'),
    i as (select patient_id, min(note_time) as t from k join '{run}/codes/*.parquet' using (note_id)
        where code in ('E11.9', 'E11.65') group by 1),
    b as (select distinct patient_id from i join k using (patient_id) join '{run}/entities/*.parquet' e using (note_id)
        where e.text = 'metformin' and not negated and experiencer = 'patient'
        and k.note_time::date - t::date between 0 and 90),
    x as (select distinct patient_id from i join k using (patient_id) join '{run}/codes/*.parquet' using (note_id)
        where code = 'N18.6' and k.note_time::date - t::date <= 0)
    select count(*) from b anti join x using (patient_id)"""


def make(folder: str, entities: int) -> dict[str, int]:
    """Writes the run; gives the rows of each table."""
    duckdb.sql("create or replace macro dice(one, other, most) as (hash(one, other) % most)::bigint")
    notes = entities // PER_NOTE["entities"]
    patients = max(1, notes // PER_PATIENT)
    target, receipts = Folder(folder), {}
    for part in range(PARTS):
        low, high = notes * part // PARTS, notes * (part + 1) // PARTS
        facts: dict[str, dict[str, int]] = {}
        for name, query in TABLES.items():
            filled = query.format(
                low=low, high=high, patients=patients, terms=_TERMS, codes=_CODES, sections=_SECTIONS,
                entities=PER_NOTE["entities"], per_codes=PER_NOTE["codes"] * 3, per_sections=PER_NOTE["sections"],
            )  # fmt: skip
            facts[name] = _write(Path(folder) / name / part_name(f"s{part:03}"), filled)
        receipts[f"s{part:03}"] = Receipt(f"s{part:03}", low, high - low, high - low, 0, tables=facts)
    ledger = Ledger(target)
    for receipt in receipts.values():
        ledger.write(receipt)
    scored = _write(
        Path(folder) / "readmission" / part_name("encounters-00000"), _READMISSION.format(patients=patients)
    )
    identity = {"run_id": "bench", "version": "bench", "fingerprint": "bench"}
    target.put("_plan.json", json.dumps(identity).encode())
    sums = account(receipts)
    sums["tables"]["readmission"] = scored["rows"]
    ledger.finish({"run_id": "bench", **sums, "job": {"deidentify": {"mode": "surrogate"}}})
    return dict(sums["tables"])


def _write(path: Path, query: str) -> dict[str, int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    ((rows,),) = duckdb.sql(f"copy ({query}) to '{path}' (format parquet, compression zstd)").fetchall()
    return {"rows": rows, "bytes": path.stat().st_size}


def measure(run: str, definition: str, folder: Path, memory: str, threads: int) -> dict[str, Any]:
    """Seconds, peak memory and members of one `notemill cohort`."""
    (folder / "cohort.toml").write_text(definition)
    command = [sys.executable, "-m", "jobs.cli", "cohort", "--run", run, "--definition", str(folder / "cohort.toml")]
    options = ["--output", str(folder / "cohort"), "--memory", memory, "--threads", str(threads), "--json"]
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    seconds, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stderr)
    result = json.loads(done.stdout)
    return {
        "members": result["members"],
        "evidence": result["evidence"],
        "seconds": round(seconds, 1),
        "processor_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak_mib_so_far": round(after.ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entities", type=int, default=10_000_000)
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--run", help="folder of the tables, made where there are none; default: a temporary one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        run = asked.run or f"{made}/run"
        manifest = Ledger(Folder(run)).manifest()
        rows = make(run, asked.entities) if manifest is None else manifest["tables"]
        found = {
            name: measure(run, text, Path(made), asked.memory, asked.threads) for name, text in DEFINITIONS.items()
        }
        ((expected,),) = duckdb.sql(FIRST.format(run=run)).fetchall()
        first = next(iter(found.values()))
        if first["members"] != expected:
            raise SystemExit(f"{first['members']} members, and {expected} by plain SQL")
    facts = {"bench": "cohort", "rows": rows, "memory": asked.memory, "threads": asked.threads, "cohorts": found}
    text = json.dumps({**facts, **conditions(("notemill", "duckdb", "pyarrow"))}, indent=1)
    print(text)
    if asked.output is not None:
        asked.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
