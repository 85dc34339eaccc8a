"""Integer keys for string ids, and the crosswalk that remembers them.

The Common Data Model's keys are integers of 32 bits. Hashes of that width would collide among some fifty thousand
notes already, so keys are not computed but given out, one after another, and kept: files `part-….parquet` of `kind`,
`id`, `first` and `count` in a folder of their own, which belongs with the restricted tables. An id keeps its key as
long as the folder is kept. A key is on disk before any row with it is delivered.

An id that is a whole number below 2^30 is its own key, so that a run over the notes of a CDM with `ids = "keep"` joins
that CDM; keys that are given out begin there.

Rows that have no id of their own, such as the mentions of a note, get a block of keys by the id of their note. A note
that comes again with more rows than its block holds gets another; what it ever had is still known, and can be replaced.
"""

from __future__ import annotations

import re
import sqlite3
import uuid
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from pipelines.errors import RequestError
from pipelines.io.sink import encode
from pipelines.io.storage import Folder

_OWN: Final = 2**30
"""Where keys of ids begin that are not their own."""
_END: Final = 2**31

_WHOLE: Final = re.compile(r"[1-9]\d{0,9}")
_FIELDS: Final = pa.schema([("kind", pa.string()), ("id", pa.string()), ("first", pa.int32()), ("count", pa.int32())])
_IDENTITY: Final = "_identity"
_WAIT_SECONDS: Final = 60.0


class IntegerKeys:
    """The keys of a folder, which one feed at a time may use; on an object store nothing keeps another out.

    Args:
        uri: folder of the crosswalk; made where there is none.

    Attributes:
        uri: that folder.
        identity: tells this crosswalk from all others.

    Raises:
        RequestError: the folder cannot be written, is damaged, or another feed is at work on it.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._folder = Folder(uri)
        self._folder.check_writable()
        self._lock: FileLock | None = None
        if self._folder.is_local:
            self._folder.put("_lock", b"", private=True)
            self._lock = FileLock(self._folder.path("_lock"))
            try:
                self._lock.acquire(timeout=_WAIT_SECONDS)
            except Timeout as error:
                raise RequestError(f"another feed is at work on the keys at {uri}") from error
        parts = sorted(name for name in self._folder.sizes("") if name.endswith(".parquet"))
        self.identity = self._identity(bool(parts))
        self._parts = len(parts)
        # A private file of SQLite, which goes when it is closed: keys of ten million notes need no memory.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute(
            "create table keys (kind text, id text, first int, count int, primary key (kind, id, first)) without rowid"
        )
        self._next: dict[str, int] = {}
        self._new: list[tuple[str, str, int, int]] = []
        for name in parts:
            self._load(name)

    def _identity(self, used: bool) -> str:
        data = self._folder.get(_IDENTITY)
        if data is None:
            if used:
                raise RequestError(f"the keys at {self.uri} are damaged: {_IDENTITY} is missing")
            data = uuid.uuid4().hex.encode()
            self._folder.put(_IDENTITY, data, private=True)
        return data.decode()

    def _load(self, name: str) -> None:
        data = self._folder.get(name)
        for batch in pq.ParquetFile(pa.BufferReader(data)).iter_batches(columns=_FIELDS.names):
            rows = list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
            try:
                self._db.execute("begin")
                self._db.executemany("insert into keys values (?, ?, ?, ?)", rows)
                self._db.execute("commit")
            except sqlite3.IntegrityError as error:
                raise RequestError(f"the keys at {self.uri} are damaged: {name} gives a key a second time") from error
            for kind, _, first, count in rows:
                self._next[kind] = max(self._next.get(kind, 0), first + count)

    def key(self, kind: str, own: str) -> int:
        """The key of an id; a new one where it has none."""
        held = self.held(kind, own)
        return self._give(kind, own, 1, _OWN) if held is None else held

    def held(self, kind: str, own: str) -> int | None:
        """The key of an id, if it has one."""
        if _WHOLE.fullmatch(own) and int(own) < _OWN:
            return int(own)
        return next((block.start for block in self._blocks(kind, own)), None)

    def block(self, kind: str, own: str, count: int) -> range:
        """The first keys, so many, of a block that an id has; of a new one where it has none so wide."""
        wide = [one.start for one in self._blocks(kind, own) if len(one) >= count]
        first = wide[0] if wide else self._give(kind, own, count, 1)
        return range(first, first + count)

    def held_in_blocks(self, kind: str, own: str) -> list[int]:
        """All keys of all blocks that an id has."""
        return [key for block in self._blocks(kind, own) for key in block]

    def _blocks(self, kind: str, own: str) -> list[range]:
        query = "select first, count from keys where kind = ? and id = ? order by first"
        return [range(first, first + count) for first, count in self._db.execute(query, (kind, own))]

    def _give(self, kind: str, own: str, count: int, start: int) -> int:
        first = max(self._next.get(kind, 0), start)
        if first + count > _END:
            raise RequestError(f"no integer of 32 bits is left for another {kind}")
        self._next[kind] = first + count
        self._db.execute("insert into keys values (?, ?, ?, ?)", (kind, own, first, count))
        self._new.append((kind, own, first, count))
        return first

    def settle(self) -> None:
        """Puts what was given out since into a file of its own."""
        if not self._new:
            return
        columns = dict(zip(_FIELDS.names, zip(*self._new, strict=True), strict=True))
        self._folder.put(f"part-{self._parts:08}.parquet", encode(pa.table(columns, schema=_FIELDS)), private=True)
        self._parts += 1
        self._new.clear()

    def close(self) -> None:
        """Lets go of the folder. What was given out and not settled is forgotten."""
        self._db.close()
        if self._lock is not None:
            self._lock.release()
