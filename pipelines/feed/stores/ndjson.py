"""NDJSON files of FHIR resources, for `fhir://FOLDER`: `TYPE.….ndjson`, as a Bulk Data server gives them.

Rows have two columns: `resource`, a resource as JSON, and the key `source`, which is its `meta.source`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa

from pipelines.feed.store import TableSpec
from pipelines.feed.stores.files import FileStore
from pipelines.io.storage import Folder


class NdjsonStore(FileStore):
    def __init__(self, uri: str) -> None:
        super().__init__(uri, _Ndjson())


class _Ndjson:
    """A resource a line."""

    def paths(self, folder: Folder, spec: TableSpec) -> list[str]:
        return sorted(
            name for name in folder.sizes("") if name.startswith(f"{spec.name}.") and name.endswith(".ndjson")
        )

    def path(self, spec: TableSpec, run_id: str, name: str) -> str:  # noqa: ARG002
        return f"{spec.name}.{name}.ndjson"

    def is_of_run(self, path: str, spec: TableSpec, run_id: str) -> bool:  # noqa: ARG002
        return False

    def encode(self, rows: pa.Table) -> bytes:
        return "".join(f"{resource}\n" for resource in rows["resource"].to_pylist()).encode()

    def decode(self, data: bytes, spec: TableSpec, columns: Sequence[str] | None = None) -> pa.Table:
        resources = data.decode().split("\n")[:-1]
        sources = [json.loads(resource)["meta"]["source"] for resource in resources]
        rows = pa.table({"source": sources, "resource": resources}, schema=spec.fields)
        return rows if columns is None else rows.select(columns)
