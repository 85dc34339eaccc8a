"""Passages of real notes without identifiers, to stand in the middle of the hold-out's notes.

The file is taken to be de-identified already, but names and dates slip through. So a sentence is left out when it
has a digit group that may be a date or a number of a person, a title, a month, a weekday or a holiday, or a
capitalised word that the notes neither use in lower case nor often: eponyms and drugs recur, names do not.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from random import Random

import pyarrow.parquet as pq

from infra.bench.holdout.words import HERE

SENTENCE = re.compile(
    r"(?<=[.!?])(?<!Dr\.)(?<!Drs\.)(?<!Mr\.)(?<!Ms\.)(?<!Mrs\.)(?<!St\.)(?<!\b[A-Z]\.)\s+(?=[A-Z])|\n+"
)
WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")
DOUBT = re.compile(
    r"\d{1,4}\s?[/-]\s?\d{1,2}\s?[/-]\s?\d{2,4}|\b\d{5,}|#\s?\d|[A-Z]{2,}\d{3}|@|www|http|[*_]{2}|\bX+\b|YZ|\b(?i:abc)|UIHC|MM|YYYY"
    r"|\b(?i:dr|mr|mrs|ms|miss|drs|doctor [A-Z]|sister|st)\b\.?"
    r"|\b(?:County|City|Street|Hospital|Clinic|University|Center|Regional|North|Avenue|School|College|Church|Company|Road|Inc)\b"
    r"|\b(?i:january|february|april|june|july|august|september|sept|october|november|december)\b|\b(?:March|May|MARCH|MAY)\b"
    r"|\b(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Oct|Nov|Dec)\b"
    r"|\b(?i:mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|saturdays?|sundays?)\b"
    r"|\b(?i:christmas|thanksgiving|easter|halloween|valentine|new year)\b"
    r"|\b(?:Al|Ed|Jo|Bo|Ty|Sample)\b|Fed ?Ex|Post Office"
    r"|\b(?:on|since|from|until|till|by|dated?)\s+\d{1,2}/\d{1,2}|\b(?:9\d|1[01]\d)[- ](?:years?|y)"
)
COMMON = 6
"""In so many notes a capitalised word must stand to be taken for a term; in so many lower-case ones for a word."""


class Background:
    """Draws passages from a Parquet file with a column `text`."""

    def __init__(self, path: Path) -> None:
        texts: list[str] = pq.read_table(path, columns=["text"])["text"].to_pylist()
        seen = Counter(word for text in texts for word in set(WORD.findall(text)))
        self._names = set(tomllib.loads((HERE / "background.toml").read_text(encoding="utf-8"))["names"].split())
        self._words = {word.lower() for word, notes in seen.items() if notes >= COMMON} - self._names
        found = ([line.strip() for line in SENTENCE.split(text) if self._clean(line.strip())] for text in texts)
        self._notes = [lines for lines in found if len(lines) >= 6]

    def _clean(self, line: str) -> bool:
        """Whether a sentence surely has no identifier."""
        if not 12 <= len(line) <= 400 or DOUBT.search(line):
            return False
        return all(word.islower() or len(word) < 3 or word.lower() in self._words for word in WORD.findall(line))

    def passage(self, rng: Random) -> str:
        """Six to twenty-four sentences of one note, in their order, as two paragraphs."""
        lines = rng.choice(self._notes)
        count = min(len(lines), rng.randrange(6, 25))
        start = rng.randrange(len(lines) - count + 1)
        lines = lines[start : start + count]
        half = len(lines) // 2
        return "\n" + " ".join(lines[:half]) + "\n" + " ".join(lines[half:]) + "\n"
