"""What is told of a training: a line for every few steps (JSON lines), and the curve of the loss as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Records:
    """Losses by step, in a file that is cut back where a training goes on from an earlier step.

    Args:
        path: of the file.
        step: records of later steps are dropped.
    """

    def __init__(self, path: Path, step: int) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        # The last line may be half a line, of a process that was killed.
        whole = [json.loads(line) for line in lines if line.endswith("}")]
        self.all: list[Record] = [record for record in whole if record["step"] <= step]
        path.write_text("".join(map(_line, self.all)), encoding="utf-8")

    def add(self, record: Record) -> None:
        """Appends a record, which has a `step`."""
        self.all.append(record)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(record))

    def draw(self, path: Path) -> None:
        """Draws the loss in training and on dev over the steps."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.add_subplot()
        for key, name, style in (("loss", "training", "-"), ("dev_loss", "dev", "o-")):
            points = [(record["step"], record[key]) for record in self.all if record.get(key) is not None]
            if points:
                axes.plot(*zip(*points, strict=True), style, label=name, markersize=4, linewidth=1.2)
        axes.set(xlabel="step", ylabel="masked language modelling loss (nats)")
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
        # Written beside it first: whoever looks at it never sees half a picture.
        part = path.with_name(path.name + ".part")
        with part.open("wb") as file:
            FigureCanvasAgg(figure).print_figure(file, format="png")
        part.replace(path)


def _line(record: Record) -> str:
    return json.dumps(record) + "\n"
