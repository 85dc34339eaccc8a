"""`notemill`: the commands.

Exit status: 0 done, 1 the job failed or rows are unaccounted for, 2 the request was wrong.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import sys
from typing import Annotated, Any, NoReturn, cast

import typer
from rich.console import Console

from jobs.config import load, models
from jobs.training.commands import train
from pipelines.errors import RequestError, RunError
from pipelines.guard import describe
from transforms.clinical_bert.checkpoints import CheckpointError
from transforms.deid.canary import CanaryError

app = typer.Typer(
    help="Clinical notes in Parquet to de-identified, structured tables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(train, name="train")

evaluate = typer.Typer(help="Measure a part of a run on notes with gold.", no_args_is_help=True)
app.add_typer(evaluate, name="evaluate")

models_app = typer.Typer(help="Which checkpoint serves which head, and which public ones there are.")
app.add_typer(models_app, name="models")

bench = typer.Typer(help="Measure speed, beside others in the same run.", no_args_is_help=True)
app.add_typer(bench, name="bench")

Memory = Annotated[
    str | None, typer.Option(help="Most memory of DuckDB, as 4GB; default: 80% of the machine's. The rest is spilt.")
]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of DuckDB; default: one for each core.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON for machines.")]


@app.command(epilog="Example: notemill run --input notes/ --preset mimic-iv-note --output out/ --set ray.replicas=4")
def run(
    input: Annotated[
        str | None, typer.Option(help="Parquet (preset fhir: NDJSON) file, folder or glob; any fsspec URI.")
    ] = None,
    output: Annotated[str | None, typer.Option(help="Folder for the tables; any fsspec URI.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Column names of a known source: notemill, mimic-iv-note, mimic-iii, omop, fhir.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="ray (default), local or beam.")] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="HEAD=PATH_OR_ID[@revision]; heads: deid, ner, icd, readmission, embed, assertion."),
    ] = None,
    stages: Annotated[str | None, typer.Option(help="Comma-separated, in order; default: all.")] = None,
    config: Annotated[str | None, typer.Option(help="Job file, see README.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value of the job file, dotted.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Remove what an earlier run wrote here, start over.")] = False,
    as_json: Json = False,
    beam_options: Annotated[list[str] | None, typer.Argument(help="After --: Beam's own options.")] = None,
) -> None:
    """Run the main job: notes in, tables out. Stopped, the same command goes on where it was."""
    options: dict[str, Any] = {
        "input": input,
        "output": output,
        "preset": preset,
        "engine": engine,
        "stages": [stage.strip() for stage in stages.split(",")] if stages is not None else None,
        "model": models(model or []),
        "beam": {"options": beam_options or None},
    }
    job = load(config, set_ or [], options)
    if beam_options and job.engine != "beam":
        raise RequestError("options after -- are for --engine beam")

    from jobs import run as main_job
    from jobs.progress import progress_for
    from jobs.summary import print_summary

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
    wording: Annotated[
        str, typer.Option(help="all, or train or heldout: two halves that share no name, form of PHI or phrase.")
    ] = "all",
    copied: Annotated[
        float, typer.Option(help="How likely a section of a progress note is copied from the day before, 0 to 1.")
    ] = 0.8,
    as_json: Json = False,
) -> None:
    """Make synthetic notes with gold PHI, sections, entities, codes and readmission labels."""
    from dataclasses import asdict

    from jobs.generate import generate as make

    try:
        summary = make(output, notes=notes, seed=seed, wording=cast("Any", wording), copied=copied)
    except ValueError as error:
        raise RequestError(str(error)) from error
    if as_json:
        sys.stdout.write(json.dumps(asdict(summary)) + "\n")
    else:
        gold = ", ".join(f"{rows:,} {name}" for name, rows in summary.rows.items() if name != "notes")
        say = Console(highlight=False, soft_wrap=True).print
        say(f"{summary.rows['notes']:,} notes of {summary.patients:,} patients in {summary.seconds:,.1f} s: {output}")
        say(f"gold: {gold}")


@evaluate.command("deid", epilog="Example: notemill evaluate deid --data gold.parquet --predictions found.parquet")
def evaluate_deid(
    data: Annotated[str, typer.Option(help="Parquet with text and entities, or a folder of generated notes.")],
    model: Annotated[list[str] | None, typer.Option(help="deid=PATH_OR_ID[@revision]; default: what ships.")] = None,
    no_tagger: Annotated[bool, typer.Option("--no-tagger", help="Patterns, lists and known PHI alone.")] = False,
    predictions: Annotated[str | None, typer.Option(help="Parquet file for the spans found; any fsspec URI.")] = None,
    config: Annotated[str | None, typer.Option(help="Job file, see README.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value of the job file, dotted.")] = None,
    as_json: Json = False,
) -> None:
    """How much gold PHI is found, by label and by Safe Harbor class, and how much else is masked."""
    from jobs.evaluate import Request, present
    from jobs.evaluation.deid import evaluate

    request = Request(data, model or (), config, set_ or (), predictions)
    present(evaluate(request, tagger=False if no_tagger else None), as_json=as_json)


Split = Annotated[
    str | None, typer.Option(help="Rows of a column split: dev, train, … or all; default: all that are not train.")
]
Found = Annotated[str | None, typer.Option(help="Parquet file for what was found; any fsspec URI.")]
Config = Annotated[str | None, typer.Option(help="Job file, see README.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="key=value of the job file, dotted.")]


@evaluate.command("ner", epilog="Example: notemill evaluate ner --data gold.parquet --map Disease_disorder=Disease")
def evaluate_ner(
    data: Annotated[
        str, typer.Option(help="Parquet with tokens and tags, or text and entities; or a folder of generated notes.")
    ],
    model: Annotated[list[str] | None, typer.Option(help="ner=PATH_OR_ID[@revision]; default: what ships.")] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", help="A=B: what the data or the model call A is called B; repeatable."),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="Count these alone, comma-separated; default: all labels of the data.")
    ] = None,
    split: Split = None,
    predictions: Found = None,
    config: Config = None,
    set_: Settings = None,
    as_json: Json = False,
) -> None:
    """How many entities are found with exact bounds and label: precision, recall and F1 as seqeval counts."""
    from jobs.evaluate import Request, present
    from jobs.evaluation.ner import evaluate

    request = Request(data, model or (), config, set_ or (), predictions, split)
    chosen = [label.strip() for label in labels.split(",")] if labels is not None else ()
    present(evaluate(request, map_ or (), chosen), as_json=as_json)


@evaluate.command("sections", epilog="Example: notemill evaluate sections --data notes_with_headings.parquet --json")
def evaluate_sections(
    data: Annotated[
        str, typer.Option(help="Parquet with text and headings, or text and label; or a folder of generated notes.")
    ],
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="LABEL=CATEGORY, for data with a column label; repeatable.")
    ] = None,
    split: Split = None,
    predictions: Found = None,
    config: Config = None,
    set_: Settings = None,
    as_json: Json = False,
) -> None:
    """How many headings are found where they begin, and whether their sections get the right category."""
    from jobs.evaluate import Request, present
    from jobs.evaluation.sections import evaluate

    present(evaluate(Request(data, (), config, set_ or (), predictions, split), map_ or ()), as_json=as_json)


@evaluate.command("assertion", epilog="Example: notemill evaluate assertion --data sentences.parquet --json")
def evaluate_assertion(
    data: Annotated[
        str,
        typer.Option(
            help="Parquet with concept, sentence, negation, temporality, experiencer, or with text and entities; "
            "or a folder of generated notes."
        ),
    ],
    model: Annotated[
        list[str] | None, typer.Option(help="assertion=PATH_OR_ID[@revision]; default: ConText alone.")
    ] = None,
    split: Split = None,
    predictions: Found = None,
    config: Config = None,
    set_: Settings = None,
    as_json: Json = False,
) -> None:
    """How well it is told of entities whether they are negated, uncertain, historical, hypothetical, and whose."""
    from jobs.evaluate import Request, present
    from jobs.evaluation.assertion import evaluate

    present(evaluate(Request(data, model or (), config, set_ or (), predictions, split)), as_json=as_json)


@evaluate.command("icd", epilog="Example: notemill evaluate icd --data coded.parquet --set icd.threshold=0.4")
def evaluate_icd(
    data: Annotated[
        str, typer.Option(help="Parquet with text (or text_en) and codes; or a folder of generated notes.")
    ],
    model: Annotated[
        list[str] | None, typer.Option(help="icd=PATH_OR_ID[@revision], ner=…; default: what ships.")
    ] = None,
    split: Split = None,
    predictions: Found = None,
    config: Config = None,
    set_: Settings = None,
    as_json: Json = False,
) -> None:
    """How many codes are found (micro and macro F1, P@k, mAP), and whether their evidence is where it should be."""
    from jobs.evaluate import Request, present
    from jobs.evaluation.icd import evaluate

    present(evaluate(Request(data, model or (), config, set_ or (), predictions, split)), as_json=as_json)


@evaluate.command("readmission", epilog="Example: notemill evaluate readmission --data labelled.parquet --json")
def evaluate_readmission(
    data: Annotated[
        str, typer.Option(help="Parquet with text, label and encounter_id; or a folder of generated notes.")
    ],
    model: Annotated[
        list[str] | None, typer.Option(help="readmission=PATH_OR_ID[@revision], deid=…; default: what ships.")
    ] = None,
    split: Split = None,
    predictions: Found = None,
    config: Config = None,
    set_: Settings = None,
    as_json: Json = False,
) -> None:
    """How well the probabilities of a run rank admissions, and whether they come true as often as they say."""
    from jobs.evaluate import Request, present
    from jobs.evaluation.readmission import evaluate

    present(evaluate(Request(data, model or (), config, set_ or (), predictions, split)), as_json=as_json)


@models_app.callback(
    invoke_without_command=True, epilog="Example: notemill models --model ner=d4data/biomedical-ner-all --json"
)
def list_models(
    context: typer.Context,
    model: Annotated[list[str] | None, typer.Option(help="HEAD=PATH_OR_ID[@revision], as run takes it.")] = None,
    config: Annotated[str | None, typer.Option(help="Job file, see README.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value of the job file, dotted.")] = None,
    as_json: Json = False,
) -> None:
    """The checkpoint of each head, and a table of public ones; `fetch` puts one on disk."""
    if context.invoked_subcommand is not None:
        return
    from jobs import models as listing

    heads, known = listing.head_models(config, set_ or [], models(model or [])), listing.known_models()
    if as_json:
        sys.stdout.write(listing.as_json(heads, known) + "\n")
    else:
        listing.show(heads, known, Console())


@models_app.command(
    "fetch", epilog="Example: notemill models fetch emilyalsentzer/Bio_ClinicalBERT --to models/bio --convert"
)
def fetch_model(
    source: Annotated[str, typer.Argument(help="Hub id, with @revision if wanted; or a folder.", metavar="ID")],
    to: Annotated[str, typer.Option(help="New folder.")],
    convert: Annotated[
        bool, typer.Option("--convert", help="Pickled weights too: tensors alone are read, safetensors written.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a checkpoint on disk, for machines without access to the Hub."""
    from dataclasses import asdict

    from jobs import models as listing

    fetched = listing.fetch(source, to, pickled=convert)
    if as_json:
        sys.stdout.write(json.dumps(asdict(fetched)) + "\n")
    else:
        say = Console(highlight=False, soft_wrap=True, markup=False).print
        at = f" at {fetched.revision}" if fetched.revision else ""
        say(f"{source}{at} is in {to}{', converted to safetensors' if fetched.converted else ''}. In the job file:")
        say(listing.job_file(fetched))


