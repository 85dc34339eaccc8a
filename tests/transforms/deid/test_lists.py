"""The lists that ship."""

from __future__ import annotations

from importlib.resources import files

from transforms.deid.lists import FILES, NameLists, fingerprints

LISTS = NameLists.shipped()


def test_the_lists_hold_what_their_names_say() -> None:
    assert {"maria", "james", "bill"} <= LISTS.given
    assert "smith" in LISTS.frequent_surnames <= LISTS.surnames
    assert "MA" in LISTS.cities["boston"].split(",")
    assert "norfolk" in LISTS.counties
    assert "bill" in LISTS.nicknames["william"]
    assert "william" in LISTS.nicknames["bill"]


def test_the_lists_are_small_and_have_fingerprints() -> None:
    here = files("transforms.deid.lists")
    assert sum(len((here / name).read_bytes()) for name in FILES) < 700_000
    assert set(fingerprints()) == set(FILES)
    assert all(len(value) == 64 for value in fingerprints().values())
