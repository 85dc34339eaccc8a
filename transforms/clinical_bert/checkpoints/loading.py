"""Load a checkpoint's model and tokenizer with transformers, from its folder alone.

Apart from the rest of the package, because it imports PyTorch: a plan is checked without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from transforms.clinical_bert.checkpoints.errors import CheckpointError
from transforms.clinical_bert.checkpoints.files import read_json
from transforms.clinical_bert.shapes import uses_shapes
from transforms.clinical_bert.windows import NoteTokenizer


def load_encoder(folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    """The encoder, a base model of transformers without its pooler, in evaluation mode.

    Args:
        folder: a checkpoint that was resolved.
        dtype: precision of its weights in memory.
        device: where they go.

    Raises:
        CheckpointError: weights of the encoder are missing or of another shape.
    """
    model = _load(AutoModel, folder, dtype, device)
    if hasattr(model, "pooler"):
        model.pooler = None  # no head reads it, and many checkpoints hold no weights for it
    return model


def load_classifier(folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    """A whole sequence classifier of transformers, in evaluation mode.

    Args, Raises: as of `load_encoder`.
    """
    return _load(AutoModelForSequenceClassification, folder, dtype, device)


def load_tokenizer(folder: Path) -> NoteTokenizer:
    """The checkpoint's tokenizer.

    Raises:
        CheckpointError: it cannot be read, or does not give what the replica needs of one.
    """
    try:
        shapes = uses_shapes(read_json(folder / "config.json"))
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        return NoteTokenizer(tokenizer, shapes=shapes)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot load the tokenizer of {str(folder)!r}: {type(error).__name__}") from error


def _load(auto_class: Any, folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    """Loads a model whose weights are all in the checkpoint, but for a pooler that nothing reads."""
    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        model, report = auto_class.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"cannot load the model of {str(folder)!r}: {type(error).__name__}") from error
    finally:
        transformers.logging.set_verbosity(level)
    sequence = auto_class is AutoModelForSequenceClassification
    missing = [key for key in report["missing_keys"] if sequence or not key.startswith("pooler.")]
    if missing or report["mismatched_keys"]:
        named = ", ".join(missing[:3]) or "some are of another shape"
        raise CheckpointError(f"the checkpoint {str(folder)!r} lacks weights of its own model: {named}")
    return model.to(device).eval()
