"""What `notemill bench encoder` found, for machines and for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from jobs.bench.plot import bars
from pipelines.errors import RequestError


@dataclass(frozen=True)
class EncoderReport:
    """The figures of a run.

    Attributes:
        facts: plain values under names that stay.
    """

    facts: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return dict(self.facts)

    def show(self, console: Console) -> None:
        facts = self.facts
        hardware = facts.get("gpu") or f"{facts['cpu']}, {facts['threads']} threads"
        table = Table(title=f"{facts['checkpoint']}: {facts['notes']:,} notes, {facts['tokens']:,} tokens, {hardware}")
        table.title_justify = "left"
        for name in ("", "tokens/s", "lowest", "highest", "ours is faster by", "by processor time"):
            table.add_column(name, justify="left" if not name else "right")
        for name, contender in facts["contenders"].items():
            rate = contender["tokens_per_second"]
            cells = [f"{rate[key]:,.0f}" for key in ("median", "lowest", "highest")]
            if ratio := facts["ratios"].get(name):
                cells.append(f"{ratio['median']:.2f} ({ratio['lowest']:.2f} to {ratio['highest']:.2f})")
                cells.append(f"{facts['cpu_ratios'][name]['median']:.2f}")
            table.add_row(name, *cells)
        console.print(table)
        for line in _lines(facts):
            console.print(line, soft_wrap=True, highlight=False)


def _lines(facts: Mapping[str, Any]) -> list[str]:
    peak = facts["matmul_peak"]
    lines = [
        f"padding {facts['padding_waste']:.2%} of positions; windows overlap by {facts['overlap']:.2%}; "
        f"windows that came again {facts['repeated_windows']:.2%}; "
        f"truncated tokens {facts['counts']['truncated_tokens']}",
        f"{facts['operations']:.3e} operations, {facts['operations_per_second']:.3e} a second: {facts['mfu']:.1%} of "
        f"PyTorch's best product, {peak['operations_per_second']:.3e} in {peak['dtype']}",
    ]
    if use := facts.get("gpu_use"):
        lines.append(
            f"GPU busy {use['busy']:.1%} of the time, at {use['mfu_while_busy']:.1%} of PyTorch's best product"
        )
    for name, found in facts.get("agreement", {}).items():
        if name == "labels_with_fp32":
            lines.append(f"labels as in fp32: {found['share']:.3%} of {found['tokens']:,} tokens")
        else:
            lines.append(
                f"entities in fp32 as hf-pipeline's: {found['equal']} of {found['texts']} texts of one window "
                f"({found['entities']:,} entities)"
            )
    if several := facts.get("replicas"):
        lines.append(
            f"{several['replicas']} replicas on one device: {several['tokens_per_second']:,.0f} tokens/s, "
            f"{several['ratio']:.2f} times one"
        )
    if copied := facts.get("copy_forward"):
        ratio = copied["saved_over_repeated"]
        lines.append(
            f"copied-forward notes: {copied['repeated_windows']:.1%} of windows came again, the cache saved "
            f"{copied['time_saved']:.1%} of the time" + (f" ({ratio:.2f} of it)" if ratio is not None else "")
        )
    if memory := facts.get("memory"):
        lines.append(
            f"peak memory {memory['short_notes']['peak']:,.0f} MiB, with a note of "
            f"{memory['with_long_note']['characters']:,} characters {memory['with_long_note']['peak']:,.0f} MiB; "
            f"the weights are {memory['weights_mib']:,.0f} MiB"
        )
    return lines


@dataclass(frozen=True)
class Files:
    """Where a report goes besides the terminal.

    Attributes:
        output: file for its JSON; None for none.
        plot: file for its picture; None for none.
    """

    output: Path | None
    plot: Path | None

    @classmethod
    def checked(cls, output: str | None, plot: str | None) -> Files:
        """Raises:
        RequestError: a folder that is not there, a picture that is not SVG.
        """
        if plot is not None and not plot.endswith(".svg"):
            raise RequestError(f"--plot {plot}: the picture is SVG, name it so: --plot encoder.svg")
        for name in (output, plot):
            if name is not None and not Path(name).absolute().parent.is_dir():
                raise RequestError(f"{name}: no such folder: {Path(name).absolute().parent}")
            if name is not None and Path(name).is_dir():
                raise RequestError(f"{name} is a folder: name a file in it")
        return cls(Path(output) if output is not None else None, Path(plot) if plot is not None else None)

    def write(self, report: EncoderReport) -> None:
        """Writes what was asked for."""
        if self.output is not None:
            self.output.write_text(json.dumps(report.to_json(), indent=1) + "\n", encoding="utf-8")
        if self.plot is not None:
            self.plot.write_text(bars(report.facts), encoding="utf-8")
