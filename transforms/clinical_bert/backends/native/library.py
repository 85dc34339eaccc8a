"""Compile `layers.cpp` where a C++ compiler is at hand, and load it as an operator of PyTorch.

What was compiled is kept in the cache folder under the digest of the source, the compiler's flags and PyTorch's
version, so that a machine does it once. A file that is no longer as it was compiled is not loaded, which could kill the
process, but compiled again (`kept`).
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
from functools import cache, partial
from pathlib import Path
from typing import Final

import torch

from transforms.clinical_bert.backends.kept import is_whole, kept
from transforms.clinical_bert.checkpoints.converting import cache_folder

SOURCE: Final = Path(__file__).with_name("layers.cpp")
LIBRARY: Final = "layers.so"
COMPILERS: Final = ("c++", "g++", "clang++")

# No -march=native: the cache folder may be shared with machines that have less. None of -ffast-math, which would take
# an infinity for a number.
_FLAGS: Final = (
    *("-O3", "-std=c++20", "-fPIC", "-shared", "-fopenmp", "-fno-math-errno", "-fno-trapping-math"),
    *("-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma", "-mprefer-vector-width=512"),
    "-DAT_PARALLEL_OPENMP=1",
)
_SECONDS: Final = 600
"""After which a compiler is given up."""

_log = logging.getLogger(__name__)


def compiler() -> list[str] | None:
    """The command that compiles C++: `CXX`, or one of `COMPILERS` on the path."""
    if given := os.environ.get("CXX"):
        return shlex.split(given)
    return next(([found] for name in COMPILERS if (found := shutil.which(name))), None)


@cache
def problem() -> str | None:
    """Why the library cannot be had here; None where it is compiled and loaded, which is done at the first call.

    What was compiled before is loaded where there is no compiler too, and from a cache folder that is read only.
    """
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return "needs Linux on x86-64"
    place = _place()
    if not is_whole(place):
        command = compiler()
        if command is None:
            return f"needs a C++ compiler: none of {', '.join(COMPILERS)} is on the path, and CXX is not set"
        try:
            kept(place, partial(_compile, command))
        except _CompilerError as error:
            _log.info("layers.cpp: %s", error)
            return f"cannot be compiled with {command[0]}: a C++20 compiler with OpenMP is needed"
        except OSError as error:
            return f"cannot be put into the cache folder ({type(error).__name__}): set NOTEMILL_CACHE to another"
    try:
        torch.ops.load_library(place / LIBRARY)  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError) as error:
        return f"cannot be loaded ({type(error).__name__}): remove native/{place.name} from the cache folder"
    return None


class _CompilerError(Exception):
    """The compiler is not there, or fails; the message is what it said."""


def _place() -> Path:
    """The folder in which the shared library is kept."""
    key = hashlib.sha256(repr((torch.__version__, _FLAGS)).encode() + SOURCE.read_bytes()).hexdigest()[:32]
    return cache_folder() / "native" / key


def _compile(command: list[str], into: Path) -> None:
    """Compiles the library into a folder, which takes half a minute.

    Raises:
        _CompilerError: see there.
    """
    _log.info("compiling the native layers, once for this machine")
    home = Path(torch.__file__).parent
    libraries = [f"-L{home / 'lib'}", "-ltorch_cpu", "-lc10"]
    command = [*command, *_FLAGS, f"-I{home / 'include'}", str(SOURCE), "-o", str(into / LIBRARY), *libraries]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.CalledProcessError as error:
        raise _CompilerError(error.stderr) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _CompilerError(str(error)) from error
    if not (into / LIBRARY).is_file():
        raise _CompilerError("it wrote nothing")
