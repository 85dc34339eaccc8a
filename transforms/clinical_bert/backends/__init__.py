"""Ways to compute an encoder.

Names can be imported from here without loading any of the libraries that compute: a plan is checked without them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from transforms.clinical_bert.backends.precision import BackendName, Precision

if TYPE_CHECKING:
    import torch

    from transforms.clinical_bert.backends.base import Backend


def open_backend(
    folder: Path,
    *,
    backend: BackendName = "auto",
    precision: Precision = "auto",
    device: str | torch.device = "auto",
    compiled: bool = False,
    for_sequences: bool = False,
) -> Backend:
    """Loads the encoder of a checkpoint.

    Args:
        folder: a checkpoint that was resolved.
        backend: what computes it; `auto` is PyTorch.
        precision: `auto` is bf16 where the processor or the GPU computes in it, else fp32.
        device: `auto`, `cpu`, `cuda` or `cuda:N`; `auto` is the GPU where there is one.
        compiled: run PyTorch through `torch.compile`; the first batches then take minutes.
        for_sequences: the states are read by a sequence classifier (`load_encoder`).

    Raises:
        CheckpointError: the checkpoint cannot be read, or lacks weights of its encoder.
        ValueError: an unknown name.
    """
    from transforms.clinical_bert.backends.pytorch import open_pytorch
    from transforms.clinical_bert.backends.support import pick_device, pick_dtype
    from transforms.clinical_bert.checkpoints.loading import load_encoder

    if backend not in ("auto", "torch"):
        raise ValueError(f"backend {backend!r} is none of auto, torch")
    where = pick_device(str(device))
    return open_pytorch(
        load_encoder(folder, pick_dtype(precision, where), where, for_sequences=for_sequences), compiled=compiled
    )
