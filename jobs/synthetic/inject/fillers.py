"""Filler that is not PHI: drugs, diagnoses, jobs, services. A list may hold further slots."""

from __future__ import annotations

from typing import Final

from jobs.synthetic.alternatives import Template
from jobs.synthetic.inject.grammar import data, parse

FILLERS: Final[dict[str, tuple[Template, ...]]] = {
    name: tuple(parse(text) for text in texts) for name, texts in data("fillers.toml").items()
}
"""Slot -> what it may write."""
