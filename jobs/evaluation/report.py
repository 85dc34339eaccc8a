"""What all reports of evaluations have in common."""

from __future__ import annotations

import importlib.metadata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from rich.console import Console
from rich.table import Table

from transforms.clinical_bert.checkpoints import Checkpoint

_SHOWN_IDS: Final = 10


@dataclass(frozen=True)
class Measured(ABC):
    """What was measured, on what, and how.

    Attributes:
        data: URI of the gold.
        notes: how many were read.
        rejected: ids of those that were given up, each with `stage/error`.
        settings: of the stages.
        seconds: spent in the stages.
        figures: under the names that `--json` prints.
    """

    data: str
    notes: int
    rejected: tuple[tuple[Any, str], ...]
    settings: Mapping[str, Any]
    seconds: float
    figures: Mapping[str, Any]

    kind: ClassVar[str]

    @abstractmethod
    def show(self, console: Console) -> None:
        """Prints what a person wants to know."""

    def to_json(self) -> dict[str, Any]:
        return {
            "evaluation": self.kind,
            "data": self.data,
            "notes": self.notes,
            "rejected": {
                "notes": len(self.rejected),
                "reasons": dict(Counter(reason for _, reason in self.rejected)),
                "ids": [note for note, _ in self.rejected],
            },
            **self.figures,
            "settings": dict(self.settings),
            "version": importlib.metadata.version("notemill"),
            "seconds": round(self.seconds, 2),
            "notes_per_second": round(self.notes / self.seconds, 2) if self.seconds else None,
        }

    def show_rejected(self, console: Console, consequence: str) -> None:
        """Names the notes that were given up, if any, and what that means for the figures."""
        if self.rejected:
            shown = ", ".join(str(note) for note, _ in self.rejected[:_SHOWN_IDS])
            more = f" and {len(self.rejected) - _SHOWN_IDS:,} more" if len(self.rejected) > _SHOWN_IDS else ""
            console.print(f"{len(self.rejected):,} notes rejected, {consequence}: {shown}{more}", style="yellow")


def checkpoint_facts(models: Mapping[str, Checkpoint]) -> dict[str, dict[str, str | None]]:
    """Which weights were measured."""
    return {
        head: {"source": found.source, "revision": found.revision, "sha256": found.sha256}
        for head, found in models.items()
    }


def share(value: float | None, digits: int = 2) -> str:
    """A share in per cent, or a dash."""
    return "–" if value is None else f"{value:.{digits}%}"


def between(interval: list[float] | None, digits: int = 2) -> str:
    """An interval of shares behind its figure."""
    return "" if interval is None else f" (95%: {share(interval[0], digits)} to {share(interval[1], digits)})"


def matches_table(title: str) -> Table:
    """A table for `matches_cells`, with a column before them for what was matched."""
    table = Table(title=title, title_justify="left")
    table.add_column(no_wrap=True)
    for name in ("gold", "found", "precision", "recall", "F1"):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def matches_cells(figures: Mapping[str, Any]) -> list[str]:
    """How many are gold, how many were found, and how well the two agree."""
    shares = [share(figures[name]) for name in ("precision", "recall", "f1")]
    return [f"{figures['support']:,}", f"{figures['found']:,}", *shares]
