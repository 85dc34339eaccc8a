"""Time grows with the note's length: no note, however odd, holds a worker up."""

from __future__ import annotations

import time

import pytest

from transforms.deid.analyzer import build_engine
from transforms.deid.detector import Detector
from transforms.deid.known import KnownPhi
from transforms.deid.labels import LabelMap
from transforms.deid.lexicon import Lexicon
from transforms.deid.recognizers import shipped

LABELS = LabelMap()
DETECTOR = Detector(build_engine(shipped(), LABELS), LABELS, Lexicon.shipped(), 0.5)
NOTHING_KNOWN = KnownPhi.of([])
SIZE = 5_000
GROWTH = 4
MOST = 2.6
"""Times what a note of a quarter costs, for each doubling: linear is 2, quadratic is 4."""
NOISE = 0.05
"""Seconds that a busy machine may add."""


def seconds(text: str) -> float:
    """The least of two runs, in time of the process."""
    runs = []
    for _ in range(2):
        start = time.process_time()
        DETECTOR.detect(text, NOTHING_KNOWN)
        runs.append(time.process_time() - start)
    return min(runs)


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "A.",
            "a.",
            "a_",
            "Jane-",
            "JANE-",
            "1-",
            "a@",
            "/1",
            "Dr. ",
            "(5",
            "SMITH,",
            "SMITH, ",
            "x",
            "\n",
            ".",
            ".jpg",
        ),
        *("a.jpg", "a1", "the 4th ", "John ", "12 Oak St ", "Mary Smith, MD; ", "cc: Jane Roe; ", ":", "ab:", "user "),
        *(
            "MRN 12345a",
            "1a1",
            "+A1/$$",
            "Center for Care ",
            "Mr. Ann Lee alee ",
            "Mon 3/4 ",
            "1920,",
            "in 1920 ",
            "03 - ",
            "on3/4/21",
            "3\\4\\",
            "b. 1920,",
            "ninety- ",
            "97 yrs ",
            "St. Ann ",
            "(555) 010-2030 x1",
        ),
    ],
)
def test_time_grows_with_the_length(pattern: str) -> None:
    short = seconds(pattern * (SIZE // len(pattern)))
    long = seconds(pattern * (GROWTH * SIZE // len(pattern)))
    assert long < NOISE + MOST**2 * short
