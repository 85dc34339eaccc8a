"""The PyTorch backend against transformers' own forward, for every family."""

from __future__ import annotations

import pytest
import torch

from tests.transforms.clinical_bert.backends import encoders
from transforms.clinical_bert.backends.prepacked import PrepackedLinear
from transforms.clinical_bert.backends.pytorch import open_pytorch
from transforms.clinical_bert.backends.quantized import QuantizedLinear
from transforms.clinical_bert.backends.support import features
from transforms.clinical_bert.catalogue import TOKEN_CLASSIFIERS

LENGTHS = (7, 33, 2, 80, 33, 16, 48, 7, 7, 50, 64, 3)
FAMILIES = sorted(encoders.CONFIGS)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.float32}
needs_int8 = pytest.mark.skipif("vnni" not in str(features()), reason="the processor has no VNNI")


def test_every_family_is_here() -> None:
    assert {name.removesuffix("ForTokenClassification") for name in TOKEN_CLASSIFIERS} == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_states_are_those_of_transformers(family: str) -> None:
    batch = encoders.windows(*LENGTHS)
    expected = encoders.expected(encoders.model(family), batch)
    backend = open_pytorch(encoders.model(family))
    states = backend(batch)
    assert (backend.device, backend.dtype, backend.width) == (states.device, states.dtype, states.shape[1])
    torch.testing.assert_close(states, expected, atol=1e-5, rtol=1e-5)
    assert expected.std() > 0.1


@pytest.mark.parametrize("precision", ["fp32", "bf16", pytest.param("int8", marks=needs_int8)])
@pytest.mark.parametrize("family", FAMILIES)
def test_states_do_not_depend_on_neighbours(family: str, precision: str) -> None:
    backend = open_pytorch(encoders.model(family, DTYPES[precision]), quantized=precision == "int8")
    batch = encoders.windows(*LENGTHS)
    parts = encoders.parts(batch)
    together = backend(batch).split(batch.lengths)
    # The convolutions of ConvBert sum float32 in another order where a batch has several windows.
    least = 1e-5 if family == "ConvBert" and precision != "bf16" else 0.0
    for part, states in zip(parts, together, strict=True):
        torch.testing.assert_close(backend(part), states, atol=least, rtol=0)
    some = encoders.windows(5, 33, 80, 21, seed=1)
    mixed = some._replace(
        ids=torch.cat([torch.from_numpy(p.ids) for p in (some, *parts[::-1])]).numpy(),
        lengths=(*some.lengths, *batch.lengths[::-1]),
    )
    for states, others in zip(together, backend(mixed).split(mixed.lengths)[: len(some.lengths) - 1 : -1], strict=True):
        torch.testing.assert_close(states, others, atol=least, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_bfloat16_is_near_float32(family: str) -> None:
    batch = encoders.windows(*LENGTHS)
    expected = encoders.expected(encoders.model(family), batch)
    states = open_pytorch(encoders.model(family, torch.bfloat16))(batch)
    assert states.dtype is torch.bfloat16
    assert torch.cosine_similarity(states.float(), expected).min() > 0.98


@needs_int8
@pytest.mark.parametrize("family", FAMILIES)
def test_int8_is_near_float32(family: str) -> None:
    batch = encoders.windows(*LENGTHS)
    expected = encoders.expected(encoders.model(family), batch)
    model = encoders.model(family)
    states = open_pytorch(model, quantized=True)(batch)
    assert states.dtype is torch.float32
    assert torch.cosine_similarity(states, expected).min() > 0.98
    assert torch.cosine_similarity(states, expected).mean() > 0.99
    assert not any(type(module) is torch.nn.Linear for module in model.modules())


@needs_int8
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("gelu", [True, False])
def test_a_quantized_layer(bias: bool, gelu: bool) -> None:
    torch.manual_seed(4)
    linear = torch.nn.Linear(96, 48, bias=bias)
    values = torch.randn(2, 150, 96) * torch.logspace(-3, 3, 150)[None, :, None]  # a range of its own for each token
    values[0, 7] = 0
    with torch.inference_mode():
        expected = torch.nn.functional.gelu(linear(values)) if gelu else linear(values)
        found = QuantizedLinear(linear, gelu=gelu)(values)
    assert found.shape == expected.shape
    assert ((found - expected).norm(dim=2) / expected.norm(dim=2).clamp(min=1e-6)).max() < 0.03
    torch.testing.assert_close(found[0, 7], expected[0, 7])


def test_layers_are_prepacked_where_bfloat16_is_computed() -> None:
    def count(dtype: torch.dtype) -> int:
        model = encoders.model("Bert", dtype)
        open_pytorch(model)
        return sum(isinstance(module, PrepackedLinear) for module in model.modules())

    assert count(torch.float32) == 0
    assert count(torch.bfloat16) == (12 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else 0)


@pytest.mark.parametrize("family", ["Bert", "ModernBert", "MegatronBert"])
def test_word_shapes_and_many_windows(family: str) -> None:
    """Token types reach the model, and windows of one length that do not lie together come back in their places."""
    changes = {} if family == "ModernBert" else {"type_vocab_size": 10}
    batch = encoders.windows(*[20, 9, 35] * 9, types=10 if changes else 0)
    expected = encoders.expected(encoders.model(family, **changes), batch)
    states = open_pytorch(encoders.model(family, **changes))(batch)
    torch.testing.assert_close(states, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("precision", ["bf16", pytest.param("int8", marks=needs_int8)])
def test_long_windows_neither(precision: str) -> None:
    """Attention goes through them in parts."""
    changes = {"max_position_embeddings": 512, "num_attention_heads": 8}
    batch = encoders.windows(512, 430, 390, 430, 20)
    expected = encoders.expected(encoders.model("Bert", **changes), batch)
    model = encoders.model("Bert", DTYPES[precision], **changes)
    backend = open_pytorch(model, quantized=precision == "int8")
    states = backend(batch)
    assert torch.cosine_similarity(states.float(), expected).min() > 0.98
    for part, of_window in zip(encoders.parts(batch), states.split(batch.lengths), strict=True):
        assert torch.equal(backend(part), of_window)


@pytest.mark.slow
def test_a_compiled_model_gives_the_same() -> None:
    run = open_pytorch(encoders.model("Bert"), compiled=True)
    for seed, lengths in enumerate(((7, 33, 2, 80), (40, 40, 12), (64,))):
        batch = encoders.windows(*lengths, seed=seed)
        torch.testing.assert_close(run(batch), encoders.expected(encoders.model("Bert"), batch), atol=1e-5, rtol=1e-5)