@bench.command("encoder", epilog="Example: notemill bench encoder --input notes.parquet --against hf-pipeline")
def bench_encoder(
    input: Annotated[str, typer.Option(help="Notes: Parquet file, folder or glob; any fsspec URI.")],
    preset: Annotated[
        str | None, typer.Option(help="Column names of a known source: notemill, mimic-iv-note, mimic-iii, omop, fhir.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="ner=PATH_OR_ID[@revision]; default: what ships.")] = None,
    base_size: Annotated[
        str | None, typer.Option(help="Random weights instead: bert-tiny, bert-base or bert-large.")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="hf-pipeline, torch-bf16-padded, onnx-int8 or openvino-bf16; repeatable."),
    ] = None,
    notes: Annotated[int | None, typer.Option(min=1, help="Read only so many.")] = None,
    repeat_tokens: Annotated[
        int, typer.Option(min=0, help="Repeat the notes up to so many tokens, with the cache off.")
    ] = 0,
    rounds: Annotated[int, typer.Option(min=1, help="Into which the notes are dealt; contenders run in turn.")] = 3,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="After these a contender begins no other block of a round.")
    ] = None,
    compare: Annotated[int, typer.Option(min=0, help="Notes on which entities and labels are compared.")] = 20,
    replicas: Annotated[int, typer.Option(min=1, help="Measure also so many replicas that share the device.")] = 1,
    copy_forward: Annotated[
        int, typer.Option(min=0, help="Measure also what the cache saves on so many generated notes.")
    ] = 0,
    memory: Annotated[
        bool, typer.Option("--memory", help="Measure also peak memory, long notes and short ones.")
    ] = False,
    device: Annotated[str | None, typer.Option(help="auto (default), cpu or cuda.")] = None,
    backend: Annotated[str | None, typer.Option(help="As model.backend of a job.")] = None,
    precision: Annotated[str | None, typer.Option(help="As model.precision of a job.")] = None,
    config: Annotated[str | None, typer.Option(help="Job file, see README.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value of the job file, dotted.")] = None,
    output: Annotated[str | None, typer.Option(help="File for the result as JSON.")] = None,
    plot: Annotated[str | None, typer.Option(help="File for a picture of it, SVG.")] = None,
    as_json: Json = False,
) -> None:
    """How many tokens a second the clinical-BERT replica reads, and how near that is to the hardware's limit."""
    heads = models(model or [])
    if others := ", ".join(sorted(heads.keys() - {"ner"})):
        raise RequestError(f"--model {others}=...: this bench runs the head ner, --model ner=PATH_OR_ID")
    options: dict[str, Any] = {
        "input": input,
        "output": input,
        "preset": preset,
        "model": {**heads, "device": device, "backend": backend, "precision": precision},
    }
    job = load(config, set_ or [], options)

    from jobs.bench.encoder import EncoderBench, run
    from jobs.bench.report import Files
    from jobs.evaluate import present

    asked = EncoderBench(
        job,
        shlex.join(["notemill", *sys.argv[1:]]),
        against=against or (),
        base_size=base_size,
        most_notes=notes,
        repeat_tokens=repeat_tokens,
        rounds=rounds,
        seconds=seconds,
        compare=compare,
        replicas=replicas,
        copy_forward=copy_forward,
        memory=memory,
    )
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    files = Files.checked(output, plot)
    report = run(asked, errors.print)
    files.write(report)
    present(report, as_json=as_json)


