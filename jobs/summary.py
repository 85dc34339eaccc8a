"""The closing summary of a run, and a look at its tables with DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from transforms.schema import RESTRICTED

_ENCODERS: Final = {"tagged": "PHI tagger", "encoded": "clinical BERT"}
"""What the manifest calls an encoder's account, and what it is."""


def print_summary(console: Console, manifest: Mapping[str, Any], output: str, resumed: int) -> None:
    """What went in, what came out, and what was rejected why."""
    table = Table(title=f"Notemill run {manifest['run_id']}", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_row("notes read", f"{manifest['rows_read']:,}")
    table.add_row("notes written", f"{manifest['rows_written']:,}")
    table.add_row("notes rejected", f"{manifest['rows_rejected']:,}")
    if manifest["rows_skipped"]:
        table.add_row("rows marked as errors by the source", f"{manifest['rows_skipped']:,}")
    for reason, count in manifest["rejects"].items():
        table.add_row(f"  {reason}", f"{count:,}")
    table.add_section()
    for name, rows in manifest["tables"].items():
        if name not in ("notes", "rejects"):
            table.add_row(f"{name} (restricted)" if name in RESTRICTED else name, f"{rows:,}")
    if "readmission" in manifest:
        told = manifest["readmission"]
        table.add_row(f"admissions scored (mode {told['mode']})", f"{told['scored']:,} of {told['admissions']:,}")
        for reason, count in told["left_out"].items():
            table.add_row(f"  notes left out: {reason}", f"{count:,}")
    table.add_section()
    table.add_row("splits", f"{manifest['splits']:,}" + (f" ({resumed:,} done before)" if resumed else ""))
    if manifest["seconds"]:
        table.add_row("seconds, loading models apart", f"{manifest['seconds']:,.1f}")
        table.add_row("notes/s", f"{manifest['notes_per_second']:,.1f}")
        table.add_row("tokens/s", f"{manifest['tokens_per_second']:,.0f}")
    for name, counts in manifest["encoded"].items():
        of = _ENCODERS[name]
        table.add_row(f"{of}: truncated tokens", f"{counts['truncated_tokens']:,}")
        if counts["repeated_windows"]:
            table.add_row(f"{of}: encoding saved, text came again", f"{counts['saved']:.1%}")
    console.print(table)
    if "deidentification" in manifest:
        console.print(deidentified(manifest["deidentification"]), soft_wrap=True, highlight=False)
    console.print(f"Tables: {output}", soft_wrap=True, highlight=False)


def deidentified(attestation: Mapping[str, Any]) -> str:
    """The de-identification in a line."""
    spans, canary = attestation["spans"], attestation["canary"]
    classes = sum(1 for count in spans["by_class"].values() if count)
    reasons = f" ({'; '.join(attestation['reasons'])})" if attestation["reasons"] else ""
    return (
        f"De-identification: {spans['total']:,} spans of {classes} classes replaced (mode {attestation['mode']}); "
        f"canary found whole by {canary['workers']} worker{'s' if canary['workers'] != 1 else ''}. "
        f"{attestation['method']}{reasons}"
    )
