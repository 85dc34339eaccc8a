"""What is made once for a machine and kept in the cache folder: exported graphs, the compiled library.

A thing is written into a folder of its own beside its final place and renamed, so that other processes see all of it
or nothing. Beside its files lie their hashes; before they are used they are compared with these, and a damaged thing is
made again: a graph that was cut short may give other numbers, a library that was kills the process that loads it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from filelock import FileLock

_HASHES: Final = "files.json"

_log = logging.getLogger(__name__)


def kept(place: Path, make: Callable[[Path], None]) -> Path:
    """The folder at `place`, made where it is not there or not whole.

    What is whole is only read, so the cache folder may be read only then.

    Args:
        place: where the folder is kept.
        make: writes the files into the folder that it is given.

    Raises:
        OSError: the folder has to be made, and cannot be written.
    """
    if is_whole(place):
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):  # processes that start together do the work once
        if is_whole(place):
            return place
        with tempfile.TemporaryDirectory(prefix=".making-", dir=place.parent) as private:
            made = Path(private) / place.name
            made.mkdir()  # unlike the folder around it, it may be read by whom the user's mask lets read
            make(made)
            (made / _HASHES).write_text(json.dumps(_hashes(made)))
            if place.exists():
                _log.warning("%s in the cache folder is damaged: it is made again", place.name)
                shutil.rmtree(place)
            os.replace(made, place)
    return place


def is_whole(place: Path) -> bool:
    """Whether the folder is there with every file as it was made."""
    try:
        expected = json.loads((place / _HASHES).read_text())
        return bool(expected) and expected == _hashes(place)
    except (OSError, ValueError):  # it is not there, or another process is just making it again
        return False


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hashes(place: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in sorted(place.iterdir()) if path.name != _HASHES}
