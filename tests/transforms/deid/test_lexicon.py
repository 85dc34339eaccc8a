from __future__ import annotations

import pytest

from transforms.deid.lexicon import Lexicon, placeholders


@pytest.mark.parametrize(
    "text",
    [
        "[**Known lastname 12**]",
        "[**2151-8-1**]",
        "[**8-1**]",
        "[**Hospital1 18**]",
        "[**First Name8 (NamePattern2) 456**]",
        "[**Last Name (STitle) 7**]",
        "[**Telephone/Fax (1) 12345**]",
        "[** Age over 90 **]",
        "___",
    ],
)
def test_what_was_taken_out(text: str) -> None:
    assert placeholders(f"by {text} on") == [(3, 3 + len(text))]


@pytest.mark.parametrize(
    "text",
    [
        "[**Dr. Jane Kowalska, 617-555-0143, MRN 4471823**]",
        "[** Hospital: Mercy General **]",
        "[**1952-3-4**]",
        "[**Telephone 617-555-0143**]",
        "[**Medical Record Number 4471823**]",
        "[**3/4/1952**]",
        "[****]",
    ],
)
def test_brackets_round_anything_else_hide_nothing(text: str) -> None:
    assert placeholders(f"by {text} on") == []


@pytest.mark.parametrize("text", ["Rocky Mountain spotted fever", "St. John's wort", "Rose Bengal", "Smith's fracture"])
def test_what_follows_makes_an_eponym(text: str) -> None:
    lexicon = Lexicon.shipped()
    assert any(lexicon.is_used_as_eponym(text, end) for end in range(len(text)))


def test_names_before_ordinary_words_are_no_eponyms() -> None:
    lexicon = Lexicon.shipped()
    assert not any(lexicon.is_used_as_eponym("John Smith came home", end) for end in range(20))
