"""A sequence classifier of transformers decides what a note asserts of its entities.

Each entity is read in its sentence, between two marks `[entity]`, as van Aken et al. trained theirs (Assertion
Detection in Clinical Notes: Medical Language Models to the Rescue? NLPMC 2021; `clinical-assertion-negation-bert`).
Labels are those of the i2b2 2010 task and their synonyms. A label decides what all labels of the checkpoint are about;
on anything else (with PRESENT, ABSENT and POSSIBLE: historical, hypothetical, experiencer) ConText keeps its word.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import torch

from transforms.assertion.sentences import sentence_starts
from transforms.clinical_bert.backends.support import pick_device
from transforms.clinical_bert.checkpoints import Checkpoint, CheckpointError, labels_of, read_json
from transforms.clinical_bert.checkpoints.configs import positions
from transforms.clinical_bert.checkpoints.loading import load_classifier, load_tokenizer

MARK: Final = "[entity]"
_BATCH: Final = 32
_LABELS: Final[Mapping[str, tuple[str, Any]]] = MappingProxyType(
    {
        "present": ("negated", False),
        "affirmed": ("negated", False),
        "absent": ("negated", True),
        "negated": ("negated", True),
        "possible": ("uncertain", True),
        "uncertain": ("uncertain", True),
        "hypothetical": ("hypothetical", True),
        "conditional": ("hypothetical", True),
        "historical": ("historical", True),
        "family": ("experiencer", "family"),
        "associated_with_someone_else": ("experiencer", "family"),
    }
)
"""Label in small letters -> the property that it gives."""

_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {"negated": False, "uncertain": False, "hypothetical": False, "historical": False, "experiencer": "patient"}
)


def meanings(checkpoint: Checkpoint) -> list[dict[str, Any]]:
    """What each class of the checkpoint says, of every property that one of its classes is about.

    Raises:
        CheckpointError: a label stands for nothing that is known.
    """
    names = [label.lower().replace(" ", "_").replace("-", "_") for label in labels_of(checkpoint, "assertion")]
    if unknown := [name for name in names if name not in _LABELS]:
        raise CheckpointError(
            f"checkpoint {checkpoint.source!r}: no assertion is known for its label {unknown[0]!r}; known are "
            f"{', '.join(_LABELS)}: rename it in id2label of its config.json"
        )
    about = {_LABELS[name][0]: _DEFAULTS[_LABELS[name][0]] for name in names}
    return [{**about, _LABELS[name][0]: _LABELS[name][1]} for name in names]


class AssertionClassifier:
    """The loaded checkpoint.

    Args:
        checkpoint: found fit for the head `assertion`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        CheckpointError: it is gone or changed, or has a label that stands for nothing.
    """

    def __init__(self, checkpoint: Checkpoint, device: str = "auto") -> None:
        folder = checkpoint.verify("assertion")
        self._meanings = meanings(checkpoint)
        self._device = pick_device(device)
        self._model = load_classifier(folder, torch.float32, self._device)
        self._tokenizer = load_tokenizer(folder)
        self._room = positions(read_json(folder / "config.json")) - 2
        mark = self._tokenizer.backend.token_to_id(MARK)
        self._mark: list[int] = self._ids(MARK) if mark is None else [mark]

    def decide(self, text: str, spans: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
        """For each span, what the checkpoint says: some properties of `Asserted` with their values.

        Args:
            text: a note.
            spans: the entities, half open, in any order.

        Raises:
            FloatingPointError: a score is not a number.
        """
        starts = sentence_starts(text)
        rows = [self._row(text, start, end, starts) for start, end in spans]
        said: list[dict[str, Any]] = [{} for _ in rows]
        by_length = sorted(range(len(rows)), key=lambda at: len(rows[at]))
        for first in range(0, len(rows), _BATCH):
            batch = by_length[first : first + _BATCH]
            for at, label in zip(batch, self._labels([rows[at] for at in batch]), strict=True):
                said[at] = dict(self._meanings[label])
        return said

    @torch.inference_mode()
    def _labels(self, rows: Sequence[Sequence[int]]) -> list[int]:
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self._tokenizer.pad, dtype=torch.long)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for at, row in enumerate(rows):
            ids[at, : len(row)] = torch.tensor(row)
            mask[at, : len(row)] = 1
        logits = self._model(input_ids=ids.to(self._device), attention_mask=mask.to(self._device)).logits.cpu()
        if not bool(logits.isfinite().all()):
            raise FloatingPointError("the assertion classifier gave scores that are not numbers")
        return [int(label) for label in logits.argmax(dim=1)]

    def _row(self, text: str, start: int, end: int, starts: Sequence[int]) -> list[int]:
        """The tokens of the sentence with the marks in it; of a long one, those nearest to the entity."""
        index = bisect_right(starts, start) - 1
        stop = starts[index + 1] if index + 1 < len(starts) else len(text)
        entity = self._ids(text[start:end])[: self._room - 2 * len(self._mark)]
        before, after = self._ids(text[starts[index] : start]), self._ids(text[end : max(stop, end)])
        room = self._room - len(entity) - 2 * len(self._mark)
        behind = min(len(after), max(room // 2, room - len(before)))
        ahead = min(len(before), room - behind)
        kept = [*before[len(before) - ahead :], *self._mark, *entity, *self._mark, *after[:behind]]
        return [self._tokenizer.first, *kept, self._tokenizer.last]

    def _ids(self, text: str) -> list[int]:
        return [int(number) for number in self._tokenizer([text])[0].ids]
