"""How far a run is: a bar at a terminal, a line now and then elsewhere. Counts only, never a word of a note."""

from __future__ import annotations

import sys
import time
from typing import Final, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from pipelines.io.ledger import Receipt

LINE_SECONDS: Final = 15.0


class _Counts:
    """What has been done since the first split began."""

    def __init__(self, rows: int, done: int) -> None:
        self.rows = rows
        self.done = done
        self.notes = self.tokens = self.rejects = 0
        self._began: float | None = None
        self._ended = 0.0

    def add(self, receipt: Receipt) -> None:
        self._began = receipt.started if self._began is None else min(self._began, receipt.started)
        self._ended = max(self._ended, receipt.finished)
        self.done += receipt.rows_read + receipt.rows_skipped
        self.notes += receipt.rows_read
        self.tokens += receipt.tokens
        self.rejects += receipt.rows_rejected

    @property
    def _seconds(self) -> float:
        return max(self._ended - self._began, 1e-9) if self._began is not None else 0.0

    def rates(self) -> str:
        if not self._seconds:
            return "loading models"
        return (
            f"{self.notes / self._seconds:,.1f} notes/s  {self.tokens / self._seconds:,.0f} tokens/s  "
            f"{self.rejects:,} rejected"
        )

    def left(self) -> str:
        if not self.notes:
            return "--:--"
        seconds = round((self.rows - self.done) * self._seconds / self.notes)
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


class LineProgress:
    """A line every `LINE_SECONDS`, for logs."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._counts = _Counts(0, 0)
        self._next = 0.0

    def start(self, rows: int, done: int) -> None:
        self._counts = _Counts(rows, done)
        self._say(f"{rows:,} notes" + (f", {done:,} of them done by an earlier attempt" if done else ""))
        self._next = time.monotonic() + LINE_SECONDS

    def advance(self, receipt: Receipt) -> None:
        self._counts.add(receipt)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_SECONDS
            counts = self._counts
            self._say(f"{counts.done:,}/{counts.rows:,} notes  {counts.rates()}  {counts.left()} left")

    def stop(self) -> None:
        if self._counts.notes:
            self._say(f"{self._counts.done:,}/{self._counts.rows:,} notes  {self._counts.rates()}")

    def _say(self, line: str) -> None:
        self._stream.write(f"notemill: {line}\n")
        self._stream.flush()


class BarProgress:
    """A bar at a terminal."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            TextColumn("notes"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            TextColumn("{task.fields[rates]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._counts = _Counts(0, 0)
        self._task: TaskID | None = None

    def start(self, rows: int, done: int) -> None:
        self._counts = _Counts(rows, done)
        self._task = self._bar.add_task("notes", total=rows, completed=done, rates=self._counts.rates())
        self._bar.start()

    def advance(self, receipt: Receipt) -> None:
        self._counts.add(receipt)
        if self._task is not None:
            self._bar.update(self._task, completed=self._counts.done, rates=self._counts.rates())

    def stop(self) -> None:
        self._bar.stop()


def progress_for(console: Console) -> LineProgress | BarProgress:
    """The one that suits where the output goes."""
    return BarProgress(console) if console.is_terminal else LineProgress()
