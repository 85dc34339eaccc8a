"""What the replica is measured against: other ways to run the same token classifier over the same notes.

No code of the replica is used here, but for the shapes of words, where a checkpoint was trained to be given them. Each
rival is set up as its own guide advises: all threads, graphs optimised, inference mode. None takes notes longer than
the model's window, so each is given the notes in pieces that were cut before the clock starts (`jobs.bench.notes.cut`),
which spares it overlaps.
"""

from __future__ import annotations

import importlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

from jobs.bench.arithmetic import wait_for
from jobs.bench.checkpoint import quiet
from pipelines.errors import RequestError
from transforms.clinical_bert.checkpoints import read_json
from transforms.clinical_bert.shapes import uses_shapes, word_shapes

BATCH: Final = 8
"""Pieces of a padded batch."""

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Setting:
    """What a rival is built from.

    Attributes:
        folder: a checkpoint that `AutoModelForTokenClassification` loads.
        positions: most tokens that its encoder takes, the special ones included.
        threads: for its computation.
        device: `cpu`, `cuda` or `cuda:N`.
        scratch: a folder for exported graphs.
    """

    folder: Path
    positions: int
    threads: int
    device: str
    scratch: Path

    @property
    def shapes(self) -> bool:
        """Whether the checkpoint reads word shapes."""
        return uses_shapes(read_json(self.folder / "config.json"))

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of what its model is given."""
        return ("input_ids", "attention_mask", *(("token_type_ids",) if self.shapes else ()))

    def tokenizer(self) -> Any:
        """Cuts at what the model takes, for some checkpoints name no limit."""
        made = AutoTokenizer.from_pretrained(self.folder, local_files_only=True, model_max_length=self.positions)
        return ShapingTokenizer(made) if self.shapes else made


class ShapingTokenizer:
    """A tokenizer of transformers that gives word shapes as token types.

    Args:
        tokenizer: a fast one, with one special token at either end.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._inner = tokenizer

    def __call__(self, text: str, **options: Any) -> Any:
        found = self._inner(text, **options)
        (encoding,) = found.encodings
        found["token_type_ids"] = torch.from_numpy(token_types(text, encoding)[None])
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def token_types(text: str, encoding: Any) -> Ids:
    """The shape of each token's word, 0 for the special token at either end."""
    offsets = np.array(encoding.offsets, dtype=np.int32)[1:-1].reshape(-1, 2)
    words = np.array(encoding.word_ids[1:-1], dtype=np.int32)
    return np.pad(word_shapes(text, offsets[:, 0], offsets[:, 1], words).astype(np.int64), 1)


class Rival(Protocol):
    """One other way to label the tokens of texts, none of them longer than the model's window."""

    name: str
    about: str

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        """For each text what the rival finds in it."""
        ...


class Pipeline:
    """transformers' own pipeline: entities of the strategy `average`.

    Args:
        batch: texts at once; 1 is its default.
        dtype: of the weights; float32 is what most checkpoints are stored in, and so its default.
    """

    def __init__(self, setting: Setting, *, batch: int = 1, dtype: torch.dtype = torch.float32) -> None:
        self.name = "hf-pipeline"
        self.about = f"transformers.pipeline, average, {str(dtype).removeprefix('torch.')}, batches of {batch}"
        self._batch = batch
        with quiet():
            self._pipeline = pipeline(
                "token-classification",
                model=str(setting.folder),
                tokenizer=setting.tokenizer(),
                aggregation_strategy="average",
                device=setting.device,
                dtype=dtype,
            )

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        with quiet():
            if self._batch == 1:  # as its users write it; given a list it does the same
                return [self._pipeline(text) for text in texts]
            found: list[Any] = self._pipeline(list(texts), batch_size=self._batch)
            return found


