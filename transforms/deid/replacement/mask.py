"""Mode `mask`: same length, nothing of the original but its white space."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Final

from transforms.deid.replacement.interface import NoteFacts
from transforms.deid.replacement.safe_harbor import year_of
from transforms.deid.spans import PhiSpan

_SEEN: Final = re.compile(r"\S")


class Mask:
    """Stars for all characters but white space, so that lines hold.

    The operator `mask` of presidio-anonymizer masks line breaks too, and its `replace` and `hash` know no patient.
    """

    def replacements(self, text: str, spans: Sequence[PhiSpan], note: NoteFacts) -> list[str]:  # noqa: ARG002
        return [_SEEN.sub("*", text[span.start : span.end]) for span in spans]

    def note_time(self, note: NoteFacts) -> dt.datetime | None:
        return year_of(note.time)
