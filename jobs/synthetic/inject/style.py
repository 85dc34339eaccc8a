"""How the author of a document types: clean, or with abbreviations, small letters, errors and without full stops."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Final

from jobs.synthetic.inject.page import mistyped

_ABBREVIATIONS: Final = {
    "patient": ("pt", "pt.", "Pt"),
    "Patient": ("Pt", "PT", "pt", "Pt."),
    "patient's": ("pt's",),
    "with": ("w/", "c"),
    "without": ("w/o",),
    "follow-up": ("f/u", "followup", "fu"),
    "followed": ("f/u'd", "followed"),
    "history": ("hx", "h/o"),
    "discharge": ("d/c", "dc", "DC"),
    "discharged": ("d/c'd", "dc'd"),
    "because": ("b/c",),
    "before": ("prior to", "b4"),
    "appointment": ("appt", "appt."),
    "emergency": ("ER", "emerg"),
    "daughter": ("dtr",),
    "telephone": ("tel", "phone"),
    "hospital": ("hosp",),
    "physician": ("MD", "physn"),
    "medications": ("meds",),
    "year-old": ("yo", "y/o", "YO", "yr old", "y.o."),
    "regarding": ("re:", "re"),
    "and": ("&", "+"),
    "transferred": ("xfer'd", "transf", "tx'd"),
    "admitted": ("adm", "admitted"),
    "secondary": ("2/2",),
    "week": ("wk",),
    "weeks": ("wks",),
    "about": ("re", "abt"),
    "received": ("rec'd", "recieved"),
    "called": ("called", "tc to"),
    "message": ("msg",),
    "surgery": ("surg", "sx"),
    "diagnosis": ("dx",),
    "treatment": ("tx",),
    "insurance": ("ins",),
    "department": ("dept",),
    "between": ("btwn",),
    "through": ("thru",),
    "tomorrow": ("tmrw", "tomorow"),
}
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z'-]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Style:
    """Chances with which the author does what.

    Attributes:
        short: abbreviates a word that has a short form.
        errors: mistypes a word.
        small: writes a template in small letters.
        stopless: leaves out a template's last full stop.
    """

    short: float = 0.0
    errors: float = 0.0
    small: float = 0.0
    stopless: float = 0.0

    @classmethod
    def draw(cls, rng: random.Random) -> Style:
        """Half of all authors type cleanly."""
        chance = rng.random()
        if chance < 0.5:
            return cls()
        if chance < 0.8:
            return cls(short=0.35 * rng.random(), errors=0.006, small=0.1, stopless=0.15)
        return cls(short=0.7 * rng.random(), errors=0.03, small=rng.random(), stopless=0.6)

    def typed(self, text: str, rng: random.Random) -> str:
        """Plain text as this author types it."""
        if not self.short and not self.errors:
            return text
        return _WORD.sub(lambda match: self._word(match[0], rng), text)

    def _word(self, word: str, rng: random.Random) -> str:
        shorter = _ABBREVIATIONS.get(word)
        if shorter and rng.random() < self.short:
            return shorter[int(rng.random() * len(shorter))]
        return mistyped(word, rng) if rng.random() < self.errors else word
