"""Which code and which lists de-identify: a digest of every file of this room."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable


def room() -> Traversable:
    """The folder of `transforms.deid`."""
    return files("transforms.deid")


@cache
def file_digests() -> dict[str, str]:
    """SHA-256 of each file, by its path within the room."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(_contents(room(), ""))}


@cache
def digest() -> str:
    """One SHA-256 over all names and contents: the same wherever the same code and lists are installed."""
    return hashlib.sha256("".join(f"{name}\0{of}\0" for name, of in file_digests().items()).encode()).hexdigest()


def _contents(folder: Traversable, above: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _contents(entry, f"{above}{entry.name}/")
        elif not entry.name.endswith(".pyc"):
            yield f"{above}{entry.name}", entry.read_bytes()
