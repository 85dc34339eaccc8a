"""The language of the phrases."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jobs.synthetic.alternatives import TemplateError
from jobs.synthetic.draft import Assertion, Draft
from jobs.synthetic.grammar import assertion, parse, write
from jobs.synthetic.scene import Scene


def written(text: str, seed: int = 0) -> Draft:
    rng = random.Random(seed)
    scene: Any = SimpleNamespace(draft=Draft(), rng=rng, random=rng.random)
    write(parse(text), cast("Scene", scene))
    return cast("Draft", scene.draft)


def test_plain_text_and_brackets_outside_alternatives() -> None:
    assert written("a | b ] c").text() == "a | b ] c"


def test_alternatives_nest_and_may_be_empty() -> None:
    seen = {written("[a|b[1|2]|]!", seed).text() for seed in range(80)}
    assert seen == {"a!", "b1!", "b2!", "!"}


def test_numbers_keep_to_their_range() -> None:
    seen = {written("{n 2 4}", seed).text() for seed in range(80)}
    assert seen == {"2", "3", "4"}
    assert all(0.5 <= float(written("{x 0.5 0.9}", seed).text()) <= 0.9 for seed in range(20))


def test_entities_carry_label_and_assertion() -> None:
    draft = written("No {D- fever}; {C Lasix}; mother had {D@ breast cancer}; h/o {P~ CABG}; r/o {D? PE}; if {D> rash}")
    text = draft.text()
    assert [(e.label, text[e.start : e.end]) for e in draft.entities] == [
        ("Disease", "fever"),
        ("Chemical", "Lasix"),
        ("Disease", "breast cancer"),
        ("Procedure", "CABG"),
        ("Disease", "PE"),
        ("Disease", "rash"),
    ]
    assert [e.assertion for e in draft.entities] == [
        Assertion(negated=True),
        Assertion(),
        Assertion(experiencer="family"),
        Assertion(historical=True),
        Assertion(uncertain=True),
        Assertion(hypothetical=True),
    ]


def test_marks_combine() -> None:
    assert assertion("-@") == Assertion(negated=True, experiencer="family")


@pytest.mark.parametrize("text", ["[a|b", "{n 1 2", "{nosuch}", "{D}", "x [a|{Z-- y}]"])
def test_malformed_phrases(text: str) -> None:
    with pytest.raises(TemplateError):
        parse(text)


def test_unknown_mark() -> None:
    with pytest.raises(TemplateError):
        assertion("!")
