"""A folder at a URI: whole files put at once, listed and removed, on any file system that fsspec knows.

`put` is atomic. Object stores publish an object whole by themselves. On a local disk the bytes go to a file in
`_tmp/` first, which is then renamed, so that a killed process leaves nothing in a table's folder.
"""

from __future__ import annotations

import os
import shutil
import uuid
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from pipelines.errors import RequestError

TEMPORARY = "_tmp"


def open_filesystem(uri: str) -> tuple[Any, str]:
    """The fsspec file system of a URI and the path within it.

    Raises:
        RequestError: the protocol is unknown, or its package is not installed.
    """
    try:
        fs, path = fsspec.core.url_to_fs(uri)
    except (ValueError, ImportError) as error:
        raise RequestError(f"cannot open {uri}: {_first_line(error)}") from error
    return fs, path


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


@dataclass(frozen=True)
class Folder:
    """A folder that a run owns. Picklable: the file system is opened again where it arrives."""

    uri: str

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        return open_filesystem(self.uri)

    def __getstate__(self) -> dict[str, str]:
        return {"uri": self.uri}

    @property
    def is_local(self) -> bool:
        return isinstance(self._opened[0], LocalFileSystem)

    @property
    def is_shared(self) -> bool:
        """Whether other processes see what is written here."""
        return "memory" not in _protocols(self._opened[0])

    def path(self, name: str = "") -> str:
        root = self._opened[1].rstrip("/")
        return f"{root}/{name}" if name else root

    def put(self, name: str, data: bytes, *, private: bool = False) -> None:
        """Publishes a whole file under this name, replacing one that is there.

        Args:
            private: on a local disk only the owner may read it.
        """
        fs, _ = self._opened
        if not self.is_local:
            fs.pipe_file(self.path(name), data)
            return
        target = Path(self.path(name))
        temporary = Path(self.path(TEMPORARY)) / f"{target.name}.{uuid.uuid4().hex}"
        for folder in (target.parent, temporary.parent):
            folder.mkdir(parents=True, exist_ok=True)
        temporary.touch(0o600 if private else 0o666)
        temporary.write_bytes(data)
        os.replace(temporary, target)

    def put_file(self, name: str, source: Path) -> None:
        """Publishes a local file, of any size, under this name; the source may be gone afterwards."""
        fs, _ = self._opened
        if not self.is_local:
            fs.put_file(str(source), self.path(name))
            return
        target = Path(self.path(name))
        temporary = Path(self.path(TEMPORARY)) / f"{target.name}.{uuid.uuid4().hex}"
        for folder in (target.parent, temporary.parent):
            folder.mkdir(parents=True, exist_ok=True)
        shutil.move(source, temporary)  # another disk, perhaps
        os.replace(temporary, target)

    def get(self, name: str) -> bytes | None:
        """The content of a file, or None when there is none."""
        fs, _ = self._opened
        try:
            return bytes(fs.cat_file(self.path(name)))
        except FileNotFoundError:
            return None

    def sizes(self, name: str) -> dict[str, int]:
        """Names and sizes (bytes) of the files right under a folder; empty when it does not exist."""
        fs, _ = self._opened
        fs.invalidate_cache()
        try:
            entries = fs.ls(self.path(name), detail=True)
        except FileNotFoundError:
            return {}
        return {entry["name"].rsplit("/", 1)[-1]: entry["size"] for entry in entries if entry["type"] == "file"}

    def find(self, name: str) -> list[str]:
        """Names of all files below a folder, in order, each as `get` takes it; none when it does not exist."""
        fs, _ = self._opened
        fs.invalidate_cache()
        root = self.path()
        return sorted(found[found.index(root) + len(root) :].lstrip("/") for found in fs.find(self.path(name)))

    def remove(self, name: str) -> None:
        """Removes a file or a folder with all that it holds; nothing happens when it does not exist."""
        fs, _ = self._opened
        fs.invalidate_cache()
        if fs.exists(self.path(name)):
            fs.rm(self.path(name), recursive=True)

    def check_writable(self) -> None:
        """Writes and removes a small file.

        Raises:
            RequestError: the folder cannot be written.
        """
        probe = f"_probe-{uuid.uuid4().hex}"
        try:
            self.put(probe, b"")
            self.remove(probe)
        except Exception as error:
            reason = getattr(error, "strerror", None) or _first_line(error)
            raise RequestError(f"cannot write to the output {self.uri}: {reason}") from error


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
