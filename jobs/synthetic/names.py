"""Pools of names and places from which PHI is made: Faker's lists, and the places of `data/places.toml`.

Names come from the lists behind Faker's own providers, of many locales, for the tagger must know names of every
origin that US notes hold. Drawing from a list is fifty times faster than `Faker().name()`, and can be cut in two
by `wording`.
"""

from __future__ import annotations

import functools
import importlib
import random
import re
import tomllib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from jobs.synthetic.wording import Wording, halve, share

_COMMON: Final = "en_US"
_FURTHER: Final = (
    "en_GB", "en_IE", "en_IN", "en_PK", "en_KE", "es_MX", "it_IT", "de_DE", "fr_FR", "nl_NL", "pt_BR", "pl_PL",
    "hr_HR", "sv_SE", "yo_NG", "ig_NG", "vi_VN", "zh_CN", "ja_JP", "id_ID",
)  # fmt: skip
_NAME: Final = re.compile(r"[A-Z][a-z]+(?:['-][A-Z][a-z]+)?|(?:Mc|Mac|O'|De|Di|La|Le|Van)[ ]?[A-Z][a-z]+")
_PLAIN: Final = re.compile(r"[A-Za-z' -]+")


@functools.cache
def data(name: str) -> dict[str, Any]:
    """One of the package's data files."""
    return tomllib.loads(resources.files("jobs.synthetic").joinpath("data", name).read_text("utf-8"))


def _provider(locale: str) -> Any:
    return importlib.import_module(f"faker.providers.person.{locale}").Provider


def _romanized(provider: Any, attribute: str) -> Iterable[str]:
    """A provider's list, in Latin letters where it has them so."""
    side = "last" if attribute == "last_names" else "first"
    values = getattr(provider, f"{side}_romanized_names", None) or getattr(provider, attribute, None) or ()
    return [value[0] if isinstance(value, tuple) else value for value in values]


def _ascii(name: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))


def _clean(names: Iterable[str]) -> list[str]:
    """The names of one word (or one apostrophe, hyphen or particle), as an ASCII keyboard types them."""
    plain = (_ascii(name) for name in names)
    return list(dict.fromkeys(name for name in plain if len(name) > 1 and _NAME.fullmatch(name)))


@dataclass(frozen=True)
class Pools:
    """What names and places are drawn from. Common American names come first in `*_common`."""

    female: list[str]
    male: list[str]
    female_common: list[str]
    male_common: list[str]
    surnames: list[str]
    surnames_common: list[str]
    cities: list[str]
    states: list[tuple[str, str]]
    streets: list[str]
    street_suffixes: list[str]
    hospitals: list[str]
    facilities: list[str]
    practices: list[str]
    employers: list[str]
    trees: list[str]
    saints: list[str]
    insurers: list[str]
    trades: list[str]

    @classmethod
    @functools.cache
    def load(cls, wording: Wording) -> Pools:
        """The pools of this wording, built once per process."""
        us = _provider(_COMMON)
        further = [_provider(locale) for locale in _FURTHER]
        places = data("places.toml")

        def wide(attribute: str) -> list[str]:
            names = [name for provider in further for name in _romanized(provider, attribute)]
            return halve(_clean(names), wording)

        address = importlib.import_module(f"faker.providers.address.{_COMMON}").Provider
        return cls(
            female=wide("first_names_female"),
            male=wide("first_names_male"),
            female_common=halve(_clean(us.first_names_female), wording),
            male_common=halve(_clean(us.first_names_male), wording),
            surnames=wide("last_names"),
            surnames_common=halve(_clean(us.last_names), wording),
            cities=halve(places["cities"], wording),
            # There are but fifty states: both parts know them all.
            states=[(name, short) for name, short in places["states"]],
            streets=halve(places["streets"], wording),
            street_suffixes=list(address.street_suffixes),
            hospitals=share(places["hospitals"], wording),
            facilities=share(places["facilities"], wording),
            practices=share(places["practices"], wording),
            employers=share(places["employers"], wording),
            trees=places["trees"],
            saints=places["saints"],
            insurers=places["insurers"],
            trades=places["trades"],
        )

    def given(self, female: bool, rng: random.Random) -> str:
        """A given name: two in three a common American one."""
        if rng.random() < 0.67:
            return rng.choice(self.female_common if female else self.male_common)
        return rng.choice(self.female if female else self.male)

    def surname(self, rng: random.Random) -> str:
        """A surname: half of them common American ones, a few of them double."""
        chance = rng.random()
        if chance < 0.03:
            return f"{rng.choice(self.surnames_common)}-{rng.choice(self.surnames_common)}"
        return rng.choice(self.surnames_common if chance < 0.5 else self.surnames)

    def place(self, form: str, rng: random.Random) -> str:
        """Fills one of the forms of `data/places.toml`."""
        return re.sub(r"\{(\w+)\}", lambda match: self._part(match[1], rng), form)

    def _part(self, kind: str, rng: random.Random) -> str:
        if kind in ("surname", "county"):
            return rng.choice(self.surnames_common)
        if kind == "state":
            return rng.choice(self.states)[0]
        pools = {"city": self.cities, "saint": self.saints, "tree": self.trees, "trade": self.trades}
        return rng.choice(pools[kind])
