"""`notemill bench encoder`: how fast the replica is, beside others over the same notes in the same run."""

from __future__ import annotations

import datetime as dt
import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from jobs.bench import notes as bench_notes
from jobs.bench.agreement import compare_entities, compare_labels
from jobs.bench.arithmetic import FORMULA, Shape, matmul_peak
from jobs.bench.checkpoint import SIZES, for_transformers, random_classifier
from jobs.bench.conditions import PACKAGES, conditions
from jobs.bench.measures import Block, Contender, Rate, alternate, gpu_busy, ratios, shares
from jobs.bench.notes import Cutter
from jobs.bench.replicas import HEAD, Ours, ReplicaSpec, peak_memory, share_device
from jobs.bench.report import EncoderReport
from jobs.bench.rivals import RIVALS, Pipeline, Rival, Setting, check_rivals, tuned_pipeline
from jobs.config import Job
from jobs.run import checkpoints
from pipelines.errors import RequestError
from transforms.clinical_bert.backends import BackendError
from transforms.clinical_bert.backends.support import choose
from transforms.clinical_bert.checkpoints import CheckpointError, labels_of, positions, read_json, resolve
from transforms.clinical_bert.counts import Counts
from transforms.clinical_bert.heads.labels import label_groups
from transforms.clinical_bert.replica import WINDOW

OURS: Final = "notemill"
LONG_NOTE: Final = 1_000_000  # characters
_DTYPES: Final = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.int8}
"""What the encoder multiplies."""


@dataclass(frozen=True)
class EncoderBench:
    """What is to be measured.

    Attributes:
        job: input, columns and `[model]`; nothing is written to its output.
        command: as it was typed, for the record.
        against: names of `rivals.RIVALS`.
        base_size: a name of `checkpoint.SIZES` for random weights; None for the job's checkpoint.
        most_notes: of the input; None for all.
        repeat_tokens: the notes are repeated up to so many tokens, and the cache is off; 0 leaves them as they are.
        rounds: into which the notes are dealt.
        seconds: after which a contender begins no other block of a round; None for no limit.
        compare: notes whose entities are compared.
        replicas: that share the device in one more measure; 1 for none.
        copy_forward: generated notes on which the cache is measured; 0 for none.
        memory: whether peak memory is measured.
    """

    job: Job
    command: str
    against: Sequence[str] = ()
    base_size: str | None = None
    most_notes: int | None = None
    repeat_tokens: int = 0
    rounds: int = 3
    seconds: float | None = None
    compare: int = 20
    replicas: int = 1
    copy_forward: int = 0
    memory: bool = False