@dataclass
class Padded:
    """Length-sorted batches of eight, each padded to its longest text; out come the tokens' labels, as numbers.

    Attributes:
        inputs: names of what the model is given, as `Setting.inputs`.
        forward: logits of shape (texts, tokens, labels) for these, each of shape (texts, tokens).
        padding: positions that only filled up batches, so far.
        positions: of all batches, so far.
    """

    name: str
    about: str
    tokenizer: Any
    inputs: Sequence[str]
    forward: Callable[[Mapping[str, Ids]], npt.NDArray[Any]]
    padding: int = field(default=0, init=False)
    positions: int = field(default=0, init=False)

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        """The labels of each text's tokens, special ones left out."""
        rows = self.tokenizer.backend_tokenizer.encode_batch(list(texts))
        found: list[Any] = [None] * len(rows)
        for numbers in batches([len(row) for row in rows]):
            given = {name: np.zeros((len(numbers), len(rows[numbers[0]])), dtype=np.int64) for name in self.inputs}
            given["input_ids"] += self.tokenizer.pad_token_id or 0
            for at, number in enumerate(numbers):
                own = at, slice(len(rows[number]))
                given["input_ids"][own] = rows[number].ids
                given["attention_mask"][own] = 1
                if "token_type_ids" in given:
                    given["token_type_ids"][own] = token_types(texts[number], rows[number])
            self.padding += int((given["attention_mask"] == 0).sum())
            self.positions += given["attention_mask"].size
            best = self.forward(given).argmax(axis=-1)
            for at, number in enumerate(numbers):
                found[number] = best[at, 1 : len(rows[number]) - 1]
        return found


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of the texts in batches of eight, the longest first."""
    order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    for at in range(0, len(order), BATCH):
        yield order[at : at + BATCH]


def _torch_padded(setting: Setting) -> Rival:
    model = _model(setting, torch.bfloat16).to(setting.device)

    @torch.inference_mode()
    def forward(given: Mapping[str, Ids]) -> npt.NDArray[Any]:
        logits = model(**{name: torch.from_numpy(array).to(setting.device) for name, array in given.items()}).logits
        return logits.float().cpu().numpy()  # type: ignore[no-any-return]

    about = f"AutoModelForTokenClassification, bfloat16, length-sorted padded batches of {BATCH}"
    return Padded("torch-bf16-padded", about, setting.tokenizer(), setting.inputs, forward)


def _onnx_int8(setting: Setting) -> Rival:
    runtime = importlib.import_module("onnxruntime")
    quantization = importlib.import_module("onnxruntime.quantization")
    small = setting.scratch / "int8.onnx"
    with quiet():
        quantization.quantize_dynamic(str(_export(setting)), str(small), weight_type=quantization.QuantType.QInt8)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = setting.threads
    session = runtime.InferenceSession(str(small), options, providers=["CPUExecutionProvider"])

    def forward(given: Mapping[str, Ids]) -> npt.NDArray[Any]:
        return session.run(None, dict(given))[0]  # type: ignore[no-any-return]

    about = f"ONNX Runtime, dynamic int8, length-sorted padded batches of {BATCH}"
    return Padded("onnx-int8", about, setting.tokenizer(), setting.inputs, forward)


def _openvino_bf16(setting: Setting) -> Rival:
    openvino = importlib.import_module("openvino")
    hints = {
        "INFERENCE_PRECISION_HINT": "bf16",
        "INFERENCE_NUM_THREADS": setting.threads,
        "PERFORMANCE_HINT": "LATENCY",  # one request at a time has all threads
    }
    compiled = openvino.Core().compile_model(str(_export(setting)), "CPU", hints)

    def forward(given: Mapping[str, Ids]) -> npt.NDArray[Any]:
        return compiled(dict(given))[0]  # type: ignore[no-any-return]

    about = f"OpenVINO, bfloat16, length-sorted padded batches of {BATCH}"
    return Padded("openvino-bf16", about, setting.tokenizer(), setting.inputs, forward)


RIVALS: Final[Mapping[str, Callable[[Setting], Rival]]] = MappingProxyType(
    {
        "hf-pipeline": Pipeline,
        "torch-bf16-padded": _torch_padded,
        "onnx-int8": _onnx_int8,
        "openvino-bf16": _openvino_bf16,
    }
)
"""Name -> how it is built."""

_ONNX: Final = {"onnx": "onnx", "onnxscript": "onnx"}
_NEEDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "onnx-int8": {**_ONNX, "onnxruntime": "onnx"},
        "openvino-bf16": {**_ONNX, "openvino": "openvino"},
    }
)
"""Rival -> the packages that it needs, each with the extra of this project that brings it."""


def check_rivals(names: Sequence[str], device: torch.device) -> None:
    """Sees that each can run here, before any work.

    Raises:
        RequestError: an unknown name, a package that is not installed, a rival that needs a CPU.
    """
    for name in names:
        if name not in RIVALS:
            raise RequestError(f"--against {name}: unknown; known: {', '.join(RIVALS)}")
        for package, extra in _NEEDS.get(name, {}).items():
            if device.type != "cpu":
                raise RequestError(f"--against {name} runs on a CPU only: leave it out, or give --device cpu")
            if find_spec(package) is None:
                raise RequestError(f"--against {name} needs {package}: pip install 'notemill[{extra}]'")


def tuned_pipeline(
    setting: Setting,
    texts: Sequence[str],
    say: Callable[[str], None],
    *,
    batches: Sequence[int] = (1, 8, 32, 64, 128),
    dtypes: Sequence[torch.dtype] = (torch.bfloat16, torch.float32),
) -> Pipeline:
    """The pipeline with the batch size and the precision at which it is fastest.

    Args:
        texts: to try it on; each setting reads as many, four of its largest batches.
        say: is told the characters per second of each setting.
    """
    sample = list(texts[: 4 * max(batches)])
    device = torch.device(setting.device)
    fastest: Pipeline | None = None
    best = float("inf")
    for dtype, batch in itertools.product(dtypes, batches):
        rival = Pipeline(setting, batch=batch, dtype=dtype)
        rival(sample[:batch])
        wait_for(device)
        began = time.perf_counter()
        rival(sample)
        wait_for(device)
        seconds = time.perf_counter() - began
        say(f"{rival.about}: {sum(map(len, sample)) / seconds:,.0f} characters/s")
        if seconds < best:
            fastest, best = rival, seconds
    if fastest is None:
        raise ValueError("nothing to try")
    return fastest


def _export(setting: Setting) -> Path:
    """The classifier as an ONNX graph with any number of texts of any length, float32."""
    graph = setting.scratch / "model.onnx"
    if not graph.exists():
        # A tensor for each input: one and the same for several makes the exporter join them, and the graph is wrong.
        given = {name: torch.ones((2, 8), dtype=torch.long) for name in setting.inputs}
        axes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
        with quiet():
            torch.onnx.export(
                _model(setting, torch.float32),
                kwargs=given,
                f=str(graph),
                input_names=list(given),
                output_names=["logits"],
                dynamic_shapes=dict.fromkeys(given, axes),
                dynamo=True,
                verbose=False,
            )
    return graph


def _model(setting: Setting, dtype: torch.dtype) -> Any:
    with quiet():
        return AutoModelForTokenClassification.from_pretrained(
            setting.folder, dtype=dtype, local_files_only=True
        ).eval()
