"""Progress notes that begin as those of the day before."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest

from jobs.synthetic import gold
from jobs.synthetic.copying import copy_forward
from jobs.synthetic.corpus import Written, patient_notes
from jobs.synthetic.notes import Note

FRESH = {"subjective", "vital_signs", "results"}


def written(copied: float) -> list[Written]:
    return [item for index in range(60) for item in patient_notes(index, 11, "all", None, copied)]


@pytest.fixture(scope="module")
def plain() -> list[Written]:
    return written(0.0)


@pytest.fixture(scope="module")
def copies() -> list[Written]:
    return written(1.0)


def days(notes: list[Written]) -> Iterator[tuple[Note, Note]]:
    """Pairs of a progress note and the next one of the same stay."""
    for _, stay in itertools.groupby(notes, key=lambda item: item.stay.encounter_id):
        yield from itertools.pairwise(item.note for item in stay if item.note.kind == "progress note")


def sections(note: Note) -> list[tuple[str, str]]:
    """Category and text of the top-level sections, the closing left out."""
    inner = {span.start for span in note.draft.sections if span.level > 1}
    closing = note.draft.closing
    assert closing is not None
    return [
        (category, note.text[start : min(end, closing)].strip())
        for _, _, category, _, start, end, _ in gold.section_rows("n", note)
        if start not in inner and start < closing
    ]


def test_all_that_is_not_new_is_yesterdays_word_for_word(copies: list[Written]) -> None:
    pairs = list(days(copies))
    assert len(pairs) > 40
    for yesterday, today in pairs:
        kept = dict(sections(today))
        for category, text in sections(yesterday):
            if category not in FRESH | {"header"}:
                assert kept[category] == text


def test_header_new_sections_and_closing_are_todays(plain: list[Written], copies: list[Written]) -> None:
    changed = 0
    for (_, alone), (_, copied) in zip(days(plain), days(copies), strict=True):
        assert alone.when == copied.when
        ours, theirs = dict(sections(alone)), dict(sections(copied))
        for category in FRESH & set(theirs):
            assert ours[category] == theirs[category]
        assert ours.get("header") == theirs.get("header")
        assert alone.text[alone.draft.closing :] == copied.text[copied.draft.closing :]
        changed += alone.text != copied.text
    assert changed > 40


def test_only_progress_notes_change_and_without_copying_none(plain: list[Written], copies: list[Written]) -> None:
    for a, b in zip(plain, copies, strict=True):
        assert (a.note_id, a.note.kind) == (b.note_id, b.note.kind)
        if a.note.kind != "progress note":
            assert a.note.text == b.note.text
            assert list(a.note.draft.codes) == list(b.note.draft.codes)
    for yesterday, today in days(plain):
        same = copy_forward(today, yesterday, 0.0, random.Random(1))
        assert {category for category, _ in sections(same)} <= {category for category, _ in sections(today)}
        assert same.text[same.draft.closing :] == today.text[today.draft.closing :]


def test_gold_goes_with_the_text(copies: list[Written]) -> None:
    entities = 0
    for yesterday, today in days(copies):
        of_yesterday = {row[3:5] for row in gold.entity_rows("n", yesterday)}
        of_today = [row[3:5] for row in gold.entity_rows("n", today)]
        assert all(today.text[row[1] : row[2]] == row[3] for row in gold.entity_rows("n", today))
        assert all(today.text[row[2] : row[3]] == row[4] for row in gold.phi_rows("n", today))
        entities += sum(row in of_yesterday for row in of_today)
        for places in today.draft.codes.values():
            assert places
            assert all(0 <= place < len(today.text) for place in places)
    assert entities > 200
