"""Everyday sentences with personal data (presidio-research), in the labels of notes.

Source: https://github.com/microsoft/presidio-research (MIT). Its labels are Presidio's; a document whose
labels have no clear counterpart is left out.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
from faker.providers.address.en_US import Provider

from jobs.synthetic.inject.page import Injected, Page, Span
from jobs.synthetic.names import data

_LABELS: Final = {
    "PERSON": "PATIENT",
    "ORGANIZATION": "ORGANIZATION",
    "CREDIT_CARD": "ACCOUNT",
    "IBAN_CODE": "ACCOUNT",
    "PHONE_NUMBER": "PHONE",
    "EMAIL_ADDRESS": "EMAIL",
    "ZIP_CODE": "ZIP",
    "DOMAIN_NAME": "URL",
    "US_SSN": "SSN",
    "IP_ADDRESS": "IPADDR",
    "US_DRIVER_LICENSE": "LICENSE",
}
_NO_PHI: Final = frozenset({"TITLE", "NRP"})
_DAY: Final = re.compile(
    r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}"
    r"|(?:\d{1,2}(?:st|nd|rd|th)? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?(?: \d.*)?"
    r"|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
)
_YEAR: Final = re.compile(r"(?:19|20)\d\d|\d0s|(?:19|20)\d0s")
_STREET: Final = re.compile(r"(?=.*\d)(?=.*[^\W\d]{3})[^,\n]{5,60}")
_WORDS: Final = 60


@functools.cache
def load(folder: Path) -> list[Injected]:
    """The documents whose labels map, several put together to make about sixty words.

    Raises:
        FileNotFoundError: the file is missing.
    """
    rows = pq.read_table(folder / "deid" / "presidio_research.parquet", columns=["text", "entities"]).to_pylist()
    out: list[Injected] = []
    page, words = Page(), 0
    for row in rows:
        spans = _mapped(row)
        if spans is None:
            continue
        _copy(row["text"], spans, page)
        page.put("\n")
        words += row["text"].count(" ") + 1
        if words >= _WORDS:
            out.append(page.finish())
            page, words = Page(), 0
    if words:
        out.append(page.finish())
    return out


def _mapped(row: dict[str, Any]) -> list[Span] | None:
    """The spans in our labels; None where one does not map, or where two overlap."""
    text = row["text"]
    if "ג" in text:  # wrongly decoded
        return None
    spans = []
    for entity in row["entities"]:
        start, end = entity["start"], entity["end"]
        label = _label(entity["label"], text[start:end])
        if label is None:
            return None
        if label:
            spans.append(Span(start, end, label))
    spans.sort()
    apart = all(one.end <= other.start for one, other in itertools.pairwise(spans))
    padded = any(text[start:end] != text[start:end].strip() for start, end, _ in spans)
    return spans if apart and not padded else None


def _label(label: str, value: str) -> str | None:
    """Our label; empty where the value is no PHI, None where that cannot be told."""
    if label in _NO_PHI:
        return ""
    if label == "AGE":
        return None if not value.isdigit() else "AGE" if int(value) > 89 else ""
    if label == "DATE_TIME":
        return "DATE" if _DAY.fullmatch(value) else "" if _YEAR.fullmatch(value) else None
    if label == "GPE":
        return "" if value in _lands() else "CITY" if value.isupper() else None
    if label == "STREET_ADDRESS":
        return "STREET" if _STREET.fullmatch(value) and not any(land in value for land in _lands()) else None
    return _LABELS.get(label)


@functools.cache
def _lands() -> frozenset[str]:
    """Countries and US states: neither is PHI."""
    return frozenset(Provider.countries) | {name for name, _ in data("places.toml")["states"]}


def _copy(text: str, spans: list[Span], page: Page) -> None:
    at = 0
    for start, end, label in spans:
        page.put(text[at:start])
        page.put_phi(label, text[start:end])
        at = end
    page.put(text[at:])


def documents(folder: Path) -> Iterator[Injected]:
    """The documents in order."""
    yield from load(folder)
