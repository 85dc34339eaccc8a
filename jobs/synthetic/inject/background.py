"""Real notes without PHI, cut to sentences, and what their sentences may become.

The notes (MTSamples) hold placeholders (`Dr. X`, `MM/DD/YYYY`) and a few names, places and dates that were left in.
A placeholder is filled; a sentence in which something may have been left in is not used, for a model would learn
there that it is no PHI.
"""

from __future__ import annotations

import functools
import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from jobs.synthetic.alternatives import Template
from jobs.synthetic.inject.cast import Cast
from jobs.synthetic.inject.grammar import data, parse
from jobs.synthetic.inject.page import Page

_ENDS: Final = re.compile(
    r"(?<=[a-z0-9)%][.?!])(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bMrs\.)(?<!\bSt\.)(?<!\bNo\.)(?<!\bvs\.)"
    r"[ ]+(?=[A-Z0-9])"
)
_NUMBER: Final = re.compile(r"\d{1,2}[.)]")
_MONTHS: Final = "January|February|March|April|June|July|August|September|October|November|December"
_LEFT_IN: Final = re.compile(
    rf"\b(?:{_MONTHS}|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b"
    r"|\b(?:in|of|last|since|until|on|and|to) May\b|\bMay (?:\d|of)"
    r"|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?\b"
    r"|\b(?:Christmas|Thanksgiving|Easter|Halloween|Labor Day|Memorial Day|New Year)"
    r"|\b\d{1,2}[/-]\d{1,2}[/-]\d{2,4}\b|\b\d{1,2}/(?:19|20)\d\d\b"
    r"|\b(?:on|since|from|until|by|dated|through|of|last) (?:0?[1-9]|1[0-2])/(?:[0-2]?\d|3[01])\b(?!/)"
    r"|\b\d{3}[-.]\d{4}\b|\b\d{5,}\b|@\w|https?:|www\."
    r"|\b(?:9\d|1[01]\d)[- ](?:years?|y/?o)\b"
    r"|\b[A-Z][a-z]+ (?:Hospital|Clinic|University|College|County|Street|Avenue|Road|Medical|Memorial|Center|School"
    r"|Church|Institute|Army|Navy|City|Associates|Star|Partners)\b|\b(?:University|City|County|Village|State) of [A-Z]"
    r"|\b(?:Las|Los|Santa|Chevron)\b"
    r"|\b[XYZ]{2,}\w*|\bABC\w*|\bAbc\b|_{2,}|\bDr\b|\bM(?:r|s|rs|iss)\b|^[A-Z]\. \bM\.D\.|\bMM/|\bDD/|\b[Xx]{3,}|\*{3,}"
)
_CAPITALISED: Final = re.compile(r"(?<![\w'-])[A-Z][a-z]{2,}(?![\w])")
_SMALL: Final = re.compile(r"(?<![\w'-])[a-z]{3,}(?!\w)")
_CAPITALS: Final = re.compile(r"(?<![\w'-])[A-Z]{3,}(?![\w])")


_TITLES: Final = ("Dr. ", "Mr. ", "Ms. ", "Mrs. ", "Miss ")


@dataclass(frozen=True, slots=True)
class Rule:
    """Where `find` stands, one of `say` is written: in its place, or after it when `keep`."""

    find: re.Pattern[str]
    say: tuple[Template, ...]
    chance: float
    keep: bool
    kin: bool


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, what may be written into it (offsets and rule, apart and in order), and the blank after it."""

    text: str
    places: tuple[tuple[int, int, Rule], ...]
    gap: str
    words: int


@dataclass(frozen=True, slots=True)
class Note:
    """The usable sentences of a note; `female` is the patient's sex where the pronouns say it."""

    sentences: tuple[Sentence, ...]
    female: bool | None


@functools.cache
def rules() -> tuple[Rule, ...]:
    """The rules of `surrogates.toml`; those that fill a placeholder have chance 1."""
    return tuple(
        Rule(
            re.compile(rule["find"]),
            tuple(parse(text) for text in rule["say"]),
            1.0 if rule.get("always") else rule["chance"],
            rule.get("keep", False),
            rule.get("kin", False),
        )
        for rule in data("surrogates.toml")["rule"]
    )


@functools.cache
def load(folder: Path) -> list[Note]:
    """The notes of `folder/notes/mtsamples.parquet` that leave at least five sentences.

    Raises:
        FileNotFoundError: a file is missing.
    """
    texts = pq.read_table(folder / "notes" / "mtsamples.parquet", columns=["text"])["text"].to_pylist()
    suspects = _suspects(folder, texts)
    notes = []
    for text in texts:
        sentences = tuple(_sentences(text, suspects))
        if len(sentences) >= 5:
            notes.append(Note(sentences, _female(text)))
    return notes


