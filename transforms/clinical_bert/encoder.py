"""Run windows of whole notes through an encoder in batches, and hand back one state per token.

Batches are filled by a budget of tokens, the longest windows first. A window that occurs twice is run once; a bounded
cache serves it to later batches too. A window's states do not depend on its neighbours (that is the backend's
promise), so results do not depend on split size, order, engine or cache.

Every token must come out with a state. The tokens that no window of the plan owns are counted, and those of windows of
which no states came; a note with any is refused (`counts.TruncatedError`).
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

import torch

from transforms.clinical_bert.backends.base import Backend
from transforms.clinical_bert.budget import batch_tokens, out_of_memory
from transforms.clinical_bert.cache import StateCache
from transforms.clinical_bert.counts import Counts, refuse_truncated
from transforms.clinical_bert.packed import Job, pack
from transforms.clinical_bert.windows import NoteTokenizer, Tokens, Window, cover, plan, unowned

_log = logging.getLogger(__name__)


class WindowRunner:
    """Runs windows of tokenised notes through a backend, in batches of a bounded number of tokens.

    Args:
        backend: the encoder.
        tokenizer: gives the special tokens at either end of a window.
        window: most tokens in a window, the special ones included.
        cache_mb: states that are kept for windows that come again, in units of 2**20 bytes; with 0 every window is
            run, equal ones of one call too.
    """

    def __init__(self, backend: Backend, tokenizer: NoteTokenizer, window: int, cache_mb: float = 0.0) -> None:
        self.backend = backend
        self._tokenizer = tokenizer
        self._window = window
        self._cache = StateCache(cache_mb)
        self._shares = cache_mb > 0
        self._batch_tokens = 0  # measured before the first batch

    @property
    def room(self) -> int:
        """Most tokens of a note in a window: one special token stands at either end."""
        return self._window - 2

    @property
    def budget(self) -> int:
        """Tokens of a batch: measured once, halved when memory runs out."""
        if not self._batch_tokens:
            self._batch_tokens = batch_tokens(self.backend, self._tokenizer, self._window)
        return self._batch_tokens

    @torch.inference_mode()
    def run(
        self, notes: Sequence[Tokens], jobs: Iterable[Job], counts: Sequence[Counts] | None = None
    ) -> Iterator[tuple[Job, torch.Tensor]]:
        """Yields the states of each job's window, special tokens included, in an order of its own.

        Equal windows are given the same states, which nobody may change.

        Args:
            notes: that the jobs number.
            jobs: each window once or many times.
            counts: of each note, to which this pass is added.

        Yields:
            A job and its states, shape (window + 2, width), on the backend's device.

        Raises:
            MemoryError, torch.OutOfMemoryError: a single window does not fit.
        """
        waiting: dict[bytes, list[Job]] = {}
        for number, job in enumerate(jobs):
            key = _key(notes[job.note], job) if self._shares else number.to_bytes(8)
            known = self._cache.get(key) if key not in waiting else None
            if counts is not None:
                self._count(job, counts[job.note], repeated=known is not None or key in waiting)
            if known is not None:
                yield job, known
            else:
                waiting.setdefault(key, []).append(job)
        # The longest first: if memory is short, it shows at once. Equal lengths lie side by side.
        left = deque(sorted(waiting, key=lambda key: waiting[key][0].positions, reverse=True))
        while left:
            batch = self._next(left, waiting)
            try:
                states = self.backend(pack(notes, [waiting[key][0] for key in batch], self._tokenizer))
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error) or len(batch) == 1:
                    raise
                self._batch_tokens = sum(waiting[key][0].positions for key in batch) // 2
                _log.warning("out of memory: batches are now of %d tokens", self._batch_tokens)
            else:
                at = 0
                for key in batch:
                    length = waiting[key][0].positions
                    of_window = states[at : at + length]
                    self._cache.put(key, of_window)
                    for job in waiting.pop(key):
                        yield job, of_window
                    at += length
                continue
            left.extendleft(reversed(batch))
            if self.backend.device.type == "cuda":  # after the handler, whose traceback held on to the batch's tensors
                torch.cuda.empty_cache()

    def stretch(self, notes: Sequence[Tokens], job: Job) -> Stretch:
        """What a job's window owns."""
        start, _, first, last = job.window
        own = b"%d %d " % (first - start, last - start)
        return Stretch(first, last, own + _key(notes[job.note], job) if self._shares else None)

    def _next(self, left: deque[bytes], waiting: dict[bytes, list[Job]]) -> list[bytes]:
        """Takes the windows of the next batch off `left`: one at least."""
        batch = [left.popleft()]
        positions = waiting[batch[0]][0].positions
        while left and positions + waiting[left[0]][0].positions <= self.budget:
            batch.append(left.popleft())
            positions += waiting[batch[-1]][0].positions
        return batch

    def _count(self, job: Job, counts: Counts, *, repeated: bool) -> None:
        computed = self.backend.computed(job.positions)
        counts.windows += 1
        if repeated:
            counts.repeated_windows += 1
            counts.repeated_positions += computed
        else:
            counts.positions += computed
            counts.padding += computed - job.positions
            counts.pairs += job.positions**2


class WindowEnds(NamedTuple):
    """The states of a window's special tokens, shape (width,): the one before its tokens and the one behind them."""

    first: torch.Tensor
    last: torch.Tensor


Ends = dict[Window, WindowEnds]
"""Of each window of a note."""


class Stretch(NamedTuple):
    """Tokens `start:stop` of a note, which one window owns; where `key` is the same, so are their states.

    `key` is None where windows are not shared.
    """

    start: int
    stop: int
    key: bytes | None


