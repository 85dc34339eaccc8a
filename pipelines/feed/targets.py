"""From the URI of a target to its store. A store's library is imported only when it is fed."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Final

from pipelines.errors import RequestError
from pipelines.feed.store import Store

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


def open_store(uri: str) -> Store:
    """Opens a target: `SCHEME://` and what its store's docstring says.

    Raises:
        RequestError: the scheme is unknown, its library is not installed, or the target cannot be reached.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme not in STORES:
        known = ", ".join(f"{name}://" for name in STORES)
        raise RequestError(f"{shown(uri)} is no target of a feed; known are {known}")
    if not rest:
        raise RequestError(f"{uri} does not say where: {scheme}://…")
    module, name = STORES[scheme]
    errors: tuple[type[Exception], ...] = ()
    try:
        kind = getattr(import_module(f"pipelines.feed.stores.{module}"), name)
        errors = kind.errors
        store: Store = kind(uri)
    except ImportError as error:
        package = error.name or scheme  # what wraps an engine may not name the package
        raise RequestError(
            f"{scheme}:// needs the package {package}, which is not installed: pip install 'notemill[feeds]'"
        ) from error
    except RequestError:
        raise
    except errors as error:
        raise RequestError(f"cannot open {shown(uri)}: {first_line(error)}") from error
    return store


def shown(uri: str) -> str:
    """A target as it may be told: without its password."""
    return re.sub(r"(?<=:)[^/:@]*(?=@)|(?<=password=)[^&]*", "***", uri)


def first_line(error: Exception) -> str:
    """The first line of what a library says, without the password of a URI that it may repeat."""
    lines = str(error).strip().splitlines()
    return shown(lines[0]) if lines else type(error).__name__
