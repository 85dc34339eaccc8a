"""The language of the templates.

    [Pt|Patient] seen by Dr. {DOCTOR.last} on {DATE.day} for {complaint}.

Alternatives are those of `alternatives`.

`{LABEL.form}`   PHI. `DOCTOR2`, `RELATIVE3`: further persons. Labels are written in capitals.
`{word}`         filler that is not PHI: a drug, a relation, an ordinary age.

A template is compiled once.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from jobs.synthetic import alternatives
from jobs.synthetic.alternatives import Template, TemplateError

_SLOT: Final = re.compile(r"([A-Za-z_-]+?)(\d*)(?:\.(\w+))?")


@dataclass(frozen=True, slots=True)
class Slot:
    """What stands in braces: `{RELATIVE2.full}` is name `RELATIVE`, number 2, form `full`."""

    name: str
    number: int
    form: str


@functools.cache
def parse(text: str) -> Template:
    """Compiles a template.

    Raises:
        TemplateError: brackets or braces do not match.
    """
    return alternatives.parse(text, _slot)


def _slot(body: str) -> Slot:
    matched = _SLOT.fullmatch(body)
    if matched is None:
        raise TemplateError(f"not a slot: {body!r}")
    return Slot(matched[1], int(matched[2] or 1), matched[3] or "")


@functools.cache
def data(name: str) -> dict[str, Any]:
    """One of the data files beside this module."""
    return tomllib.loads(resources.files("jobs.synthetic.inject").joinpath("templates", name).read_text("utf-8"))


@functools.cache
def templates(name: str, *keys: str) -> tuple[Template, ...]:
    """The compiled templates of a file's lists, of these keys or of all."""
    lists: Sequence[list[str]] = [data(name)[key] for key in keys] if keys else list(data(name).values())
    return tuple(parse(text) for texts in lists for text in texts)
