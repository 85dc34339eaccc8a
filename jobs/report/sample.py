"""Notes for the viewer: some of every type, chosen by a hash of their ids, so that the same run gives the same ones."""

from __future__ import annotations

from typing import Any, Final

from jinja2.utils import htmlsafe_json_dumps

from pipelines.io.database import RunDatabase, literals

MOST_BYTES: Final = 2_500_000
"""Of all notes of the viewer together, as JSON."""

_LONGEST: Final = 100_000  # characters of a note that the viewer takes


def sample(database: RunDatabase, most: int) -> list[dict[str, Any]]:
    """Takes notes with their sections, entities and codes.

    Args:
        database: of the run.
        most: how many; fewer where they would take more than `MOST_BYTES`, or are longer than 100,000 characters.
    """
    chosen = database.dicts(
        f"""select note_id, any_value(note_type) as note_type from (
            select note_id, note_type, row_number() over (partition by note_type order by md5(note_id)) as turn
            from notes where text_length between 1 and {_LONGEST}
            qualify turn <= {int(most)}
        ) group by note_id order by min(turn), 2, 1 limit {int(most)}"""
    )
    ids = [row["note_id"] for row in chosen]
    if not ids:
        return []
    among = f"where note_id in {literals(ids)}"
    notes = {
        row["id"]: row
        for row in database.dicts(
            "select note_id as id, any_value(note_type) as type, any_value(year(note_time)) as year, "
            f"any_value(text) as text from notes {among} group by 1"
        )
    }
    for note in notes.values():
        note |= {"sections": [], "entities": [], "codes": []}
    for row in database.dicts(
        f'select note_id, category, loinc, title, start, "end" from sections {among} order by start, "end" desc'
    ):
        notes[row.pop("note_id")]["sections"].append(row)
    for row in database.dicts(
        'select note_id, start, "end", label, round(score, 2)::double as score, negated, uncertain, historical, '
        f'hypothetical, experiencer from entities {among} order by start, "end" desc, score, label'
    ):
        notes[row.pop("note_id")]["entities"].append(
            {key: value for key, value in row.items() if value not in (None, False)}
        )
    for row in database.dicts(
        "select note_id, code, system, description, round(score, 2)::double as score, "
        f'list_transform(evidence, lambda e: [e.start, e."end"]) as evidence from codes {among} '
        "order by score desc, code"
    ):
        notes[row.pop("note_id")]["codes"].append(row)
    taken, size = [], 0
    for name in ids:
        size += len(htmlsafe_json_dumps(notes[name]))
        if size > MOST_BYTES:
            break
        taken.append(notes[name])
    return taken
