"""Find a checkpoint by its path or its Hub id."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from transforms.clinical_bert.checkpoints.errors import CheckpointError

_HUB_ID: Final = re.compile(r"(?P<repo>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[\w./-]+))?")
_FILES: Final = ("*.json", "*.safetensors", "*.txt", "*.model", "heads/*")


def find(spec: str) -> tuple[Path, str]:
    if not spec:
        raise CheckpointError("the checkpoint's name is empty: name its folder or a Hub id")
    folder = Path(spec).expanduser()
    if folder.is_dir():
        return folder, ""
    if folder.exists():
        raise CheckpointError(f"{spec!r} is a file: name the checkpoint's folder or a Hub id")
    match = _HUB_ID.fullmatch(spec)
    if match is None:
        raise CheckpointError(f"no such checkpoint folder: {spec!r}")
    return _from_hub(match["repo"], match["revision"])


def _from_hub(repo: str, revision: str | None) -> tuple[Path, str]:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    def fetch(*, offline: bool) -> tuple[Path, str]:
        folder = Path(
            snapshot_download(
                repo, revision=revision, allow_patterns=list(_FILES), local_files_only=offline, etag_timeout=5
            )
        )
        return folder, folder.name  # the cache names a snapshot's folder by its commit

    try:
        return fetch(offline=True)
    except LocalEntryNotFoundError:
        pass  # not in the cache: ask the Hub
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {repo!r} from the local Hub cache: {type(error).__name__}") from error
    try:
        return fetch(offline=False)
    except (OSError, ValueError) as error:  # every error of huggingface_hub and of its transport is one of these
        at = f"@{revision}" if revision else ""
        raise CheckpointError(
            f"{repo + at!r} is neither a folder nor in the local Hub cache, and the Hub did not give it "
            f"({type(error).__name__}): name a folder with its model.safetensors"
        ) from error
