"""Names that the census lists count only with other evidence."""

from __future__ import annotations

import pytest

from tests.transforms.deid.recognizers.find import found
from transforms.deid.recognizers.listed_names import ListedNames

NAMES = ListedNames()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("will see Lynn Holmberg next week", "Lynn Holmberg"),
        ("HOLMBERG, Lynn   MRN 1", "HOLMBERG, Lynn"),
        ("Yolanda states she fell", "Yolanda"),
        ("Yolanda (daughter) flew in", "Yolanda"),
        ("or Yolanda 555-0192", "Yolanda"),
        ("brought in by Kendall", "Kendall"),
        ("BROTHER GIUSEPPE WAS CALLED", "GIUSEPPE"),
        ("Mei-Ling Ashcroft, LICSW", "Mei-Ling Ashcroft"),
        ("Grace states", "Grace"),
    ],
)
def test_a_listed_name_with_evidence_is_found_whole(text: str, name: str) -> None:
    assert found(NAMES, text) == [name]


@pytest.mark.parametrize(
    "text",
    [
        "right pulmonary artery to Glenn shunt; Ahmed valve; McRoberts maneuver",
        "CBC, GS, PT, TSH, ANA, KCL, ASA and LUE FNF",
        "Braxton Hicks contractions; Charcot-Marie-Tooth; Parkinson states",
        "may rose; grace period; hope for the best; a marked joy",
        "Bill will be mailed",
        "St. Jude valve, Mount Carmel, Lake Martin",
        "moved to Florida; from Brazil; in Georgia",
    ],
)
def test_a_listed_word_alone_stays(text: str) -> None:
    assert found(NAMES, text) == []
