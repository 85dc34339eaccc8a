"""Persons and the forms in which a note writes their names."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from infra.bench.holdout.words import Words


@dataclass(frozen=True)
class Person:
    """A name in its parts; `nick` is what friends call them. `sex` is F or M."""

    first: str
    middle: str
    last: str
    sex: str
    nick: str

    def form(self, name: str, rng: Random) -> str:
        """The name written in one of the forms that templates ask for.

        Raises:
            KeyError: there is no such form.
        """
        first, last, initial = self.first, self.last, self.middle[0]
        forms = {
            "full": f"{first} {last}",
            "fullm": f"{first} {initial}. {last}",
            "middle": f"{first} {self.middle} {last}",
            "first": first,
            "last": last,
            "nick": self.nick,
            "nicklast": f"{self.nick} {last}",
            "fl": f"{first[0]}. {last}",
            "lf": f"{last}, {first}",
            "lfm": f"{last}, {first} {initial}",
            "lfdot": f"{last}, {first} {initial}.",
            "glued": f"{last},{first} {initial}",
            "li": f"{last} {first[0]}",
            "initials": f"{first[0]}{initial}{last[0]}".upper(),
            "inits": f"{first[0]}.{initial}. {last}",
            "firsti": f"{first} {last[0]}.",
            "lastfirst": f"{upper(last)} {first}",
            "quoted": f"{first} {last}" if self.nick == first else f'{first} "{self.nick}" {last}',
            "typo": misspelt(last, rng),
            "jr": f"{first} {last} Jr",
            "lfjr": f"{last} Jr, {first} {initial}",
        }
        if name == "any":
            name = rng.choice(("full", "fullm", "lf", "lfm", "full", "middle", "LF", "LFM", "FULL"))
        if name.isupper():
            return upper(forms[name.lower()])
        if name.startswith("low"):
            return forms[name.removeprefix("low_") if "_" in name else "full"].lower()
        return forms[name]


def upper(text: str) -> str:
    """Upper case of the same length."""
    return "".join(letter.upper() if len(letter.upper()) == 1 else letter for letter in text)


def misspelt(name: str, rng: Random) -> str:
    """The name with two neighbouring inner letters changed about, as typing does."""
    at = rng.randrange(1, max(2, len(name) - 2))
    if len(name) < 4 or not name[at : at + 2].isalpha() or name[at] == name[at + 1]:
        return name + name[-1]
    return name[:at] + name[at + 1] + name[at] + name[at + 2 :]


def person(rng: Random, words: Words, sex: str = "", last: str = "") -> Person:
    """Someone new; with a sex or a surname where the caller has one."""
    sex = sex or rng.choice("FM")
    given = words.entries("names", "female" if sex == "F" else "male")
    first, middle = rng.sample(given, 2)
    nick = words.lists["nicknames"].get(first, first)
    return Person(first, middle, last or rng.choice(words.entries("names", "last")), sex, nick)
