"""What is masked: 15% of a sequence's tokens, 80% of these as `[MASK]`, 10% as a random token, 10% unchanged.

Devlin et al. (2019, BERT). Masks are static, and the same wherever and whenever they are drawn: that of copy c of
sequence s is made of the seed, c and s alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from jobs.training.mlm.sequences import Sequences

_MASKED: Final = 0.8
_RANDOM: Final = 0.1


@dataclass(frozen=True)
class Batch:
    """Masked sequences, padded to the longest of them.

    Attributes:
        ids: shape (sequences, tokens).
        attention: the same shape, 1 where there is a token; None where nothing is padded.
        types: token types, the same shape.
        places: of masked tokens in the flattened `ids`, shape (masked,).
        targets: the tokens that were there, shape (masked,).
    """

    ids: torch.Tensor
    attention: torch.Tensor | None
    types: torch.Tensor
    places: torch.Tensor
    targets: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        attention = None if self.attention is None else self.attention.to(device)
        rest = (self.types, self.places, self.targets)
        return Batch(self.ids.to(device), attention, *(tensor.to(device) for tensor in rest))


@dataclass(frozen=True)
class Masker:
    """Draws masks.

    Attributes:
        mask: id of the mask token.
        pad: id of padding.
        specials: ids that stand at the ends or between notes, which are never masked.
        ordinary: ids that may stand in the place of another.
        share: of the tokens that is masked.
        whole_words: mask all pieces of a word together.
        seed: of the masks.
    """

    mask: int
    pad: int
    specials: tuple[int, ...]
    ordinary: npt.NDArray[np.int64]
    share: float
    whole_words: bool
    seed: int

    def __call__(self, sequences: Sequences, chosen: Sequence[tuple[int, int]]) -> Batch:
        """Masks copies of sequences.

        Args:
            sequences: to choose from.
            chosen: number of a sequence, number of its copy.
        """
        found = [sequences[number] for number, _ in chosen]
        longest = max(map(len, found))
        ids = np.full((len(found), longest), self.pad, dtype=np.int64)
        types = np.zeros_like(ids)
        attention = np.zeros_like(ids)
        places, targets = [], []
        for row, (sequence, (number, copy)) in enumerate(zip(found, chosen, strict=True)):
            original = sequence["id"].astype(np.int64)
            rng = np.random.default_rng([self.seed, copy, number])
            at = self._choose(original, sequence["inside"], rng)
            ids[row, : len(original)] = original
            ids[row, at] = self._replaced(original[at], rng)
            types[row, : len(original)] = sequence["type"]
            attention[row, : len(original)] = 1
            places.append(row * longest + at)
            targets.append(original[at])
        return Batch(
            torch.from_numpy(ids),
            None if attention.all() else torch.from_numpy(attention),
            torch.from_numpy(types),
            torch.from_numpy(np.concatenate(places)),
            torch.from_numpy(np.concatenate(targets)),
        )

    def _choose(
        self, ids: npt.NDArray[np.int64], inside: npt.NDArray[np.bool_], rng: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """Where a sequence is masked, in order."""
        allowed = np.flatnonzero(~np.isin(ids, self.specials))
        wanted = min(len(allowed), max(1, round(self.share * len(ids))))
        if not self.whole_words:
            return np.sort(rng.permutation(allowed)[:wanted])
        begins = np.flatnonzero(~inside[allowed])
        words = np.split(allowed, begins[begins > 0])
        chosen: list[int] = []
        for number in rng.permutation(len(words)):
            # The first is taken even if it is too long: one token at least is masked.
            if not chosen or len(chosen) + len(words[number]) <= wanted:
                chosen += words[number].tolist()
        return np.sort(np.array(chosen, dtype=np.int64))

    def _replaced(self, ids: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
        draw = rng.random(len(ids))
        other = rng.choice(self.ordinary, len(ids))
        return np.where(draw < _MASKED, self.mask, np.where(draw < _MASKED + _RANDOM, other, ids))
