"""The clinical-BERT replica: one encoder pass over whole notes, many heads."""

from __future__ import annotations

from transforms.clinical_bert.checkpoints import Checkpoint, CheckpointError, resolve, shipped
from transforms.clinical_bert.spans import Span

__all__ = ["Checkpoint", "CheckpointError", "Span", "resolve", "shipped"]
