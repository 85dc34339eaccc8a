"""Figures against a slow count by characters, and the cases that decide what a figure means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.evaluation.bootstrap import bootstrap
from jobs.evaluation.gold import GoldSpan
from jobs.evaluation.scores import Scores, stays_as
from transforms.deid.labels import SAFE_HARBOR, LabelMap, UnknownLabelError
from transforms.deid.spans import PhiSpan


def scored(text: str, gold: list[tuple[str, str]], found: list[tuple[str, str]]) -> Scores:
    """Spans named by their words, which must stand in the text once."""
    scores = Scores(LabelMap())
    at = [(text.index(words), text.index(words) + len(words), label) for words, label in gold]
    hits = [PhiSpan(text.index(w), text.index(w) + len(w), label, 0.9, "test") for w, label in found]
    scores.add(text, [GoldSpan(*span) for span in at], hits)
    return scores


def test_a_span_counts_when_all_its_letters_and_digits_are_covered() -> None:
    text = "Seen by Jane Roe (x12) today"
    gold = [("Jane Roe (x12)", "DOCTOR")]
    whole = scored(text, gold, [("Jane", "DOCTOR"), ("Roe", "PATIENT"), ("x12", "PHONE")]).by_label["DOCTOR"]
    assert (whole.gold, whole.whole, whole.labelled, whole.characters, whole.masked) == (1, 1, 1, 10, 10)
    short = scored(text, gold, [("Jane", "DOCTOR"), ("Roe", "DOCTOR"), ("x1", "PHONE")]).by_label["DOCTOR"]
    assert (short.whole, short.labelled, short.masked) == (0, 0, 9)
    other = scored(text, gold, [("Jane Roe (x12)", "PATIENT")]).by_label["DOCTOR"]
    assert (other.whole, other.labelled) == (1, 0)


def test_precision_counts_by_the_label_that_was_given() -> None:
    scores = scored(
        "Jane Roe came from Ohio with fever",
        [("Jane Roe", "PATIENT"), ("Ohio", "STATE")],
        [("Roe", "DOCTOR"), ("fever", "DOCTOR"), ("Ohio", "CITY")],
    )
    assert (scores.by_label["DOCTOR"].found, scores.by_label["DOCTOR"].right) == (2, 1)
    # A state may stay: to take it is neither right nor wrong, and its characters are no others.
    assert "CITY" not in scores.by_label
    assert (scores.stays["STATE"].n, scores.stays["STATE"].masked) == (1, 1)
    assert scores.total.figures()["precision"] == 0.5
    others = len("Jane Roe came from Ohio with fever") - len("Jane Roe") - len("Ohio")
    assert scores.masked_other == pytest.approx(len("fever") / others)
    assert scores.by_class["A"].gold == 1
    assert scores.by_class["B"].found == 0


@pytest.mark.parametrize(
    ("words", "label", "expected"),
    [
        ("67-year-old", "AGE", "AGE under 90"),
        ("89", "AGE", "AGE under 90"),
        ("90", "AGE", None),
        ("in her 90s", "AGE", None),
        ("ninety-two", "AGE", None),
        ("forty", "AGE", "AGE under 90"),
        ("2019", "DATE", "DATE of a year alone"),
        ("1990's", "DATE", "DATE of a year alone"),
        ("3/2019", "DATE", None),
        ("March", "DATE", None),
        ("2019", "IDNUM", None),
    ],
)
def test_what_safe_harbor_lets_stay(words: str, label: str, expected: str | None) -> None:
    assert stays_as(f"x {words} y", GoldSpan(2, 2 + len(words), label), label) == expected


def test_aliases_and_labels_that_nobody_knows() -> None:
    assert scored("Call 555-0192", [("555-0192", "PHONE_NUMBER")], []).by_label["PHONE"].gold == 1
    with pytest.raises(UnknownLabelError, match="SHOE_SIZE"):
        scored("Call 555-0192", [("555-0192", "SHOE_SIZE")], [])


@st.composite
def marked(draw: st.DrawFn) -> tuple[str, list[GoldSpan], list[PhiSpan]]:
    text = draw(st.text(st.sampled_from("aé1 .,-\n👩\u0301ש"), min_size=1, max_size=40))
    labels = st.sampled_from(["PATIENT", "DOCTOR", "PHONE", "STATE"])
    spans = st.lists(st.tuples(st.integers(0, 39), st.integers(1, 12), labels), max_size=6)
    gold = [GoldSpan(at, min(at + length, len(text)), label) for at, length, label in draw(spans) if at < len(text)]
    found = [
        PhiSpan(at, min(at + length, len(text)), label, 0.9, "test")
        for at, length, label in draw(spans)
        if at < len(text) and label in SAFE_HARBOR
    ]
    return text, gold, found


@settings(max_examples=300, deadline=None)
@given(marked())
def test_against_sets_of_characters(case: tuple[str, list[GoldSpan], list[PhiSpan]]) -> None:
    text, gold, found = case
    scores = Scores(LabelMap())
    scores.add(text, gold, found)
    taken = {at for hit in found for at in range(hit.start, hit.end)}
    identifying = [span for span in gold if span.label != "STATE"]
    free = set(range(len(text))) - {at for span in gold for at in range(span.start, span.end)}
    whole = [s for s in identifying if all(at in taken for at in range(s.start, s.end) if text[at].isalnum())]
    total = scores.total
    assert (total.gold, total.whole) == (len(identifying), len(whole))
    assert total.characters == sum(text[at].isalnum() for s in identifying for at in range(s.start, s.end))
    assert total.labelled <= total.whole
    assert total.masked <= total.characters
    assert scores.masked_other == (len(taken & free) / len(free) if free else None)
    gold_at = {at for span in identifying for at in range(span.start, span.end)}
    right = [hit for hit in found if gold_at.intersection(range(hit.start, hit.end))]
    wrong = [hit for hit in found if hit not in right and free.issuperset(range(hit.start, hit.end))]
    assert total.right == len(right)
    assert total.found >= len(right) + len(wrong)
    for letter, tally in scores.by_class.items():
        assert tally.gold == sum(SAFE_HARBOR[span.label] == letter for span in identifying)


def test_the_interval_holds_the_share_and_narrows_with_more_notes() -> None:
    rng = np.random.default_rng(1)

    def interval(notes: int) -> list[float]:
        gold = rng.integers(1, 20, notes)
        bounds = bootstrap(np.stack([rng.binomial(gold, 0.9), gold], axis=1))
        assert bounds is not None
        return bounds

    few, many = interval(20), interval(2000)
    assert many[0] < 0.9 < many[1]
    assert many[1] - many[0] < (few[1] - few[0]) / 3
    assert interval(50) != few
    assert bootstrap(np.array([[9, 10]] * 30)) == pytest.approx([0.9, 0.9])
    assert bootstrap(np.zeros((3, 2), np.int64)) is None
    assert bootstrap(np.zeros((0, 2), np.int64)) is None
