"""What a cohort definition says: cohort.toml, checked by itself.

    id = 1
    name = "Type 2 diabetes on metformin"

    [index]                              # what brings a patient in, and when: the first such event
    codes = ["E11.*"]

    [[include]]                          # each patient must fit all of these ...
    name = "metformin within a year"
    entities = { text = "metformin*" }
    days = [0, 365]

    [[exclude]]                          # ... and none of these
    name = "dialysis"
    codes = ["N18.6", "Z99.2"]

The shape is that of OHDSI's cohort definitions: an entry event, then criteria relative to it.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipelines.errors import RequestError, nearest

UNITS: Final = ("hours", "days", "months", "years")
"""Of windows, from the finest."""

_CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9.]*\*?|[A-Z]\d[0-9A-Z]-[A-Z]\d[0-9A-Z]")


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[list[Name], BeforeValidator(_listed), Field(min_length=1)]
"""One string, or a list of which any will do."""

Flag = Literal[True, False, "any"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _check_codes(codes: list[str] | None) -> list[str] | None:
    for code in codes or ():
        if not _CODE.fullmatch(code):
            raise ValueError(f'{code!r} is no code: write "E11.9", "E11.*" for all below E11, or a range "I20-I25"')
    return codes


class Entities(_Part):
    """Mentions. Unless it is said otherwise: present, the patient's own, and not only expected."""

    label: Names | None = None
    text: Names | None = Field(None, description="As shell patterns; case and line breaks do not count.")
    codes: Names | None = Field(None, description="Mentions that are the evidence of such a code.")
    system: str = "ICD-10-CM"
    min_score: float = Field(0.0, ge=0.0, le=1.0)
    negated: Flag = False
    uncertain: Flag = "any"
    historical: Flag = "any"
    hypothetical: Flag = False
    experiencer: str = "patient"

    _codes = field_validator("codes")(_check_codes)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.label is None and self.text is None and self.codes is None:
            raise ValueError("entities need a label, a text or codes")
        if self.codes is None and "system" in self.model_fields_set:
            raise ValueError("system says something of codes, and there are none")
        return self


class Range(_Part):
    """From `low` to `high`, both included."""

    low: float
    high: float

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, value: object) -> object:
        if not (isinstance(value, list) and len(value) == 2 and all(_is_number(item) for item in value)):
            raise ValueError("a range is two numbers, [from, to]; inf and -inf leave an end open")
        if value[0] > value[1]:
            raise ValueError(f"the range [{value[0]}, {value[1]}] ends before it begins")
        return {"low": float(value[0]), "high": float(value[1])}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


class Match(_Part):
    """What counts as an event. `sections` and `note_types` restrict the other kinds, or are events themselves."""

    codes: Names | None = None
    system: str = "ICD-10-CM"
    min_score: float = Field(0.0, ge=0.0, le=1.0, description="Of codes.")
    entities: Entities | None = None
    readmission: Range | None = Field(None, description="Admissions whose probability lies in it.")
    sections: Names | None = Field(None, description="Categories or LOINC codes.")
    note_types: Names | None = Field(None, description="As shell patterns; case does not count.")

    _codes = field_validator("codes")(_check_codes)

    @property
    def kind(self) -> str:
        """What is looked for: `codes`, `entities`, `readmission`, `sections` or `note_types`; empty for nothing."""
        return next((kind for kind in _KINDS if getattr(self, kind) is not None), "")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in _KINDS[:3] if getattr(self, kind) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are events of their own: put them in any = [...] or two criteria")
        if self.readmission is not None and (self.sections is not None or self.note_types is not None):
            raise ValueError("readmission is of a whole admission: it has no sections and no note_types")
        if self.codes is None and (idle := sorted({"system", "min_score"} & self.model_fields_set)):
            raise ValueError(f"{' and '.join(idle)} say something of codes, and there are none")
        return self


_KINDS: Final = ("codes", "entities", "readmission", "sections", "note_types")


class _Event(Match):
    """One match, or any of several."""

    any: list[Match] | None = Field(None, min_length=1, description="Events of any of these count.")

    @property
    def matches(self) -> tuple[Match, ...]:
        return tuple(self.any) if self.any is not None else (self,)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.any is not None and self.kind:
            raise ValueError(f"{self.kind} stands beside any = [...]; put it inside")
        if any(not match.kind for match in self.any or ()):
            raise ValueError("a part of any = [...] says nothing")
        return self


class Index(_Event):
    """The event that brings a patient in. Of several at the same time, that in the first note by its id."""

    pick: Literal["first", "last"] = "first"
    calendar_years: Range | None = None

    @model_validator(mode="after")
    def _given(self) -> Self:
        if self.any is None and not self.kind:
            raise ValueError(f"the index event needs one of {', '.join(_KINDS)} or any")
        return self


