"""One note being written: the draft, the dice, the patient, the stay and the day, and the note's habits of style."""

from __future__ import annotations

import datetime as dt
import functools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from jobs.synthetic import phi, slots  # noqa: F401  (importing slots fills grammar.SLOTS)
from jobs.synthetic.clinic import Chronic, Clinic, Image, Operation
from jobs.synthetic.draft import Draft, Fragment
from jobs.synthetic.grammar import Phrase, parse, pick, write
from jobs.synthetic.names import Pools, data
from jobs.synthetic.patients import Patient
from jobs.synthetic.story import Background, Encounter
from jobs.synthetic.wording import Wording, share


@dataclass(frozen=True)
class Book:
    """Everything of one wording: phrases by key, headings by category, forms, pools, facts."""

    wording: Wording
    phrases: dict[str, list[Phrase]]
    headings: dict[str, list[str]]
    formal: dict[str, str]
    fields: dict[str, list[Phrase]]
    forms: phi.Forms
    pools: Pools
    clinic: Clinic

    @classmethod
    @functools.cache
    def load(cls, wording: Wording) -> Book:
        """Compiles the phrases; once per process and wording."""
        texts = data("phrases.toml")
        headings = data("headings.toml")
        return cls(
            wording=wording,
            phrases={key: [parse(text) for text in share(group, wording)] for key, group in texts.items()},
            headings={category: share(titles, wording) for category, titles in headings.items()},
            formal={category: titles[0] for category, titles in headings.items()},
            fields={key: [parse(text) for text in share(group, wording)] for key, group in data("fields.toml").items()},
            forms=phi.Forms.load(wording),
            pools=Pools.load(wording),
            clinic=Clinic.load(wording),
        )


HEADING_STYLES: Final = (
    "caps_line",
    "caps_inline",
    "title_line",
    "title_inline",
    "underlined",
    "bare_caps",
    "numbered",
)


@dataclass(slots=True)
class Style:
    """The habits of one author: heading style, date form, list marks."""

    heading: str
    date: phi.DateForm
    day: phi.DateForm
    bullet: str
    inline_lists: bool
    terse: bool


def make_style(book: Book, rng: random.Random) -> Style:
    """Draws an author's habits."""
    return Style(
        heading=HEADING_STYLES[int(rng.random() ** 1.3 * len(HEADING_STYLES))],
        date=phi.early(book.forms.dates, rng),
        day=phi.early(book.forms.days, rng),
        bullet=rng.choice(("1. ", "1. ", "1) ", "- ", "- ", "* ", "", "-", "# ", "• ")),
        inline_lists=rng.random() < 0.3,
        terse=rng.random() < 0.4,
    )


Focus: TypeAlias = "Chronic | Image | Operation | tuple[str, Chronic] | tuple[str, str]"
"""The one thing that a phrase is about: a disease, a study, an operation, a relative's disease, an allergy."""


@dataclass(slots=True)
class Scene:
    """What slots write with. `today` is the day of the note; `random` is `rng.random`."""

    book: Book
    rng: random.Random
    patient: Patient
    background: Background
    stay: Encounter
    today: dt.date
    style: Style
    draft: Draft = field(default_factory=Draft)
    focus: Focus | None = None
    section_number: int = 0
    random: Callable[[], float] = field(init=False)

    def __post_init__(self) -> None:
        self.random = self.rng.random

    def say(self, key: str) -> None:
        """Writes one of the phrases of this key."""
        write(pick(self.book.phrases[key], self.rng), self)

    def write(self, phrase: Phrase) -> None:
        """Writes a phrase."""
        write(phrase, self)

    def several(self, key: str, low: int, high: int) -> list[Phrase]:
        """From `low` to `high` different phrases of this key, as far as there are so many."""
        phrases = self.book.phrases[key]
        return self.rng.sample(phrases, min(len(phrases), phi.number(low, high, self.rng)))

    def drafts(self, phrases: list[Phrase]) -> list[Fragment]:
        """Phrases written apart."""
        return [self.capture(lambda phrase=phrase: write(phrase, self)) for phrase in phrases]  # type: ignore[misc]

    def apart(self, key: str) -> Fragment:
        """A phrase written apart, to be pasted here and in later notes."""
        return self.capture(lambda: self.say(key))

    def about(self, focus: Focus, key: str) -> Fragment:
        """A phrase about one thing (`focus`), written apart."""
        kept, self.focus = self.focus, focus
        try:
            return self.apart(key)
        finally:
            self.focus = kept

    def capture(self, act: Callable[[], None]) -> Fragment:
        """What `act` writes, as a fragment instead of in this note."""
        kept, self.draft = self.draft, Draft()
        try:
            act()
            return self.draft.fragment()
        finally:
            self.draft = kept

    def chance(self, probability: float) -> bool:
        """True this often."""
        return self.rng.random() < probability

    def heading(self, category: str, inline: bool | None = None) -> None:
        """Begins a section, in the note's style. `inline` overrides whether the body follows on the same line."""
        self.draft.end_line()
        style = self.style.heading
        if self.draft.length and style not in ("caps_inline", "title_inline", "numbered"):
            self.draft.put("\n")
        title = self.rng.choice(self.book.headings[category])
        before, after = "", ":\n"
        if style in ("bare_caps", "underlined") and inline is not True:
            # Without a colon only a formal title is read as a heading.
            title = self.book.formal[category].upper() if style == "bare_caps" else title
            if len(title) < 5:
                title = self.book.formal[category]
            after = "\n" if style == "bare_caps" else "\n" + "-" * len(title) + "\n"
        else:
            if style in ("caps_line", "caps_inline", "bare_caps"):
                title = title.upper()
            if style == "numbered":
                self.section_number += 1
                before = f"{self.section_number}. "
            if inline or (inline is None and style in ("caps_inline", "title_inline", "numbered")):
                after = ": " if self.rng.random() < 0.9 else ":"
        self.draft.put_heading(category, title, before, after)

    def items(self, fragments: list[Fragment], bullet: str | None = None) -> None:
        """Writes a list, one item a line, in the note's style."""
        mark = self.style.bullet if bullet is None else bullet
        if self.draft.text_ends_inline():
            self.draft.put("\n")
        for number, fragment in enumerate(fragments, 1):
            self.draft.put(mark.replace("1", str(number), 1))
            self.draft.paste(fragment)
            self.draft.put("\n")
