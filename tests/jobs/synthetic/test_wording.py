"""What is held out."""

from __future__ import annotations

import re

import pytest

from jobs.synthetic.names import Pools
from jobs.synthetic.scene import Book
from jobs.synthetic.wording import halve, share


@pytest.mark.parametrize("count", range(12))
def test_shares_are_disjoint_and_complete(count: int) -> None:
    items = list(range(count))
    train, held = share(items, "train"), share(items, "heldout")
    assert share(items, "all") == items
    if count == 1:
        assert train == held == items
    else:
        assert sorted(train + held) == items
        assert set(train).isdisjoint(held)
        assert bool(held) == (count > 0)


def test_every_fourth_is_held_out() -> None:
    assert share("abcdefghi", "heldout") == ["d", "h"]


def test_a_double_name_goes_where_all_its_parts_go() -> None:
    train, held = halve(["Ann", "Lee", "Ann-Lee"], "train"), halve(["Ann", "Lee", "Ann-Lee"], "heldout")
    assert ("Ann" in train) != ("Ann" in held)
    same_side = ("Ann" in train) == ("Lee" in train)
    assert ("Ann-Lee" in [*train, *held]) == same_side


@pytest.mark.parametrize("field", ["female", "male", "female_common", "male_common", "surnames", "surnames_common"])
def test_no_part_of_a_name_is_on_both_sides(field: str) -> None:
    train, held = (
        {part for name in getattr(Pools.load(side), field) for part in re.findall(r"[a-z]{3,}", name.casefold())}
        for side in ("train", "heldout")
    )
    assert len(train) > 100
    assert len(held) > 100
    assert train.isdisjoint(held)


def test_every_list_of_phrases_has_something_in_both_parts() -> None:
    for wording in ("train", "heldout"):
        book = Book.load(wording)
        assert all(book.phrases.values())
        assert all(book.headings.values())
        assert all(book.fields.values())
