"""Whether a folder holds what a head needs: our own layout, or a Hugging Face class that fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transforms.clinical_bert.catalogue import (
    CHUNK_CLASSIFICATION,
    EMBEDDING,
    ENCODERS,
    ENTITY_CLASSIFICATION,
    HEADS,
    LABEL_ATTENTION,
    TOKEN_CLASSIFICATION,
    TOKEN_CLASSIFIERS,
    HeadSpec,
)
from transforms.clinical_bert.checkpoints import plm_icd
from transforms.clinical_bert.checkpoints.configs import label_names, model_type, positions
from transforms.clinical_bert.checkpoints.errors import CheckpointError
from transforms.clinical_bert.checkpoints.files import (
    digest,
    own_head,
    read_json,
    tensor_shapes,
    tokenizer_files,
    weight_files,
)
from transforms.clinical_bert.checkpoints.sentence import sentence_files, sentence_pooling


def encoder_files(folder: Path, source: str) -> tuple[list[Path], dict[str, Any], dict[str, tuple[int, ...]]]:
    """The files of the encoder and its tokenizer, its config, and the shapes of its tensors.

    Raises:
        CheckpointError: one is missing or cannot be read, or the encoder is of no known family.
    """
    if not folder.is_dir():
        raise CheckpointError(f"no such checkpoint folder: {str(folder)!r}")
    config = read_json(folder / "config.json")
    if model_type(config) not in ENCODERS:
        raise CheckpointError(
            f"checkpoint {source!r}: a model of type {model_type(config)!r} is no encoder that is supported; "
            f"supported: {', '.join(ENCODERS)}"
        )
    positions(config)
    files = weight_files(folder, source)
    shapes: dict[str, tuple[int, ...]] = {}
    for path in files:
        shapes |= tensor_shapes(path)
    if not any(name.endswith("embeddings.weight") for name in shapes):
        raise CheckpointError(f"checkpoint {source!r} holds no encoder weights")
    return [*files, folder / "config.json", *tokenizer_files(folder)], config, shapes


def inspect(folder: Path, head: str, source: str) -> str:
    """Checks that the folder serves the head and returns the digest of what decides its results.

    Raises:
        CheckpointError: it does not.
    """
    files, config, shapes = encoder_files(folder, source)
    spec = HEADS[head]
    description = own_head(folder, head)
    if description is not None:
        weights = description.with_suffix(".safetensors")
        _check_own(spec, read_json(description), tensor_shapes(weights), source)
        files += [description, weights]
    elif spec.kind == LABEL_ATTENTION and plm_icd.is_plm_icd(config):
        plm_icd.check(folder, config, shapes, source)
        files += [path for path in [plm_icd.code_list(folder)] if path is not None]
    elif spec.kind == EMBEDDING:  # which is made of the encoder's states alone
        sentence_pooling(folder, source)
        files += sentence_files(folder)
    else:
        _check_hugging_face(spec, config, shapes, source)
    return digest(files)


def labels_in(folder: Path, head: str, source: str) -> tuple[str, ...]:
    """The labels of a head in the order of its weights, prefixes (`B-`) included; none of an embedding.

    Raises:
        CheckpointError: the description of the head cannot be read, or names no labels.
    """
    kind = HEADS[head].kind
    description = own_head(folder, head)
    if description is not None:
        return tuple(map(str, read_json(description).get("labels") or ()))
    if kind == EMBEDDING:
        return ()
    config = read_json(folder / "config.json")
    if kind == LABEL_ATTENTION:
        return tuple(plm_icd.codes(folder, config, source))
    if kind == CHUNK_CLASSIFICATION:  # the last class counts, whatever it is called
        return tuple(map(str, (config.get("id2label") or {}).values()))
    return tuple(label_names(config, source))


def _check_own(spec: HeadSpec, description: dict[str, Any], shapes: dict[str, tuple[int, ...]], source: str) -> None:
    labels = description.get("labels")
    if description.get("kind") != spec.kind or not isinstance(labels, list) or not labels:
        raise CheckpointError(f"checkpoint {source!r}: heads/{spec.name}.json is not of kind {spec.kind} with labels")
    if not any(shape and shape[0] == len(labels) for shape in shapes.values()):
        raise CheckpointError(f"checkpoint {source!r}: heads/{spec.name}.safetensors does not fit its labels")


def _check_hugging_face(
    spec: HeadSpec, config: dict[str, Any], shapes: dict[str, tuple[int, ...]], source: str
) -> None:
    architectures = config.get("architectures") or []
    named = ", ".join(map(str, architectures)) or "none named"
    lacks = f"checkpoint {source!r} lacks the weights of the head {spec.name!r}"
    if spec.task is None:
        raise CheckpointError(
            f"{lacks}: its class is {named}; a PLM-ICD (RobertaForMultilabelClassification) is needed, or "
            f"heads/{spec.name}.json and .safetensors as `notemill train {spec.name}` writes them"
        )
    fitting = [name for name in architectures if str(name).endswith(spec.task)]
    if not fitting:
        raise CheckpointError(f"{lacks}: its class is {named}, *{spec.task} is needed (`notemill train` makes one)")
    if spec.kind == TOKEN_CLASSIFICATION:
        _check_token_classifier(str(fitting[0]), config, shapes, source, lacks)
        return
    classes = {
        shape[0]
        for name, shape in shapes.items()
        if name.startswith(("classifier.", "score.")) and name.endswith("weight") and shape
    }
    if spec.kind == ENTITY_CLASSIFICATION:
        if len(label_names(config, source)) not in classes:
            raise CheckpointError(f"{lacks}: model.safetensors has no classifier weights for its labels")
        return
    # Two classes are the default of transformers, which then writes no id2label.
    if not classes & {1, 2}:
        raise CheckpointError(f"{lacks}: model.safetensors has no classifier weights for one class or two")


def _check_token_classifier(
    architecture: str, config: dict[str, Any], shapes: dict[str, tuple[int, ...]], source: str, lacks: str
) -> None:
    if architecture not in TOKEN_CLASSIFIERS:
        known = ", ".join(sorted(name.removesuffix("ForTokenClassification") for name in TOKEN_CLASSIFIERS))
        raise CheckpointError(
            f"checkpoint {source!r}: token classification with {architecture} is not supported; supported: {known}"
        )
    labels = label_names(config, source)
    last = TOKEN_CLASSIFIERS[architecture][-1]
    weight, bias = shapes.get(f"{last}.weight"), shapes.get(f"{last}.bias")
    if not weight or weight[0] != len(labels) or bias != (len(labels),):
        raise CheckpointError(f"{lacks}: model.safetensors has no classifier weights for its {len(labels)} labels")
