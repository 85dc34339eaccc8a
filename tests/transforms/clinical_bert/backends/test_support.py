"""What `auto` is on which machine, and what is refused."""

from __future__ import annotations

import pytest
import torch

from transforms.clinical_bert.backends import BackendError, support
from transforms.clinical_bert.backends.support import Computing, check, choose

BERT = {"model_type": "bert", "intermediate_size": 3072}
ALL = frozenset(("avx512_bf16", "avx512_vnni"))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> object:
    """Sets what the processor has, and which packages are not installed."""

    def set_up(features: frozenset[str] = ALL, *, without: tuple[str, ...] = ()) -> None:
        monkeypatch.setattr(support, "features", lambda: features)
        monkeypatch.setattr(support.library, "problem", lambda: "needs a compiler" if "c++" in without else None)
        monkeypatch.setattr(support, "find_spec", lambda name: None if name in without else object())

    set_up()
    return set_up


@pytest.mark.parametrize(
    ("features", "without", "expected"),
    [
        (ALL, (), ("native", "bf16")),
        (ALL, ("openvino", "onnxruntime"), ("native", "bf16")),
        (ALL, ("c++",), ("torch", "bf16")),
        (frozenset(["avx512_bf16"]), (), ("torch", "bf16")),
        (frozenset(["avx_vnni"]), (), ("torch", "fp32")),
        (frozenset(["avx_vnni"]), ("onnxruntime",), ("torch", "fp32")),
        (frozenset(), (), ("torch", "fp32")),
    ],
)
def test_auto(machine: object, features: frozenset[str], without: tuple[str, ...], expected: tuple[str, str]) -> None:
    machine(features, without=without)  # type: ignore[operator]
    assert choose("auto", "auto", "cpu", [BERT]) == expected


@pytest.mark.parametrize(
    ("backend", "precision", "expected"),
    [
        ("torch", "auto", ("torch", "bf16")),
        ("onnx", "auto", ("onnx", "fp32")),
        ("onnx", "int8", ("onnx", "int8")),
        ("openvino", "auto", ("openvino", "bf16")),
        ("auto", "fp32", ("torch", "fp32")),
        ("native", "auto", ("native", "bf16")),
        ("auto", "int8", ("native", "int8")),
        ("openvino", "fp32", ("openvino", "fp32")),
    ],
)
@pytest.mark.usefixtures("machine")
def test_half_of_it_named(backend: str, precision: str, expected: tuple[str, str]) -> None:
    assert choose(backend, precision, "cpu") == expected  # type: ignore[arg-type]


def test_int8_is_taken_for_what_was_measured_so(machine: object) -> None:
    measured = BERT | {"measured_in": "int8"}
    assert choose("auto", "auto", "cpu", [measured]) == ("native", "int8")
    assert choose("native", "auto", "cpu", [measured, measured]) == ("native", "int8")
    assert choose("auto", "auto", "cpu", [measured, BERT]) == ("native", "bf16")
    assert choose("auto", "bf16", "cpu", [measured]) == ("native", "bf16")
    assert choose("torch", "auto", "cpu", [measured]) == ("torch", "bf16")
    assert choose("auto", "auto", "cuda", [measured]).backend == "torch"
    machine(without=("c++",))  # type: ignore[operator]
    assert choose("auto", "auto", "cpu", [measured]) == ("torch", "bf16")
    machine(frozenset())  # type: ignore[operator]
    assert choose("auto", "auto", "cpu", [measured]) == ("torch", "fp32")


@pytest.mark.usefixtures("machine")
def test_a_family_that_no_graph_holds_goes_to_pytorch() -> None:
    assert choose("auto", "auto", "cpu", [BERT, {"model_type": "longformer"}]) == ("torch", "bf16")
    with pytest.raises(BackendError, match=r'longformer cannot be exported to ONNX: set model\.backend = "torch"'):
        choose("onnx", "auto", "cpu", [BERT, {"model_type": "longformer"}])


@pytest.mark.parametrize(
    ("asked", "features", "without", "words"),
    [
        (
            ("onnx", "bf16"),
            ALL,
            (),
            r"'onnx' computes in fp32 and int8, not in bf16: .* 'native' or 'torch' or 'openvino'",
        ),
        (
            ("openvino", "int8"),
            ALL,
            (),
            r"not in int8: take another precision, or model\.backend = 'native' or 'torch' or 'onnx'",
        ),
        (("onnx", "fp32"), ALL, ("onnxruntime",), r"package onnxruntime: pip install 'notemill\[onnx\]'"),
        (("onnx", "int8"), frozenset(["avx512_bf16"]), (), r"none of avx512_vnni, .* which int8 needs"),
        (("torch", "int8"), frozenset(["avx512_bf16"]), (), r"none of avx512_vnni, .* which int8 needs"),
        (("openvino", "bf16"), frozenset(["avx512_vnni"]), (), r"none of avx512_bf16, .* which bf16 needs"),
        (("tensorrt", "fp32"), ALL, (), r"backend 'tensorrt' is none of auto, native, torch, onnx, openvino"),
        (("native", "fp32"), ALL, (), r"'native' computes in bf16 and int8, not in fp32: .* 'torch' or 'onnx'"),
        (("native", "int8"), frozenset(["avx512_vnni"]), (), r"no avx512_bf16, which backend 'native' needs"),
        (("native", "bf16"), ALL, ("c++",), r"'native' needs a compiler; or set model\.backend = 'torch'"),
        (("torch", "fp8"), ALL, (), r"precision 'fp8' is none of auto, fp32, bf16, int8"),
    ],
)
def test_what_cannot_be_had_is_refused(
    machine: object, asked: tuple[str, str], features: frozenset[str], without: tuple[str, ...], words: str
) -> None:
    machine(features, without=without)  # type: ignore[operator]
    with pytest.raises(BackendError, match=words):
        choose(*asked, "cpu")  # type: ignore[arg-type]
    with pytest.raises(BackendError, match=words):
        check(Computing(*asked))  # type: ignore[arg-type]


def test_int8_without_its_products_is_refused(machine: object) -> None:
    machine(frozenset(["avx512_bf16"]))  # type: ignore[operator]
    with pytest.raises(BackendError, match="which int8 needs"):
        choose("auto", "int8", "cpu")


@pytest.mark.usefixtures("machine")
def test_on_a_gpu_pytorch_computes() -> None:
    expected = "bf16" if not torch.cuda.is_available() or torch.cuda.is_bf16_supported(False) else "fp32"
    assert choose("auto", "auto", "cuda") == ("torch", expected)
    assert choose("torch", "fp32", "cuda") == ("torch", "fp32")
    with pytest.raises(BackendError, match="'openvino' computes on the CPU"):
        choose("openvino", "auto", "cuda")
    with pytest.raises(BackendError, match="int8 is not computed"):
        choose("auto", "int8", "cuda")


def test_the_features_of_this_processor_are_known() -> None:
    flags = torch.cpu.get_capabilities()
    assert {name for name in ("avx512_bf16", "avx512_vnni", "amx_bf16") if flags.get(name)} <= support.features()
