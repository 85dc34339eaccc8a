"""Documents: real passages with PHI written in, under headers, in letters; and notes of templates alone."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jobs.synthetic.alternatives import Choice, Template
from jobs.synthetic.inject import background
from jobs.synthetic.inject.background import Note, Sentence
from jobs.synthetic.inject.cast import Cast
from jobs.synthetic.inject.grammar import Slot, data, parse, templates
from jobs.synthetic.inject.page import Injected, Page, lowered, raised, wrapped
from jobs.synthetic.inject.pools import World
from jobs.synthetic.inject.style import Style
from jobs.synthetic.wording import Wording

_BODY: Final = Slot("body", 1, "")
_FEWEST_WORDS: Final = 50
_VOICES: Final = ("wards.toml", "offices.toml")
"""Files with notes, sentences and look-alikes of their own."""
_KEEPS_ITS_CASE: Final = 0.6


@dataclass(frozen=True)
class Composer:
    """Makes documents.

    Attributes:
        world: what names and places are drawn from.
        notes: the real notes.
    """

    world: World
    notes: list[Note]

    @classmethod
    def load(cls, folder: Path, wording: Wording) -> Composer:
        """Reads what it needs from the data folder.

        Raises:
            FileNotFoundError: a file is missing.
        """
        return cls(World.load(folder, wording), background.load(folder))

    def document(self, rng: random.Random) -> Injected:
        """One document: a third each of passages with PHI written in, of framed passages, of templates alone; and
        one in eight without any PHI.
        """
        chance = rng.random()
        if chance < 0.12:
            return _finished(self._without(rng), rng)
        make = (self._injected, self._framed, self._templates)[int(rng.random() * 3)]
        page = make(rng)
        while page.text.count(" ") < _FEWEST_WORDS:
            page.put("\n")
            page.add(make(rng))
        return _finished(page, rng)

    def _cast(self, rng: random.Random, note: Note | None = None) -> Cast:
        return Cast(self.world, Style.draw(rng), rng, female=note.female if note else None)

    def _note(self, rng: random.Random) -> Note:
        return rng.choice(self.notes)

    def _without(self, rng: random.Random) -> Page:
        page = Page()
        if rng.random() < 0.5:
            note = self._note(rng)
            kept = [one for one in background.passage(note, _length(rng), rng) if not _filled(one)]
            for sentence in kept:
                page.put(sentence.text + sentence.gap)
        if page.length < 300:
            _lines(self._cast(rng), page, _drawn(look_alikes(), 6 + int(rng.random() * 20), rng), _gap(rng))
        return page

    def _injected(self, rng: random.Random) -> Page:
        """A passage with sentences put between its own, and PHI put into its own."""
        note = self._note(rng)
        cast = self._cast(rng, note)
        page = Page()
        if rng.random() < 0.35:
            _header(cast, page)
        self._passage(cast, note, page, _length(rng), inserts=1 + int(rng.random() * 7))
        if rng.random() < 0.3:
            _closing(cast, page)
        return page

    def _framed(self, rng: random.Random) -> Page:
        """A passage under a header and over a signature, or in a letter."""
        note = self._note(rng)
        cast = self._cast(rng, note)
        page = Page()
        length = int(_length(rng) * 0.6)

        def body() -> None:
            self._passage(cast, note, page, length, inserts=int(rng.random() * 3))

        if rng.random() < 0.35:
            _letter(cast, page, body)
            return page
        for _ in range(1 if rng.random() < 0.8 else 2):
            _header(cast, page)
        body()
        for _ in range(1 + int(rng.random() * 2)):
            _closing(cast, page)
        return page

    def _templates(self, rng: random.Random) -> Page:
        """A note of templates alone."""
        cast = self._cast(rng)
        page = Page()
        if rng.random() < 0.5:
            _whole(cast, page)
            if rng.random() < 0.5:
                return page
        if rng.random() < 0.75:
            _header(cast, page)

        def body() -> None:
            drawn = _drawn(sentences(), 3 + int(rng.random() ** 1.3 * 18), rng)
            drawn += _drawn(look_alikes(), int(rng.random() ** 1.5 * 12), rng)
            rng.shuffle(drawn)
            _lines(cast, page, drawn, _gap(rng))

        if rng.random() < 0.2:
            _letter(cast, page, body)
        else:
            body()
        if rng.random() < 0.6:
            _closing(cast, page)
        if rng.random() < 0.2:
            page.put("\n")
            body()
        return page

    def _passage(self, cast: Cast, note: Note, page: Page, words: int, inserts: int) -> None:
        rng = cast.rng
        passage = background.passage(note, words, rng)
        eagerness = rng.choice((0.0, 0.5, 1.0, 1.0, 2.0))
        spots = {int(rng.random() * (len(passage) + 1)) for _ in range(inserts)}
        for index, sentence in enumerate(passage):
            if index in spots:
                self._insert(cast, page)
            background.write(sentence, cast, page, eagerness)
            page.put(sentence.gap)
        if len(passage) in spots:
            self._insert(cast, page)
        if not page.ends_with("\n"):
            page.put("\n")

    def _insert(self, cast: Cast, page: Page) -> None:
        """A sentence or two between a passage's own."""
        pool = look_alikes() if cast.rng.random() < 0.2 else sentences()
        on_its_own_line = page.ends_with("\n") and cast.rng.random() < 0.6
        gap = "\n" if on_its_own_line else " "
        _lines(cast, page, _drawn(pool, 1 if cast.rng.random() < 0.75 else 2, cast.rng), gap)


