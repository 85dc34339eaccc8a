"""Make transforms/icd/icd10cm.csv.gz and excludes1.csv.gz from the package simple-icd-10-cm.

    python -m infra.make_icd_table

The release is that of the tabular list which the installed package holds. The files are the same, byte for
byte, however often they are made.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path

import simple_icd_10_cm as icd

ROOM = Path(__file__).parent.parent / "transforms" / "icd"

_LAST_PARENTHESES = re.compile(r"\(([^()]*)\)[^()]*$")
_CODE = r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]*)?"
_CODES = re.compile(rf"{_CODE}(?:-?\s*-\s*{_CODE})?-?")  # E10, E10.-, I60-I69, M02.3-
_CHAPTER_RANGE = re.compile(r"\(([A-Z]\w\w-[A-Z]\w\w)\)\s*$")


def release() -> str:
    """`April 1, 2026`, from the name of the package's tabular list."""
    names = [path.name for path in resources.files("simple_icd_10_cm.data").iterdir()]
    (tabular,) = [name for name in names if name.startswith("icd10c-tabular-")]
    month, day, year = tabular.removeprefix("icd10c-tabular-").removesuffix(".xml").split("-")
    return f"{month} {day}, {year}"


def all_codes() -> list[str]:
    """Chapters (`1`), blocks (`A00-A09`) and codes. A block of one category bears its name, and comes once."""
    return list(dict.fromkeys(icd.get_all_codes(with_dots=True)))


def is_code(name: str) -> bool:
    return not icd.is_chapter(name) and "-" not in name


def entries() -> Iterator[list[object]]:
    for code in filter(is_code, all_codes()):
        yield [code, int(icd.is_leaf(code)), icd.get_description(code)]


def excluded_codes(note: str) -> list[str]:
    """The codes and ranges that an Excludes1 note names: in its last parentheses, or in the note where it has none."""
    found = _LAST_PARENTHESES.search(note)
    named = _CODES.findall(found[1] if found else note)
    return ["-".join(code.rstrip(".") for code in re.findall(_CODE, one)) for one in named]


def exclusions() -> Iterator[list[object]]:
    for name in all_codes():
        place = name
        if icd.is_chapter(name):
            found = _CHAPTER_RANGE.search(icd.get_description(name))
            if found is None:
                raise ValueError(f"chapter {name} does not say which codes it holds")
            place = found[1]
        for note in icd.get_excludes1(name):
            for code in excluded_codes(note):
                yield [place, code]


def write(path: Path, lines: Iterable[str], header: list[str], rows: Iterable[list[object]]) -> None:
    text = io.StringIO()
    text.writelines(lines)
    out = csv.writer(text, lineterminator="\n")
    out.writerow(header)
    out.writerows(rows)
    # No time stamp and no name inside, so that the bytes are stable.
    path.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0))


def main() -> None:
    title = f"# ICD-10-CM, release of {release()}\n"
    write(ROOM / "icd10cm.csv.gz", [title], ["code", "billable", "description"], entries())
    write(ROOM / "excludes1.csv.gz", [], ["code", "excludes"], exclusions())


if __name__ == "__main__":
    main()
