"""Employers, suppliers, agencies and places by the words before them."""

from __future__ import annotations

import pytest

from tests.transforms.deid.recognizers.find import found, labelled
from transforms.deid.recognizers.affiliations import Affiliations

AFFILIATIONS = Affiliations()


@pytest.mark.parametrize(
    ("text", "label", "name"),
    [
        ("worked at Escondido Lumber until 2001", "ORGANIZATION", "Escondido Lumber"),
        ("graduated from Thornridge High School and", "ORGANIZATION", "Thornridge High School"),
        ("vacationing at Pisgah National Forest with", "LOCATION-OTHER", "Pisgah National Forest"),
        ("Home oxygen by Tidewater Breathing, 2 L.", "ORGANIZATION", "Tidewater Breathing"),
        ("Walker from the Helpful Hands, paid.", "ORGANIZATION", "Helpful Hands"),
        ("oxygen is supplied by brentano medical. he", "ORGANIZATION", "brentano medical"),
        ("Ride with Sunny Wheels at noon.", "ORGANIZATION", "Sunny Wheels"),
        ("Arrived via Golden Hour Transport from", "ORGANIZATION", "Golden Hour Transport"),
        ("Hearing before the Bridge Street Tribunal is set", "ORGANIZATION", "Bridge Street Tribunal"),
        (
            "covered by workers' compensation of Larkspur Cooling. Seen",
            "ORGANIZATION",
            "Larkspur Cooling",
        ),
        ("Disability papers from Harmon Cold Storage were signed.", "ORGANIZATION", "Harmon Cold Storage"),
        ("Staying at Morning Light Lodge since May.", "ORGANIZATION", "Morning Light Lodge"),
        ("\n\nTo Fair Hearings Panel:\n\nI write for", "ORGANIZATION", "Fair Hearings Panel"),
    ],
)
def test_a_name_is_found_behind_its_words(text: str, label: str, name: str) -> None:
    assert (label, name) in labelled(AFFILIATIONS, text if text.islower() else f"The note has small letters. {text}")


@pytest.mark.parametrize(
    "text",
    [
        "worked for 14 years; works at night; attending PHYSICIAN",
        "accident at 40 mph; I-131 therapy; traveled to Mexico",
        "Oxygen via Nasal Cannula, then by Venturi Mask; equipment from Central Supply",
        "Brought in by EMS; arrived via Private Vehicle; transported by Stretcher",
        "CPAP by Mask at night; pump by Anesthesia; supplies from Medicare",
        "\n\nTo Do:\n\nCall the lab",
        "\n\nTo Whom It May Concern:\n\nThe patient",
        "\n\nTo Dr. Roe:\n\nThank you",
    ],
)
def test_means_and_headings_stay(text: str) -> None:
    assert found(AFFILIATIONS, f"The note has small letters. {text}") == []
