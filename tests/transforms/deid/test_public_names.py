"""Names of payers, makers, products, tests and organisms are nobody's, unless something beside them says so."""

from __future__ import annotations

import pytest

from transforms.deid.lexicon import Lexicon
from transforms.deid.public_names import PublicNames
from transforms.deid.spans import TAGGER, PhiSpan


@pytest.mark.parametrize(
    ("text", "part", "label", "public"),
    [
        # payers and makers
        ("supplement with Mutual of Omaha.", "Omaha", "CITY", True),
        ("She carries Blue Cross 62559871.", "Blue Cross", "ORGANIZATION", True),
        ("Payer: Humana Gold Plus HMO", "Humana Gold Plus", "ORGANIZATION", True),
        ("rep from Boston Scientific called", "Boston", "CITY", True),
        ("Seen at noon. Auto carrier State Farm, claim 7", "Auto carrier State Farm", "ORGANIZATION", True),
        ("Bring the auto carrier of State Farm", "Bring the auto carrier of State Farm", "ORGANIZATION", False),
        ("She works at Geico as a clerk.", "Geico", "ORGANIZATION", False),
        ("She works at Stryker as a clerk.", "Stryker", "ORGANIZATION", False),
        ("seen in the office of Dr. Molina after", "Molina", "DOCTOR", False),
        ("brought in by Sedgwick PD", "Sedgwick", "CITY", False),
        ("lives in Omaha with", "Omaha", "CITY", False),
        # products and organisms
        ("takes Excedrin twice a week", "Excedrin", "PATIENT", True),
        ("Grapefruit and Saint\nJohn's wort", "Saint\nJohn's", "HOSPITAL", True),
        ("transferred from Saint John's today", "Saint John's", "HOSPITAL", False),
        ("assist with the Sara Stedy. Lines", "Sara Stedy", "DOCTOR", True),
        ("her daughter Sara Koslow. Lines", "Sara Koslow", "DOCTOR", False),
        ("CPAP (Philips DreamStation), serial", "Philips DreamStation", "DOCTOR", True),
        ("urine with Klebsiella again", "Klebsiella", "ORGANIZATION", True),
        # what people bear too
        ("0.7 m/s. Ashworth is 1+ at the elbow", "s. Ashworth", "PATIENT", True),
        ("TIMI 2, Killip I.", "Killip", "PATIENT", True),
        ("EF 29% (Simpson). LA 42", "Simpson", "CITY", True),
        ("splint check (Bledsoe). Next", "Bledsoe", "CITY", True),
        ("Surgery 6/17/2014 (Fletcher). Next", "Fletcher", "DOCTOR", False),
        ("Attending O'Brien\n", "O'Brien", "DOCTOR", False),
        ("told her daughter (Bledsoe). Next", "Bledsoe", "PATIENT", False),
        ("seen by Dr. Ashworth 2.", "Ashworth", "DOCTOR", False),
        ("seen by Ashworth today", "Ashworth", "DOCTOR", False),
        ("Ashworth, 67, was seen", "Ashworth", "PATIENT", False),
        ("her mother Anna Simpson 2.", "Simpson", "PATIENT", False),
        ("lives near Paris Street 2.", "Paris", "CITY", False),
    ],
)
def test_public_names(text: str, part: str, label: str, public: bool) -> None:
    start = text.index(part)
    span = PhiSpan(start, start + len(part), label, 0.95, TAGGER)
    assert PublicNames(Lexicon.shipped())(text, span) is public
