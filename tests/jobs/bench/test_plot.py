from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from jobs.bench.plot import bars

SVG = "{http://www.w3.org/2000/svg}"


def contender(median: float) -> dict[str, Any]:
    rate = {"median": median, "lowest": median / 2, "highest": median * 1.25}
    return {"tokens_per_second": rate, "seconds": [1.0, 2.0, 3.0]}


def test_bars_are_as_long_as_their_figures() -> None:
    facts = {
        "contenders": {"notemill": contender(3000), "hf-pipeline": contender(1000)},
        "ratios": {"hf-pipeline": {"median": 3.0, "lowest": 2.5, "highest": 3.5}},
        "checkpoint": "a <b> & c",
        "notes": 1200,
        "cpu": "Some CPU",
        "threads": 2,
    }
    drawing = ElementTree.fromstring(bars(facts))
    _, ours, other = (float(bar.attrib["width"]) for bar in drawing.iter(f"{SVG}rect"))
    assert ours / other == pytest.approx(3.0, rel=0.01)
    words = " ".join(text.text or "" for text in drawing.iter(f"{SVG}text"))
    for part in ("notemill", "hf-pipeline", "3,000", "3.00 times", "a <b> & c", "1,200 notes", "Some CPU, 2 threads"):
        assert part in words
    assert "3 rounds" in words
