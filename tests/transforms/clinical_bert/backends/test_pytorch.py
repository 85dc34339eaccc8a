"""The PyTorch backend against transformers' own forward, for every family."""

from __future__ import annotations

import pytest
import torch

from tests.transforms.clinical_bert.backends import encoders
from transforms.clinical_bert.backends.prepacked import PrepackedLinear
from transforms.clinical_bert.backends.pytorch import open_pytorch
from transforms.clinical_bert.catalogue import TOKEN_CLASSIFIERS

LENGTHS = (7, 33, 2, 80, 33, 16, 48, 7, 7, 50, 64, 3)
FAMILIES = sorted(encoders.CONFIGS)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


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


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_states_do_not_depend_on_neighbours(family: str, precision: str) -> None:
    backend = open_pytorch(encoders.model(family, DTYPES[precision]))
    batch = encoders.windows(*LENGTHS)
    parts = encoders.parts(batch)
    together = backend(batch).split(batch.lengths)
    # The convolutions of ConvBert sum float32 in another order where a batch has several windows.
    least = 1e-5 if (family, precision) == ("ConvBert", "fp32") else 0.0
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


@pytest.mark.slow
def test_a_compiled_model_gives_the_same() -> None:
    run = open_pytorch(encoders.model("Bert"), compiled=True)
    for seed, lengths in enumerate(((7, 33, 2, 80), (40, 40, 12), (64,))):
        batch = encoders.windows(*lengths, seed=seed)
        torch.testing.assert_close(run(batch), encoders.expected(encoders.model("Bert"), batch), atol=1e-5, rtol=1e-5)
