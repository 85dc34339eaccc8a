"""A definition against a run: what the run cannot know, or has never heard of, is refused in a line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pipelines.cohort.definition import UNITS, Criterion, Definition, Entities, Match
from pipelines.errors import RequestError, nearest
from pipelines.io.database import RunDatabase, literal, literals
from transforms.icd.gems import icd9_codes
from transforms.icd.table import SYSTEM, CodeTable, Release, UnknownReleaseError
from transforms.note_types import is_one_of
from transforms.sections.headings import HEADER, OTHER, HeadingTable

_FLAGS: Final = ("negated", "uncertain", "historical", "hypothetical")
_LISTED: Final = 12  # known names that a message lists


@dataclass(frozen=True)
class Times:
    """How fine `note_time` is, and what that does to a cohort's dates.

    Attributes:
        finest: the finest unit of windows that it can answer; empty where no note has a time.
        shifted: whether each patient's times are moved by an offset.
    """

    finest: str
    shifted: bool

    def check(self, unit: str, place: str) -> None:
        """Raises RequestError for a window of a unit that is finer than the data."""
        if not self.finest:
            raise RequestError(f"{place}: no note of the run has a note_time, so there are no windows; say same = …")
        if UNITS.index(unit) < UNITS.index(self.finest):
            why = (
                "the run's times are cut to the year (deidentify.mode tag or mask; surrogate keeps intervals)"
                if self.finest == "years"
                else "the run's times are dates without a time of day"
            )
            raise RequestError(f"{place}: {unit} are finer than the data: {why}; say {self.finest} = [from, to]")

    @property
    def remark(self) -> str:
        """What a reader of the dates must know; empty where they are what they seem."""
        if self.finest == "years":
            return (
                "times are cut to the year: dates are January 1st, windows count calendar years, and what came first "
                "within a year is not known"
            )
        return "dates are shifted by an offset of each patient's own; intervals hold" if self.shifted else ""


class Terms:
    """What the run knows, and the definition's words in its terms.

    Args:
        labels: entity labels of the run's checkpoint, beside those that occur.

    Raises:
        RequestError: from `check`.
    """

    def __init__(self, database: RunDatabase, labels: Iterable[str] = ()) -> None:
        self._database = database
        self._labels = set(labels)

    @cached_property
    def times(self) -> Times:
        """How fine the run's times are; they are all looked at."""
        job = self._database.run.manifest.get("job", {})
        mode = job.get("deidentify", {}).get("mode", "")
        timed, dated, timed_of_day = self._database.rows(
            "select count(note_time), count(*) filter (note_time <> date_trunc('year', note_time)), "
            "count(*) filter (note_time <> date_trunc('day', note_time)) from notes"
        )[0]
        finest = "" if not timed else "hours" if timed_of_day else "days" if dated else "years"
        return Times(finest, mode == "surrogate")

    def check(self, definition: Definition) -> None:
        """Holds the whole definition against the run.

        Raises:
            RequestError: a label, section, code or experiencer that does not exist, a table that the run lacks, or a
                window finer than its times.
        """
        for place, match in definition.parts():
            self._check_match(match, place)
        if not self.times.finest:
            raise RequestError("no note of the run has a note_time, so no patient has a date to enter the cohort")
        if definition.index.calendar_years is not None and self.times.shifted:
            raise RequestError("[index]: the run's dates are shifted (deidentify.mode surrogate): no calendar_years")
        for criterion in definition.criteria:
            self._check_times(criterion)

    def _check_times(self, criterion: Criterion) -> None:
        if criterion.window is not None:
            self.times.check(criterion.window[0], repr(criterion.name))
        if criterion.count == "days":
            self.times.check("days", f"{criterion.name!r}: count")

    def _check_match(self, match: Match, place: str) -> None:
        needs = {"codes": "codes", "entities": "entities", "readmission": "readmission", "sections": "sections"}
        if match.kind in needs:
            self._need(needs[match.kind], place)
        if match.sections is not None:
            self._need("sections", place)
            self._check_names(match.sections, self._sections, "section", place)
        self._check_codes(match.codes, match.system, place)
        if match.entities is not None:
            self._check_entities(match.entities, place)

    def _need(self, table: str, place: str) -> None:
        if table not in self._database.run.tables:
            raise RequestError(f"{place}: the run has no table {table}; it was made without what writes it")

    def _check_entities(self, entities: Entities, place: str) -> None:
        if entities.label is not None:
            self._check_names(entities.label, self._known_labels, "entity label", place)
        if entities.codes is not None:
            self._need("codes", place)
            self._check_codes(entities.codes, entities.system, place)
        if entities.experiencer != "any":
            known = {"patient", "family", *self._distinct("entities", "experiencer")}
            self._check_names([entities.experiencer], known, "experiencer", place)
        asked = [flag for flag in _FLAGS if getattr(entities, flag) != "any"]
        asked += ["experiencer"] if entities.experiencer != "any" else []
        missing = [flag for flag in asked if not self._is_told(flag)]
        if missing:
            flags = " and ".join(missing)
            raise RequestError(f'{place}: the run does not tell {flags} of its entities: write "any" for each')

    def _is_told(self, flag: str) -> bool:
        """Whether a flag has a value wherever there is an entity."""
        return bool(self._database.one(f"select count({flag}) = count(*) from entities"))

    @cached_property
    def _known_labels(self) -> set[str]:
        return self._labels | self._distinct("entities", "label")

    @cached_property
    def _sections(self) -> set[str]:
        categories = HeadingTable.shipped().categories
        known = {category.name for category in categories} | {category.loinc for category in categories}
        known |= {HEADER, OTHER, *self._distinct("sections", "category"), *self._distinct("sections", "loinc")}
        return {name for name in known if name}

    def _distinct(self, table: str, column: str) -> set[str]:
        return {value for (value,) in self._database.rows(f"select distinct {column} from {table}") if value}

    def _check_names(self, names: Iterable[str], known: Collection[str], what: str, place: str) -> None:
        for name in names:
            if name not in known:
                listed = sorted(known)
                more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
                there = f"; there are {', '.join(listed[:_LISTED])}{more}" if listed else "; there are none"
                raise RequestError(f"{place}: unknown {what} {name}{nearest(name, known) or there}")

    def _check_codes(self, codes: Iterable[str] | None, system: str, place: str) -> None:
        for pattern in codes or ():
            known = self._codes(system)
            if any(matches(pattern, code) for code in known):
                continue
            if system == SYSTEM and pattern in self._release:
                raise RequestError(f"{place}: {pattern} is a category, and notes have codes below it: say {pattern}.*")
            like = [code for code in known if code[:2] == pattern[:2]]
            raise RequestError(f"{place}: there is no code {pattern} in {system}{nearest(pattern, like)}")

    def _codes(self, system: str) -> frozenset[str]:
        """The codes of a system that notes may have: those of its table, and those of the run."""
        if system not in self._codes_of:
            there = self._database.rows("select distinct code from codes where system = ?", [system])
            found = frozenset(code for (code,) in there if code)
            if system == SYSTEM:
                found |= {entry.code for entry in self._release if entry.billable}
            if system == "ICD-9-CM":
                found |= icd9_codes()
            self._codes_of[system] = found
        return self._codes_of[system]

    @cached_property
    def _codes_of(self) -> dict[str, frozenset[str]]:
        return {}

    @cached_property
    def _release(self) -> CodeTable:
        asked = self._database.run.manifest.get("job", {}).get("icd", {}).get("release")
        try:
            return (Release.of(asked) if asked else Release()).table()
        except UnknownReleaseError as error:
            raise RequestError(f"the run's release of ICD-10-CM: {error}") from error

    def note_types(self, patterns: Iterable[str]) -> list[str]:
        """The run's note types that fit one of these patterns."""
        patterns = list(patterns)
        return sorted(kind for kind in self._distinct("notes", "note_type") if is_one_of(kind, patterns))


