"""The pages, the templates' language and the formats of injected documents."""

from __future__ import annotations

import datetime as dt
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.synthetic.alternatives import TemplateError, flatten
from jobs.synthetic.inject import values
from jobs.synthetic.inject.grammar import Slot, parse
from jobs.synthetic.inject.page import Page, lowered, mistyped, raised, wrapped
from jobs.synthetic.inject.style import Style

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=80)


@given(TEXT, st.integers(1, 40))
def test_recasting_keeps_every_place(text: str, width: int) -> None:
    assert len(lowered(text)) == len(raised(text)) == len(text)
    broken = wrapped(text, width)
    assert len(broken) == len(text)
    assert all(one == other or (one, other) == (" ", "\n") for one, other in zip(text, broken, strict=True))


@given(st.lists(st.tuples(st.sampled_from(["", "DATE", "PATIENT"]), TEXT)))
def test_spans_are_what_was_put_down(pieces: list[tuple[str, str]]) -> None:
    page = Page()
    said = []
    for label, text in pieces:
        if label and text.strip():
            page.put_phi(label, text.strip())
            said.append((label, text.strip()))
        else:
            page.put(text)
    document = page.finish()
    assert [(label, document.text[start:end]) for start, end, label in document.entities] == said
    assert document.text == document.text.strip()


def test_pages_join_with_their_spans() -> None:
    first, second = Page(), Page()
    first.put("by ")
    second.put("Dr. ")
    second.put_phi("DOCTOR", "Ames")
    first.add(second)
    assert first.finish().entities == [(7, 11, "DOCTOR")]


def test_a_text_of_another_length_is_refused() -> None:
    page = Page()
    page.put("abc")
    with pytest.raises(ValueError, match="3 characters became one of 4"):
        page.recast(lambda text: text + "!")


def test_lines_are_broken_at_blanks() -> None:
    assert wrapped("one two three four\nfive", 9) == "one two\nthree\nfour\nfive"


def test_templates_are_compiled() -> None:
    assert parse("a {DATE.day} b") == ("a ", Slot("DATE", 1, "day"), " b")
    assert parse("{RELATIVE2.full}") == (Slot("RELATIVE", 2, "full"),)
    assert parse(r"\[x\] {LOCATION-OTHER}") == ("[x] ", Slot("LOCATION-OTHER", 1, ""))
    seen = {"".join(map(str, flatten(parse("[a|b[c|]]d"), random.Random(seed)))) for seed in range(40)}
    assert seen == {"ad", "bcd", "bd"}


@pytest.mark.parametrize("text", ["[a|b", "{DATE", "a]b", "{}", "{two words}"])
def test_bad_templates_are_refused(text: str) -> None:
    if text == "a]b":
        assert parse(text) == ("a]b",)
    else:
        with pytest.raises(TemplateError):
            parse(text)


@pytest.mark.parametrize("forms", [values.FULL, values.DAYS, values.MONTH_FORMS])
def test_date_forms_differ(forms: tuple[values.DateForm, ...]) -> None:
    day = dt.date(2019, 9, 4)
    shown = [form(day) for form in forms]
    assert len(set(shown)) == len(shown)


def test_numbers_follow_their_pattern() -> None:
    rng = random.Random(3)
    for _ in range(50):
        assert re.fullmatch(r"\([2-9]\d\d\) [2-9]\d\d-\d{4}", values.fill("(%##) %##-####", rng))
        assert re.fullmatch(r"[A-Z]{2}-\d{3}[a-z]", values.fill("@@-###^", rng))
        assert re.fullmatch(r"(\d{1,3}\.){3}\d{1,3}|[0-9a-f:]+", values.ip(rng))


@pytest.mark.parametrize(("age", "text"), [(90, "ninety"), (93, "ninety-three"), (100, "one hundred"), (110, "110")])
def test_ages_in_words(age: int, text: str) -> None:
    assert values.words(age) == text


def test_a_typing_error_changes_little() -> None:
    rng = random.Random(1)
    changed = {mistyped("Henderson", rng) for _ in range(60)}
    assert len(changed) > 10
    assert all(abs(len(word) - 9) <= 1 and word[0] == "H" for word in changed)
    assert mistyped("Lee", rng) == "Lee"


def test_a_clean_author_changes_nothing_and_a_hasty_one_abbreviates() -> None:
    text = "The patient was admitted with fever."
    assert Style().typed(text, random.Random(1)) == text
    assert Style(short=1.0).typed("seen by the patient without fever", random.Random(1)).endswith("w/o fever")
