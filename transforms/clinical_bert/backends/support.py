"""What a machine can compute with, and which backend and precision `auto` is there."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import torch

from transforms.clinical_bert.backends.native import library, unfit
from transforms.clinical_bert.backends.precision import (
    COMPUTES,
    MEASURED_IN,
    NEEDS,
    BackendError,
    BackendName,
    Precision,
    check_names,
    exportable,
)
from transforms.clinical_bert.checkpoints.configs import model_type

_BF16: Final = ("avx512_bf16", "amx_bf16")
_INT8: Final = ("avx512_vnni", "avx_vnni", "amx_int8")
_NATIVE: Final = frozenset(("avx512_bf16", "avx512_vnni"))
"""Attention is computed in bfloat16 there, whatever the products of its layers are."""

_FASTEST_FIRST: Final = (
    ("native", "int8"),
    ("native", "bf16"),
    ("torch", "int8"),
    ("torch", "bf16"),
    ("torch", "fp32"),
)
"""On CPUs: of `native` infra/bench/encoder.json and encoder_int8.json tell, beside the others, of those backends.json.
OpenVINO in bfloat16 is no faster than PyTorch and wants an export; 8 bits are faster still, but cost accuracy that a
few sentences do not show, so they are taken unasked only for checkpoints that were measured with them."""


class Computing(NamedTuple):
    """A backend and a precision, neither of them `auto`."""

    backend: BackendName
    precision: Precision


def pick_device(device: str) -> torch.device:
    """`auto` is the GPU where there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


@cache
def features() -> frozenset[str]:
    """What the CPU has for matrices in low precision, named as Linux does: `avx512_bf16`, `avx_vnni` and so on."""
    flags = torch.cpu.get_capabilities()
    found = {name for name in (*_BF16, *_INT8) if flags.get(name)}
    if platform.system() == "Linux" and platform.machine() == "x86_64":
        # PyTorch does not tell them all.
        words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split())
        found |= words & {*_BF16, *_INT8}
    return frozenset(found)


def choose(
    backend: BackendName, precision: Precision, device: str, configs: Iterable[Mapping[str, Any]] = ()
) -> Computing:
    """The fastest that is installed, that the processor has and that the names allow.

    Args:
        backend, precision: as in `[model]`; `auto` leaves the choice, but is never `int8`, whose cost in accuracy a
            few sentences do not show, unless all of the checkpoints were measured so (`MEASURED_IN`).
        device: `cpu` or `cuda`; only PyTorch computes on the latter.
        configs: of the checkpoints that are to be computed: the content of each config.json.

    Raises:
        BackendError: what is asked for cannot be had here.
    """
    check_names(backend, precision)
    configs = list(configs)
    if device == "cuda":
        if backend not in ("auto", "torch"):
            raise BackendError(f'backend {backend!r} computes on the CPU: set model.device = "cpu" or another backend')
        if precision == "int8":
            raise BackendError('on a GPU int8 is not computed: set model.precision = "bf16"')
        whole = torch.cuda.is_available() and not torch.cuda.is_bf16_supported(including_emulation=False)
        return Computing("torch", ("fp32" if whole else "bf16") if precision == "auto" else precision)
    pairs = [*_FASTEST_FIRST, *((name, kind) for name, kinds in COMPUTES.items() for kind in kinds)]
    wanted = {precision} if precision != "auto" else {"fp32", "bf16"}
    asked = [(b, p) for b, p in pairs if backend in ("auto", b) and p in wanted]
    measured = bool(configs) and all(config.get(MEASURED_IN) == "int8" for config in configs)
    if measured and precision == "auto" and backend in ("auto", "native"):
        asked.insert(0, ("native", "int8"))
    if backend != "auto":  # the lowest precision that it computes in is its fastest
        asked.sort(key=lambda pair: pair[1] == "fp32")
    problems = [(pair, _problem(*pair, configs)) for pair in asked]
    for (name, kind), problem in problems:
        if problem is None and not (precision == "auto" and kind == "bf16" and not features() & {*_BF16}):
            return Computing(cast("BackendName", name), cast("Precision", kind))
    raise BackendError(next(problem for _, problem in problems if problem is not None))


def check(computing: Computing, configs: Iterable[Mapping[str, Any]] = ()) -> None:
    """Raises BackendError: this machine cannot compute so."""
    check_names(*computing)
    if (problem := _problem(*computing, list(configs))) is not None:
        raise BackendError(problem)


def _problem(backend: str, precision: str, configs: list[Mapping[str, Any]]) -> str | None:
    if missing := [package for package in NEEDS[backend] if find_spec(package) is None]:
        return (
            f"backend {backend!r} needs the package {missing[0]}: pip install 'notemill[{backend}]', or set "
            'model.backend = "torch"'
        )
    if backend in ("onnx", "openvino"):
        fixed = [family for family in map(model_type, configs) if not exportable(family)]
        if fixed:
            return f'{fixed[0]} cannot be exported to ONNX: set model.backend = "torch"'
    if precision == "int8" and not features() & {*_INT8}:
        # Without it, sums of products of 8-bit numbers overflow 16 bits, silently.
        return f'this processor has none of {", ".join(_INT8)}, which int8 needs: set model.precision = "fp32"'
    there = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if (backend, precision) == ("torch", "int8") and not there:
        return 'this PyTorch is built without oneDNN, which int8 needs: set model.precision = "fp32"'
    if backend == "openvino" and precision == "bf16" and not features() & {*_BF16}:
        # OpenVINO would compute in float32 and say nothing.
        return f'this processor has none of {", ".join(_BF16)}, which bf16 needs: set model.precision = "fp32"'
    return _native_problem(configs) if backend == "native" else None


def _native_problem(configs: list[Mapping[str, Any]]) -> str | None:
    for config in configs:
        if (reason := unfit(model_type(config), config)) is not None:
            return f"backend 'native' does not compute this encoder: {reason}; set model.backend = 'torch'"
    if lacking := sorted(_NATIVE - features()):
        return f"this processor has no {lacking[0]}, which backend 'native' needs: set model.backend = 'torch'"
    reason = library.problem()
    return None if reason is None else f"backend 'native' {reason}; or set model.backend = 'torch'"
