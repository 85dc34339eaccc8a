"""Ways to compute an encoder.

Names can be imported from here without loading any of the libraries that compute: a plan is checked without them.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from transforms.clinical_bert.backends.precision import BackendError, BackendName, Precision

if TYPE_CHECKING:
    import torch

    from transforms.clinical_bert.backends.base import Backend
    from transforms.clinical_bert.backends.support import Computing

__all__ = ["BackendError", "BackendName", "Precision", "open_backend"]

_log = logging.getLogger(__name__)


def open_backend(
    folder: Path,
    *,
    backend: BackendName = "auto",
    precision: Precision = "auto",
    device: str | torch.device = "auto",
    compiled: bool = False,
    check_labels: bool | None = None,
    for_sequences: bool = False,
) -> Backend:
    """Loads the encoder of a checkpoint.

    Args:
        folder: a checkpoint that was resolved.
        backend: what computes it; `auto` is the fastest that is installed and that the processor has.
        precision: `auto` likewise; it is `int8`, which costs accuracy that a few sentences do not show, only where the
            checkpoint was measured so (`precision.MEASURED_IN`).
        device: `auto`, `cpu`, `cuda` or `cuda:N`; `auto` is the GPU where there is one.
        compiled: run PyTorch through `torch.compile`; the first batches then take minutes.
        check_labels: compare the labels of made-up sentences with those in float32, and compute in float32 instead
            where they are not kept; None where the precision is `auto`.
        for_sequences: the states are read by a sequence classifier (`load_encoder`).

    Raises:
        BackendError: what is asked for cannot be had here.
        CheckpointError: the checkpoint cannot be read, or lacks weights of its encoder.
    """
    from transforms.clinical_bert.backends.support import Computing, check, choose, pick_device
    from transforms.clinical_bert.checkpoints.files import read_json

    where = pick_device(str(device))
    configs = [read_json(folder / "config.json")]
    if compiled and backend == "auto":
        backend = "torch"
    computing = choose(backend, precision, where.type, configs)
    check(computing, configs)
    if compiled and computing == ("torch", "int8"):
        raise BackendError("int8 does not run through torch.compile: set model.compile = false, or another precision")
    if compiled and computing.backend == "native":
        raise BackendError("backend 'native' does not run through torch.compile: set model.compile = false")
    made = _open(folder, computing, where, compiled, for_sequences)
    if computing.precision == "fp32" or not (precision == "auto" if check_labels is None else check_labels):
        return made
    exact = _open(folder, Computing("torch", "fp32"), where, False, for_sequences)
    from transforms.clinical_bert.backends.labels import keeps_labels, sample
    from transforms.clinical_bert.checkpoints.configs import positions
    from transforms.clinical_bert.checkpoints.loading import load_tokenizer

    windows = sample(load_tokenizer(folder), min(128, positions(read_json(folder / "config.json"))))
    kept, changed, tokens = keeps_labels(folder, exact, made, windows, computing.precision)
    if kept:
        return made
    _log.warning("%s in %s changes %d of %d labels: float32 takes its place", *computing, changed, tokens)
    return exact


def _open(folder: Path, computing: Computing, device: torch.device, compiled: bool, for_sequences: bool) -> Backend:
    import torch

    if computing.backend == "onnx":
        from transforms.clinical_bert.backends.onnx import OnnxEncoder

        return OnnxEncoder(folder, computing.precision)
    if computing.backend == "openvino":
        from transforms.clinical_bert.backends.openvino import OpenVinoEncoder

        return OpenVinoEncoder(folder, computing.precision)
    from transforms.clinical_bert.checkpoints.loading import load_encoder

    if computing.backend == "native":
        from transforms.clinical_bert.backends.native.encoder import NativeEncoder

        model = load_encoder(folder, torch.float32, device, for_sequences=for_sequences)
        return NativeEncoder(model, quantized=computing.precision == "int8")
    from transforms.clinical_bert.backends.pytorch import open_pytorch

    dtype = torch.bfloat16 if computing.precision == "bf16" else torch.float32
    model = load_encoder(folder, dtype, device, for_sequences=for_sequences)
    return open_pytorch(model, compiled=compiled, quantized=computing.precision == "int8")