def _suspects(folder: Path, texts: list[str]) -> frozenset[str]:
    """Names and towns in small letters, less the words that notes also write in small letters or that are listed."""
    seen = Counter(word for text in texts for word in set(_SMALL.findall(text)))
    names: set[str] = set()
    for file, column in (("surnames", "name"), ("given_female", "name"), ("given_male", "name"), ("us_cities", "CITY")):
        values = pq.read_table(folder / "names" / f"{file}.parquet", columns=[column])[column].to_pylist()
        names.update(value.lower() for value in values)
    ordinary = {word for word, count in seen.items() if count > 1}
    return frozenset(names.difference(ordinary, *(words.split() for words in data("ordinary.toml").values())))


def _sentences(text: str, suspects: frozenset[str]) -> list[Sentence]:
    out = []
    for line in re.split(r"(?<=\n)(?=[^\n])", text):
        body = line.rstrip("\n")
        breaks = line[len(body) :] or "\n"
        parts = _parts(body)
        for index, part in enumerate(parts):
            if not part:
                continue
            places = _places(part)
            if _usable(part, places, suspects):
                out.append(Sentence(part, places, breaks if index == len(parts) - 1 else " ", part.count(" ") + 1))
            elif out and index == len(parts) - 1 and out[-1].gap == " ":
                # The paragraph ends all the same.
                last = out.pop()
                out.append(Sentence(last.text, last.places, breaks, last.words))
    return out


def _parts(body: str) -> list[str]:
    """The sentences of a line; the number of a list's item stays with it."""
    parts: list[str] = []
    for part in _ENDS.split(body):
        if parts and _NUMBER.fullmatch(parts[-1]):
            parts[-1] += f" {part.strip()}"
        else:
            parts.append(part.strip())
    return parts


def _places(text: str) -> tuple[tuple[int, int, Rule], ...]:
    found: list[tuple[int, int, Rule]] = []
    for rule in rules():
        for match in rule.find.finditer(text):
            if all(match.end() <= start or end <= match.start() for start, end, _ in found):
                found.append((match.start(), match.end(), rule))
    return tuple(sorted(found, key=lambda place: place[0]))


def _usable(text: str, places: tuple[tuple[int, int, Rule], ...], suspects: frozenset[str]) -> bool:
    """Whether nothing is left in the sentence but what is filled anyway."""
    rest = list(text)
    for start, end, rule in places:
        if rule.chance == 1.0:
            # The title before it is the rule's too.
            begin = start - max(len(title) if text.endswith(title, 0, start) else 0 for title in _TITLES)
            rest[begin:end] = "\0" * (end - begin)
    left = "".join(rest)
    if _LEFT_IN.search(left):
        return False
    for match in _CAPITALISED.finditer(left):
        if match[0].lower() in suspects:
            return False
    return not (
        not text.isupper()
        and any(match[0].lower() in suspects for match in _CAPITALS.finditer(left) if len(match[0]) > 4)
    )


def _female(text: str) -> bool | None:
    she = len(re.findall(r"\b(?:[Ss]he|[Hh]er|female|woman)\b", text))
    he = len(re.findall(r"\b(?:[Hh]e|[Hh]is|[Hh]im|male|man)\b", text))
    return None if she == he else she > he


def passage(note: Note, words: int, rng: random.Random) -> list[Sentence]:
    """Neighbouring sentences of the note, about so many words of them."""
    sentences = note.sentences
    lengths = sum(sentence.words for sentence in sentences)
    begin = 0
    if lengths > words:
        begin = int(rng.random() * len(sentences))
        while begin and sum(sentence.words for sentence in sentences[begin:]) < words:
            begin -= 1
    out: list[Sentence] = []
    count = 0
    for sentence in sentences[begin:]:
        if count >= words:
            break
        out.append(sentence)
        count += sentence.words
    return out


def write(sentence: Sentence, cast: Cast, page: Page, eagerness: float) -> None:
    """Writes the sentence; what may become PHI does so by the rule's chance times `eagerness` (placeholders always)."""
    at = 0
    for start, end, rule in sentence.places:
        if rule.chance < 1.0 and cast.rng.random() > rule.chance * eagerness:
            continue
        page.put(sentence.text[at : end if rule.keep else start])
        if rule.kin:
            cast.person("RELATIVE", 1, sentence.text[start:end].split(" ", 1)[1])
        say = cast.choice(rule.say)
        cast.write(say, page, again=True)
        at = end
    page.put(sentence.text[at:])
