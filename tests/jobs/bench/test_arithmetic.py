from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.bench.arithmetic import Shape, matmul_peak
from tests.transforms.clinical_bert import tiny


def test_shape_of_a_known_model(tmp_path: Path) -> None:
    shape = Shape.of(tiny.token_classifier(tmp_path))
    width, inner, labels = tiny.WIDTH, 64, len(tiny.LABELS)
    assert (shape.layers, shape.width) == (2, width)
    assert shape.linear == 2 * (4 * width * width + 2 * width * inner) + width * labels
    model = tiny.BertForTokenClassification.from_pretrained(tmp_path)
    assert shape.parameters == sum(weight.numel() for weight in model.parameters())


def test_operations_of_known_windows() -> None:
    """One layer of width 4 with 10 linear weights, two windows of 3 and 5 tokens, multiplied out by hand."""
    shape = Shape(parameters=99, linear=10, layers=1, width=4)
    projections = 2 * 10 * (3 + 5)
    attention = 2 * (2 * 4) * (3 * 3 + 5 * 5)  # QK^T and the weighted sum, a multiply and an add each
    assert shape.operations_of([3, 5]) == projections + attention
    assert shape.operations(8, 34) == projections + attention


def test_operations_are_those_that_pytorch_counts(tmp_path: Path) -> None:
    """PyTorch counts the products of matrices as they are run; the formula counts them from the shape."""
    from torch.utils.flop_counter import FlopCounterMode

    folder = tiny.token_classifier(tmp_path)
    model = tiny.BertForTokenClassification.from_pretrained(folder, attn_implementation="eager").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=torch.ones((1, 17), dtype=torch.long))
    assert Shape.of(folder).operations_of([17]) == counter.get_total_flops()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_peak_is_a_speed_that_a_product_reaches(dtype: torch.dtype) -> None:
    peak = matmul_peak(dtype, torch.device("cpu"), seconds=0.2)
    assert 1e8 < peak < 1e15
