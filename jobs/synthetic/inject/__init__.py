"""Training documents for the PHI tagger: real notes without PHI, with made PHI written into them.

`background` cuts real notes to clean sentences and says where they take PHI; `templates/*.toml` hold sentences,
headers, signatures, letters and look-alikes (`grammar`); `cast` writes their slots, out of `pools` (names, places),
`people` (forms of names) and `values` (formats of dates and numbers); `compose` puts documents together; `presidio`
adds everyday sentences. Gold is right by construction: text is put down together with its label (`page`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from jobs.synthetic.inject import presidio
from jobs.synthetic.inject.compose import Composer
from jobs.synthetic.inject.page import Injected, Span
from jobs.synthetic.wording import Wording

__all__ = ["Injected", "Span", "documents"]


def documents(data: Path, *, notes: int, seed: int, wording: Wording = "train") -> Iterator[Injected]:
    """Documents with their gold PHI; the same for the same arguments.

    One in thirty is made of everyday sentences, until those are used up; each of the others depends on the seed and
    its place alone.

    Args:
        data: the folder of public corpora (`notes/`, `names/`, `deid/`).
        notes: how many documents.
        seed: of everything drawn.
        wording: which part of the names to draw from; see `jobs.synthetic.wording`.

    Raises:
        FileNotFoundError: a file of the folder is missing.
    """
    composer = Composer.load(data, wording)
    everyday = presidio.documents(data)
    for number in range(notes):
        document = next(everyday, None) if number % 30 == 29 else None
        yield document or composer.document(random.Random(f"{seed}/{number}"))
