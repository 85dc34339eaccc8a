"""The encoder in ONNX Runtime (extra `onnx`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch

from transforms.clinical_bert.backends.exported import ExportedEncoder
from transforms.clinical_bert.backends.graphs import graph


class OnnxEncoder(ExportedEncoder):
    """In float32, or with 8-bit matrices whose inputs are quantised as they come.

    ONNX Runtime quantises the input of a matrix by the range of the whole batch. So in int8 each window is run by
    itself, and unpadded, or its states would depend on its neighbours.

    Args:
        folder: a checkpoint that was resolved.
        precision: `fp32` or `int8`.

    Raises:
        BackendError: the family cannot be exported.
        CheckpointError: the checkpoint cannot be read.
    """

    def __init__(self, folder: Path, precision: str) -> None:
        super().__init__(folder, alone=precision == "int8")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors alone
        path = graph(folder, "int8" if precision == "int8" else "fp32")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def _infer(self, given: dict[str, npt.NDArray[np.int64]]) -> npt.NDArray[np.float32]:
        (states,) = self._session.run(["states"], given)
        return np.asarray(states)
