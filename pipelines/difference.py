"""What changed between two runs over the same notes, worked out in DuckDB.

Notes are the same by `note_id`; what stands in them is compared where both runs left the same text, since offsets into
different texts have nothing to do with one another. Entities are the same by note, offsets and label, codes by note,
system and code, admissions by `encounter_id`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pipelines.errors import RequestError
from pipelines.feed.run_tables import RunTables
from pipelines.io.database import RunDatabase

TABLES: Final = ("notes", "entities", "codes", "readmission")

FLAGS: Final = ("negated", "uncertain", "historical", "hypothetical", "experiencer")

_BOTH: Final = "semi join same on same.note_id = m.note_id"


@dataclass(frozen=True)
class Compared:
    """A kind of row in both runs.

    Attributes:
        table: of the runs.
        key: columns by which a row is the same.
        score: column of its number.
        group: column that counts are told by; empty for none.
        also: further columns that may change.
        source: restricts the rows; `m` is the table.
    """

    table: str
    key: tuple[str, ...]
    score: str
    group: str
    also: tuple[str, ...] = ()
    source: str = _BOTH


_KINDS: Final = (
    Compared("entities", ("note_id", "start", "end", "label"), "score", "label", FLAGS),
    Compared("codes", ("note_id", "system", "code"), "score", "code"),
    Compared("readmission", ("encounter_id",), "probability", "", source=""),
)


def differences(database: RunDatabase, other: RunTables, *, examples: int, tolerance: float) -> dict[str, Any]:
    """What the other run has more, less and otherwise than the database's.

    Args:
        database: with the views `TABLES` of the first run.
        other: the second run.
        examples: most examples of each change, by ids and offsets.
        tolerance: scores that differ by no more are the same.

    Returns:
        `notes` and each kind: how many rows are in the first run and the second, were `removed` and `added`, and what
        changed of the others.

    Raises:
        RequestError: the runs have no note in common.
    """
    for name in TABLES:
        database.add(other, name, f"other_{name}")
    notes = _notes(database, examples)
    found: dict[str, Any] = {"notes": notes}
    for kind in _KINDS:
        if kind.table in database.run.tables and kind.table in other.tables:
            found[kind.table] = _compared(database, kind, examples, tolerance)
    return found


def _notes(database: RunDatabase, examples: int) -> dict[str, Any]:
    database.db.execute(
        """create table note_pairs as
        select coalesce(a.note_id, b.note_id) as note_id, a.note_id is not null as before,
            b.note_id is not null as after, a.text is not distinct from b.text as same_text
        from (select note_id, min(md5(text)) as text from notes group by note_id) a
        full join (select note_id, min(md5(text)) as text from other_notes group by note_id) b using (note_id)"""
    )
    database.db.execute("create view same as select note_id from note_pairs where before and after and same_text")
    counted = database.dicts(
        "select count(*) filter (before) as before, count(*) filter (after) as after, "
        "count(*) filter (before and after) as both, count(*) filter (not after) as removed, "
        "count(*) filter (not before) as added, count(*) filter (before and after and not same_text) as text_changed "
        "from note_pairs"
    )[0]
    if not counted["both"] and counted["before"] and counted["after"]:
        raise RequestError(
            "the runs have no note_id in common: they are over other notes, or their ids were made with another "
            "NOTEMILL_KEY"
        )
    told = {}
    for name, said in (
        ("removed", "not after"),
        ("added", "not before"),
        ("text_changed", "before and after and not same_text"),
    ):
        rows = database.rows(f"select note_id from note_pairs where {said} order by note_id limit {int(examples)}")
        told[name] = [note_id for (note_id,) in rows]
    return {**counted, "examples": told}


def _compared(database: RunDatabase, kind: Compared, examples: int, tolerance: float) -> dict[str, Any]:
    key = ", ".join(f'"{name}"' for name in kind.key)
    also = "".join(f", any_value({name}) as {name}" for name in kind.also)
    sides = [
        f"select {', '.join(f'm.{name}' for name in key.split(', '))}, max({kind.score}) as score{also}, "
        f"count(*) as rows from {name} m {kind.source} group by all"
        for name in (kind.table, f"other_{kind.table}")
    ]
    flags = "".join(f", a.{name} is distinct from b.{name} as {name}" for name in kind.also)
    pairs = f"pairs_{kind.table}"
    database.db.execute(
        f"""create table {pairs} as select {key}, coalesce(a.rows, 0) as before, coalesce(b.rows, 0) as after,
            a.score as score_before, b.score as score_after{flags}
        from ({sides[0]}) a full join ({sides[1]}) b using ({key})"""
    )
    both = "before > 0 and after > 0"
    moved = f"{both} and abs(score_after - score_before) > {float(tolerance)}"
    counted = database.dicts(
        f"""select coalesce(sum(before), 0)::bigint as before, coalesce(sum(after), 0)::bigint as after,
            count(*) filter (after = 0) as removed, count(*) filter (before = 0) as added,
            count(*) filter ({moved}) as score_changed,
            round(avg(score_after - score_before) filter ({both}), 6) as mean_score_change,
            round(max(abs(score_after - score_before)) filter ({both}), 6) as largest_score_change
        from {pairs}"""
    )[0]
    order = f"{key} limit {int(examples)}"
    told = {
        name: database.dicts(f"select {key} from {pairs} where {said} order by {order}")
        for name, said in (("removed", "after = 0"), ("added", "before = 0"))
    }
    told["score_changed"] = database.dicts(
        f"select {key}, score_before as before, score_after as after from {pairs} where {moved} "
        f"order by abs(score_after - score_before) desc, {order}"
    )
    for name in kind.also:
        counted[f"{name}_changed"] = database.one(f"select count(*) from {pairs} where {both} and {name}")
        told[f"{name}_changed"] = database.dicts(f"select {key} from {pairs} where {both} and {name} order by {order}")
    if kind.group:
        counted["by_" + kind.group] = database.dicts(
            f"""select {kind.group}, sum(before)::bigint as before, sum(after)::bigint as after,
                count(*) filter (after = 0) as removed, count(*) filter (before = 0) as added
            from {pairs} group by 1 having count(*) filter (after = 0 or before = 0) > 0
            order by count(*) filter (after = 0 or before = 0) desc, 1 limit 20"""
        )
    return {**counted, "examples": told}
