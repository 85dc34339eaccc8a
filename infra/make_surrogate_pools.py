"""Make transforms/deid/replacement/pools.json.gz: whose name is a woman's, and names to draw surrogates from.

    python infra/make_surrogate_pools.py --data FOLDER

`FOLDER` holds Parquet files, each made from one public source:

* `given_female`, `given_male`, `surnames` (name, percent): US Census Bureau, "Frequently occurring surnames" and
  "first names", 1990 census; a work of the United States government, in the public domain.
* `us_cities` (CITY, STATE_CODE): the public list of US cities by kelvins, MIT licence.

The file is the same, byte for byte, however often it is made.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow.parquet as pq

from transforms.deid.lexicon import Lexicon

TARGET = Path(__file__).parent.parent / "transforms" / "deid" / "replacement" / "pools.json.gz"

_UNWANTED = """
    adolph adolf osama sadam gay dick dong fanny randy willie hooker cox butts weiner lynch slaughter coon sang
    wang dung phuc man numbers deadra virgin jesus christ moses angel concepcion refugio trinidad asa ok ima love
    cocks hoar hore rape savage killian outlaw graves coffin blood hitler stalin trump biden obama clinton nixon
    reagan hussein king bishop pope queen prince doctor nurse loving boner gross pigg hogg swindle crook bottoms
    fagan gaylord gaye gayle dyke dykes dike negron moody beaver beavers mobley dix sluder elvis chong yong thanh
    minh otha alva michal fannie fanny mamie jame joesph roosevelt ulysses numbers sexton
    bean beard berry bond booth banks barber bowers brewer brook brooks bullock butler cain carpenter carver combs
    cook crane curry drake duncan english flowers french frost fuller gates gamble gaines gill glover golden goodman
    hall hale hardy hart harding herring hicks hines hodge hodges hood hooper hoover hopper hull lane lang leach lyons
    marsh mays meadows mercer mills moon moss nash pace park parker parks parsons pitts poole porter powers powell
    pratt rivers roach rush sawyer sellers shields singleton skinner sparks spears steele stout summers sweeney tate
    waters watts weaver west wheeler whitehead wolfe york christian israel rocky rusty stan dusty dolly misty brandy
    charity cherry jewell sandy melody daisy opal viola geneva rosa beau chuck rich rick mark may april june
    bacon bird bland archer finch foreman justice sweet slater cote workman proctor sargent ivory hong chung guadalupe
    republic orange summit imperial marathon portage yale hume como clio lodi waco erie
    acme alpine atlantic badger boulder    broadway cedar climax coldwater commerce converse cypress defiance eagle
    empire evergreen falcon fountain glen harmony harvard liberty union hope midway freedom prospect enterprise
    independence friendship paradise eden garden cascade delta highland laurel plain holy grove stone
    boston atlanta dallas denver detroit houston chicago phoenix seattle austin miami memphis portland brooklyn
    buffalo cleveland columbus charlotte nashville baltimore pittsburgh cincinnati orlando oakland rochester
    cuba havana moscow berlin paris rome peru mexico brazil denmark holland norway poland scotland wales delaware
    wyoming nevada washington virginia michigan vienna milan lisbon dublin hamburg cairo damascus delhi
"""
"""Never offered as a surrogate: offensive, ordinary words, and what draws thoughts away from the note."""

_NEUTRAL = """
    addison ainsley arden ashton avery bailey baylor beckett bellamy blaine blair blake bowie brighton cameron campbell
    carey carson carter casey channing collins corey dakota dallas darby devon drew easton ellery ellis ellison emerson
    emery finley flynn greer harley harper hayden hollis hunter jamison jordan jules keegan kelly kelsey kendall kennedy
    kerry landry larkin leighton lennox logan mackenzie madison marley merritt micah monroe morgan murphy noel oakley
    palmer paxton perry peyton presley quinn ramsey reagan reese remy riley ripley robin rory rowan shannon shelby
    sidney skyler sloane spencer sterling sutton sydney tanner tatum taylor teagan tracy wallis whitney winslow wynn