class Encoder:
    """An encoder over whole notes: one state per token.

    Args:
        backend: the encoder.
        tokenizer: its tokenizer.
        window: most tokens in a window, the special ones included.
        overlap: tokens that neighbouring windows share; by default an eighth of the window.
        cache_mb: as of `WindowRunner`.

    Raises:
        ValueError: `window` is too small for its overlap.
    """

    def __init__(
        self,
        backend: Backend,
        tokenizer: NoteTokenizer,
        *,
        window: int,
        overlap: int | None = None,
        cache_mb: float = 0.0,
    ) -> None:
        self.runner = WindowRunner(backend, tokenizer, window, cache_mb)
        self.overlap = window // 8 if overlap is None else overlap
        self._backend = backend
        self.width = backend.width
        plan(1, self.runner.room, self.overlap)

    def encode(
        self,
        notes: Sequence[Tokens],
        section_starts: Sequence[Sequence[int]] | None = None,
        counts: Sequence[Counts] | None = None,
        ends: Sequence[Ends] | None = None,
    ) -> torch.Tensor:
        """Encodes whole notes.

        Args:
            notes: their tokens.
            section_starts: of each note the offsets of its sections, which windows then follow.
            counts: of each note, to which this pass is added.
            ends: of each note, to which those of its windows are added.

        Returns:
            The states of all tokens, notes one after another: shape (tokens, width), in the backend's precision, on
            its device.

        Raises:
            MemoryError, torch.OutOfMemoryError: a single window does not fit.
            TruncatedError: tokens of a note were cut off, or no window owned them.
        """
        counts = [Counts() for _ in notes] if counts is None else counts
        bounds = [0]
        for note in notes:
            bounds.append(bounds[-1] + len(note))
        states = torch.empty((bounds[-1], self.width), dtype=self._backend.dtype, device=self._backend.device)
        jobs: list[Job] = []
        for i, (note, of_note) in enumerate(zip(notes, counts, strict=True)):
            planned = self._jobs(i, note, section_starts[i] if section_starts else ())
            _count_planned(note, planned, of_note)
            jobs += planned
        refuse_truncated(counts)
        run: set[Job] = set()
        for job, output in self.runner.run(notes, jobs, counts):
            i, window = job
            states[bounds[i] + window.own_start : bounds[i] + window.own_stop] = output[window.kept]
            run.add(job)
            if ends is not None:
                ends[i][window] = _ends(output)
        _count_lost(jobs, run, counts)
        refuse_truncated(counts)
        return states

    def stream(
        self,
        note: Tokens,
        section_starts: Sequence[int] = (),
        counts: Counts | None = None,
        ends: Ends | None = None,
    ) -> Iterator[torch.Tensor]:
        """Encodes one note of any length, with only a few batches of states in memory at a time.

        Yields:
            States of consecutive tokens, shape (some tokens, width); together those of all tokens, and the same that
            `encode` gives.

        Raises:
            MemoryError, torch.OutOfMemoryError: a single window does not fit.
            TruncatedError: as of `encode`; before a state behind the gap comes out.
        """
        counts = Counts() if counts is None else counts
        jobs = self._jobs(0, note, section_starts)
        _count_planned(note, jobs, counts)
        refuse_truncated([counts])
        reached = 0
        while jobs:
            positions, n = 0, 0
            while n < len(jobs) and (not n or positions + jobs[n].positions <= self.runner.budget):
                positions += jobs[n].positions
                n += 1
            part, jobs = jobs[:n], jobs[n:]
            found = dict(self.runner.run([note], part, [counts]))
            _count_lost(part, found, [counts])
            refuse_truncated([counts])
            kept = torch.cat([found[job][job.window.kept] for job in part])
            reached += len(kept)
            if ends is not None:
                ends |= {job.window: _ends(found[job]) for job in part}
            yield kept
        if reached != len(note):
            raise AssertionError("windows own tokens twice")

    def stretches(self, note: Tokens, section_starts: Sequence[int] = ()) -> list[Stretch]:
        """What the windows of a note own, in their order."""
        return [self.runner.stretch([note], job) for job in self._jobs(0, note, section_starts)]

    def _jobs(self, i: int, note: Tokens, section_starts: Sequence[int]) -> list[Job]:
        return [Job(i, window) for window in cover(note, section_starts, self.runner.room, self.overlap)]


def _ends(states: torch.Tensor) -> WindowEnds:
    return WindowEnds(states[0].clone(), states[-1].clone())  # a view would hold on to the whole batch


def _count_planned(note: Tokens, jobs: Iterable[Job], counts: Counts) -> None:
    """Counts a note's tokens, and those that were cut off or that no window of the plan owns."""
    counts.tokens += len(note)
    counts.truncated_tokens += note.cut + unowned(len(note), [job.window for job in jobs])


def _count_lost(planned: Iterable[Job], run: Container[Job], counts: Sequence[Counts]) -> None:
    """Counts the tokens of windows that were planned, and of which no states came."""
    for job in planned:
        if job not in run:
            counts[job.note].truncated_tokens += job.window.own_stop - job.window.own_start


def _key(note: Tokens, job: Job) -> bytes:
    """What decides a window's states, the checkpoint apart."""
    window = slice(job.window.start, job.window.stop)
    digest = hashlib.blake2b(note.ids[window].tobytes(), digest_size=16)
    if note.types is not None:
        digest.update(note.types[window].tobytes())
    return digest.digest()
