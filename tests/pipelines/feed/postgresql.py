"""A PostgreSQL server for the tests: Debian's, on the loopback interface, for as long as the tests run."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import pytest


def binaries() -> Path | None:
    """The newest server that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    return Path(elsewhere).parent if elsewhere else None


class Server:
    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="notemill-postgresql-", dir="/tmp"))
        # The server refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        shutil.chown(self._folder, self._user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        data = str(self._folder / "data")
        make = [
            str(programs / "initdb"),
            "-D",
            data,
            "-U",
            "notemill",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "-N",
        ]
        subprocess.run(make, user=self._user, cwd="/", check=True, capture_output=True)
        settings = {"listen_addresses": "127.0.0.1", "port": self._port, "unix_socket_directories": "", "fsync": "off"}
        options = [item for name, value in settings.items() for item in ("-c", f"{name}={value}")]
        start = [str(programs / "postgres"), "-D", data, *options]
        with open(self._folder / "log", "wb") as log:
            self._process = subprocess.Popen(start, user=self._user, cwd="/", stderr=log)
        deadline = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.1)
        atexit.register(self._stop)

    def _answers(self) -> bool:
        asked = [str(self._programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(self._port)]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0

    def _stop(self) -> None:
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)
        shutil.rmtree(self._folder, ignore_errors=True)

    def uri(self, database: str, user: str = "notemill") -> str:
        return f"postgresql://{user}@127.0.0.1:{self._port}/{database}"

    def psql(self, database: str, query: str) -> str:
        """What psql prints: a line for each row."""
        command = [
            str(self._programs / "psql"),
            "-XqAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            self.uri(database),
            "-c",
            query,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@cache
def _started(programs: Path) -> Server:
    return Server(programs)


def server() -> Server:
    """The server, started when it is first asked for. Tests are skipped where none is installed."""
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    return _started(programs)
