"""Make the name and place lists of transforms/deid/lists from public tables.

    python infra/make_name_lists.py --data FOLDER

`FOLDER` holds Parquet files, each made from one public source:

* `given_female`, `given_male`, `surnames` (name, percent): US Census Bureau, "Frequently occurring surnames" and
  "first names", 1990 census; a work of the United States government, in the public domain.
* `us_cities` (CITY, COUNTY, STATE_CODE): the public list of US cities by kelvins, MIT licence.
* `us_hospitals` (hospital_name): Centers for Medicare & Medicaid Services, "Hospital General Information"; a work of
  the United States government, in the public domain.

Written are: `given.txt.gz`, `surnames.txt.gz` (folded names, the frequent ones marked `*`), `cities.txt.gz` (name,
states), `counties.txt.gz`, `hospitals.txt.gz` (the part of a hospital's name that stands before `hospital`, `medical
center` and the like). The files are the same, byte for byte, however often they are made.
"""

from __future__ import annotations

import argparse
import gzip
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq

TARGET = Path(__file__).parent.parent / "transforms" / "deid" / "lists"

_FREQUENT = 0.004
"""Percent of the population from which on a name counts as frequent."""

_KIND = re.compile(
    r"\b(?:hospitals?|medical|med|centers?|ctr|health(?:care| care)?|system|clinic|infirmary|institute|campus|rehab\w*"
    r"|of|and|the|at|inc|llc|lp|memorial|regional|general|community|county|university|district|specialty|surgical"
    r"|psychiatric|behavioral|children'?s|women'?s|veterans|va|north|south|east|west|services?|for|critical|access"
    r"|heart|surgery|orthopa?edic|childrens|womens|state|care|main|acute|long|term)\b"
)


def names(files: Iterable[Path]) -> list[str]:
    """Each name once, in lower case, a frequent one with `*`."""
    percent: dict[str, float] = defaultdict(float)
    for file in files:
        for row in pq.read_table(file).to_pylist():
            percent[row["name"].lower()] += row["percent"]
    return [name + "*" * (percent[name] >= _FREQUENT) for name in sorted(percent) if len(name) > 1]


def cities(file: Path) -> tuple[list[str], list[str]]:
    """`city|ST,ST` and the counties."""
    states: dict[str, set[str]] = defaultdict(set)
    counties: set[str] = set()
    for row in pq.read_table(file).to_pylist():
        states[row["CITY"].lower()].add(row["STATE_CODE"])
        counties.add(row["COUNTY"].lower())
    return [f"{city}|{','.join(sorted(states[city]))}" for city in sorted(states)], sorted(counties - {""})


def hospitals(file: Path) -> list[str]:
    """The telling heads of hospitals' names: `beth israel deaconess`, `brigham`."""
    heads = set()
    for name in pq.read_table(file)["hospital_name"].to_pylist():
        lowered = name.lower()
        kind = _KIND.search(lowered)
        head = re.split(r"[,(/]| - ", lowered[: kind.start()] if kind else lowered)[0].strip(" -&.'")
        if len(head) > 3 and not any(char.isdigit() for char in head):
            heads.add(head)
    return sorted(heads)


def write(name: str, lines: Iterable[str]) -> None:
    # No time stamp and no name inside, so that the bytes are stable.
    content = ("\n".join(lines) + "\n").encode()
    (TARGET / f"{name}.txt.gz").write_bytes(gzip.compress(content, compresslevel=9, mtime=0))


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the lists of names and places.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the Parquet files named above")
    data = parser.parse_args().data
    write("given", names(data / f"{table}.parquet" for table in ("given_female", "given_male")))
    write("surnames", names([data / "surnames.parquet"]))
    towns, counties = cities(data / "us_cities.parquet")
    write("cities", towns)
    write("counties", counties)
    write("hospitals", hospitals(data / "us_hospitals.parquet"))


if __name__ == "__main__":
    main()
