"""Find a checkpoint by its path or its Hub id, on this machine first.

A Hub id is looked for in huggingface_hub's cache (`HF_HOME`), and asked of the Hub only where the cache does not hold
its weights. Code that a repository may hold is never fetched.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from transforms.clinical_bert.checkpoints.errors import CheckpointError
from transforms.clinical_bert.checkpoints.files import PICKLES, pickle_index, safetensors_in

_HUB_ID: Final = re.compile(r"(?P<repo>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[\w./-]+))?")
_SAFE: Final = (
    *("*.json", "*.txt", "*.model", "heads/*.json", "heads/*.safetensors"),
    *("model.safetensors", "model-*-of-*.safetensors"),
)
_PICKLED: Final = (*PICKLES, "pytorch_model-*-of-*.bin")


def find(spec: str, *, pickled: bool = False) -> tuple[Path, str]:
    """The folder that a path or a Hub id names, and the commit of the latter (else an empty string).

    Args:
        spec: a folder, or a Hub id, with `@revision` (branch, tag, commit or `refs/pr/N`) if wanted.
        pickled: of a Hub repository without safetensors take the pickled weights.

    Raises:
        CheckpointError: there is no such folder, and no such repository in the cache or on the Hub.
    """
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
    return _from_hub(match["repo"], match["revision"], pickled=pickled)


def _from_hub(repo: str, revision: str | None, *, pickled: bool) -> tuple[Path, str]:
    import httpx2
    from huggingface_hub import errors, snapshot_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    at = f"{repo}@{revision}" if revision else repo

    def fetch(patterns: tuple[str, ...], *, offline: bool) -> Path:
        return Path(
            snapshot_download(
                repo, revision=revision, allow_patterns=list(patterns), local_files_only=offline, etag_timeout=5
            )
        )

    def pickles_wanted(folder: Path) -> bool:
        return pickled and not safetensors_in(folder)

    cached: Path | None = None
    try:
        cached = fetch(_SAFE, offline=True)
    except errors.LocalEntryNotFoundError:
        pass  # not in the cache: ask the Hub
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {at!r} from the local Hub cache: {type(error).__name__}") from error
    # A cache may hold the config or the tokenizer alone. A cached pickle that is not wanted is refused by its name.
    if cached is not None and (safetensors_in(cached) or pickle_index(cached)):
        return cached, cached.name  # the cache names a snapshot's folder by its commit
    try:
        folder = fetch(_SAFE, offline=False)
        if pickles_wanted(folder):
            folder = fetch((*_SAFE, *_PICKLED), offline=False)
        return folder, folder.name
    except errors.GatedRepoError as error:
        raise CheckpointError(
            f"{at!r} is gated: accept its terms on the Hub, and give this machine your token (HF_TOKEN)"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise CheckpointError(f"the Hub's repository {repo!r} has no revision {revision!r}") from error
    except errors.RepositoryNotFoundError as error:
        raise CheckpointError(
            f"{at!r} is neither a folder nor a repository on the Hub that this machine may see: check its name"
        ) from error
    except (OSError, ValueError, httpx2.HTTPError) as error:
        held = "not in the local Hub cache" if cached is None else "in the local Hub cache without weights"
        cause = type(error.__cause__ or error).__name__
        raise CheckpointError(
            f"{at!r} is no folder and {held}, and the Hub cannot be reached ({cause}): name a folder; on a machine "
            f"with internet access `notemill models fetch {at} --to DIR` makes one"
        ) from error
