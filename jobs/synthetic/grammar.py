"""The little language in which the notes' phrases are written.

    Pt is a {age} [yo|year old] {sex} [with|w/] {pmh}, here for {main}. [|Denies {D- fever}.]

Alternatives are those of `alternatives`.

`{slot arg}`  what the slot writes: an identity's name, a date, a number, a disease of the story.
`{D- fever}`  an entity that the phrase itself names. The letter is the label (D Disease, C Chemical, P Procedure,
              L Lab), the marks after it the assertion: `-` negated, `?` uncertain, `~` historical,
              `>` hypothetical, `@` of a relative.

A phrase is compiled once; a slot becomes a call.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from jobs.synthetic import alternatives
from jobs.synthetic.alternatives import Template, TemplateError, flatten
from jobs.synthetic.draft import Assertion

if TYPE_CHECKING:
    from jobs.synthetic.scene import Scene

Call: TypeAlias = "Callable[[Scene], None]"
Slot: TypeAlias = "Callable[[str], Call]"
Phrase: TypeAlias = Template

ENTITY_LABELS: Final[Mapping[str, str]] = {"D": "Disease", "C": "Chemical", "P": "Procedure", "L": "Lab"}

SLOTS: Final[dict[str, Slot]] = {}
"""What may stand in braces; `slots` fills it. A slot is given its argument once, when the phrase is compiled."""

_MARKS: Final[Mapping[str, str]] = {"-": "negated", "?": "uncertain", "~": "historical", ">": "hypothetical"}


def assertion(marks: str) -> Assertion:
    """The assertion that a run of marks stands for.

    Raises:
        TemplateError: a mark is not known.
    """
    unknown = set(marks) - set(_MARKS) - {"@"}
    if unknown:
        raise TemplateError(f"unknown marks: {''.join(sorted(unknown))}")
    flags = {_MARKS[mark]: True for mark in marks if mark != "@"}
    return Assertion(**flags, experiencer="family" if "@" in marks else "patient")


def parse(text: str) -> Phrase:
    """Compiles a phrase.

    Raises:
        TemplateError: brackets do not match, or a slot is not known.
    """
    return alternatives.parse(text, _call)


def _call(body: str) -> Call:
    head, _, argument = body.partition(" ")
    label = ENTITY_LABELS.get(head[:1])
    if label is not None and not head[1:].strip("-?~>@"):
        return _entity(label, argument, assertion(head[1:]))
    slot = SLOTS.get(head)
    if slot is None:
        raise TemplateError(f"unknown slot {head!r}")
    return slot(argument)


def _entity(label: str, text: str, said: Assertion) -> Call:
    if not text:
        raise TemplateError("an entity needs its text")
    return lambda scene: scene.draft.put_entity(label, text, said)


def write(phrase: Phrase, scene: Scene) -> None:
    """Writes one drawn version of the phrase into the scene's draft."""
    for node in flatten(phrase, scene.rng):
        if isinstance(node, str):
            scene.draft.put(node)
        else:
            node(scene)


def pick(items: Sequence[Phrase], rng: random.Random) -> Phrase:
    """One of the phrases, each as likely."""
    return items[int(rng.random() * len(items))]
