"""The token classifier of a plain Hugging Face checkpoint, without its encoder.

The encoder's states are there already, so only the modules between them and the logits are built: for nearly all
classes one linear layer, for some a projection before it (`catalogue.TOKEN_CLASSIFIERS`).
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForTokenClassification

from transforms.clinical_bert.catalogue import TOKEN_CLASSIFIERS
from transforms.clinical_bert.checkpoints import CheckpointError, label_names, read_json, weight_files
from transforms.clinical_bert.heads.tokens import TokenHead, TokenOptions
from transforms.clinical_bert.windows import NoteTokenizer


def token_head(folder: Path, tokenizer: NoteTokenizer, device: torch.device, options: TokenOptions) -> TokenHead:
    """Builds the head of a checkpoint that `checkpoints.resolve` found fit for token classification.

    Args:
        folder: the checkpoint.
        tokenizer: of the checkpoint.
        device: where the encoder's states are.
        options: as of `TokenHead`.

    Raises:
        CheckpointError: the checkpoint lacks weights of its token classifier.
    """
    config = read_json(folder / "config.json")
    architecture = next(name for name in config["architectures"] if name in TOKEN_CLASSIFIERS)
    *before, last = TOKEN_CLASSIFIERS[architecture]
    tensors = _tensors(folder, (*before, last), device)
    try:
        weight, bias = tensors[last]["weight"], tensors[last]["bias"]
    except KeyError as error:
        raise CheckpointError(f"the checkpoint {str(folder)!r} lacks {last}.{error.args[0]}") from error
    if not all(bool(tensor.isfinite().all()) for of_module in tensors.values() for tensor in of_module.values()):
        raise CheckpointError(f"the classifier of {str(folder)!r} holds weights that are not numbers: it is damaged")
    project = _modules(folder, {name: tensors[name] for name in before}) if before else None
    return TokenHead(label_names(config, str(folder)), weight, bias, options.reader(tokenizer), options, project)


def _tensors(folder: Path, modules: tuple[str, ...], device: torch.device) -> dict[str, dict[str, torch.Tensor]]:
    """The weights of these modules, under their names within the module."""
    found: dict[str, dict[str, torch.Tensor]] = {module: {} for module in modules}
    for path in weight_files(folder):
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118  (a safetensors file is no mapping)
                module, _, name = key.partition(".")
                if module in found:
                    found[module][name] = file.get_tensor(key).to(device, torch.float32)
    return found


def _modules(folder: Path, tensors: dict[str, dict[str, torch.Tensor]]) -> torch.nn.Module:
    """The modules of the checkpoint's own class, in order, with these weights."""
    with torch.device("meta"):  # no memory for the encoder, which is let go at once
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model = AutoModelForTokenClassification.from_config(config, trust_remote_code=False)
    parts = []
    for name, weights in tensors.items():
        part = getattr(model, name)
        try:
            part.load_state_dict(weights, assign=True)
        except RuntimeError as error:
            raise CheckpointError(f"the weights of {name} in {str(folder)!r} do not fit its class") from error
        parts.append(part)
    return torch.nn.Sequential(*parts).eval()