def matches(pattern: str, code: str) -> bool:
    """Whether a code is meant by `E11.9`, `E11.*` (all below E11), `E1*` or the range of categories `I20-I25`."""
    first, dash, last = pattern.partition("-")
    if dash:
        return first <= code[:3] <= last
    if pattern.endswith(".*"):
        return code.startswith(pattern[:-1]) or code == pattern[:-2]
    return code.startswith(pattern[:-1]) if pattern.endswith("*") else code == pattern


def code_condition(column: str, patterns: Iterable[str]) -> str:
    """What `matches` says, of a column in SQL."""
    said = []
    for pattern in patterns:
        first, dash, last = pattern.partition("-")
        if dash:
            said.append(f"left({column}, 3) between {literal(first)} and {literal(last)}")
        elif pattern.endswith(".*"):
            said.append(f"(starts_with({column}, {literal(pattern[:-1])}) or {column} = {literal(pattern[:-2])})")
        elif pattern.endswith("*"):
            said.append(f"starts_with({column}, {literal(pattern[:-1])})")
        else:
            said.append(f"{column} = {literal(pattern)}")
    return f"({' or '.join(said)})"


def text_condition(column: str, patterns: Iterable[str]) -> str:
    """That a text fits one of several shell patterns (`*`, `?`); case and the kind of white space do not count."""
    plain = [" ".join(pattern.lower().split()) for pattern in patterns]
    value = f"regexp_replace(lower({column}), '\\s+', ' ', 'g')"
    whole = [pattern for pattern in plain if not re.search(r"[*?]", pattern)]
    said = [f"{value} in {literals(whole)}"] if whole else []
    for pattern in plain:
        if pattern not in whole:
            like = re.sub(r"([%_\\])", r"\\\1", pattern).replace("*", "%").replace("?", "_")
            said.append(f"{value} like {literal(like)} escape '\\'")
    return f"({' or '.join(said)})"
