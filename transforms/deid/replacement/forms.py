"""The form of a word: its case, and the ending of an ordinal."""

from __future__ import annotations


def like(old: str, new: str) -> str:
    """`new` in the case of `old`: all capitals, all small, or one capital at the head of each word.

    A single capital says nothing of the rest, so `J` makes `Peter`.
    """
    if len(old) > 1 and old.isupper():
        return new.upper()
    if old.islower():
        return new.lower()
    return " ".join(word[:1].upper() + word[1:].lower() for word in new.split(" "))


def ordinal_suffix(number: int) -> str:
    """`st`, `nd`, `rd` or `th`."""
    if 11 <= number % 100 <= 13:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
