"""The names that surrogates are drawn from, and whose names are women's and men's.

`pools.json.gz` is made by `infra/make_surrogate_pools.py`, which names the sources. The names of streets, facilities
and companies are invented: each is a head and a tail of `words.toml`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from transforms.deid.replacement.words import words


@dataclass(frozen=True, eq=False)
class Pools:
    """All in lower case.

    Attributes:
        sex: given name -> `female`, `male` or `either`.
        surnames_too: given names that are surnames as often as not quite rarely.
        names: surrogates by kind: a sex, a sex with `_or_surname`, or `surname`.
        cities: names of cities found in several states.
        places: invented names.
    """

    sex: Mapping[str, str]
    given: frozenset[str]
    surnames_too: frozenset[str]
    names: Mapping[str, tuple[str, ...]]
    cities: tuple[str, ...]
    places: tuple[str, ...]

    @classmethod
    @cache
    def shipped(cls) -> Pools:
        """The pools that come with the package, read once per process."""
        content = json.loads(gzip.decompress((files("transforms.deid.replacement") / "pools.json.gz").read_bytes()))
        sex = {name: kind for kind, names in content["given"].items() for name in names.split()}
        kinds = ("female", "male", "either", "female_or_surname", "male_or_surname", "surname")
        names = {kind: tuple(content[kind]) for kind in kinds}
        heads, tails = words("places", "invented_heads"), words("places", "invented_tails")
        return cls(
            sex=MappingProxyType(sex),
            given=frozenset(sex),
            surnames_too=frozenset(content["surnames_too"].split()),
            names=MappingProxyType(names),
            cities=tuple(city.lower() for city in content["city"]),
            places=tuple(f"{head}{tail}".lower() for head in heads for tail in tails),
        )
