"""`notemill`: the commands.

Exit status: 0 done, 1 the job failed or rows are unaccounted for, 2 the request was wrong.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from jobs.config import load
from pipelines.errors import RequestError, RunError
from pipelines.guard import describe

app = typer.Typer(
    help="Clinical notes in Parquet to de-identified, structured tables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON for machines.")]


@app.command(epilog="Example: notemill run --input notes/ --preset mimic-iv-note --output out/ --set ray.replicas=4")
def run(
    input: Annotated[str | None, typer.Option(help="Parquet file, folder or glob; any fsspec URI.")] = None,
    output: Annotated[str | None, typer.Option(help="Folder for the tables; any fsspec URI.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Column names of a known source: notemill, mimic-iv-note, mimic-iii, omop.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="ray (default), local or beam.")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="HEAD=PATH_OR_ID[@revision]; heads: deid, ner, icd, readmission.")
    ] = None,
    stages: Annotated[str | None, typer.Option(help="Comma-separated, in order; default: all.")] = None,
    config: Annotated[str | None, typer.Option(help="Job file, see README.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value of the job file, dotted.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Remove what an earlier run wrote here, start over.")] = False,
    as_json: Json = False,
    beam_options: Annotated[list[str] | None, typer.Argument(help="After --: Beam's own options.")] = None,
) -> None:
    """Run the main job: notes in, tables out. Stopped, the same command goes on where it was."""
    from jobs import run as main_job
    from jobs.progress import progress_for
    from jobs.summary import print_summary

    models: dict[str, str] = {}
    for entry in model or []:
        head, mark, place = entry.partition("=")
        if not mark or not place:
            raise RequestError(f"--model takes HEAD=PATH_OR_ID, not {entry!r}")
        models[head] = place
    options: dict[str, Any] = {
        "input": input,
        "output": output,
        "preset": preset,
        "engine": engine,
        "stages": [stage.strip() for stage in stages.split(",")] if stages is not None else None,
        "model": models,
        "beam": {"options": beam_options or None},
    }
    job = load(config, set_ or [], options)
    if beam_options and job.engine != "beam":
        raise RequestError("options after -- are for --engine beam")
    errors = Console(stderr=True)
    result, warnings = main_job.run(job, progress_for(errors), fresh=fresh)
    for warning in warnings:
        errors.print(f"warning: {warning}", style="yellow", soft_wrap=True, highlight=False)
    if as_json:
        sys.stdout.write(json.dumps(result.manifest) + "\n")
    else:
        print_summary(Console(), result.manifest, job.output, result.resumed)


@app.command(epilog="Example: notemill generate --notes 500 --output notes/ --seed 7")
def generate(
    notes: Annotated[int, typer.Option(help="How many notes.")],
    output: Annotated[str, typer.Option(help="Folder for notes/ and gold/; any fsspec URI.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same notes.")] = 0,
    as_json: Json = False,
) -> None:
    """Make synthetic notes with gold PHI, sections, entities, codes and readmission labels."""
    from dataclasses import asdict

    from jobs.generate import generate as make

    try:
        summary = make(output, notes=notes, seed=seed)
    except ValueError as error:
        raise RequestError(str(error)) from error
    if as_json:
        sys.stdout.write(json.dumps(asdict(summary)) + "\n")
    else:
        Console().print(f"{summary}", highlight=False, soft_wrap=True)


@app.callback()
def common() -> None:
    """Set-up for every command."""
    # No model hub, no usage report, no thread pools of tokenizers fighting with the replicas.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(name)s: %(message)s")


def main() -> NoReturn:
    """The console script."""
    try:
        app(standalone_mode=True)
    except RequestError as error:
        _fail(2, str(error))
    except RunError as error:
        _fail(1, str(error))
    except KeyboardInterrupt:
        _fail(130, "stopped; the same command goes on where it was")
    except MemoryError:
        _fail(1, "out of memory; smaller splits need less (--set split_rows=100)")
    except Exception as error:  # noqa: BLE001 - the message or traceback of an unknown error may quote a note
        _fail(1, f"{type(error).__name__} at {describe(error)}; what is finished stays, the same command goes on")
    raise SystemExit(0)


def _fail(status: int, message: str) -> NoReturn:
    sys.stderr.write(f"notemill: {' '.join(message.split())}\n")
    raise SystemExit(status)


if __name__ == "__main__":
    main()
