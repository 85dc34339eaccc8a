"""From the URI of a target to its store. A store's library is imported only when it is fed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

from pipelines.errors import RequestError
from pipelines.feed.store import Look, Store

STORES: Final = {
    "duckdb": ("duckdb", "DuckDBStore"),
    "parquet": ("parquet", "ParquetStore"),
    "delta": ("delta", "DeltaStore"),
    "postgresql": ("postgresql", "PostgreSQLStore"),
    "iceberg": ("iceberg", "IcebergStore"),
    "clickhouse": ("clickhouse", "ClickHouseStore"),
    "chdb": ("clickhouse", "ClickHouseStore"),
}
"""Scheme -> module of `stores`, and class."""


MODELS: Final = {"omop": "STORE://…", "fhir": "FOLDER"}
"""Schemes of common data models, which make other tables of a run's, and what stands behind them."""


def model_of(uri: str) -> tuple[str | None, str]:
    """The model that a target names, if any, and the place behind it: of `omop://` a store, of `fhir://` a folder.

    Raises:
        RequestError: nothing stands behind it.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme not in MODELS:
        return None, uri
    if not rest:
        raise RequestError(f"{uri} does not say where: {scheme}://{MODELS[scheme]}")
    return scheme, rest


def open_store(uri: str) -> Store:
    """Opens a target: `SCHEME://` and what its store's docstring says.

    Raises:
        RequestError: the scheme is unknown, its library is not installed, or the target cannot be reached.
    """
    with _module(uri) as (module, name):
        store: Store = getattr(module, name)(uri)
    return store


@contextmanager
def opened(uri: str) -> Iterator[Look]:
    """Opens a target to look at its tables, and changes nothing.

    Raises:
        RequestError: as of `open_store`, or the target cannot be read.
    """
    with _module(uri) as (module, _), module.reading(uri) as look:
        yield look


@contextmanager
def _module(uri: str) -> Iterator[tuple[Any, str]]:
    """The module of a target's store, and the name of its class. What its library raises becomes a request's error."""
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme not in STORES:
        known = ", ".join([*(f"{name}://" for name in STORES), *(f"{name}://{rest}" for name, rest in MODELS.items())])
        raise RequestError(f"{shown(uri)} is no target of a feed; known are {known}")
    if not rest:
        raise RequestError(f"{uri} does not say where: {scheme}://…")
    module, name = STORES[scheme]
    errors: tuple[type[Exception], ...] = ()
    try:
        found = import_module(f"pipelines.feed.stores.{module}")
        errors = getattr(found, name).errors
        yield found, name
    except ImportError as error:
        package = error.name or scheme  # what wraps an engine may not name the package
        raise RequestError(
            f"{scheme}:// needs the package {package}, which is not installed: pip install 'notemill[feeds]'"
        ) from error
    except RequestError:
        raise
    except errors as error:
        raise RequestError(f"cannot open {shown(uri)}: {first_line(error)}") from error


def shown(uri: str) -> str:
    """A target as it may be told: without its password."""
    return re.sub(r"(?<=:)[^/:@]*(?=@)|(?<=password=)[^&]*", "***", uri)


def first_line(error: Exception) -> str:
    """The first line of what a library says, without the password of a URI that it may repeat."""
    lines = str(error).strip().splitlines()
    return shown(lines[0]) if lines else type(error).__name__
