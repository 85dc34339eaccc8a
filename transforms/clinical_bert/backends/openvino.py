"""The encoder in OpenVINO (extra `openvino`)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import openvino
import torch

from transforms.clinical_bert.backends.exported import ExportedEncoder
from transforms.clinical_bert.backends.graphs import graph

_HINTS: Final = {"fp32": "f32", "bf16": "bf16"}


class OpenVinoEncoder(ExportedEncoder):
    """Computes in float32 or bfloat16; states come out in float32.

    The graph is read as ONNX, so that OpenVINO's converter, which reports its use, is not needed.

    Args:
        folder: a checkpoint that was resolved.
        precision: `fp32` or `bf16`.

    Raises:
        BackendError: the family cannot be exported.
        CheckpointError: the checkpoint cannot be read.
    """

    def __init__(self, folder: Path, precision: str) -> None:
        super().__init__(folder)
        settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": 1,
        }
        compiled = openvino.Core().compile_model(graph(folder, "fp32"), "CPU", settings)
        self._request = compiled.create_infer_request()

    def _infer(self, given: dict[str, npt.NDArray[np.int64]]) -> npt.NDArray[np.float32]:
        self._request.infer(given)
        # A view of the request's own memory: the caller copies it before the next run.
        return np.asarray(self._request.get_output_tensor(0).data)
