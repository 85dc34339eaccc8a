"""The language of the templates.

    [Pt|Patient] seen by Dr. {DOCTOR.last} on {DATE.day} for {complaint}.

`[a|b|]`         one of the alternatives, each as likely; they nest, and may be empty.
`{LABEL.form}`   PHI. `DOCTOR2`, `RELATIVE3`: further persons. Labels are written in capitals.
`{word}`         filler that is not PHI: a drug, a relation, an ordinary age.

A backslash takes the meaning from the character after it. A template is compiled once.
"""

from __future__ import annotations

import functools
import random
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, TypeAlias

_SLOT: Final = re.compile(r"([A-Za-z_-]+?)(\d*)(?:\.(\w+))?")


class TemplateError(ValueError):
    """A template is not well formed."""


@dataclass(frozen=True, slots=True)
class Slot:
    """What stands in braces: `{RELATIVE2.full}` is name `RELATIVE`, number 2, form `full`."""

    name: str
    number: int
    form: str


Node: TypeAlias = "str | Slot | tuple[Template, ...]"
Template: TypeAlias = "tuple[Node, ...]"


@functools.cache
def parse(text: str) -> Template:
    """Compiles a template.

    Raises:
        TemplateError: brackets or braces do not match.
    """
    template, at = _sequence(text, 0, nested=False)
    if at != len(text):
        raise TemplateError(f"unmatched bracket at {at} in {text!r}")
    return template


def _sequence(text: str, at: int, nested: bool) -> tuple[Template, int]:
    nodes: list[Node] = []
    plain: list[str] = []

    def flush() -> None:
        if plain:
            nodes.append("".join(plain))
            plain.clear()

    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            plain.append(text[at + 1])
            at += 2
        elif char == "[":
            flush()
            options: list[Template] = []
            while char != "]":
                option, at = _sequence(text, at + 1, nested=True)
                options.append(option)
                if at >= len(text):
                    raise TemplateError(f"unclosed [ in {text!r}")
                char = text[at]
            nodes.append(tuple(options))
            at += 1
        elif char == "{":
            flush()
            close = text.find("}", at)
            matched = _SLOT.fullmatch(text, at + 1, close) if close > 0 else None
            if matched is None:
                raise TemplateError(f"not a slot at {at} in {text!r}")
            nodes.append(Slot(matched[1], int(matched[2] or 1), matched[3] or ""))
            at = close + 1
        elif nested and char in "|]":
            break
        else:
            plain.append(char)
            at += 1
    flush()
    return tuple(nodes), at


def slots(template: Template) -> Iterator[Slot]:
    """Every slot of a template, in any alternative."""
    for node in template:
        if isinstance(node, Slot):
            yield node
        elif isinstance(node, tuple):
            for option in node:
                yield from slots(option)


def flatten(template: Template, rng: random.Random) -> Iterator[str | Slot]:
    """The template with its alternatives drawn."""
    for node in template:
        if isinstance(node, tuple):
            yield from flatten(node[int(rng.random() * len(node))], rng)
        else:
            yield node


@functools.cache
def data(name: str) -> dict[str, Any]:
    """One of the data files beside this module."""
    return tomllib.loads(resources.files("jobs.synthetic.inject").joinpath("templates", name).read_text("utf-8"))


@functools.cache
def templates(name: str, *keys: str) -> tuple[Template, ...]:
    """The compiled templates of a file's lists, of these keys or of all."""
    lists: Sequence[list[str]] = [data(name)[key] for key in keys] if keys else list(data(name).values())
    return tuple(parse(text) for texts in lists for text in texts)
