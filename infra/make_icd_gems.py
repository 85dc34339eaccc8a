"""Make transforms/icd/gem_10_to_9.csv.gz from CMS's General Equivalence Mappings.

    python -m infra.make_icd_gems GEM_10_TO_9.parquet

The Parquet file has the columns `source`, `target` and `flags` of CMS's text file `2018_I10gem.txt`, quoted or not. The
file that is made is the same, byte for byte, however often it is made.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow.parquet as pq

TARGET = Path(__file__).parent.parent / "transforms" / "icd" / "gem_10_to_9.csv.gz"


def chosen(rows: Iterable[Mapping[str, str]]) -> dict[str, list[str]]:
    """Of each ICD-10-CM code its ICD-9-CM codes: all alternatives, or the first choices of the first combination.

    Args:
        rows: `source`, `target`, and `flags`: approximate, no map, combination, scenario, choice list; a digit each.
    """
    alternatives: dict[str, list[str]] = defaultdict(list)
    combined: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        source, target, flags = (row[name].strip('"') for name in ("source", "target", "flags"))
        if not flags.isdigit() or flags[1] == "1":
            continue
        if flags[2] == "0":
            alternatives[source].append(target)
        elif flags[3] == "1":
            combined[source].setdefault(flags[4], target)
    single = {source: [first for _, first in sorted(choices.items())] for source, choices in combined.items()}
    return single | dict(alternatives)


def main() -> None:
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(["shared", "rest", "icd9"])
    before = ""
    for code, targets in sorted(chosen(pq.read_table(sys.argv[1]).to_pylist()).items()):
        shared = next(n for n in range(len(code), -1, -1) if before.startswith(code[:n]))
        out.writerow([shared, code[shared:], " ".join(dict.fromkeys(targets))])
        before = code
    TARGET.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0))


if __name__ == "__main__":
    main()
