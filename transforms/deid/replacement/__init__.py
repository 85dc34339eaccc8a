"""How PHI is replaced: by tags, by surrogates or by a mask.

A replacement is a function of the key, the patient, the note and the span: no state goes from one note to the next,
so batch, order, engine and run do not matter.
"""

from __future__ import annotations

from transforms.deid.pseudonyms import Key
from transforms.deid.replacement.draws import Draws
from transforms.deid.replacement.interface import MODES, Mode, NoteFacts, Replacer
from transforms.deid.replacement.mask import Mask
from transforms.deid.replacement.surrogates import Surrogates
from transforms.deid.replacement.tags import Tags

__all__ = ["MODES", "Mode", "NoteFacts", "Replacer", "replacer"]


def replacer(mode: Mode, key: Key) -> Replacer:
    """The replacer of a mode.

    Raises:
        ValueError: there is no such mode.
    """
    if mode == "tag":
        return Tags(Draws(key))
    if mode == "surrogate":
        return Surrogates(Draws(key))
    if mode == "mask":
        return Mask()
    raise ValueError(f"mode {mode!r} is not supported; supported: {', '.join(MODES)}")