"""
"""Names of women and of men, nearly all of them surnames too: for names that no list has."""

_SURELY = 4.0
"""A given name so many times as frequent with one sex as with the other belongs to it."""
_ALSO_SURNAME = 0.1
"""A given name is a surname too when it is at least this often one."""
_FREQUENT = 0.004
"""Percent of the population from which on a surname is a common one."""
_SURNAME_RATHER = 5.0
"""A given name so many times as frequent as a surname is a surname."""


def percents(file: Path) -> dict[str, float]:
    return {row["name"].lower(): row["percent"] for row in pq.read_table(file).to_pylist()}


def common_cities(file: Path, states: int) -> list[str]:
    """Names found in at least so many states, so that one goes with whatever state stands beside it."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in pq.read_table(file).to_pylist():
        found[row["CITY"]].add(row["STATE_CODE"])
    ranked = sorted(found, key=lambda city: (-len(found[city]), city))
    return [city for city in ranked if len(found[city]) >= states]


def _pool(names: Iterable[str], size: int, is_good: Callable[[str], bool]) -> list[str]:
    return sorted([name for name in names if is_good(name)][:size])


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the pools of surrogate names.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the Parquet files named above")
    data = parser.parse_args().data
    female, male, surnames = (percents(data / f"{name}.parquet") for name in ("given_female", "given_male", "surnames"))
    lexicon = Lexicon.shipped()
    frequent = sorted({**female, **male}, key=lambda name: (-female.get(name, 0) - male.get(name, 0), name))
    sex, too = {}, []
    for name in frequent:
        share = (female.get(name, 0) + male.get(name, 0)) / 2
        if len(name) < 2 or surnames.get(name, 0) >= _SURNAME_RATHER * share:
            continue
        of_women, of_men = female.get(name, 0), male.get(name, 0)
        sex[name] = "female" if of_women > _SURELY * of_men else "male" if of_men > _SURELY * of_women else "either"
        if surnames.get(name, 0) > _ALSO_SURNAME * share:
            too.append(name)
    also, unwanted = frozenset(too), frozenset(_UNWANTED.split())
    common_given = [name for name in frequent[:600] if len(name) >= 3]

    def is_good(name: str) -> bool:
        plain = not lexicon.is_ordinary(name) and not lexicon.is_eponym(name) and name not in lexicon.eponym_names
        return 4 <= len(name) <= 10 and plain and name not in unwanted and not lexicon.is_placeholder(name)

    def is_good_surname(name: str) -> bool:
        # One that holds another's given name (`Peterson`) would too often be refused; `Mc` needs a capital within.
        plain = name not in sex and not any(known in name for known in common_given)
        return is_good(name) and plain and not name.startswith(("mc", "ob", "oc", "od", "on"))

    def is_good_city(city: str) -> bool:
        # One with the name of a person would be read as that.
        name = city.lower()
        return city.isalpha() and is_good(name) and name not in sex and surnames.get(name, 0) < _FREQUENT

    by_sex = {kind: [name for name in sex if sex[name] == kind] for kind in ("female", "male", "either")}
    only = {kind: [name for name in names if name not in also] for kind, names in by_sex.items()}
    both = {kind: [name for name in names if name in also] for kind, names in by_sex.items()}
    ranked = sorted(surnames, key=lambda name: (-surnames[name], name))
    pools = {
        "source": "US Census Bureau, names of the 1990 census; US cities by kelvins (MIT)",
        "given": {kind: " ".join(sorted(names)) for kind, names in by_sex.items()},
        "surnames_too": " ".join(sorted(also)),
        "female": _pool(only["female"], 320, is_good),
        "male": _pool(only["male"], 320, is_good),
        "either": sorted(_NEUTRAL.split()),
        "female_or_surname": _pool(both["female"], 60, is_good),
        "male_or_surname": _pool(both["male"], 120, is_good),
        "surname": _pool(ranked, 500, is_good_surname),
        "city": _pool(common_cities(data / "us_cities.parquet", 3), 320, is_good_city),
    }
    # No time stamp and no name inside, so that the bytes are stable.
    content = json.dumps(pools, indent=0, sort_keys=True).encode()
    TARGET.write_bytes(gzip.compress(content, compresslevel=9, mtime=0))


if __name__ == "__main__":
    main()
