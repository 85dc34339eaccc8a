"""What the two template languages share: text with alternatives in brackets and slots in braces.

    [Pt|Patient] seen on {DATE.day} for [|acute ]{complaint}.

`[a|b|]` is one of the alternatives, each as likely; they nest, and may be empty. What `{...}` means, each language says
(`grammar` of the generated notes, `inject.grammar` of the training documents). A backslash takes the meaning from the
character after it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

Template: TypeAlias = "tuple[Any, ...]"
"""Nodes one after another: plain text (`str`), a `Choice`, or what the language makes of a slot."""


class Choice(tuple[Template, ...]):
    """Alternatives, of which one is drawn."""

    __slots__ = ()


class TemplateError(ValueError):
    """A template is not well formed."""


def parse(text: str, slot: Callable[[str], Any]) -> Template:
    """Compiles a template.

    Args:
        text: the template.
        slot: compiles what stands between braces.

    Raises:
        TemplateError: brackets or braces do not match, or `slot` refuses.
    """
    template, at = _sequence(text, 0, slot, nested=False)
    if at != len(text):
        raise TemplateError(f"unmatched bracket at {at} in {text!r}")
    return template


def _sequence(text: str, at: int, slot: Callable[[str], Any], *, nested: bool) -> tuple[Template, int]:
    nodes: list[Any] = []
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
                option, at = _sequence(text, at + 1, slot, nested=True)
                options.append(option)
                if at >= len(text):
                    raise TemplateError(f"unclosed [ in {text!r}")
                char = text[at]
            nodes.append(Choice(options))
            at += 1
        elif char == "{":
            flush()
            close = text.find("}", at)
            if close < 0:
                raise TemplateError(f"unclosed {{ in {text!r}")
            nodes.append(slot(text[at + 1 : close]))
            at = close + 1
        elif nested and char in "|]":
            break
        else:
            plain.append(char)
            at += 1
    flush()
    return tuple(nodes), at


def flatten(template: Template, rng: random.Random) -> Iterator[Any]:
    """The template with its alternatives drawn."""
    for node in template:
        if isinstance(node, Choice):
            yield from flatten(node[int(rng.random() * len(node))], rng)
        else:
            yield node


def slots(template: Template) -> Iterator[Any]:
    """Every slot of a template, in any alternative."""
    for node in template:
        if isinstance(node, Choice):
            for option in node:
                yield from slots(option)
        elif not isinstance(node, str):
            yield node
