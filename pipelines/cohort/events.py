"""What counts as an event, as SQL.

An event is a row of `p` (the patient's number), `n` (the note's; null for an admission without told chunks),
`encounter_id`, `time`, and where in the note it stands: `start`, `stop`, `text`, each null where the whole note is the
event. The queries read the run's views and the table `note`, which `building` makes.
"""

from __future__ import annotations

import math
from typing import Final

from pipelines.cohort.definition import Criterion, Entities, Match, Range
from pipelines.cohort.terms import Terms, code_condition, text_condition
from pipelines.io.database import literal, literals

COLUMNS: Final = "p, n, encounter_id, time, start, stop, text"
_NOTE: Final = "k.p, k.n, k.encounter_id, k.note_time as time"
_SPANS: Final = (
    'select note_id, span.start as start, span."end" as stop, span.text as text from '
    "(select note_id, unnest(case when len(evidence) > 0 then evidence else [null] end) as span from codes where {})"
)
_COUNTED: Final = {
    "notes": "count(distinct n)",
    "mentions": "count(distinct (n, start))",
    "days": "count(distinct time::date)",
    "encounters": "count(distinct encounter_id)",
}


def query(match: Match, terms: Terms) -> str:
    """The events of a match, as a query of `COLUMNS`."""
    if match.readmission is not None:
        return _admissions(match.readmission)
    if match.codes is not None:
        said = _codes(match.codes, match.system) + (f" and score >= {match.min_score}" if match.min_score else "")
        found = f"select {_NOTE}, m.start, m.stop, m.text from ({_SPANS.format(said)}) m join note k using (note_id)"
    elif match.entities is not None:
        mentions = f"""select note_id, start, "end" as stop, text from entities m where {_entities(match.entities)}"""
        found = f"select {_NOTE}, m.start, m.stop, m.text from ({mentions}) m join note k using (note_id)"
    elif match.sections is not None:
        heading = "m.start, m.start + length(m.title) as stop, nullif(m.title, '') as text"
        found = f"select {_NOTE}, {heading} from sections m join note k using (note_id)"
    else:
        found = f"select {_NOTE}, null::integer as start, null::integer as stop, null::varchar as text from note k"
    return f"{found} where {' and '.join(_restrictions(match, terms)) or 'true'}"


def _restrictions(match: Match, terms: Terms) -> list[str]:
    said = []
    if match.sections is not None:
        named = "({0}.category in {1} or {0}.loinc in {1})"
        if match.kind == "sections":
            said.append(named.format("m", literals(match.sections)))
        else:
            said.append(
                "exists (select 1 from sections s where s.note_id = k.note_id and s.start <= m.start "
                f'and m.start < s."end" and {named.format("s", literals(match.sections))})'
            )
    if match.note_types is not None:
        kinds = terms.note_types(match.note_types)
        said.append(f"k.note_type in {literals(kinds)}" if kinds else "false")
    return said


def _codes(codes: list[str], system: str) -> str:
    return f"system = {literal(system)} and {code_condition('code', codes)}"


def _entities(entities: Entities) -> str:
    said = [f"{flag} = {value}" for flag in ("negated", "uncertain", "historical", "hypothetical")
            if (value := getattr(entities, flag)) != "any"]  # fmt: skip
    if entities.experiencer != "any":
        said.append(f"experiencer = {literal(entities.experiencer)}")
    if entities.label is not None:
        said.append(f"label in {literals(entities.label)}")
    if entities.min_score:
        said.append(f"score >= {entities.min_score}")
    if entities.text is not None:
        said.append(text_condition("text", entities.text))
    if entities.codes is not None:
        spans = _SPANS.format(_codes(entities.codes, entities.system))
        said.append(
            f'exists (select 1 from ({spans}) c where c.note_id = m.note_id and c.start < m."end" and c.stop > m.start)'
        )
    return " and ".join(said)


def _admissions(wanted: Range) -> str:
    """Admissions at the time of their last note, with the chunks that raised their probability most."""
    chunk = "unnest(case when len(r.top_chunks) > 0 then r.top_chunks else [null] end) as chunk"
    return f"""
        select a.p, k.n, a.encounter_id, l.time, a.chunk.start as start, a.chunk."end" as stop, null::varchar as text
        from (
            select p.p, r.encounter_id, {chunk} from readmission r join patient p using (patient_id)
            where r.probability between {_number(wanted.low)} and {_number(wanted.high)}
        ) a
        left join (
            select encounter_id, max(note_time) as time from note where encounter_id is not null group by encounter_id
        ) l on l.encounter_id = a.encounter_id
        left join note k on k.note_id = a.chunk.note_id"""


def near(criterion: Criterion, terms: Terms, anchor: str, event: str) -> str:
    """That an event lies in the criterion's window after (or before) its anchor; both are names of rows."""
    if criterion.window is None:
        return "true"
    unit, window = criterion.window
    before, after = f"{anchor}.time", f"{event}.time"
    if unit == "days" or (unit == "years" and terms.times.finest == "years"):
        said = [f"date_diff('{unit.removesuffix('s')}', {before}, {after})"] * 2
        ends = [str(_number(window.low)), str(_number(window.high))]
    else:
        cast = "" if unit == "hours" else "::date"
        said = [f"{after}{cast}"] * 2
        ends = [f"{before}{cast} + to_{unit}({_number(end)})" for end in (window.low, window.high)]
    conditions = [f"{before} is not null and {after} is not null"]
    if math.isfinite(window.low):
        conditions.append(f"{said[0]} >= {ends[0]}")
    if math.isfinite(window.high):
        conditions.append(f"{said[1]} <= {ends[1]}")
    return " and ".join(conditions)


def _number(value: float) -> str:
    """A number as SQL takes it, infinities too."""
    if not math.isfinite(value):
        return "'inf'::double" if value > 0 else "'-inf'::double"
    return str(int(value)) if value.is_integer() else repr(value)


def between(column: str, wanted: Range) -> str:
    """That a number lies in a range."""
    return f"{column} between {_number(wanted.low)} and {_number(wanted.high)}"


def same(criterion: Criterion, anchor: str, event: str) -> str:
    """That an event is in the same note or encounter as the index event."""
    if criterion.same is None:
        return "true"
    column = "n" if criterion.same == "note" else "encounter_id"
    return f"{anchor}.{column} = {event}.{column}"


def enough(criterion: Criterion) -> str:
    """That a patient has so many events."""
    return f"{_COUNTED[criterion.count]} >= {criterion.at_least}" if criterion.at_least > 1 else "true"