class Criterion(_Event):
    """What a patient must have, or must not have, relative to the index event."""

    name: Name
    age: Range | None = Field(None, description="Years at the index event, as the nearest note states it.")
    hours: Range | None = None
    days: Range | None = None
    months: Range | None = None
    years: Range | None = None
    from_: str | None = Field(None, alias="from", description="An earlier [[include]]; without it the index event.")
    same: Literal["note", "encounter"] | None = None
    at_least: int = Field(1, ge=1)
    count: Literal["notes", "mentions", "days", "encounters"] = "notes"

    @property
    def window(self) -> tuple[str, Range] | None:
        """Unit and range of its time window."""
        return next(((unit, found) for unit in UNITS if (found := getattr(self, unit)) is not None), None)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.age is not None and (self.kind or self.any is not None or "at_least" in self.model_fields_set):
            raise ValueError("age is a criterion of its own")
        if self.age is None and self.any is None and not self.kind:
            raise ValueError(f"it needs one of {', '.join(_KINDS)}, age or any")
        units = [unit for unit in UNITS if getattr(self, unit) is not None]
        if len(units) > 1:
            raise ValueError(f"{' and '.join(units)} are two windows; one is enough")
        if self.from_ is not None and not units:
            raise ValueError("from says where a window begins, and there is none")
        if self.from_ is not None and self.age is not None:
            raise ValueError("age is told at the index event, not from another one")
        if (window := self.window) is not None:
            ends = [end for end in (window[1].low, window[1].high) if math.isfinite(end)]
            if any(not end.is_integer() or abs(end) > _MOST[window[0]] for end in ends):
                raise ValueError(f"{window[0]} are whole numbers of at most {_MOST[window[0]]:,}")
        if "count" in self.model_fields_set and "at_least" not in self.model_fields_set:
            raise ValueError("count says what at_least counts, which is not given")
        return self


_MOST: Final = {"hours": 200 * 366 * 24, "days": 200 * 366, "months": 2400, "years": 200}


class Definition(_Part):
    """A whole definition."""

    id: int = Field(ge=1, le=2**31 - 1, description="cohort_definition_id")
    name: Name
    description: str = ""
    index: Index
    include: list[Criterion] = []
    exclude: list[Criterion] = []
    end: Literal["last note", "index"] = "last note"

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [criterion.name for criterion in self.criteria]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two criteria have the name {twice!r}")
        if "index" in names:
            raise ValueError("index is the name of the index event")
        before: list[str] = []
        for criterion in self.criteria:
            if criterion.from_ is not None and criterion.from_ not in before:
                raise ValueError(
                    f"{criterion.name!r} begins from {criterion.from_!r}, which is no earlier [[include]] with events"
                    + nearest(criterion.from_, before)
                )
            if criterion in self.include and criterion.age is None:
                before.append(criterion.name)
        return self

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """All criteria in the order in which they are applied."""
        return (*self.include, *self.exclude)

    def parts(self) -> Iterator[tuple[str, Match]]:
        """Every match with the place where it stands, for messages."""
        for place, event in (("index", self.index), *((repr(item.name), item) for item in self.criteria)):
            for match in event.matches:
                yield place, match


def read(text: str, place: str) -> Definition:
    """Reads a definition.

    Args:
        text: TOML.
        place: what messages call it.

    Raises:
        RequestError: it is no TOML, has an unknown key, or contradicts itself.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RequestError(f"{place} is not valid TOML: {error}") from error
    try:
        return Definition(**content)
    except ValidationError as error:
        raise RequestError(f"{place}: {_explain(error, content)}") from error


def _explain(error: ValidationError, content: dict[str, Any]) -> str:
    first = next((one for one in error.errors() if one["type"] == "extra_forbidden"), error.errors()[0])
    place, kind = _place(first["loc"], content)
    if first["type"] == "extra_forbidden":
        key = str(first["loc"][-1])
        return f"{place}unknown key {key}{nearest(key, kind)}"
    if first["type"] == "missing":
        return f"{place}{first['loc'][-1]} is missing"
    key = next((str(part) for part in reversed(first["loc"]) if isinstance(part, str)), "")
    message = first["msg"].removeprefix("Value error, ")
    where = "" if key in ("include", "exclude", "index", "") else f"{key}: "
    return f"{place}{where}{message}" + ("" if first["type"] == "value_error" else f" (got {first['input']!r})")


def _place(loc: tuple[int | str, ...], content: dict[str, Any]) -> tuple[str, list[str]]:
    """What a message calls the part of the definition that is wrong, and the keys that this part knows."""
    models: dict[str, type[BaseModel]] = {"index": Index, "include": Criterion, "exclude": Criterion}
    model: type[BaseModel] = models.get(str(loc[0]), Definition) if loc else Definition
    place = "" if model is Definition else f"[{loc[0]}]: "
    if model is Criterion and len(loc) > 1 and isinstance(loc[1], int):
        entries = content.get(str(loc[0]))
        entry = entries[loc[1]] if isinstance(entries, list) else None
        name = entry.get("name") if isinstance(entry, dict) else None
        place = f"[[{loc[0]}]] {name!r}: " if isinstance(name, str) else f"[[{loc[0]}]] {loc[1] + 1}: "
    inner = [part for part in loc[1:-1] if isinstance(part, str)]
    if "any" in inner:
        model = Match
    if inner and inner[-1] == "entities":
        model = Entities
    return place, [field.alias or name for name, field in model.model_fields.items()]
