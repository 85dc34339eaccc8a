"""How well sections are found, measured on notes whose headings are marked, and how fast.

    python infra/bench/sections.py --data NOTES.parquet

The file has `text` and `headings` (list of structs with `start`, `end`, `text`), as MTSamples' bold headings.
A boundary is right when it is the very character at which a marked heading begins. The marks mix main headings
and sub-headings and leave many sub-headings out, so three figures are printed:

- main against all marks: recall pays for each marked sub-heading;
- all against all marks: precision pays for each sub-heading that is not marked;
- main against main marks: marks whose wording the table has as the part of an examination are left out on the
  side of the marks, which is the nearest to "top-level" that the data allow.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.sections import HeadingTable, Sections, Segmenter
from transforms.sections.headings import HEADER, OTHER, HeadingIndex


@dataclass
class Counts:
    right: int = 0
    found: int = 0
    marked: int = 0

    def add(self, found: set[int], marked: set[int]) -> None:
        self.right += len(found & marked)
        self.found += len(found)
        self.marked += len(marked)

    def __str__(self) -> str:
        precision, recall = self.right / self.found, self.right / self.marked
        f1 = 2 * precision * recall / (precision + recall)
        return f"precision {precision:.4f}  recall {recall:.4f}  F1 {f1:.4f}  ({self.right}/{self.found}/{self.marked})"


def main() -> None:
    parser = argparse.ArgumentParser(description="Boundary F1, category share and speed of `sections`.")
    parser.add_argument("--data", type=Path, required=True, help="Parquet file with text and headings")
    parser.add_argument("--errors", type=int, default=0, help="print this many of the commonest misses of each kind")
    data = pq.read_table(parser.parse_args().data, columns=["text", "headings"])
    errors = parser.parse_args().errors

    table = HeadingTable.shipped()
    segmenter, index = Segmenter(table), HeadingIndex(table)
    main_all, all_all, main_main = Counts(), Counts(), Counts()
    categories: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    extra: Counter[str] = Counter()
    uncategorised: Counter[str] = Counter()
    for row in data.to_pylist():
        sections = [section for section in segmenter.split(row["text"]) if section.title]
        mains, end = set(), 0
        for section in sections:
            if section.start >= end:
                mains.add(section.start)
                end = section.end
        everything = {section.start for section in sections}
        marked = {heading["start"]: heading["text"].rstrip(" :") for heading in row["headings"]}
        parts = {
            start for start, title in marked.items() if (entry := index.find(title)) and (entry.part or entry.nested_in)
        }
        main_all.add(mains, set(marked))
        all_all.add(everything, set(marked))
        main_main.add(mains - parts, set(marked) - parts)
        missed.update(marked[start] for start in set(marked) - everything)
        extra.update(section.title for section in sections if section.start in mains - set(marked))
        for section in sections:
            if section.start in marked:
                categories[section.category] += 1
                if section.category == OTHER:
                    uncategorised[section.title] += 1

    print(f"main against all marks   {main_all}")
    print(f"all against all marks    {all_all}")
    print(f"main against main marks  {main_main}")
    total = sum(categories.values())
    print(f"marked headings with a category: {1 - categories[OTHER] / total:.4f} of {total}")
    print("  ".join(f"{name} {count / total:.3f}" for name, count in categories.most_common() if name != HEADER))
    if errors:
        print("missed", missed.most_common(errors))
        print("extra", extra.most_common(errors))
        print("other", uncategorised.most_common(errors))

    notes = pa.table({"text": data["text"]})
    worker = Sections(table).open()
    worker.process(notes.slice(0, 10))
    began = time.perf_counter()
    worker.process(notes)
    seconds = time.perf_counter() - began
    print(f"{notes.num_rows / seconds:.0f} notes/s on one core ({notes.num_rows} notes, {seconds:.2f} s)")


if __name__ == "__main__":
    main()
