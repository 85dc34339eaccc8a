"""Load a checkpoint's model and tokenizer with transformers, from its folder alone.

Apart from the rest of the package, because it imports PyTorch: a plan is checked without it.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    LongformerModel,
)

from transforms.clinical_bert.checkpoints.big_bird import BigBird, BigBirdClassifier
from transforms.clinical_bert.checkpoints.configs import model_type
from transforms.clinical_bert.checkpoints.errors import CheckpointError
from transforms.clinical_bert.checkpoints.files import read_json, tensor_shapes, tokenizer_files, weight_files
from transforms.clinical_bert.checkpoints.vocabulary import normalizer_settings
from transforms.clinical_bert.shapes import uses_shapes
from transforms.clinical_bert.windows import NoteTokenizer

_UNREADABLE: Final = (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError, IndexError)
"""What transformers raises over files that are not what they should be, or that ask for a package that is missing."""


def load_encoder(folder: Path, dtype: torch.dtype, device: torch.device, *, for_sequences: bool = False) -> Any:
    """The encoder, a base model of transformers without its pooler, in evaluation mode.

    Args:
        folder: a checkpoint that was resolved.
        dtype: precision of its weights in memory.
        device: where they go.
        for_sequences: as a sequence classifier of transformers runs it: a Longformer's first token then sees all
            tokens and is seen by all.

    Raises:
        CheckpointError: weights of the encoder are missing or of another shape.
    """
    known: Any = BigBird if _is_big_bird(folder) else AutoModel
    if for_sequences and model_type(read_json(folder / "config.json")) == "longformer":
        known = GlobalFirstToken
    model = _load(known, folder, dtype, device)
    if hasattr(model, "pooler"):
        model.pooler = None  # no head reads it, and many checkpoints hold no weights for it
    return model


class GlobalFirstToken(LongformerModel):  # type: ignore[misc]  # transformers has no types
    """A Longformer whose first token has global attention, as in `LongformerForSequenceClassification`."""

    def forward(self, input_ids: torch.Tensor, **options: Any) -> Any:
        """As transformers' own."""
        everywhere = torch.zeros_like(input_ids)
        everywhere[:, 0] = 1
        return super().forward(input_ids, global_attention_mask=everywhere, **options)


def load_classifier(folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    """A whole sequence classifier of transformers, in evaluation mode.

    Args, Raises: as of `load_encoder`.
    """
    known = BigBirdClassifier if _is_big_bird(folder) else AutoModelForSequenceClassification
    return _load(known, folder, dtype, device, whole=True)


def load_config(folder: Path) -> Any:
    """The checkpoint's config as transformers takes it.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    if model_type(read_json(folder / "config.json")) == "bert":
        return BertConfig.from_pretrained(folder, local_files_only=True)  # the first BERTs name no type
    return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def load_tokenizer(folder: Path) -> NoteTokenizer:
    """The checkpoint's tokenizer.

    Raises:
        CheckpointError: it cannot be read, or does not give what the replica needs of one.
    """
    try:
        shapes = uses_shapes(read_json(folder / "config.json"))
        with tempfile.TemporaryDirectory() as part:
            # Apart from the other files, for transformers would take any tokenizer.json, whatever is in it.
            for path in tokenizer_files(folder):
                shutil.copyfile(path, Path(part) / path.name)
            tokenizer = AutoTokenizer.from_pretrained(
                part,
                config=load_config(folder),
                local_files_only=True,
                trust_remote_code=False,
                **normalizer_settings(folder),
            )
        return NoteTokenizer(tokenizer, shapes=shapes)
    except _UNREADABLE as error:
        raise CheckpointError(f"cannot load the tokenizer of {str(folder)!r}: {type(error).__name__}") from error


def check_tokenizer(folder: Path) -> None:
    """Makes sure, before any work, that the tokenizer can be read and that the encoder knows each of its tokens.

    Raises:
        CheckpointError: see its message.
    """
    known = load_tokenizer(folder).backend.get_vocab_size(with_added_tokens=True)
    rows = [
        shape[0]
        for path in weight_files(folder)
        for name, shape in tensor_shapes(path).items()
        if name.endswith(("word_embeddings.weight", "tok_embeddings.weight"))
    ]
    if rows and known > max(rows):
        raise CheckpointError(
            f"the tokenizer of {str(folder)!r} has {known} tokens, its encoder {max(rows)}: they do not belong together"
        )


def _is_big_bird(folder: Path) -> bool:
    return model_type(read_json(folder / "config.json")) == "big_bird"


def _load(known: Any, folder: Path, dtype: torch.dtype, device: torch.device, *, whole: bool = False) -> Any:
    """Loads a model whose weights are all in the checkpoint, but for a pooler that nothing reads.

    Args:
        known: a class of transformers, or one that chooses it by the config.
        folder, dtype, device: as of `load_encoder`.
        whole: the pooler is read too.
    """
    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        model, report = known.from_pretrained(
            folder,
            config=load_config(folder),
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except _UNREADABLE as error:
        raise CheckpointError(f"cannot load the model of {str(folder)!r}: {type(error).__name__}") from error
    finally:
        transformers.logging.set_verbosity(level)
    missing = sorted(key for key in report["missing_keys"] if whole or not key.startswith("pooler."))
    if missing or report["mismatched_keys"]:
        named = ", ".join(missing[:3]) or "some are of another shape"
        raise CheckpointError(f"the checkpoint {str(folder)!r} lacks weights of its own model: {named}")
    if not all(bool(weight.isfinite().all()) for weight in model.parameters()):
        raise CheckpointError(f"the checkpoint {str(folder)!r} holds weights that are not numbers: it is damaged")
    return model.to(device).eval()
