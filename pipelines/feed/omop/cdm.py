"""The tables of the OMOP Common Data Model v5.4 that Notemill fills, column by column: `cdm_v5.4.toml`.

The model's types as Arrow's: `integer` has 32 bits, as it has where OHDSI's own DDL is run; `datetime` has no zone.
"""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import Final

import pyarrow as pa

from pipelines.feed.store import with_length

_TYPES: Final = {"integer": pa.int32(), "date": pa.date32(), "datetime": pa.timestamp("us")}
_VARCHAR: Final = re.compile(r"varchar\((\d+|MAX)\)")


def _field(name: str, words: str) -> pa.Field:
    kind, _, required = words.partition(" ")
    nullable = required != "not null"
    varchar = _VARCHAR.fullmatch(kind)
    if varchar is None:
        return pa.field(name, _TYPES[kind], nullable)
    field = pa.field(name, pa.string(), nullable)
    return field if varchar[1] == "MAX" else with_length(field, int(varchar[1]))


def _read() -> dict[str, pa.Schema]:
    tables = tomllib.loads(files(__package__).joinpath("cdm_v5.4.toml").read_text())
    return {table: pa.schema([_field(*column) for column in columns.items()]) for table, columns in tables.items()}


TABLES: Final = _read()
"""Table -> its columns. Those that must not be null are not nullable; `store.length_of` tells a varchar's length."""
