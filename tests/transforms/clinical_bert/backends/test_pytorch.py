"""The PyTorch backend against transformers' own forward, for every family."""

from __future__ import annotations

import pytest
import torch

from tests.transforms.clinical_bert.backends import encoders
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