@functools.cache
def sentences() -> tuple[Template, ...]:
    """The templates of sentences that hold PHI."""
    return templates("sentences.toml") + templates("voices.toml") + _voiced("sentences")


@functools.cache
def look_alikes() -> tuple[Template, ...]:
    """The templates of sentences that hold none but look as if they did."""
    return templates("negatives.toml") + _voiced("look_alikes")


@functools.cache
def notes() -> tuple[Template, ...]:
    """The templates of whole notes."""
    return templates("blocks.toml", "notes") + _voiced("notes")


def _voiced(key: str) -> tuple[Template, ...]:
    return tuple(template for file in _VOICES for template in templates(file, key))


def _drawn(pool: tuple[Template, ...], count: int, rng: random.Random) -> list[Template]:
    return rng.sample(pool, min(count, len(pool)))


def _filled(sentence: Sentence) -> bool:
    """Whether the sentence has a placeholder that must be filled with PHI."""
    return any(rule.chance == 1.0 for _, _, rule in sentence.places)


def _length(rng: random.Random) -> int:
    return 60 + int(rng.random() ** 1.5 * 420)


def _gap(rng: random.Random) -> str:
    return rng.choice((" ", " ", "\n", "\n", "\n\n", "  ", "\n- ", "\n* "))


def _lines(cast: Cast, page: Page, drawn: list[Template], gap: str) -> None:
    """Writes the templates one after another, each ended as the author ends a sentence."""
    rng, style = cast.rng, cast.style
    running = "\n" not in gap
    for index, template in enumerate(drawn):
        if index or gap.strip():
            page.put(gap)
        line = Page()
        cast.write(template, line)
        if not _in_its_case(template, line, rng):
            if rng.random() < style.small:
                line.recast(lowered)
            elif rng.random() < 0.02:
                line.recast(raised)
        page.add(line)
        open_ended = line.text[-1:].isalnum() or line.text.endswith(")")
        if open_ended and rng.random() > (max(style.stopless, 0.03) if running else 0.7):
            page.put(".")
    page.put(" " if running else "\n")


def _in_its_case(template: Template, page: Page, rng: random.Random) -> bool:
    """Gives what was written of a template all in small letters, or in capitals, its PHI so too, mostly."""
    change = _case(template)
    if change is None or rng.random() > _KEEPS_ITS_CASE:
        return False
    page.recast(change)
    return True


