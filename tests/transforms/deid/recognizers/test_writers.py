from __future__ import annotations

import pytest

from tests.transforms.deid.recognizers.find import found
from transforms.deid.recognizers.writers import Writers

_NOTE = "The patient was seen today and is doing well on the new dose.\n"


@pytest.mark.parametrize(
    ("tail", "initials"),
    [
        ("Return in May.\nQWV\n", ["QWV"]),
        ("Return in May.\nQWV 3/14\n", ["QWV"]),
        ("Return in May.\nQWV 14-MAY-2019", ["QWV"]),
        ("Return in May.\nQWV quillvan", ["QWV"]),
        ("Tamsin Imrie / TJI:QWV\n", ["TJI", "QWV"]),
        ("Tamsin Imrie MD. TJI/QWV 2/13 \n", ["TJI", "QWV"]),
        ("Tamsin Imrie CNM/QWV\n", ["QWV"]),
        ("0710 on QWV. Heparin 1500.", ["QWV"]),
        ("--\nok, refill both. QWV\n--\ncalled back", ["QWV"]),
    ],
)
def test_who_wrote(tail: str, initials: list[str]) -> None:
    assert found(Writers(), _NOTE + tail) == initials


@pytest.mark.parametrize(
    "tail",
    [
        "Discharge today, diet advanced.\nDNR\n",
        "Pending: labs.\nCBC/BMP 2/13\n",
        "Seen with the team. PRN\n\nMore to follow",
        "0710 on BID. Heparin",
        "Lungs CTA. Heart RRR. Abdomen is soft.",
        "Ratio FEV/FVC is low.",
        "Tamsin Imrie, RN/MSW\n",
    ],
)
def test_abbreviations_write_nothing(tail: str) -> None:
    assert found(Writers(), _NOTE + tail) == []
