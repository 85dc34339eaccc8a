"""Names of people, places and houses, drawn so that rare ones are seen too.

The census's names with their frequencies, US cities and US hospitals are read from the data folder at run time;
further names are Faker's (see `jobs.synthetic.names`); companies, schools and homes are put together from parts.
One name in ten is no name at all but made of the letters of two, so that the model learns the shape of a name and
its surroundings, not lists.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import math
import random
import re
from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from jobs.synthetic.alternatives import Choice, Template, flatten
from jobs.synthetic.inject.grammar import Slot, parse
from jobs.synthetic.inject.grammar import data as templates_data
from jobs.synthetic.names import Pools
from jobs.synthetic.wording import Wording, halve

_ACCENTED: Final = ("es_ES", "fr_FR", "de_DE", "pt_BR", "pl_PL", "sv_SE", "cs_CZ", "hu_HU", "tr_TR", "da_DK", "no_NO")
_ONE_NAME: Final = re.compile(r"[^\W\d_]+(?:['’ -][^\W\d_]+)?")
_SPLIT: Final = re.compile(r"[aeiouy]+(?=[^aeiouy])")


@dataclass(frozen=True)
class Weighted:
    """Names with their running weights: by frequency, or each as likely."""

    names: list[str]
    running: list[float]

    def common(self, rng: random.Random) -> str:
        return self.names[min(bisect(self.running, rng.random() * self.running[-1]), len(self.names) - 1)]

    def any(self, rng: random.Random) -> str:
        return self.names[int(rng.random() * len(self.names))]


@dataclass(frozen=True)
class World:
    """What names and places are drawn from."""

    faker: Pools
    surnames: Weighted
    female: Weighted
    male: Weighted
    wordlike: list[str]
    wordlike_given: list[str]
    accented: list[str]
    accented_given: list[str]
    cities: list[str]
    counties: list[str]
    hospitals: list[str]
    roads: list[str]
    parts: dict[str, list[str]]

    @classmethod
    @functools.cache
    def load(cls, folder: Path, wording: Wording) -> World:
        """The pools of this wording, read once per process.

        Raises:
            FileNotFoundError: a file of `folder/names` is missing.
        """
        names = folder / "names"
        towns = pq.read_table(names / "us_cities.parquet", columns=["CITY", "COUNTY"]).to_pydict()
        houses = pq.read_table(names / "us_hospitals.parquet", columns=["hospital_name", "address"]).to_pydict()
        parts: dict[str, list[str]] = templates_data("places.toml")
        accented, given = _accented()
        counties = _unique(county for county in towns["COUNTY"] if county and county.isascii())
        return cls(
            faker=Pools.load(wording),
            surnames=_weighted(names / "surnames.parquet", wording),
            female=_weighted(names / "given_female.parquet", wording),
            male=_weighted(names / "given_male.parquet", wording),
            wordlike=halve(parts["wordlike"], wording),
            wordlike_given=halve(parts["wordlike_given"], wording),
            accented=halve(accented, wording),
            accented_given=halve(given, wording),
            cities=halve(_unique(town for town in towns["CITY"] if len(town) > 2 and "(" not in town), wording),
            counties=halve(counties, wording),
            hospitals=[_titled(name) for name in _part(_unique(houses["hospital_name"]), wording)],
            roads=[_titled(road) for road in _part(_unique(houses["address"]), wording) if re.match(r"\d", road)],
            parts=parts,
        )

    def surname(self, rng: random.Random) -> str:
        """A surname: common, rare, of other origins, made up, double, or one that is also a word."""
        chance = rng.random()
        if chance < 0.30:
            return self.surnames.common(rng)
        if chance < 0.57:
            return self.surnames.any(rng)
        if chance < 0.76:
            return rng.choice(self.faker.surnames)
        if chance < 0.86:
            return self.made_up(rng)
        if chance < 0.91:
            return rng.choice(self.wordlike)
        if chance < 0.94:
            return rng.choice(self.accented)
        if chance < 0.97:
            return f"{self.surnames.common(rng)}-{self.surnames.any(rng)}"
        if chance < 0.985:
            return f"{rng.choice(self.faker.surnames)} {self.surnames.common(rng)}"
        return f"{rng.choice(_PARTICLES)}{self.surnames.any(rng)}"

    def given(self, female: bool, rng: random.Random) -> str:
        """A given name."""
        census = self.female if female else self.male
        chance = rng.random()
        if chance < 0.40:
            return census.common(rng)
        if chance < 0.60:
            return census.any(rng)
        if chance < 0.84:
            return rng.choice(self.faker.female if female else self.faker.male)
        if chance < 0.90:
            return self.made_up(rng)
        if chance < 0.94:
            return rng.choice(self.wordlike_given)
        if chance < 0.96:
            return rng.choice(self.accented_given)
        if chance < 0.98:
            return f"{census.common(rng)}{rng.choice(('-', ' '))}{census.common(rng)}"
        # A surname as a given name.
        return self.surnames.common(rng)

    def made_up(self, rng: random.Random) -> str:
        """The head of one surname with the tail of another."""
        for _ in range(5):
            first, second = self.surnames.any(rng), self.surnames.any(rng)
            head, tail = _SPLIT.search(first, 1), _SPLIT.search(second, 1)
            if head and tail:
                made = first[: head.end()] + second[tail.end() :].lower()
                if 4 <= len(made) <= 11:
                    return made
        return self.surnames.any(rng)

    def city(self, rng: random.Random) -> str:
        """A town: two in three any of all, else one of the larger ones."""
        return rng.choice(self.cities if rng.random() < 0.65 else self.faker.cities)

    def hospital(self, rng: random.Random) -> str:
        """A hospital: a real one, or one put together."""
        if rng.random() < 0.4:
            return rng.choice(self.hospitals)
        return self.house("hospitals", rng)

    def house(self, kind: str, rng: random.Random) -> str:
        """A house, road or address put together in one of the forms of `places.toml`."""
        (form,) = rng.choices(self.parts[kind], cum_weights=_running(kind))
        # An alternative that is empty leaves two blanks.
        return " ".join(self._written(form, rng).split()).replace(" ,", ",")

    def _written(self, form: str, rng: random.Random) -> str:
        """A form, or a piece of one, with its own pieces filled in."""
        nodes = flatten(parse(form), rng)
        return "".join(self._piece(node.name, rng) if isinstance(node, Slot) else node for node in nodes)

    def _piece(self, kind: str, rng: random.Random) -> str:
        if kind == "surname":
            return self.made_up(rng) if rng.random() < 0.12 else self.surnames.common(rng)
        if kind == "rare":
            return self.surnames.any(rng)
        if kind == "city":
            return self.city(rng)
        if kind == "county":
            return rng.choice(self.counties)
        if kind == "n":
            return str(1 + int(rng.random() * 120))
        if kind == "number":
            return str(1 + int(rng.random() ** 3 * 24000))
        if kind == "nth":
            return _ordinal_word(rng)
        if kind == "letter":
            return rng.choice("ABCDEFGHJKLMNPRSTVW")
        return self._written(rng.choice(self.parts[kind]), rng)

    def street(self, rng: random.Random) -> str:
        """A house number and a street, perhaps with a flat; one in eight a box or a real hospital's road."""
        chance = rng.random()
        if chance < 0.07:
            return rng.choice(self.roads)
        if chance < 0.13:
            return rng.choice(("P.O. Box {}", "PO Box {}", "P. O. Box {}", "Box {}", "POB {}", "po box {}")).format(
                rng.randrange(2, 9999)
            )
        number = str(rng.randrange(1, 100 if rng.random() < 0.2 else 13000))
        if chance < 0.21:
            return self.house("addresses", rng)
        if chance < 0.25:
            number = rng.choice(
                (f"{number}-{rng.randrange(1, 90):02}", f"{number} 1/2", f"{number}{rng.choice('ABC')}")
            )
        road = f"{number} {self.road(rng)}"
        if rng.random() < 0.22:
            unit = rng.choice(("{}", "{}{}", "{}", "{}-{}")).format(rng.randrange(1, 900), rng.choice("ABCDEF"))
            road += rng.choice(
                (" Apt {}", ", Apt. {}", " #{}", ", Unit {}", " Apt #{}", ", Suite {}", " Ste {}", " apt {}",
                 ", Apt {}", " Lot {}", ", #{}", " Unit {}", " Rm {}", ", Floor {}", " Trlr {}")
            ).format(unit)  # fmt: skip
        return road

    def road(self, rng: random.Random) -> str:
        """A street without its number."""
        chance = rng.random()
        if chance < 0.12:
            return rng.choice(("{} {}", "{} {}", "N {} {}", "W. {} {}", "SE {} {}", "{} {} NW")).format(
                _ordinal_word(rng), rng.choice(("St", "Street", "Ave", "Avenue", "St.", "Ave.", "Pl"))
            )
        if chance < 0.18:
            return rng.choice(
                ("County Road {}", "Highway {}", "Hwy {}", "State Route {}", "Rural Route {}", "FM {}", "US Hwy {}",
                 "Old Route {}", "CR {}", "Route {}", "Farm Road {}")
            ).format(rng.randrange(1, 990))  # fmt: skip
        if chance < 0.32:
            return self.house("roads", rng)
        kind = rng.random()
        if kind < 0.35:
            name = rng.choice(self.faker.streets)
        elif kind < 0.6:
            name = self.surnames.common(rng)
        elif kind < 0.7:
            name = self.surnames.any(rng)
        elif kind < 0.8:
            name = self.city(rng)
        elif kind < 0.9:
            name = f"{rng.choice(self.parts['nature'])} {rng.choice(self.parts['feature'])}"
        else:
            name = rng.choice(self.parts["tree"])
        ways = self.parts["ways_short"] if rng.random() < 0.5 else self.faker.street_suffixes
        way = rng.choice(self.parts["ways"]) if rng.random() < 0.7 else rng.choice(ways)
        compass = (
            rng.choice(("N", "S.", "E", "West", "North", "SW", "Old", "Upper")) + " " if rng.random() < 0.12 else ""
        )
        return f"{compass}{name} {way}"


