"""Contenders over the same notes in turn, and what their times say."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from jobs.bench.arithmetic import wait_for
from transforms.clinical_bert.counts import Counts


@dataclass(frozen=True)
class Block:
    """Notes that a contender is given at once, as an engine gives a stage a split.

    Attributes:
        texts: the notes.
        sections: of each note, as the `sections` column holds them.
        pieces: the notes cut for those that take no long ones.
        tokens: of the notes, special ones not counted.
    """

    texts: Sequence[str]
    sections: Sequence[Sequence[dict[str, Any]]]
    pieces: Sequence[str]
    tokens: int


class Contender(Protocol):
    """Runs over blocks of notes."""

    name: str
    about: str

    def run(self, block: Block) -> None: ...


@dataclass
class Rate:
    """How fast a contender is.

    Attributes:
        tokens: in each round, of the notes that it was through with.
        seconds: in each round, for these.
        cpu_seconds: of processor time in each round, all threads together. Where others use the processor too, they
            tell more than the time by the clock.
    """

    name: str
    about: str
    tokens: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        """Tokens per second in each round."""
        return [tokens / seconds for tokens, seconds in zip(self.tokens, self.seconds, strict=True)]

    @property
    def cpu_rates(self) -> list[float]:
        """Tokens per second of processor time in each round."""
        return [tokens / seconds for tokens, seconds in zip(self.tokens, self.cpu_seconds, strict=True)]

    def to_json(self) -> dict[str, Any]:
        return {
            "about": self.about,
            "tokens_per_second": spread(self.rates, 1),
            "tokens": self.tokens,
            "seconds": [round(value, 3) for value in self.seconds],
            "cpu_seconds": [round(value, 3) for value in self.cpu_seconds],
        }


def spread(values: Sequence[float], digits: int) -> dict[str, float]:
    """The median, the lowest and the highest."""
    named = {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}
    return {name: round(value, digits) for name, value in named.items()}


def ratios(ours: Sequence[float], others: Sequence[float]) -> dict[str, float]:
    """How many times as fast ours is, round by round: what slows the machine for a while slows both.

    Args:
        ours, others: rates in each round.
    """
    return spread([mine / theirs for mine, theirs in zip(ours, others, strict=True)], 3)


def alternate(
    contenders: Sequence[Contender],
    rounds: Iterable[Sequence[Block]],
    device: torch.device,
    *,
    seconds: float | None = None,
    before: Callable[[], None] | None = None,
) -> dict[str, Rate]:
    """Each round is run by every contender, one after another: A B, A B, and so on.

    Args:
        contenders: warm already.
        rounds: blocks of notes, others in each round.
        device: that a round's time waits for.
        seconds: after so many no contender begins another block of the round; None lets them come to its end.
        before: called before each round, outside the clock.

    Returns:
        By contender's name.
    """
    results = {contender.name: Rate(contender.name, contender.about) for contender in contenders}
    for blocks in rounds:
        if before is not None:
            before()
        for contender in contenders:
            tokens = 0
            wait_for(device)
            began, cpu_began = time.perf_counter(), time.process_time()
            for block in blocks:
                contender.run(block)
                tokens += block.tokens
                if seconds is not None and time.perf_counter() - began > seconds:
                    break
            wait_for(device)
            results[contender.name].seconds.append(time.perf_counter() - began)
            results[contender.name].cpu_seconds.append(time.process_time() - cpu_began)
            results[contender.name].tokens.append(tokens)
    return results


def shares(counts: Counts) -> dict[str, float]:
    """What of the encoder's work is waste, and what it was spared.

    Returns:
        `padding_waste`: of the positions that went through the encoder, those that only fill up batches.
        `overlap`: of the tokens in all windows, those that are in a window for the second time.
        `repeated_windows`, `repeated_positions`: not run, for the same window had been run.
    """
    in_windows = counts.positions - counts.padding + counts.repeated_positions - 2 * counts.windows
    found = {
        "padding_waste": _share(counts.padding, counts.positions),
        "overlap": _share(in_windows - counts.tokens, in_windows),
        "repeated_windows": _share(counts.repeated_windows, counts.windows),
        "repeated_positions": _share(counts.repeated_positions, counts.positions + counts.repeated_positions),
    }
    return {name: round(value, 5) for name, value in found.items()}


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def busy_seconds(intervals: Iterable[tuple[float, float]]) -> float:
    """Time that lies in one of these intervals (start, end) at least, in their unit."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def gpu_busy(work: Callable[[], None], device: torch.device) -> Mapping[str, float]:
    """Runs something and sees for how long the GPU computed or copied meanwhile.

    The times of kernels and copies are CUPTI's, which PyTorch's profiler reads; those that run side by side on several
    streams count once.

    Returns:
        `seconds` that it took, and `busy_seconds` of the GPU.
    """
    from torch._C._autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile

    wait_for(device)
    with profile(activities=[ProfilerActivity.CUDA], acc_events=True) as profiler:
        began = time.perf_counter()
        work()
        wait_for(device)
        seconds = time.perf_counter() - began
    ranges = [
        (event.time_range.start / 1e6, event.time_range.end / 1e6)  # microseconds
        for event in profiler.events()
        if event.device_type == DeviceType.CUDA
    ]
    return {"seconds": seconds, "busy_seconds": busy_seconds(ranges)}
