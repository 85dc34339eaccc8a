"""Make transforms/icd/icd10cm.csv.gz from the package simple-icd-10-cm.

    python infra/make_icd_table.py

The release is that of the tabular list which the installed package holds. The file is the same, byte for
byte, however often it is made.
"""

from __future__ import annotations

import csv
import gzip
import io
from importlib import resources
from pathlib import Path

import simple_icd_10_cm as icd

TARGET = Path(__file__).parent.parent / "transforms" / "icd" / "icd10cm.csv.gz"


def release() -> str:
    """`April 1, 2026`, from the name of the package's tabular list."""
    names = [path.name for path in resources.files("simple_icd_10_cm.data").iterdir()]
    (tabular,) = [name for name in names if name.startswith("icd10c-tabular-")]
    month, day, year = tabular.removeprefix("icd10c-tabular-").removesuffix(".xml").split("-")
    return f"{month} {day}, {year}"


def main() -> None:
    text = io.StringIO()
    text.write(f"# ICD-10-CM, release of {release()}\n")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["code", "billable", "description"])
    for code in dict.fromkeys(icd.get_all_codes(with_dots=True)):
        # B20 and some more are a block and its only category in one.
        if icd.is_chapter(code) or (icd.is_block(code) and not icd.is_category(code)):
            continue
        rows.writerow([code, int(icd.is_leaf(code)), icd.get_description(code)])
    # No time stamp and no name inside, so that the bytes are stable.
    TARGET.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0))


if __name__ == "__main__":
    main()
