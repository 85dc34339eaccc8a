"""The language of the templates, and the note with its marks.

{pt.last}          a slot: key, form, days from the note's day, kind (`{d-3:md}`, `{phone2:ext}`); see `scene`
{~one|two {md}|}   one of these, which may hold slots
{?30 words}        these words in 30 of 100 notes
{#3.4-4.9}         a number in this range, with as many decimals
{>device}          a sentence of this bank
{@}                where a passage of a real note may come in
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from infra.bench.holdout.people import upper
from infra.bench.holdout.scene import Piece, Scene
from infra.bench.holdout.words import Words


@dataclass(frozen=True)
class Template:
    """A note with slots and what it asks of its patient.

    Attributes:
        ages: the youngest and the oldest patient that it suits.
        sex: F, M or empty.
        case: `upper`, `lower` or empty, for the whole note.
        wrap: columns at which lines are broken, 0 for none.
    """

    name: str
    note_type: str
    body: str
    ages: tuple[int, int] = (18, 110)
    sex: str = ""
    case: str = ""
    wrap: int = 0


@lru_cache
def templates(words: Words) -> tuple[Template, ...]:
    """Every template of a set's templates/, in the order of files and of places in them."""
    found = []
    for path in sorted((words.folder / "templates").glob("*.txt")):
        for chunk in path.read_text(encoding="utf-8").split("\n=== ")[1:]:
            head, _, body = chunk.partition("\n")
            name, *options = (part.strip() for part in head.split("|"))
            given = dict(option.split("=", 1) for option in options)
            low, high = given.get("age", "18-110").split("-")
            found.append(
                Template(
                    name, given["type"], body.strip("\n") + "\n", (int(low), int(high)),
                    given.get("sex", ""), given.get("case", ""), int(given.get("wrap", "0")),
                )
            )  # fmt: skip
    return tuple(found)


def pieces(source: str, scene: Scene, passage: str) -> Iterator[Piece]:
    """The pieces of a template's text, in order."""
    at = 0
    while (opened := source.find("{", at)) >= 0:
        if opened > at:
            yield Piece(source[at:opened])
        at = _closing(source, opened) + 1
        yield from _inside(source[opened + 1 : at - 1], scene, passage)
    yield Piece(source[at:])


def _closing(source: str, opened: int) -> int:
    depth = 0
    for at in range(opened, len(source)):
        depth += {"{": 1, "}": -1}.get(source[at], 0)
        if not depth:
            return at
    raise ValueError(f"a brace stays open: {source[opened : opened + 40]}")


def _inside(inner: str, scene: Scene, passage: str) -> Iterator[Piece]:
    rng, kind, rest = scene.rng, inner[0], inner[1:]
    if kind == "~":
        yield from pieces(rng.choice(_options(rest)), scene, passage)
    elif kind == "?":
        chance, _, words = rest.partition(" ")
        if rng.random() * 100 < int(chance):
            yield from pieces(words, scene, passage)
    elif kind == "#":
        low, high = rest.split("-")
        places = len(low.partition(".")[2])
        yield Piece(f"{rng.uniform(float(low), float(high)):.{places}f}")
    elif kind == ">":
        yield from pieces(rng.choice(scene.words.banks[rest]), scene, passage)
    elif kind == "@":
        yield Piece(passage)
    else:
        yield from scene.fill(inner)


def _options(source: str) -> list[str]:
    """Parts between the bars that stand in no inner brace."""
    options, depth = [""], 0
    for letter in source:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "|" and not depth:
            options.append("")
        else:
            options[-1] += letter
    return options


@dataclass(frozen=True)
class Note:
    """A text and its marks (start, end, label) in order."""

    text: str
    marks: tuple[tuple[int, int, str], ...]


def render(template: Template, scene: Scene, passage: str = "", crlf: bool = False) -> Note:
    """A template filled in for a scene; every mark holds exactly what its slot gave."""
    changes: dict[str, Callable[[str], str]] = {"upper": upper, "lower": _lower, "": str}
    change = changes[template.case]
    parts = [Piece(change(text), label) for text, label in pieces(template.body, scene, passage)]
    parts = _wrapped(parts, template.wrap) if template.wrap else parts
    text, marks = "", []
    for part in parts:
        written = part.text.replace("\n", "\r\n") if crlf else part.text
        if part.label:
            assert written == written.strip(), template.name
            assert written, template.name
            marks.append((len(text), len(text) + len(written), part.label))
        text += written
    return Note(text, tuple(marks))


def _lower(text: str) -> str:
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)


def _wrapped(parts: list[Piece], width: int) -> list[Piece]:
    """The same pieces with spaces turned into line breaks, inside names and dates too."""
    letters = list("".join(part.text for part in parts))
    start, space = 0, -1
    for at, letter in enumerate(letters):
        if letter == "\n":
            start, space = at + 1, -1
        elif letter == " " and at > start:
            space = at
        if at - start >= width and space > start:
            letters[space] = "\n"
            start, space = space + 1, -1
    text, at, broken = "".join(letters), 0, []
    for part in parts:
        broken.append(Piece(text[at : at + len(part.text)], part.label))
        at += len(part.text)
    return broken