@functools.cache
def _running(kind: str) -> list[float]:
    """Running weights of the forms of a list: by the logarithm of how many alternatives each has."""
    return list(itertools.accumulate(1 + math.log2(_ways(parse(form))) for form in templates_data("places.toml")[kind]))


def _ways(template: Template) -> int:
    return math.prod(sum(_ways(option) for option in node) for node in template if isinstance(node, Choice))


_PARTICLES: Final = (
    "Van ",
    "De ",
    "Mc",
    "O'",
    "La",
    "St. ",
    "Al-",
    "El ",
    "Del ",
    "van der ",
    "D'",
    "Mac",
    "Ben-",
    "Di ",
)
_STREET_WORDS: Final = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth", "Tenth")


def _ordinal_word(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return rng.choice(_STREET_WORDS)
    number = rng.randrange(1, 180)
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _part(names: Sequence[str], wording: Wording) -> list[str]:
    """Every second of the names for each half; names of houses share their words, so they are not cut by word."""
    if wording == "all":
        return list(names)
    return [name for index, name in enumerate(names) if index % 2 == (wording == "heldout")]


def _weighted(path: Path, wording: Wording) -> Weighted:
    table = pq.read_table(path, columns=["name", "percent"]).to_pydict()
    percent = dict(zip(table["name"], table["percent"], strict=True))
    names = [name for name in halve(table["name"], wording) if len(name) > 1]
    return Weighted(names, list(itertools.accumulate(max(percent[name], 0.0001) for name in names)))


def _accented() -> tuple[list[str], list[str]]:
    """Faker's surnames and given names that hold letters beyond ASCII."""
    last: list[str] = []
    first: list[str] = []
    for locale in _ACCENTED:
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        last += getattr(provider, "last_names", None) or []
        first += getattr(provider, "first_names", None) or []
    return _beyond_ascii(last), _beyond_ascii(first)


def _beyond_ascii(names: Iterable[str]) -> list[str]:
    kept = (name for name in names if not name.isascii() and _ONE_NAME.fullmatch(name))
    return _unique(name for name in kept if name[0].isupper())


_SMALL_WORDS: Final = {"Of", "And", "The", "At", "For", "In", "On"}
_SHORT_WORDS: Final = {
    "Va",
    "Uc",
    "Umc",
    "Llc",
    "Lp",
    "Us",
    "Nw",
    "Ne",
    "Sw",
    "Se",
    "Ii",
    "Iii",
    "Uf",
    "Ut",
    "Usmd",
    "Md",
}


def _titled(name: str) -> str:
    """A name in capitals as prose writes it."""
    words = re.sub(r"[A-Za-z\d]+(?:'[A-Za-z]+)?", lambda match: match[0].capitalize(), name.strip()).split()
    out = []
    for index, word in enumerate(words):
        if word in _SMALL_WORDS and index:
            word = word.lower()
        elif word in _SHORT_WORDS:
            word = word.upper()
        out.append(word)
    return " ".join(out).rstrip(" ,.-")
