"""The folder in which a pre-training stands until it is done, so that the same command goes on after a stop.

OUTPUT.training/
    request.json         what was asked for; another request is refused here
    train.bin dev.bin    sequences of tokens
    checkpoint-STEP/     model and tokenizer as transformers reads them, optimizer.pt, progress.json
    losses.jsonl loss.png
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch

from jobs.training.mlm.loop import Progress
from pipelines.errors import RequestError

_REQUEST: Final = "request.json"
_CHECKPOINT: Final = "checkpoint-"
_OPTIMIZER: Final = "optimizer.pt"
_PROGRESS: Final = "progress.json"


class State:
    """A training between its first step and its last.

    Args:
        output: folder that the finished model will be in.
    """

    def __init__(self, output: Path) -> None:
        self.folder = output.with_name(output.name + ".training")
        self.losses = self.folder / "losses.jsonl"
        self.curve = self.folder / "loss.png"

    def sequences(self, split: str) -> Path:
        return self.folder / f"{split}.bin"

    def open(self, request: Mapping[str, Any], *, fresh: bool) -> bool:
        """Makes the folder, or finds it.

        Args:
            request: what decides the result, as JSON holds it.
            fresh: remove what an earlier training left.

        Returns:
            Whether a training goes on here.

        Raises:
            RequestError: an earlier training of another request stands here.
        """
        if fresh and self.folder.exists():
            shutil.rmtree(self.folder)
        wanted = json.loads(json.dumps(request))
        path = self.folder / _REQUEST
        if self.checkpoint() is not None:
            found = json.loads(path.read_text(encoding="utf-8"))
            if other := sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)):
                raise RequestError(
                    f"{self.folder} holds a training that was stopped, with other {', '.join(other)}: "
                    "give the same command to go on, or --fresh to begin anew"
                )
            return True
        shutil.rmtree(self.folder, ignore_errors=True)  # it had not begun
        self.folder.mkdir(parents=True)
        path.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
        return False

    def checkpoint(self) -> Path | None:
        """The newest whole checkpoint."""
        found = [path for path in self.folder.glob(f"{_CHECKPOINT}*") if path.name.removeprefix(_CHECKPOINT).isdigit()]
        return max(found, key=lambda path: int(path.name.removeprefix(_CHECKPOINT)), default=None)

    def save(self, progress: Progress, optimizer: Any | None, save_model: Callable[[Path], None]) -> None:
        """Writes a checkpoint; the ones before it are removed once it is whole."""
        older = list(self.folder.glob(f"{_CHECKPOINT}*"))
        target = self.folder / f"{_CHECKPOINT}{progress.step}"
        part = target.with_name(target.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        save_model(part)
        if optimizer is not None:
            torch.save(optimizer.state_dict(), part / _OPTIMIZER)
        (part / _PROGRESS).write_text(json.dumps(asdict(progress)), encoding="utf-8")
        part.rename(target)
        for path in older:
            if path != target:
                shutil.rmtree(path, ignore_errors=True)

    @staticmethod
    def progress(checkpoint: Path) -> Progress:
        """How far a checkpoint is."""
        return Progress(**json.loads((checkpoint / _PROGRESS).read_text(encoding="utf-8")))

    @staticmethod
    def load_optimizer(checkpoint: Path, optimizer: Any) -> None:
        """Takes over a checkpoint's optimizer; the first checkpoint has none."""
        if (checkpoint / _OPTIMIZER).exists():
            optimizer.load_state_dict(torch.load(checkpoint / _OPTIMIZER, map_location="cpu", weights_only=True))
