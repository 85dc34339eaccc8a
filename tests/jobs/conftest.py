"""The console script, run in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from jobs.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def notemill(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the console script: exit status, standard output, standard error."""
    monkeypatch.setenv("NOTEMILL_KEY", "key of the tests")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["notemill", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capfd.readouterr()
        return int(caught.value.code or 0), out, err

    return call
