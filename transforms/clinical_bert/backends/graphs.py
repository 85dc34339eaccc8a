"""Encoders as ONNX graphs, exported once and kept under a cache folder.

A graph is found by the hash of what it is made of: the checkpoint's config and weights, and the versions that export
and quantise. Its files are compared with their hashes before it is used (`kept`).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import torch

from transforms.clinical_bert.backends.kept import kept, sha256
from transforms.clinical_bert.backends.precision import BackendError, check_exportable
from transforms.clinical_bert.checkpoints.configs import model_type, positions
from transforms.clinical_bert.checkpoints.converting import cache_folder
from transforms.clinical_bert.checkpoints.files import read_json, weight_files
from transforms.clinical_bert.checkpoints.loading import load_encoder
from transforms.clinical_bert.shapes import uses_shapes

GRAPH: Final = "model.onnx"
INPUTS: Final = ("input_ids", "attention_mask", "token_type_ids")
"""In their order; the last one only where the encoder reads word shapes."""

Weights = Literal["fp32", "int8"]

_FORM: Final = 1
"""Raised when graphs are made in another way, so that kept ones are not taken."""
_PACKAGES: Final = ("torch", "transformers", "onnx", "onnxscript")


def graphs_folder() -> Path:
    """Where graphs are kept."""
    return cache_folder() / "graphs"


def graph(folder: Path, weights: Weights) -> Path:
    """The ONNX file of a checkpoint's encoder; made where it is not kept yet, which takes up to a minute.

    Its inputs are `INPUTS`, all int64 of shape (windows, length); its output is `states`, float32, of shape (windows,
    length, width). Beside the file lie its weights.

    Args:
        folder: a checkpoint that was resolved.
        weights: precision of the matrices.

    Raises:
        BackendError: the family cannot be exported.
        CheckpointError: the checkpoint cannot be read.
    """
    check_exportable(model_type(read_json(folder / "config.json")))
    place = graphs_folder() / _key(folder, weights)
    if weights == "int8":
        return kept(place, lambda into: _quantize(graph(folder, "fp32"), into / GRAPH)) / GRAPH
    return kept(place, lambda into: _export(folder, into / GRAPH)) / GRAPH


def _key(folder: Path, weights: Weights) -> str:
    packages = (*_PACKAGES, "onnxruntime") if weights == "int8" else _PACKAGES
    parts = [str(_FORM), weights, *(f"{name} {importlib.metadata.version(name)}" for name in packages)]
    parts += [sha256(path) for path in (folder / "config.json", *weight_files(folder))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


class _States(torch.nn.Module):
    """The encoder with tensors alone going in and out."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self._encoder = encoder

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> torch.Tensor:
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        states: torch.Tensor = self._encoder(input_ids=input_ids, attention_mask=attention_mask, **types)[0]
        return states


def _export(folder: Path, path: Path) -> None:
    config = read_json(folder / "config.json")
    model = _States(load_encoder(folder, torch.float32, torch.device("cpu")))
    names = INPUTS if uses_shapes(config) else INPUTS[:2]
    limit = positions(config)
    # Two windows of some length stand for all; one of them is padded, so that no mask is folded into the graph.
    example = torch.ones((2, min(24, limit)), dtype=torch.int64)
    mask = example.clone()
    mask[1, -3:] = 0
    given = {"input_ids": example + 1, "attention_mask": mask, "token_type_ids": torch.zeros_like(example)}
    axes = {0: torch.export.Dim("windows"), 1: torch.export.Dim("length", max=limit)}
    try:
        with quiet(), torch.no_grad():
            torch.onnx.export(
                model,
                tuple(given[name] for name in names),
                path,
                input_names=list(names),
                output_names=["states"],
                dynamic_shapes=dict.fromkeys(names, axes),
                dynamo=True,
                external_data=True,  # a single file cannot hold more than 2 GB
                verbose=False,
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError, ValueError) as error:
        raise BackendError(
            f"{config.get('model_type')} cannot be exported to ONNX ({type(error).__name__}): set model.backend = "
            '"torch"'
        ) from error


def _quantize(source: Path, path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with quiet():
        quantize_dynamic(
            source,
            path,
            op_types_to_quantize=["MatMul"],  # embeddings stay as they are: looking up costs nothing
            per_channel=True,
            weight_type=QuantType.QInt8,
            use_external_data_format=True,
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Silences what exporters tell their developers; errors are raised all the same."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