@functools.cache
def _case(template: Template) -> Callable[[str], str] | None:
    """What writes text in the case of the template's own; none if that has both."""
    text = "".join(_own(template))
    return lowered if text.islower() else raised if text.isupper() else None


def _own(template: Template) -> Iterator[str]:
    """What a template says itself, in any alternative."""
    for node in template:
        if isinstance(node, str):
            yield node
        elif isinstance(node, Choice):
            for option in node:
                yield from _own(option)


def _header(cast: Cast, page: Page) -> None:
    """A whole header, or one put together of fields."""
    rng = cast.rng
    if rng.random() < 0.4:
        cast.write(rng.choice(templates("blocks.toml", "headers")), page)
    else:
        _fields(cast, page)
    page.put(rng.choice(("\n", "\n\n", "\n\n", "\n---\n", "\n=====\n\n", "\n\n\n")))


def _fields(cast: Cast, page: Page) -> None:
    rng = cast.rng
    fields: dict[str, list[str]] = data("headers.toml")["fields"]
    kinds = [kind for kind in fields if rng.random() < _FIELD_CHANCE.get(kind, 0.2)] or ["name"]
    if rng.random() < 0.35:
        rng.shuffle(kinds)
    between = rng.choice(_FIELD_GAPS)
    bare = rng.random() < 0.05
    capitals = rng.random() < 0.2
    for index, kind in enumerate(kinds):
        if index:
            page.put(between if rng.random() < 0.85 else "\n")
        field = Page()
        text = rng.choice(fields[kind])
        if bare and kind in ("name", "mrn", "dob", "date", "numbers"):
            text = text[text.index("{") :]
        cast.write(parse(text), field)
        if capitals:
            field.recast(raised)
        page.add(field)


_FIELD_CHANCE: Final = {"name": 0.92, "mrn": 0.7, "dob": 0.65, "sex": 0.4, "date": 0.7, "doctor": 0.6, "place": 0.4}
_FIELD_GAPS: Final = (
    "\n",
    "\n",
    "\n",
    "\n",
    "  ",
    "   ",
    " | ",
    "; ",
    ", ",
    "\t",
    "",
    " ",
    "\n\n",
    "    ",
    " / ",
    " - ",
)


def _closing(cast: Cast, page: Page) -> None:
    """A signature, a transcription footer, or an addendum."""
    rng = cast.rng
    if not page.ends_with("\n"):
        page.put("\n")
    page.put(rng.choice(("", "\n", "\n\n", "\n")))
    key = "addenda" if rng.random() < 0.15 else "footers"
    cast.write(rng.choice(templates("blocks.toml", key)), page)
    page.put("\n")


def _whole(cast: Cast, page: Page) -> None:
    """One or two whole short notes."""
    for _ in range(1 if cast.rng.random() < 0.6 else 2):
        template = cast.rng.choice(notes())
        note = Page()
        cast.write(template, note)
        _in_its_case(template, note, cast.rng)
        page.add(note)
        page.put(cast.rng.choice(("\n", "\n\n", "\n\n---\n")))


def _letter(cast: Cast, page: Page, body: Callable[[], None]) -> None:
    """A letter around the body; who signs is who wrote its head."""
    frame = cast.rng.choice(templates("blocks.toml", "letters"))
    at = frame.index(_BODY)
    cast.write(frame[:at], page)
    with cast.held():
        body()
    cast.write(frame[at + 1 :], page, again=True)
    page.put("\n")


def _finished(page: Page, rng: random.Random) -> Injected:
    """The document in its last case and line breaks."""
    chance = rng.random()
    if chance < 0.12:
        page.recast(lowered)
    elif chance < 0.22:
        page.recast(raised)
    if rng.random() < 0.12:
        width = rng.choice((60, 72, 80, 100))
        page.recast(lambda text: wrapped(text, width))
    return page.finish()
