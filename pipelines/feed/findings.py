"""What a note asserts, for models that ask whether the patient has something: mentions, and codes that rest on them.

Mentions are rows of `entities`, codes are rows of `codes`, as dictionaries.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from pipelines.feed.run_tables import UnitTables

Row = dict[str, Any]

_DIAGNOSIS: Final = {"ICD-10-CM": re.compile(r"[A-Z]"), "ICD-9-CM": re.compile(r"[A-Z]|\d{3}")}
"""Coding systems of diagnoses, and how their codes begin: procedures of ICD-9-CM have two digits before the dot."""


def by_note(unit: UnitTables, table: str) -> dict[str, list[Row]]:
    """The rows of a table by their note; none of a table that the unit does not have."""
    found: dict[str, list[Row]] = {}
    for row in unit.table(table).to_pylist() if table in unit.unit.sizes else ():
        found.setdefault(row["note_id"], []).append(row)
    return found


def is_of_patient(mention: Row) -> bool:
    return mention["experiencer"] in (None, "patient")


def has(mention: Row) -> bool | None:
    """Whether the patient has what is mentioned; None where nobody asked."""
    if mention["negated"] is None:
        return None
    denied = mention["negated"] or mention["uncertain"] or mention["hypothetical"]
    return not denied and is_of_patient(mention)


def is_diagnosis(code: Row) -> bool:
    begins = _DIAGNOSIS.get(code["system"])
    return begins is not None and begins.match(code["code"]) is not None


def is_asserted(code: Row, mentions: Sequence[Row]) -> bool:
    """Whether a code rests on anything that is not denied. What no entity covers was asserted when it was coded."""
    rests_on = [[mention for mention in mentions if _overlap(mention, evidence)] for evidence in code["evidence"] or ()]
    return not rests_on or any(not on or any(has(one) is not False for one in on) for on in rests_on)


def mentions_of(code: Row, mentions: Sequence[Row]) -> list[Row]:
    """The mentions that a code rests on."""
    return [one for one in mentions if any(_overlap(one, evidence) for evidence in code["evidence"] or ())]


def code_of(mention: Row, codes: Sequence[Row]) -> Row | None:
    """The surest code that rests on a mention."""
    resting = [code for code in codes if mentions_of(code, [mention])]
    return max(resting, key=lambda code: (code["score"], code["code"]), default=None)


def _overlap(one: Row, other: Row) -> bool:
    return bool(one["start"] < other["end"] and other["start"] < one["end"])
