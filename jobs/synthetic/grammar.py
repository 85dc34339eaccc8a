"""The little language in which the notes' phrases are written.

    Pt is a {age} [yo|year old] {sex} [with|w/] {pmh}, here for {main}. [|Denies {D- fever}.]

`[a|b|]`      one of the alternatives, each as likely; they nest, and may be empty.
`{slot arg}`  what the slot writes: an identity's name, a date, a number, a disease of the story.
`{D- fever}`  an entity that the phrase itself names. The letter is the label (D Disease, C Chemical, P Procedure,
              L Lab), the marks after it the assertion: `-` negated, `?` uncertain, `~` historical,
              `>` hypothetical, `@` of a relative.

A phrase is compiled once to a list of nodes: a `str`, a tuple of alternatives, or a call.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from jobs.synthetic.draft import Assertion

if TYPE_CHECKING:
    from jobs.synthetic.scene import Scene

Call: TypeAlias = "Callable[[Scene], None]"
Slot: TypeAlias = "Callable[[str], Call]"
Node: TypeAlias = "str | tuple[list[Node], ...] | Call"
Phrase: TypeAlias = "list[Node]"

ENTITY_LABELS: Final[Mapping[str, str]] = {"D": "Disease", "C": "Chemical", "P": "Procedure", "L": "Lab"}

SLOTS: Final[dict[str, Slot]] = {}
"""What may stand in braces; `slots` fills it. A slot is given its argument once, when the phrase is compiled."""

_MARKS: Final[Mapping[str, str]] = {"-": "negated", "?": "uncertain", "~": "historical", ">": "hypothetical"}


class PhraseError(ValueError):
    """A phrase of the data files is not well formed."""


def assertion(marks: str) -> Assertion:
    """The assertion that a run of marks stands for.

    Raises:
        PhraseError: a mark is not known.
    """
    unknown = set(marks) - set(_MARKS) - {"@"}
    if unknown:
        raise PhraseError(f"unknown marks: {''.join(sorted(unknown))}")
    flags = {_MARKS[mark]: True for mark in marks if mark != "@"}
    return Assertion(**flags, experiencer="family" if "@" in marks else "patient")


def parse(text: str) -> Phrase:
    """Compiles a phrase.

    Raises:
        PhraseError: brackets do not match, or a slot is not known.
    """
    nodes, at = _sequence(text, 0, nested=False)
    if at != len(text):
        raise PhraseError(f"unmatched bracket at {at} in {text!r}")
    return nodes


def _sequence(text: str, at: int, nested: bool) -> tuple[Phrase, int]:
    nodes: Phrase = []
    while at < len(text):
        char = text[at]
        if char == "[":
            options: list[Phrase] = []
            while char != "]":
                option, at = _sequence(text, at + 1, nested=True)
                options.append(option)
                if at >= len(text):
                    raise PhraseError(f"unclosed [ in {text!r}")
                char = text[at]
            nodes.append(tuple(options))
            at += 1
        elif char == "{":
            close = text.find("}", at)
            if close < 0:
                raise PhraseError(f"unclosed {{ in {text!r}")
            nodes.append(_call(text[at + 1 : close]))
            at = close + 1
        elif nested and char in "|]":
            break
        else:
            stop = at + 1
            while stop < len(text) and text[stop] not in ("[{|]" if nested else "[{"):
                stop += 1
            nodes.append(text[at:stop])
            at = stop
    return nodes, at


def _call(body: str) -> Call:
    head, _, argument = body.partition(" ")
    label = ENTITY_LABELS.get(head[:1])
    if label is not None and not head[1:].strip("-?~>@"):
        return _entity(label, argument, assertion(head[1:]))
    slot = SLOTS.get(head)
    if slot is None:
        raise PhraseError(f"unknown slot {head!r}")
    return slot(argument)


def _entity(label: str, text: str, said: Assertion) -> Call:
    if not text:
        raise PhraseError("an entity needs its text")
    return lambda scene: scene.draft.put_entity(label, text, said)


def write(phrase: Sequence[Node], scene: Scene) -> None:
    """Writes one drawn version of the phrase into the scene's draft."""
    for node in phrase:
        if isinstance(node, str):
            scene.draft.put(node)
        elif isinstance(node, tuple):
            option = node[int(scene.random() * len(node))]
            if option:
                write(option, scene)
        else:
            node(scene)


def pick(items: Sequence[Phrase], rng: random.Random) -> Phrase:
    """One of the phrases, each as likely."""
    return items[int(rng.random() * len(items))]
