"""Find a checkpoint, and make sure before any work that it holds what a head needs.

Three layouts are known. Our own is a Hugging Face encoder folder with, beside the encoder, `heads/<head>.json`
(kind, labels, figures) and `heads/<head>.safetensors`, so that one backbone serves many heads. The second is a
plain Hugging Face checkpoint whose class fits the head (`BertForTokenClassification` and so on; for embeddings any
encoder). The third is that of PLM-ICD (`plm_icd`).

Only the header of a safetensors file is read here: no tensor is loaded and no model library is imported, so
that a plan can be checked in a moment. Pickled weights can run code when they are loaded. They are refused unless
they are asked for, and then `converting` reads tensors alone out of them. Code in a repository is never run.
"""

from __future__ import annotations

from transforms.clinical_bert.checkpoints.configs import label_names, positions
from transforms.clinical_bert.checkpoints.errors import CheckpointError
from transforms.clinical_bert.checkpoints.files import own_head, read_json, tensor_shapes, weight_files
from transforms.clinical_bert.checkpoints.resolving import (
    SHIPPED,
    Checkpoint,
    labels_of,
    resolve,
    resolve_encoder,
    shipped,
    width_of,
)

__all__ = [
    "SHIPPED",
    "Checkpoint",
    "CheckpointError",
    "label_names",
    "labels_of",
    "own_head",
    "positions",
    "read_json",
    "resolve",
    "resolve_encoder",
    "shipped",
    "tensor_shapes",
    "weight_files",
    "width_of",
]
