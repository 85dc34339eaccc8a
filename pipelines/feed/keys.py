"""Which keys a table holds, in eight bytes a key, for warehouses that have no index.

A look at the table once, when a feed begins; from then on what the feed itself adds. So new notes are appended, and
only for those that come again are files read and written anew.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_CHUNKS = 16  # sorted stretches that are searched one after another before they are made one


class KeyIndex:
    """Keys, each with the place where it lies. Hashes of 64 bits stand for them: what is found *may* be there."""

    def __init__(self) -> None:
        self._chunks: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []

    def add(self, keys: pa.Array | pa.ChunkedArray, place: int = 0) -> None:
        """Adds keys that lie in a place. Nulls do not count."""
        hashes = np.unique(_hashes(keys))
        self._chunks.append((hashes, np.full(len(hashes), place, np.int64)))
        if len(self._chunks) > _CHUNKS:
            hashes, places = (np.concatenate(column) for column in zip(*self._chunks, strict=True))
            order = np.argsort(hashes, kind="stable")
            self._chunks = [(hashes[order], places[order])]

    def present(self, keys: pa.Array) -> pa.Array:
        """Those of the keys that may be in the table."""
        wanted = _hashes(keys)
        found = np.zeros(len(wanted), bool)
        for hashes, _ in self._chunks:
            found |= np.isin(wanted, hashes)
        return keys.filter(pa.array(found))

    def places(self, keys: pa.Array) -> set[int]:
        """Where the keys may lie."""
        wanted = _hashes(keys)
        return {int(place) for hashes, places in self._chunks for place in np.unique(places[np.isin(hashes, wanted)])}


def _hashes(keys: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    values: Iterable[object] = keys.drop_null().to_pylist()
    return np.fromiter(map(hash, values), np.int64)
