"""The names of backends and precisions, and which of them go together. Imports no library that computes."""

from __future__ import annotations

from typing import Final, Literal

BackendName = Literal["auto", "native", "torch", "onnx", "openvino"]
Precision = Literal["auto", "fp32", "bf16", "int8"]
BACKENDS: Final = ("auto", "native", "torch", "onnx", "openvino")
PRECISIONS: Final = ("auto", "fp32", "bf16", "int8")

COMPUTES: Final = {
    "native": ("bf16", "int8"),
    "torch": ("fp32", "bf16", "int8"),
    "onnx": ("fp32", "int8"),
    "openvino": ("fp32", "bf16"),
}
"""The precisions of each backend."""

MEASURED_IN: Final = "measured_in"
"""Key of a checkpoint's config.json: the precision that its figures were measured in. Where it is `int8`, `auto` takes
backend `native` in int8 for it."""

NEEDS: Final = {
    "native": (),
    "torch": (),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("onnx", "onnxscript", "openvino"),
}
"""The packages of each backend beyond those that Notemill always has; its extra has its name."""

_UNEXPORTABLE: Final = frozenset(("big_bird", "longformer"))
"""Model types whose attention takes other steps for other lengths, which no graph can hold: found by trying every
family of `catalogue.ENCODERS` with torch 2.13 and transformers 5.23."""


class BackendError(ValueError):
    """A backend cannot compute what is asked of it; the message is one line that says why and how to mend it."""


def exportable(family: str) -> bool:
    """Whether encoders of this model type can become an ONNX graph."""
    return family not in _UNEXPORTABLE


def check_exportable(family: str) -> None:
    """Raises BackendError: encoders of this model type cannot become an ONNX graph."""
    if not exportable(family):
        raise BackendError(f'{family} cannot be exported to ONNX: set model.backend = "torch"')


def check_names(backend: str, precision: str) -> None:
    """Raises BackendError: an unknown name, or a precision that the backend does not compute in."""
    if backend not in BACKENDS:
        raise BackendError(f"backend {backend!r} is none of {', '.join(BACKENDS)}")
    if precision not in PRECISIONS:
        raise BackendError(f"precision {precision!r} is none of {', '.join(PRECISIONS)}")
    if "auto" not in (backend, precision) and precision not in COMPUTES[backend]:
        others = [name for name, precisions in COMPUTES.items() if precision in precisions]
        raise BackendError(
            f"backend {backend!r} computes in {' and '.join(COMPUTES[backend])}, not in {precision}: take another "
            f"precision, or model.backend = {' or '.join(map(repr, others))}"
        )
