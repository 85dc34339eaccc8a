"""Makes transforms/deid/acronyms.txt.gz: what clinical and biomedical prose writes in capitals and is nobody's name.

    python -m infra.make_acronym_list --data FOLDER_OF_PUBLIC_CORPORA

Counted in the open corpora whose PHI is gone or that never had any: a run of two to six capitals, perhaps with digits,
that stands between words in small letters in at least three documents. What the census knows as a name is left out.
"""

from __future__ import annotations

import argparse
import gzip
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from transforms.deid.lists import NameLists

TARGET = Path("transforms/deid/acronyms.txt.gz")
_ACRONYM = re.compile(r"(?<![\w'-])([A-Z]{2,6})\d{0,2}s?(?![\w'-])")
_AMONG_SMALL = re.compile(r"[a-z]")
_FEWEST = 3


def texts(data: Path) -> Iterator[str]:
    """The documents of the corpora."""
    for name in ("notes/mtsamples.parquet", "text/codiesp_background_en.parquet", "ner/maccrobat.parquet"):
        yield from pq.read_table(data / name, columns=["text"])["text"].to_pylist()
    for name in ("ner/bc5cdr.parquet", "ner/ncbi_disease.parquet", "ner/anatem.parquet"):
        yield from (" ".join(tokens) for tokens in pq.read_table(data / name, columns=["tokens"])["tokens"].to_pylist())
    for name in ("relations/ade_v2.parquet", "assertion/negex.parquet"):
        table = pq.read_table(data / name)
        column = next(one for one in ("text", "sentence") if one in table.column_names)
        yield from table[column].to_pylist()


def acronyms(data: Path) -> list[str]:
    """The list, in lower case, sorted."""
    names = NameLists.shipped()
    counts: Counter[str] = Counter()
    for text in texts(data):
        counts.update({
            match[1].lower()
            for match in _ACRONYM.finditer(text)
            if _AMONG_SMALL.search(text, max(0, match.start() - 12), match.start())
            or _AMONG_SMALL.search(text, match.end(), match.end() + 12)
        })  # fmt: skip
    return sorted(
        word
        for word, count in counts.items()
        if count >= _FEWEST and word not in names.given and word not in names.surnames and set(word) != {"x"}
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.make_acronym_list", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    words = acronyms(parser.parse_args().data)
    TARGET.write_bytes(gzip.compress("\n".join(words).encode(), mtime=0))


if __name__ == "__main__":
    main()
