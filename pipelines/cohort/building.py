"""From a definition to its members, attrition and evidence, in DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from pipelines.cohort.definition import Criterion, Definition
from pipelines.cohort.events import COLUMNS, between, enough, near, query, same
from pipelines.cohort.terms import Terms
from pipelines.errors import RequestError
from pipelines.io.database import RunDatabase, literal
from transforms.stated_age import stated_age

TABLES: Final = ("notes", "sections", "entities", "codes", "readmission")
"""Tables of a run that a cohort reads. None of them is restricted."""

_AGES: Final = pa.schema([("n", pa.int64()), ("years", pa.int32()), ("start", pa.int32()), ("stop", pa.int32())])
_SUBJECTS: Final = pa.schema([("p", pa.int64()), ("subject_id", pa.int64())])
_BATCH: Final = 2_000  # notes whose texts are read at once

OUTPUTS: Final = {
    "cohort": """
        select {id}::integer as cohort_definition_id, subject_id, i.time::date as cohort_start_date,
            {end}::date as cohort_end_date
        from subject l join entry i using (p) order by subject_id""",
    "attrition": "select * from attrition order by step",
    "evidence": """
        select {id}::integer as cohort_definition_id, subject_id, e.criterion, k.note_id, k.note_time,
            e.start, e.stop as "end",
            case when e.text is null and e.start is not null then substring(t.text, e.start + 1, e.stop - e.start)
                else e.text end as text
        from (select distinct p, criterion, place, n, start, stop, text from evidence) e
        join subject using (p) left join note k using (n)
        left join (
            select note_id, any_value(text) as text from notes
            where note_id in (select k.note_id from evidence join note k using (n)
                where evidence.text is null and evidence.start is not null) group by note_id
        ) t on t.note_id = k.note_id
        order by subject_id, e.place, k.note_id, e.start""",
    "crosswalk": "select subject_id, patient_id from subject order by subject_id",
}
"""Each output as a query."""

Keys = Callable[[Sequence[str]], Sequence[int]]

_KEY: Final = "('0x' || substring(sha256(patient_id), 1, 15))::bigint"
"""60 bits of SHA-256: the same number for a patient in every run that has the same key."""


@dataclass(frozen=True)
class Step:
    """A line of the attrition.

    Attributes:
        kind: `patients`, `index`, `include` or `exclude`.
        fit: how many of those with an index event fit this criterion alone (of `exclude`: are met by it).
        kept: how many are left after it.
        dropped: how many it cost.
    """

    kind: str
    name: str
    fit: int
    kept: int
    dropped: int


@dataclass(frozen=True)
class Cohort:
    """A cohort that was built.

    Attributes:
        members: how many patients.
        evidence: rows of evidence.
        remarks: what a reader of it must know.
    """

    id: int
    name: str
    run_id: str
    members: int
    evidence: int
    attrition: tuple[Step, ...]
    remarks: tuple[str, ...]


def build(
    database: RunDatabase,
    definition: Definition,
    folder: Path,
    *,
    labels: Iterable[str] = (),
    keys: Keys | None = None,
) -> Cohort:
    """Builds a cohort.

    Args:
        database: of the run, with the views `TABLES`.
        folder: where `OUTPUTS` are written, each as a Parquet file of its name.
        labels: entity labels that the run's checkpoint knows.
        keys: gives the integer keys of patient ids; None: hashes of 60 bits.

    Raises:
        RequestError: the definition does not fit the run.
    """
    terms = Terms(database, labels)
    terms.check(definition)
    return _Building(database, definition, terms, keys).run(folder)


class _Building:
    def __init__(self, database: RunDatabase, definition: Definition, terms: Terms, keys: Keys | None) -> None:
        self._database, self._definition, self._terms, self._keys = database, definition, terms, keys
        self._do: Callable[[str], Any] = database.db.execute
        self._steps: list[Step] = []
        self._remarks: list[str] = [terms.times.remark] if terms.times.remark else []
        self._events: dict[str, str] = {}

    def run(self, folder: Path) -> Cohort:
        self._notes()
        self._entry()
        for place, criterion in enumerate(self._definition.criteria, 1):
            self._criterion(place, criterion)
        self._write(folder)
        definition = self._definition
        return Cohort(
            definition.id,
            definition.name,
            self._database.run.run_id,
            self._steps[-1].kept,
            self._database.one(f"select count(*) from read_parquet({literal(str(folder / 'evidence.parquet'))})"),
            tuple(self._steps),
            tuple(self._remarks),
        )

    def _count(self, table: str) -> int:
        return int(self._database.one(f"select count(*) from {table}"))

    def _notes(self) -> None:
        """Patients and notes by number: joins are then over eight bytes. A repeated note id counts once."""
        self._do(
            "create table patient as select row_number() over () as p, patient_id "
            "from (select distinct patient_id from notes where patient_id is not null)"
        )
        self._do(
            "create table note as select row_number() over () as n, p, note_id, encounter_id, note_type, note_time "
            "from (select note_id, min(patient_id) as patient_id, min(encounter_id) as encounter_id, "
            "min(note_type) as note_type, min(note_time) as note_time from notes where patient_id is not null "
            "group by note_id) join patient using (patient_id)"
        )
        patients = self._count("patient")
        if not patients:
            raise RequestError("no note of the run has a patient_id, and a cohort is of patients")
        if anonymous := self._database.one("select count(*) from notes where patient_id is null"):
            self._remarks.append(f"{anonymous:,} notes without a patient_id take no part")
        self._steps.append(Step("patients", "patients with notes", patients, patients, 0))

    def _entry(self) -> None:
        """The table `entry`: of each patient with an index event the note and the time of it."""
        index = self._definition.index
        self._do(f"create table found_0 as {self._union(index.matches)}")
        years = index.calendar_years
        known = "time is not null" + (f" and {between('year(time)', years)}" if years is not None else "")
        self._do(
            f"""create table entry as
            select e.p, any_value(e.time) as time, arg_min(k.n, k.note_id) as n,
                arg_min(e.encounter_id, coalesce(k.note_id, '')) as encounter_id
            from found_0 e
            join (select p, {"min" if index.pick == "first" else "max"}(time) as time
                from found_0 where {known} group by p) b on b.p = e.p and b.time = e.time
            left join note k on k.n = e.n group by e.p"""
        )
        self._do("create table left_0 as select p from entry")
        at_all, kept = self._database.one("select count(distinct p) from found_0"), self._count("entry")
        self._steps.append(Step("index", "index event", at_all, kept, self._steps[-1].kept - kept))
        if undated := self._database.one(
            "select count(distinct p) from found_0 where time is null and p not in (select p from entry)"
        ):
            self._remarks.append(f"{undated:,} patients have the index event at no known time only, and do not enter")
        self._do(
            f"create table evidence as select {COLUMNS}, 'index' as criterion, 0 as place from found_0 e "
            "semi join entry i on i.p = e.p and i.time = e.time and i.n is not distinct from e.n"
        )

    def _union(self, matches: Iterable[Any]) -> str:
        return " union all ".join(f"select {COLUMNS} from ({query(match, self._terms)})" for match in matches)

    def _criterion(self, place: int, criterion: Criterion) -> None:
        """Keeps those of the patients so far who fit it, or of an exclusion who do not."""
        include = criterion in self._definition.include
        if criterion.age is not None:
            self._age(place, criterion)
        else:
            self._timed(place, criterion)
        having = "fits" if criterion.age is not None else enough(criterion)
        grouped = "" if criterion.age is not None else "group by p having"
        self._do(f"create table fit_{place} as select p from found_{place} {grouped or 'where'} {having}")
        join = "semi" if include else "anti"
        self._do(f"create table left_{place} as select p from left_{place - 1} {join} join fit_{place} using (p)")
        kept = self._count(f"left_{place}")
        kind = "include" if include else "exclude"
        self._steps.append(Step(kind, criterion.name, self._count(f"fit_{place}"), kept, self._steps[-1].kept - kept))
        if include:
            self._events[criterion.name] = f"found_{place}"
            self._do(
                f"insert into evidence select {COLUMNS}, {literal(criterion.name)}, {place} from found_{place} "
                f"semi join fit_{place} using (p)"
            )

    def _timed(self, place: int, criterion: Criterion) -> None:
        """The criterion's events that stand right to the index event."""
        self._do(f"create table any_{place} as {self._union(criterion.matches)}")
        anchored = near(criterion, self._terms, "i", "e")
        if criterion.from_ is not None:
            anchors = self._events[criterion.from_]
            inside = near(criterion, self._terms, "a", "e")
            anchored = f"exists (select 1 from {anchors} a where a.p = e.p and {inside})"
        self._do(
            f"create table found_{place} as select e.* from any_{place} e join entry i on i.p = e.p "
            f"where {anchored} and {same(criterion, 'i', 'e')}"
        )
        if criterion.window is not None and (
            undated := self._database.one(
                f"select count(*) from any_{place} e semi join entry i on i.p = e.p where time is null"
            )
        ):
            self._remarks.append(f"{criterion.name!r}: {undated:,} events at no known time do not count")
        self._do(f"drop table any_{place}")

    def _age(self, place: int, criterion: Criterion) -> None:
        """The age at the index event by the nearest note that states one; the index event's own note before others."""
        assert criterion.age is not None
        self._stated_ages()
        self._do(
            f"""create table found_{place} as
            select s.p, s.n, s.encounter_id, s.time, s.start, s.stop, null::varchar as text,
                {
                between(
                    "years + case when s.n = i.n then 0 else floor(0.5 + coalesce(date_diff('day', s.time, i.time),"
                    " 0) / 365.25) end",
                    criterion.age,
                )
            } as fits
            from stated s join entry i on i.p = s.p
            where (s.time is not null or s.n = i.n) and {near(criterion, self._terms, "i", "s")}
                and {same(criterion, "i", "s")}
            qualify row_number() over (partition by s.p
                order by s.n is distinct from i.n, abs(date_diff('second', s.time, i.time)), s.note_id) = 1"""
        )
        if silent := self._count("entry") - self._count(f"found_{place}"):
            self._remarks.append(
                f"{criterion.name!r}: no note states the age of {silent:,} patients with an index event"
            )

    def _stated_ages(self) -> None:
        """The table `stated`: the ages that notes of patients with an index event state, read once."""
        if self._database.one("select count(*) from duckdb_tables() where table_name = 'stated'"):
            return
        reader = pa.RecordBatchReader.from_batches(_AGES, self._read_ages())
        self._database.db.register("ages", reader)
        self._do(
            "create table stated as select k.p, k.n, k.encounter_id, k.note_time as time, k.note_id, "
            "a.years, a.start, a.stop from ages a join note k using (n)"
        )
        self._database.db.unregister("ages")

    def _read_ages(self) -> Iterator[pa.RecordBatch]:
        texts = self._database.cursor().sql(
            "select k.n, t.text from notes t join note k using (note_id) semi join entry i on i.p = k.p"
        )
        for batch in texts.to_arrow_reader(_BATCH):
            found = zip(batch.column(0).to_pylist(), map(stated_age, batch.column(1).to_pylist()), strict=True)
            rows = [(n, *age) for n, age in found if age is not None]
            yield pa.record_batch([list(column) for column in zip(*rows, strict=True)] or [[]] * 4, schema=_AGES)

    def _write(self, folder: Path) -> None:
        last = len(self._definition.criteria)
        self._attrition()
        end = "i.time"
        if self._definition.end == "last note":
            end = "(select max(note_time) from note k where k.p = l.p)"
        self._subjects(last)
        if self._database.one(
            "select count(*) - count(distinct subject_id) from subject"
        ):  # one chance in a thousand with 48 million members
            raise RequestError("two members have the same subject_id; give the run another NOTEMILL_KEY")
        for name, written in OUTPUTS.items():
            filled = written.format(id=self._definition.id, end=end)
            target = literal(str(folder / f"{name}.parquet"))
            self._do(f"copy ({filled}) to {target} (format parquet, compression zstd)")

    def _subjects(self, last: int) -> None:
        """The table `subject`: members and their integer keys."""
        members = f"from left_{last} join patient using (p)"
        if self._keys is None:
            self._do(f"create table subject as select p, patient_id, {_KEY} as subject_id {members}")
            return
        found = self._database.rows(f"select p, patient_id {members} order by patient_id")
        keys = self._keys([patient for _, patient in found])
        rows = pa.table({"p": [p for p, _ in found], "subject_id": keys}, schema=_SUBJECTS)
        self._database.db.register("given", rows)
        self._do("create table subject as select p, patient_id, subject_id from given join patient using (p)")
        self._database.db.unregister("given")

    def _attrition(self) -> None:
        self._do(
            "create table attrition (cohort_definition_id integer, step integer, kind varchar, criterion varchar, "
            "fit bigint, kept bigint, dropped bigint)"
        )
        rows = [
            (self._definition.id, at, step.kind, step.name, step.fit, step.kept, step.dropped)
            for at, step in enumerate(self._steps)
        ]
        self._database.db.executemany("insert into attrition values (?, ?, ?, ?, ?, ?, ?)", rows)