@app.command(epilog="Example: notemill feed --run out/ --to duckdb://notes.duckdb --tables notes,entities")
def feed(
    to: Annotated[
        str,
        typer.Option(
            help="duckdb://FILE, parquet://FOLDER, delta://FOLDER, iceberg://FOLDER, postgresql://… or "
            "clickhouse://HOST/DATABASE; omop:// before any of them: OMOP CDM; fhir://FOLDER: FHIR R4."
        ),
    ],
    run: Annotated[str | None, typer.Option(help="Output of a run; any fsspec URI.")] = None,
    tables: Annotated[
        str | None, typer.Option(help="Comma-separated; default: all but the restricted phi and crosswalk.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Feed the finished splits of a run that is not complete.")
    ] = False,
    vocabulary: Annotated[
        str | None, typer.Option(help="For omop://: folder of a download of Athena (CONCEPT.csv).")
    ] = None,
    keys: Annotated[
        str | None,
        typer.Option(help="For omop://: folder of the crosswalk of integer keys, restricted; default: the run's own."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Feed nothing: look whether an omop:// or fhir:// target conforms.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Deliver a run's tables to a warehouse, each split once. Stopped, the same command goes on where it was."""
    from jobs import feed as feeding

    if check:
        if unused := [name for name, given in (("--run", run), ("--tables", tables), ("--keys", keys)) if given]:
            raise RequestError(f"--check looks at the target alone: leave {', '.join(unused)} out")
        checked = feeding.check(to)
        if as_json:
            sys.stdout.write(json.dumps(checked) + "\n")
        else:
            feeding.show_check(checked, Console())
        raise SystemExit(0 if checked["conforms"] else 1)
    if run is None:
        raise RequestError("give --run, the output of a run to feed, or --check")
    chosen = [name.strip() for name in tables.split(",")] if tables is not None else None
    result = feeding.run(run, to, chosen, partial=partial, vocabulary=vocabulary, keys=keys)
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        feeding.show(result, Console())


@app.command(epilog="Example: notemill cohort --run out/ --definition cohort.toml --output cohort/")
def cohort(
    run: Annotated[str, typer.Option(help="Output of a run; any fsspec URI.")],
    definition: Annotated[str, typer.Option(help="The cohort's definition, TOML; see README.")],
    output: Annotated[str, typer.Option(help="Folder for members, attrition and evidence; any fsspec URI.")],
    keys: Annotated[
        str | None, typer.Option(help="Integer keys of an omop:// feed, so that subject_id is its person_id.")
    ] = None,
    memory: Memory = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Find the patients of a run who fit a definition, with attrition and evidence."""
    from jobs import cohort as building

    result = building.run(run, definition, output, keys=keys, memory=memory, threads=threads)
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        building.show(result, output, Console())


@app.command(epilog="Example: notemill diff monday/ tuesday/ --cohort cohort.toml --json")
def diff(
    first: Annotated[str, typer.Argument(help="Output of a run; any fsspec URI.", metavar="RUN_A")],
    second: Annotated[str, typer.Argument(help="Output of another run over the same notes.", metavar="RUN_B")],
    cohort: Annotated[str | None, typer.Option(help="A cohort's definition, whose members are compared too.")] = None,
    examples: Annotated[int, typer.Option(min=0, help="Most examples of each change.")] = 5,
    tolerance: Annotated[float, typer.Option(min=0, help="Scores that differ by no more are the same.")] = 0.001,
    memory: Memory = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Tell what changed between two runs: entities, codes, scores and members, with examples by id and offset."""
    from jobs import diff as comparing

    found = comparing.run(first, second, cohort, examples=examples, tolerance=tolerance, memory=memory, threads=threads)
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        comparing.show(found, Console())


@app.command(epilog="Example: notemill report --run out/ --output report.html")
def report(
    run: Annotated[str, typer.Option(help="Output of a run; any fsspec URI.")],
    output: Annotated[str, typer.Option(help="File for the page; any fsspec URI.")] = "report.html",
    notes: Annotated[int, typer.Option(min=0, max=200, help="Most notes that can be looked at.")] = 40,
    outcomes: Annotated[
        str | None, typer.Option(help="Parquet with encounter_id and readmitted, for the calibration of readmission.")
    ] = None,
    memory: Memory = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Show a run on one self-contained page: its figures, and some of its notes."""
    from jobs.report import command

    told = command.run(run, output, notes=notes, outcomes=outcomes, memory=memory, threads=threads)
    if as_json:
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        Console().print(f"Report: {output}", soft_wrap=True, highlight=False)


@app.command(epilog="Example: notemill look --run out/ --rows 5")
def look(
    run: Annotated[str, typer.Option(help="Output of a run; any fsspec URI.")],
    rows: Annotated[int, typer.Option(min=0, help="Rows to show of each table.")] = 3,
) -> None:
    """Show how many rows each table of a run has, and the first of them."""
    from jobs.look import look as show

    show(run, Console(), rows)


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
    except (RunError, CanaryError) as error:
        _fail(1, str(error))
    except CheckpointError as error:  # seen only once the model was loaded
        _fail(2, str(error))
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
