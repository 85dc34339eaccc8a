from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from jobs.training.processor import ByteDropout, suit_processor


def small(dropout: float = 0.0) -> BertModel:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        hidden_dropout_prob=dropout, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    return BertModel(config, add_pooling_layer=False)


@pytest.mark.parametrize("padded", [False, True])
def test_states_and_gradients_are_those_of_transformers(padded: bool) -> None:
    ids = torch.randint(1, 50, (3, 17), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    if padded:
        mask[0, 5:] = 0
        mask[2, 11:] = 0
    told = []
    for suited in (False, True):
        model = small().train()
        if suited:
            suit_processor(model)
            assert model.config._attn_implementation != "sdpa"
        states = model(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None]
        states.pow(3).sum().backward()
        told.append((states.detach(), {name: p.grad for name, p in model.named_parameters()}))
    (states, gradients), (again, also) = told
    torch.testing.assert_close(again, states, rtol=1e-4, atol=1e-5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(also[name], gradient, rtol=1e-3, atol=1e-4, msg=name)


def test_dropout_keeps_the_mean_and_follows_the_seed() -> None:
    dropout = ByteDropout(0.1).train()
    ones = torch.ones(400, 1001)
    torch.manual_seed(5)
    first, second = dropout(ones), dropout(ones)
    assert not torch.equal(first, second)
    torch.manual_seed(5)
    assert torch.equal(dropout(ones), first)
    assert float((first == 0).float().mean()) == pytest.approx(26 / 256, abs=0.002)
    assert float(first.mean()) == pytest.approx(1.0, abs=0.003)
    assert torch.equal(dropout.eval()(ones), ones)


def test_dropout_takes_its_gradient_through_the_same_mask() -> None:
    states = torch.ones(64, 64, requires_grad=True)
    dropped = ByteDropout(0.3).train()(states)
    dropped.sum().backward()
    assert states.grad is not None
    assert torch.equal(states.grad, dropped.detach())


def test_each_dropout_of_an_encoder_is_replaced_and_none_that_drops_nothing() -> None:
    model = small(dropout=0.1)
    suit_processor(model)
    kinds = [type(module) for module in model.modules() if isinstance(module, (nn.Dropout, ByteDropout))]
    assert kinds.count(ByteDropout) == 5  # of the embeddings, and two in each layer
    assert all(module.p == 0 for module in model.modules() if isinstance(module, nn.Dropout))