def run(bench: EncoderBench, say: Callable[[str], None]) -> EncoderReport:
    """Measures.

    Args:
        say: is told what is going on.

    Raises:
        RequestError: an input, a checkpoint or a rival that is not there, a GPU that is not there.
        RunError: a process of the bench failed.
    """
    device = _device(bench.job.model.device)
    check_rivals(bench.against, device)
    if bench.base_size is not None and bench.base_size not in SIZES:
        raise RequestError(f"unknown size {bench.base_size!r}: the sizes are {', '.join(SIZES)}")
    if bench.base_size is not None and bench.job.model.ner:
        raise RequestError("--base-size has random weights and --model has its own: give one of them")
    texts = bench_notes.read(bench.job, bench.most_notes)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="notemill-bench-")))
        return _Run(bench, device, scratch, say).measure(texts)


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise RequestError("--device cuda: PyTorch sees no GPU here; leave it out, or give --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


class _Run:
    """One run of the bench, with what all of its measures share."""

    def __init__(self, bench: EncoderBench, device: torch.device, scratch: Path, say: Callable[[str], None]) -> None:
        self._bench = bench
        self._device = device
        self._scratch = scratch
        self._say = say
        threads = bench.job.model.threads or torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            if bench.base_size is not None:
                checkpoint = resolve(str(random_classifier(bench.base_size, scratch / "checkpoint")), HEAD)
            else:
                checkpoint = checkpoints(bench.job, [HEAD])[HEAD]
            plain = for_transformers(checkpoint.folder(), HEAD, scratch / "transformers")
        except CheckpointError as error:
            raise RequestError(str(error)) from error
        model = bench.job.model.model_copy(update={"threads": threads, "device": device.type})
        self._checkpoint = f"{bench.base_size}, random weights" if bench.base_size is not None else checkpoint.source
        try:
            computing = choose(
                model.backend, model.precision, device.type, [read_json(checkpoint.folder() / "config.json")]
            )
        except BackendError as error:
            raise RequestError(str(error)) from error
        # Named here, not left to the replica: the record says it, and the labels of random weights are not checked.
        chosen = {"backend": computing.backend, "precision": computing.precision}
        self._spec = ReplicaSpec(checkpoint, model.model_copy(update=chosen))
        self._dtype = _DTYPES[computing.precision]
        self._setting = Setting(plain, positions(read_json(plain / "config.json")), threads, str(device), scratch)
        self._shape = Shape.of(plain)
        self._groups = len(label_groups(labels_of(checkpoint, HEAD)))
        self._cutter = Cutter(self._setting.tokenizer(), self._setting.positions - 2)

    def measure(self, texts: Sequence[str]) -> EncoderReport:
        """Everything that was asked for."""
        bench = self._bench
        spec = self._spec
        counts = self._cutter.counts(texts)
        if bench.repeat_tokens:
            texts = bench_notes.repeat(texts, counts, bench.repeat_tokens)
            spec = spec.but(cache_mb=0.0)
        rounds = self._rounds(bench_notes.deal(texts, bench.rounds))
        facts: dict[str, Any] = {
            "bench": "encoder",
            "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "command": shlex.join(_portable(part) for part in shlex.split(bench.command)),
            "input": _portable(bench.job.input),
            "notes": len(texts),
            "tokens": sum(block.tokens for blocks in rounds for block in blocks),
            "device": self._device.type,
            "threads": spec.model.threads,
            "checkpoint": _portable(self._checkpoint),
            "model": {"parameters": self._shape.parameters, "layers": self._shape.layers, "width": self._shape.width},
        }
        facts |= self._speed(spec, rounds)
        if bench.compare:
            facts["agreement"] = self._agreement(texts[: bench.compare])
        if bench.replicas > 1:
            self._say(f"{bench.replicas} replicas on one device")
            facts["replicas"] = share_device(spec, rounds, bench.replicas)
        if bench.copy_forward:
            self._say(f"{bench.copy_forward} generated notes, with and without the cache of windows")
            facts["copy_forward"] = self._copy_forward()
        if bench.memory:
            self._say("peak memory, without and with a note of a million characters")
            facts["memory"] = self._memory(texts)
        packages = (*PACKAGES, "onnxruntime", "openvino")
        return EncoderReport(facts | conditions(packages))

    # -- speed

    def _speed(self, spec: ReplicaSpec, rounds: Sequence[Sequence[Block]]) -> dict[str, Any]:
        self._say("loading the replica")
        ours = Ours(OURS, _about(spec), spec)
        rivals = [_Runs(rival, rounds[0][0].pieces[:2]) for rival in self._rivals(rounds)]
        peaks: list[float] = []

        def before() -> None:
            peaks.append(matmul_peak(self._dtype, self._device))
            self._say(f"round {len(peaks)} of {len(rounds)}")

        contenders: list[Contender] = [ours, *rivals]
        rates = alternate(contenders, rounds, self._device, seconds=self._bench.seconds, before=before)
        counts = ours.replica.counts - ours.before
        found: dict[str, Any] = {
            "contenders": {name: rate.to_json() for name, rate in rates.items()},
            "ratios": {rival.name: ratios(rates[OURS].rates, rates[rival.name].rates) for rival in rivals},
            "cpu_ratios": {rival.name: ratios(rates[OURS].cpu_rates, rates[rival.name].cpu_rates) for rival in rivals},
            "backend": spec.model.backend,
            "precision": spec.model.precision,
            "cache_mb": spec.model.cache_mb,
            "counts": vars(counts),
            **shares(counts),
            **self._arithmetic(counts, rates[OURS], max(peaks)),
        }
        if self._device.type == "cuda":
            found["gpu_use"] = self._gpu_use(ours, rounds[0], max(peaks))
        return found

    def _rivals(self, rounds: Sequence[Sequence[Block]]) -> list[Rival]:
        built: list[Rival] = []
        for name in self._bench.against:
            self._say(f"setting up {name}")
            if name == "hf-pipeline" and self._device.type == "cuda":
                built.append(tuned_pipeline(self._setting, rounds[0][0].pieces, self._say))
            else:
                built.append(RIVALS[name](self._setting))
        return built

    def _arithmetic(self, counts: Counts, rate: Rate, peak: float) -> dict[str, Any]:
        operations = self._operations(counts)
        per_second = operations / sum(rate.seconds)
        return {
            "operations": operations,
            "operations_formula": FORMULA,
            "operations_per_second": round(per_second),
            "matmul_peak": {"dtype": str(self._dtype).removeprefix("torch."), "operations_per_second": round(peak)},
            "mfu": round(per_second / peak, 4),
        }

    def _operations(self, counts: Counts) -> int:
        return self._shape.operations(counts.positions - counts.padding, counts.pairs)

    def _gpu_use(self, ours: Ours, blocks: Sequence[Block], peak: float) -> dict[str, float]:
        """A round once more, with the profiler: how long the GPU worked, and how near its peak while it did."""
        before = ours.replica.counts

        def work() -> None:
            for block in blocks:
                ours.run(block)

        seen = gpu_busy(work, self._device)
        operations = self._operations(ours.replica.counts - before)
        return {
            "busy": round(seen["busy_seconds"] / seen["seconds"], 4),
            "mfu_while_busy": round(operations / seen["busy_seconds"] / peak, 4),
        }

    # -- agreement

    def _agreement(self, texts: Sequence[str]) -> dict[str, Any]:
        self._say("comparing entities")
        exact = Ours(OURS, "", self._spec.but(backend="torch", precision="fp32"))
        # Transformers' pipeline has no windows: what is compared must fit in one. A note that does not is parted.
        room = min(self._spec.model.window or WINDOW, self._setting.positions) - 2
        parts = [part for of_text in Cutter(self._setting.tokenizer(), room).cut(texts) for part in of_text]
        found: dict[str, Any] = {}
        if self._groups == 1:  # several groups of labels are decided each by itself, which no pipeline does
            theirs = Pipeline(self._setting)(parts)
            found["fp32_entities_with_hf_pipeline"] = compare_entities(parts, exact.entities(parts), theirs)
        if self._dtype != torch.float32:
            ours = Ours(OURS, "", self._spec)
            found["labels_with_fp32"] = compare_labels(
                ours.entities(texts), exact.entities(texts), self._cutter.offsets(texts)
            )
        return found

    # -- copied text

    def _copy_forward(self) -> dict[str, Any]:
        """The cache of windows on notes of which parts are copied from the day before, in the order of writing."""
        from jobs.generate import generate

        folder = self._scratch / "generated"
        generate(str(folder), notes=self._bench.copy_forward, seed=1)
        job = self._bench.job.model_copy(update={"input": str(folder), "preset": "notemill"})
        hands = bench_notes.stretches(bench_notes.read(job), self._bench.rounds)
        with_cache = Ours("cache", "windows that come again are not run", self._spec)
        without = Ours("no cache", "every window is run", self._spec.but(cache_mb=0.0))
        rates = alternate([with_cache, without], self._rounds(hands), self._device)
        counts = with_cache.replica.counts - with_cache.before
        repeated = shares(counts)
        saved = 1 - sum(rates["cache"].seconds) / sum(rates["no cache"].seconds)
        cpu_saved = 1 - sum(rates["cache"].cpu_seconds) / sum(rates["no cache"].cpu_seconds)
        share = repeated["repeated_windows"]
        return {
            "notes": self._bench.copy_forward,
            "tokens": counts.tokens,
            "contenders": {name: rate.to_json() for name, rate in rates.items()},
            "repeated_windows": share,
            "repeated_positions": repeated["repeated_positions"],
            "time_saved": round(saved, 4),
            "saved_over_repeated": round(saved / share, 3) if share else None,
            "cpu_time_saved": round(cpu_saved, 4),
            "cpu_saved_over_repeated": round(cpu_saved / share, 3) if share else None,
        }

    # -- memory

    def _memory(self, texts: Sequence[str]) -> dict[str, Any]:
        """Peaks of a process over short notes, and over the same with one note of a million characters among them."""
        short = [text for text in texts if len(text) <= 10_000]
        if not short:
            raise RequestError("the measure of memory needs notes of less than 10,000 characters")
        long = bench_notes.long_note(texts, LONG_NOTE)
        among = [*short[: len(short) // 2], long, *short[len(short) // 2 :]]
        without, with_long = (peak_memory(self._spec, blocks) for blocks in self._rounds((short, among)))
        return {
            "notes": len(short),
            "weights_mib": round(self._shape.parameters * self._dtype.itemsize / 2**20, 1),
            "short_notes": dict(without),
            "with_long_note": {"characters": len(long), **with_long},
            "difference_mib": round(with_long["peak"] - without["peak"], 1),
        }

    def _rounds(self, hands: Sequence[Sequence[str]]) -> list[list[Block]]:
        return [bench_notes.blocks(hand, self._cutter, self._bench.job.split_rows) for hand in hands]


class _Runs:
    """A rival as a contender: it is given the pieces of the notes. It keeps nothing of what it is warmed with."""

    def __init__(self, rival: Rival, warm_up: Sequence[str]) -> None:
        self.name, self.about = rival.name, rival.about
        self._rival = rival
        rival(warm_up)

    def run(self, block: Block) -> None:
        self._rival(block.pieces)


def _about(spec: ReplicaSpec) -> str:
    settings: Mapping[str, Any] = spec.model.model_dump()
    wanted = ("backend", "precision", "window", "cache_mb")
    return ", ".join(f"{name} {settings[name]}" for name in wanted if settings.get(name) is not None)


def _portable(part: str) -> str:
    """A local absolute path without its folders: a result is kept and shown, and they are one machine's own."""
    option, mark, value = part.rpartition("=")
    return f"{option}{mark}{Path(value).name}" if Path(value).is_absolute() else part
