"""The dictionary of phrases: from words in their normal form to the codes that they may mean.

Four sources, told apart by their kind: titles and inclusion terms of the tabular list in full (`title`) and with words
left out (`shortened`), our own index of what the list words otherwise (`index`, in `index.toml`), and mentions in
documents that were coded by hand (`mention`: CodiEsp's training part, CC BY 4.0, Miranda-Escalada et al. 2020). Of the
phrases that stand in those documents the counts are kept: in how many a phrase was said of the patient, and how many of
these have the code.
"""

from __future__ import annotations

import csv
import gzip
import io
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from transforms.icd.table import CodeTable
from transforms.icd.terms import LONGEST, SHORTENED, TITLE, Hierarchy, best, terms_of
from transforms.icd.wording import Key, Wording

INDEX: Final = "index"
MENTION: Final = "mention"
KINDS: Final = (INDEX, TITLE, SHORTENED, MENTION)
"""The better one first: of two reasons for a code the first one counts."""

_HERE: Final = Path(__file__).parent
_COLUMNS: Final = ("phrase", "code", "kind", "seen", "right")


class Sense(NamedTuple):
    """A code that a phrase may mean.

    Attributes:
        code: billable.
        kind: one of `KINDS`.
        seen: documents of the training part in which the phrase is said of the patient.
        right: how many of these have the code.
    """

    code: str
    kind: str
    seen: int = 0
    right: int = 0


Senses = Mapping[Key, tuple[Sense, ...]]


def shipped(table: CodeTable) -> Senses:
    """The dictionary for a release. For another one than the shipped its titles are read, which takes seconds."""
    return _shipped() if table is CodeTable.shipped() else _for_other(table)


def own_index() -> Iterator[tuple[Key, str]]:
    """The phrases of `index.toml` with their codes."""
    wording = Wording.shipped()
    for code, phrases in tomllib.loads((_HERE / "index.toml").read_text(encoding="utf-8")).items():
        for phrase in phrases:
            yield wording.key(phrase), code


def merged(
    terms: Mapping[Key, tuple[str, str]],
    index: Iterable[tuple[Key, str]],
    mentioned: Iterable[tuple[Key, str]] = (),
) -> dict[Key, dict[str, str]]:
    """Of each phrase its codes, each with its kind. Of a phrase that the index has, the terms' code is left out."""
    kinds: dict[Key, dict[str, str]] = {}
    for key, code in index:
        kinds.setdefault(key, {})[code] = INDEX
    for key, (code, kind) in terms.items():
        if key not in kinds:
            kinds[key] = {code: kind}
    for key, code in mentioned:
        if 0 < len(key) <= LONGEST:
            kinds.setdefault(key, {}).setdefault(code, MENTION)
    return kinds


def write(path: Path, rows: Iterable[tuple[Key, Sense]]) -> None:
    """Writes a dictionary; the same rows give the same bytes."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(_COLUMNS)
    for key, sense in sorted(rows):
        counts = (sense.seen, sense.right) if sense.seen else ("", "")
        out.writerow((" ".join(key), sense.code, sense.kind, *counts))
    path.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0))


def read(path: Path) -> dict[Key, tuple[Sense, ...]]:
    """Reads what `write` wrote."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)  # column names
        senses: dict[Key, list[Sense]] = {}
        for phrase, code, kind, seen, right in rows:
            senses.setdefault(tuple(phrase.split()), []).append(Sense(code, kind, int(seen or 0), int(right or 0)))
    return {key: tuple(of_key) for key, of_key in senses.items()}


@lru_cache(maxsize=1)
def _shipped() -> Senses:
    return read(_HERE / "phrases.csv.gz")


@lru_cache(maxsize=1)
def _for_other(table: CodeTable) -> Senses:
    hierarchy = Hierarchy(table)
    senses: dict[Key, tuple[Sense, ...]] = {}
    for key, of_key in _shipped().items():
        moved = [(sense, hierarchy.unspecified(sense.code)) for sense in of_key]
        if kept := tuple(sense._replace(code=code) for sense, code in moved if code is not None):
            senses[key] = kept
    for key, (code, kind) in best(terms_of(table, Wording.shipped(), hierarchy)).items():
        senses.setdefault(key, (Sense(code, kind),))
    return senses
