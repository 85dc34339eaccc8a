"""Names of people by the company that they keep: titles, degrees, signatures, relatives, name fields."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import ClassVar, Final

from transforms.deid.lexicon import Lexicon
from transforms.deid.recognizers.base import ClinicalRecognizer, Found, Note, is_word_char, occurrences, table
from transforms.deid.recognizers.name_reader import DEGREE, DEGREE_HINT, WEAK_DEGREES, WORD, NameReader

_TABLE: Final = table("names.toml")

_TITLE: Final = re.compile(
    r"(?:dr|drs|doctor|mr|mrs|ms|miss|mister|prof|professor|rev|sr|sra|fr|sister)\.?(?: and (?:mr|mrs"
    r"|dr)s?\.?)?(?:[ \t]{1,2}|[ \t]?\n[ \t]*)"
    r"|(?:dr|mr|mrs|ms)[.:](?=[a-z])"
)
_MARY_JOSEPH: Final = re.compile(r"mary joseph(?:'s)? (?:nodules?|nodes?|sign)")
_GAUGE_BEFORE: Final = re.compile(r"\d[ -]?\Z")
_OF_DOCTORS: Final = frozenset(("dr", "drs", "doctor", "prof", "professor"))
_OF_CLERGY: Final = frozenset(("sr", "sra", "fr", "sister"))
_TITLES: Final = _OF_DOCTORS | _OF_CLERGY | {"mr", "mrs", "ms", "miss", "mister", "rev"}
_DEGREE_WORDS: Final = frozenset(_TABLE["degree_words"].split())

_DELIMITER: Final = re.compile(r":|-(?<=[ \t]-)(?=[ \t])|\.{3,}")
_AFTER_DELIMITER: Final = re.compile(r"[ \t:#\-.]*(?:\n[ \t]*)?")
_FIELD_END: Final = re.compile(r"(?:'?s|\(s\))?(?: \([^()\n]{1,20}\))?(?: name)?\Z")
_FIELD_TAILS: Final = ("s", ")", "name")
_LONGEST_FIELD: Final = 48
_LONGEST_LINE: Final = 128
"""The surname that fills a line up to its comma is not longer."""
_AT_LINE_START: Final = frozenset(("name", "re", "subject", "to", "from", "by", "per", "called", "signed", "baby"))
_BEFORE_NAME: Final = ("patient", "pt", "last", "first", "middle", "'s", "full", "maiden", "electronically")
_RELATIVE_LINK: Final = re.compile(
    r"(?:,? whose name is|,? named|,? called|'s name is|, (?:mr|mrs|ms)\.|,| \(| is|:| -)?[ \t\n]\(?|[(:]"
)
_SPEAKS_LINK: Final = re.compile(r"(?:,| \(| is|:| -| -|#)?[ \t\n]{1,2}[(\"']{0,2}|[(:]")
_NEXT_NAME: Final = re.compile(
    r"'?s?(?:,? (?:m\.?d\.?|d\.?o\.?|rn|np|pa-c|pa|ph\.?d\.?|dds|facs|facp|lpn|licsw|lcsw|crna)(?![a-z]))*"
    r"(?: ?\([^()\n]{1,40}\))?[ \t]*(?:[,;&/]|\band\b|\n)[ \t]*(?:and )?(?:(?:dr|mr|mrs|ms)\.? )?"
)

_NAME_LINE: Final = re.compile(
    r"[ \t]*([A-Z][A-Z'’\-]+, ?[A-Z][A-Z'’\-]+(?: [A-Z](?:\.|[A-Z'’\-]+)?)?)[ \t]*(?=$|\t|  |\()", re.MULTILINE
)
_COMMA_NAME: Final = re.compile(r"(?:pt|patient)\.?[ \t]{1,2}(?=[^\W\d_]{2,}, ?[^\W\d_])")
_LOGIN: Final = re.compile(r"\.?\)?  ?\(([a-z][a-z0-9._]{3,20}|[A-Z]{3,10}\d{1,4})\)")
_DICTATION_INITIALS: Final = re.compile(
    r"(?:^|[ \t])([A-Z]{2,4}[/:](?:[A-Z]{2,4}|[a-z]{2,4}))(?=[ \t]*$|[ \t]+(?:JOB|Job|CONF|Conf|Doc|DOC|#|D:|T:|DD"
    r"|DT)|[ \t]*\n ?(?:cc|CC|Job|JOB|D:))",
    re.MULTILINE,
)
_SIGNED_INITIALS: Final = re.compile(r"-([A-Z]{2,4})[ \t]*(?=\n|\Z)")
_BY_INITIALS: Final = re.compile(r" ([A-Z]{2,4})(?=[.;][ \n]|[ \t]\d{1,2}[/-]\d)")
_PATIENT: Final = frozenset(("pt", "patient"))
_BY: Final = frozenset(("by",))
_DICTATION_WORDS: Final = frozenset(
    ("d", "t", "dd", "dt", "dv", "job", "conf", "cc", "dictated", "transcribed", "dea", "npi", "lic", "license", "md")
)
_DICTATED: Final = re.compile(
    r"\b(?:DT|DD|DV|D|T|DICTATED|TRANSCRIBED|Dictated|Transcribed|DEA|NPI|License|Lic|LICENSE)\b|M\.?D\.?|Ph\.D"
)
_DICTATED_AFTER: Final = re.compile(r"\s{1,3}(?:JOB|Job|CONF|Conf|Doc|DOC|cc|CC|D:|T:)")
_NO_INITIALS: Final = frozenset(_TABLE["no_initials"].split())
_SIGNATURE: Final = re.compile(r"(?:^|\n)[ \t]*(?:/s/|//)[ \t]*")


def _by_last_word(sides: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """Name fields by their last word, longest first, each with its label."""
    fields: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for side, label in sides.items():
        for field in sorted((*_TABLE[side]["fields"], *_TABLE[side].get("relatives", ())), key=len, reverse=True):
            fields[field.rsplit(None, 1)[-1]].append((field, label))
    return dict(fields)


_FIELDS: Final = _by_last_word({"doctor": "DOCTOR", "patient": "PATIENT"})
_SPEAKS: Final = tuple(
    (field, label) for side, label in (("doctor", "DOCTOR"), ("patient", "PATIENT")) for field in _TABLE[side]["speaks"]
)
_RELATIVES: Final = tuple(_TABLE["patient"]["relatives"])


def _by_first_word() -> dict[str, list[tuple[str, str, re.Pattern[str]]]]:
    """Phrases, each with its label and what may stand between it and a name, by the first run of letters in them."""
    phrases: dict[str, list[tuple[str, str, re.Pattern[str]]]] = defaultdict(list)
    labels = dict(reversed(_SPEAKS))  # the first label counts
    links = [(phrase, label, _SPEAKS_LINK) for phrase, label in labels.items()]
    for phrase, label, link in [*links, *((relative, "PATIENT", _RELATIVE_LINK) for relative in _RELATIVES)]:
        first = _LETTERS.findall(phrase)[0]
        phrases[first if len(first) > 1 else phrase].append((phrase, label, link))
    return dict(phrases)


_LETTERS: Final = re.compile(r"[a-z]+")
_PHRASES: Final = _by_first_word()
_MARKED: Final = {phrase: frozenset(_LETTERS.findall(phrase)) for phrase in _PHRASES if not phrase.isalpha()}
"""Phrases like `d/w`, whose first letter stands alone in every note, and all runs of letters in each."""


class Names(ClinicalRecognizer):
    """Names beside a title, a degree, a relative or the name of a field."""

    labels: ClassVar[tuple[str, ...]] = ("PATIENT", "DOCTOR", "USERNAME")
    title: ClassVar[str] = "names"

    def __init__(self) -> None:
        self._lexicon = Lexicon.shipped()
        self._reader = NameReader(self._lexicon)
        super().__init__()

    def find(self, note: Note) -> Iterator[Found]:
        text, lowered = note.text, note.lowered
        yield from self._titles(note)
        if not note.words.isdisjoint(_DEGREE_WORDS):
            yield from self._degrees(text)
        yield from self._fields(text, lowered)
        yield from self._sentences(note)
        yield from self._lines(note)

    def _titles(self, note: Note) -> Iterator[Found]:
        text, lowered = note.text, note.lowered
        for title, at in note.starts(_TITLES):
            match = _TITLE.match(lowered, at)
            if match is None or match.group().startswith(("doctor.", "professor.", "sister.", "miss.")):
                continue  # a sentence's end
            if not self._is_title(text[at : match.end()].strip(), text, match.end()):
                continue
            if title == "sister" and _MARY_JOSEPH.match(lowered, match.end()):
                continue
            if title == "fr" and _GAUGE_BEFORE.search(text, max(0, at - 4), at):
                continue  # `16 Fr Foley`
            name = self._reader.read(text, match.end(), sure=True)
            if name is None:
                continue
            if title not in _OF_CLERGY:
                label = "DOCTOR" if title in _OF_DOCTORS else "PATIENT"
                yield Found(*name, label, 0.95)
                if title == "drs":  # `Drs. Rose and Hand`
                    yield from self._further_names(text, lowered, name[1], label, sure=True)
            elif text[at].isupper() and text[name[0]].isupper():
                yield Found(*name, "PATIENT", 0.8)

    def _is_title(self, written: str, text: str, at: int) -> bool:
        """`MS Contin`, `MR HEAD`, `mild MR. No gradient` hold no titles: in capitals only before capitals."""
        if written == "ms." and text[max(0, at - 6) : at - 4].strip().isdigit():
            return False  # `600 ms. The`
        if written.rstrip(".") not in ("MR", "MS"):
            return True
        word = WORD.match(text, at)
        if word is None or not word.group().isupper():
            return False
        if written.endswith("."):
            return True
        return written == "MR" and len(word.group()) > 3 and not self._lexicon.is_ordinary(word.group().lower())

    def _degrees(self, text: str) -> Iterator[Found]:
        for hint in DEGREE_HINT.finditer(text):
            head = hint.start()
            while head and text[head - 1] in " \t":
                head -= 1
            degree = DEGREE.match(text, head - (text[head - 1 : head] == ","))
            if degree is None or degree.end() < hint.end():
                continue
            start = self._reader.read_back(text, degree.start())
            if start is None:
                continue
            # `CBC, PT` and `Boston, MA` look like the weaker degrees: those need a first and a last name.
            if text[degree.start() - 1] == "." and (
                text[start : degree.start()].isupper() or text[degree.start() - 4 : degree.start() - 1].islower()
            ):
                continue  # `per SS. MD notified`, `takes Eliquis. MD aware`
            weak = degree.group().strip(", \t") in WEAK_DEGREES
            if not weak or self._is_full_name(text[start : degree.start()]):
                yield Found(start, degree.start(), "DOCTOR", 0.9)
            login = _LOGIN.match(text, degree.end())
            if login:
                yield Found(*login.span(1), "USERNAME", 0.8)

    def _is_full_name(self, written: str) -> bool:
        words = [word.group() for word in WORD.finditer(written)]
        return len(words) > 1 and any(len(word) > 2 and self._reader.is_listed(word.lower()) for word in words)

    def _fields(self, text: str, lowered: str) -> Iterator[Found]:
        """`Attending: Jane Roe`, `Patient Name - ROE, JANE`."""
        for delimiter in _DELIMITER.finditer(lowered):
            begin = max(0, delimiter.start() - _LONGEST_FIELD)
            before = lowered[begin : delimiter.start()].rstrip()
            heads = {before: None}
            if before.endswith(_FIELD_TAILS) and (tail := _FIELD_END.search(before)):
                heads[before[: tail.start()].rstrip()] = None
            for head in heads:
                label = _field_label(head)
                if label:
                    start = _AFTER_DELIMITER.match(text, delimiter.end())
                    name = self._reader.read(text, start.end() if start else delimiter.end(), sure=False)
                    if name:
                        yield Found(*name, label, 0.8)
                        yield from self._further_names(text, lowered, name[1], label)

    def _further_names(self, text: str, lowered: str, end: int, label: str, *, sure: bool = False) -> Iterator[Found]:
        """The rest of a list of names: `cc: Jane Roe, MD; A. Kowalski`."""
        for _ in range(8):
            link = _NEXT_NAME.match(lowered, end)
            name = self._reader.read(text, link.end(), sure=sure) if link else None
            if name is None or not any(
                self._reader.is_listed(word.group().lower()) for word in WORD.finditer(text, *name)
            ):
                return
            yield Found(*name, label, 0.7)
            end = name[1]

    def _sentences(self, note: Note) -> Iterator[Found]:
        """`discussed with Jane Roe`, `his wife, Maria`."""
        lowered = note.lowered
        marked = (
            (phrase, at)
            for phrase, letters in _MARKED.items()
            if letters <= note.words
            for at in occurrences(lowered, phrase)
        )
        for word, at in chain(note.starts(_PHRASES.keys()), marked):
            if not word.isalpha() and is_word_char(lowered, at - 1):
                continue
            for phrase, label, pattern in _PHRASES[word]:
                end = at + len(phrase)
                if not lowered.startswith(phrase, at) or is_word_char(lowered, end):
                    continue
                link = pattern.match(lowered, end)
                if link:
                    yield from self._mixed_case_name(note, at, link.end(), label)

    def _mixed_case_name(self, note: Note, trigger: int, at: int, label: str) -> Iterator[Found]:
        """A name that stands in a sentence: not in capitals, unless the words before it are."""
        text = note.text
        if (
            note.mixed
            and not text[at : at + 1].isupper()
            and note.lowered[at : at + 3].isalpha()
            and self._is_plain(note, at)
        ):
            return
        name = self._reader.read(text, at, sure=False)
        if name is None or self._lexicon.is_used_as_eponym(text, name[1]):
            return
        written = text[name[0] : name[1]]
        if written.isupper() and not text[trigger : trigger + 3].isupper():
            return
        if (written.isupper() or written.islower()) and not any(
            self._reader.is_listed(word.group().lower()) or (label == "PATIENT" and len(word.group()) > 4)
            for word in WORD.finditer(written)
        ):
            return  # in capitals, any word may follow
        yield Found(*name, label, 0.8)
        if text[name[1] : name[1] + 1] == "/" or text.startswith((" and ", " & "), name[1]):
            yield from self._further_names(text, note.lowered, name[1], label)

    def _is_plain(self, note: Note, at: int) -> bool:
        """Whether an ordinary word begins at `at`: asked first, for most words are."""
        word = WORD.match(note.lowered, at)
        return word is not None and self._lexicon.is_ordinary(word.group())

    def _lines(self, note: Note) -> Iterator[Found]:
        """`SMITH, JOHN A` on a line of its own, `pt Smith, John`, `/s/ Jane Roe`."""
        text, lowered = note.text, note.lowered
        for comma in occurrences(text, ","):
            if not text[comma - 1 : comma].isupper():
                continue
            line = text.rfind("\n", max(0, comma - _LONGEST_LINE), comma) + 1
            match = _NAME_LINE.match(text, line) if line or comma <= _LONGEST_LINE else None
            if match is None or match.end() <= comma:
                continue
            if self._are_names([word.group().lower() for word in WORD.finditer(match[1])]):
                yield Found(*match.span(1), "PATIENT", 0.7)
        for _, at in note.starts(_PATIENT):
            named = _COMMA_NAME.match(lowered, at)
            name = self._reader.read(text, named.end(), sure=False) if named else None
            if name and "," in text[name[0] : name[1]]:
                yield Found(*name, "PATIENT", 0.85)
        for mark in ("/", ":") if not _DICTATION_WORDS.isdisjoint(note.words) else ():
            for at in occurrences(text, mark):
                if not text[at - 1 : at].isupper() or not text[at + 1 : at + 2].isalpha():
                    continue
                initials = _DICTATION_INITIALS.search(text, max(0, at - 6), at + 20)
                if initials and initials.start(1) < at < initials.end(1):
                    before = text[max(0, initials.start() - 60) : initials.start()]
                    if _DICTATED.search(before) or _DICTATED_AFTER.match(text, initials.end()):
                        yield Found(*initials.span(1), "DOCTOR", 0.7)
        for at in occurrences(text, "-"):
            initials = _SIGNED_INITIALS.match(text, at)
            if (
                initials
                and text[max(0, at - 16) : at].rstrip(" -")[-1:] in (".", "!", "?", "\n")
                and initials[1].lower() not in _NO_INITIALS
            ):
                yield Found(*initials.span(1), "DOCTOR", 0.6)
        for _, at in note.starts(_BY):
            initials = _BY_INITIALS.match(text, at + 2)
            if initials and initials[1].lower() not in _NO_INITIALS:
                yield Found(*initials.span(1), "DOCTOR", 0.6)
        if "//" in text or "/s/" in lowered:
            for match in _SIGNATURE.finditer(lowered):
                name = self._reader.read(text, match.end(), sure=False)
                if name:
                    yield Found(*name, "DOCTOR", 0.8)

    def _are_names(self, words: list[str]) -> bool:
        """Whether at least one word is nothing but a name, and the others may be names."""
        long = [word for word in words if len(word) > 1]
        plain = [word for word in long if self._lexicon.is_ordinary(word)]
        eponyms = [word for word in long if self._lexicon.is_eponym(word) or self._lexicon.is_placeholder(word)]
        return len(plain) + len(eponyms) < len(long) and all(self._lexicon.is_name_too(word) for word in plain)


def _field_label(head: str) -> str | None:
    """The label of the name field that `head` ends with."""
    words = head.rsplit(None, 1)
    for field, label in _FIELDS.get(words[-1] if words else "", ()):
        if not head.endswith(field) or is_word_char(head, len(head) - len(field) - 1):
            continue
        before = head[: len(head) - len(field)].rstrip(" \t")
        if field in _AT_LINE_START and before and before[-1] not in "\n|;*" and not before.endswith(_BEFORE_NAME):
            continue
        return label
    return None
