"""Embeddings: one vector for a note, and one for each of its sections.

A note is read in the windows that all heads share, and each token counts once, by its state in the window that owns it.

`mean` is the mean over the tokens. A note's also takes in the [CLS] of its first window and the [SEP] of its last one,
as sentence-transformers' mean does: so a note that fits in one window has the very vector that this package gives its
text. A section's is the mean of its own tokens alone, read in their context.

`cls` is the state of a [CLS]: for a note that of its first window (what stands behind that window has no part in it;
where notes are long, `mean` is the better choice), for a section that of the window in which the section begins. Such
a window begins with the section, unless the section or the note is short (`windows.cover`).

A note or a section of no tokens has no vector. Where the checkpoint is one of sentence-transformers, its own pooling is
taken unless another is asked for, and vectors have unit length if its modules say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from transforms.clinical_bert.checkpoints.sentence import SentencePooling
from transforms.clinical_bert.encoder import WindowEnds
from transforms.clinical_bert.heads.base import EncodedNotes, mean_states
from transforms.clinical_bert.windows import Tokens, Window

Pooling = Literal["mean", "cls"]
POOLINGS: Final = ("mean", "cls")
Unit = Literal["note", "section"]
UNITS: Final = ("note", "section")


@dataclass(frozen=True)
class EmbedOptions:
    """What the user of the head `embed` may choose.

    Attributes:
        pooling: `mean` or `cls`; None for what the checkpoint says, and `mean` where it says nothing.
        units: what is given a vector: `note`, `section`, or both.

    Raises:
        ValueError: a choice that is none of those offered.
    """

    pooling: Pooling | None = None
    units: tuple[Unit, ...] = UNITS

    def __post_init__(self) -> None:
        if self.pooling is not None and self.pooling not in POOLINGS:
            raise ValueError(f"pooling {self.pooling!r} is none of {', '.join(POOLINGS)}")
        if not self.units or not set(self.units) <= set(UNITS):
            raise ValueError(f"units must be some of {', '.join(UNITS)}")


class Embedding(NamedTuple):
    """The vector of a note or of a section.

    Attributes:
        section_id: of the section; None for the note.
        n_tokens: that it is made of, special ones apart.
        vector: shape (width,), float32.
    """

    section_id: int | None
    n_tokens: int
    vector: npt.NDArray[np.float32]


class EmbedHead:
    """Pools states. A result is a list of `Embedding`, the note's first.

    Args:
        says: what the checkpoint says of pooling.
        options: of the user.
    """

    def __init__(self, says: SentencePooling, options: EmbedOptions) -> None:
        self._pooling = options.pooling or says.mode or "mean"
        self._normalized = says.normalized
        self._units = options.units

    @torch.inference_mode()
    def __call__(self, notes: EncodedNotes) -> list[list[Embedding]]:
        units = [self._of_note(tokens, sections) for tokens, sections in zip(notes.tokens, notes.sections, strict=True)]
        found = [self._pool(notes, i, of_note) for i, of_note in enumerate(units) if of_note]
        if not found:
            return [[] for _ in units]
        vectors = torch.cat(found)
        if self._normalized:
            vectors = torch.nn.functional.normalize(vectors)
        rows = iter(vectors.cpu().numpy())  # one copy
        return [[Embedding(name, last - first, next(rows)) for name, first, last in of_note] for of_note in units]

    def rows(self, result: list[Embedding], text: str, sections: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:  # noqa: ARG002
        return [{"section_id": unit.section_id, "n_tokens": unit.n_tokens, "embedding": unit.vector} for unit in result]

    def _of_note(self, tokens: Tokens, sections: Sequence[Mapping[str, Any]]) -> list[tuple[int | None, int, int]]:
        """The units that have tokens: section (None for the note), first token, and the one after the last."""
        units: list[tuple[int | None, int, int]] = [(None, 0, len(tokens))] if "note" in self._units else []
        if "section" in self._units:
            for section in sections:
                first, last = np.searchsorted(tokens.starts, [section["start"], section["end"]]).tolist()
                units.append((section["section_id"], first, last))
        return [unit for unit in units if unit[1] < unit[2]]

    def _pool(self, notes: EncodedNotes, note: int, units: Sequence[tuple[int | None, int, int]]) -> torch.Tensor:
        """Shape (units, width), float32."""
        # The windows' ends are known once the states have been read.
        means = mean_states(notes.parts_of(note), [(first, last) for _, first, last in units])
        ends = sorted(notes.ends[note].items())
        if self._pooling == "cls":
            return torch.stack([_owner(ends, first).first.float() for _, first, _ in units])
        if units[0][0] is None:
            n = units[0][2]
            special = ends[0][1].first.float() + ends[-1][1].last.float()
            means[0] = (means[0] * n + special) / (n + 2)
        return means


def _owner(ends: Sequence[tuple[Window, WindowEnds]], token: int) -> WindowEnds:
    """The ends of the window that owns the token."""
    return next(found for window, found in ends if window.own_start <= token < window.own_stop)
