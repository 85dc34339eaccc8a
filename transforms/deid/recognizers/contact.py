"""Phone, fax and pager numbers, e-mail and web addresses, IP addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import ClassVar, Final

from transforms.deid.recognizers.base import ClinicalRecognizer, Found, Note, is_word_char, occurrences

_CORE: Final = re.compile(r"\d\d\d\)?[ .\-–‑/\n]{0,3}\d\d\d[ .\-–‑\n]{0,3}\d\d\d\d(?![\w%]|[-.]\d)")
"""Ten digits grouped 3-3-4, or not grouped."""
_WITH_EXTENSION: Final = re.compile(r"\d\d\d\)?[ .\-–‑/\n]{0,3}\d\d\d[ .\-–‑\n]{0,3}\d\d\d\d(?=x\d)")
_PREFIX: Final = re.compile(r"(?:(?<![\w.])(?:\+\s?1|001|1|\+\d{1,2})[ .\-]{0,2})?\(?\Z")
EXTENSION: Final = re.compile(
    r"[,;]?\s{0,2}(?:\((?:x|extn?\.?|extension|opt\.?|option)\s?[#:]?\s?\d{1,6}\)"
    r"|(?:x|extn?\.?|extension|opt\.?|option)\s?[#:]?\s?\d{1,6}(?!\w))|;\d{1,5}(?![\w.])",
    re.IGNORECASE,
)
"""What is dialled after a number: `x12`, `(ext. 12)`, `option 2`, `;12`."""
_FAX: Final = re.compile(r"\b(?:fax|facsimile|f)\b[^\n\d]{0,18}\Z")
_FAX_AFTER: Final = re.compile(r"\s?\((?:fax|f)\)")
_SHORT: Final = re.compile(r"\d\d\d[-.–‑ ]\d\d\d\d(?![\w%]|[-.]\d)")
_LINE: Final = (
    r"(?:tele)?phoned?|tel|ph|cell|mobile|pager|paged?|paging|beeper|bpr|fax|call(?:ed|ing)?|contact(?:ed)?"
    r"|reach(?:ed)?|callback|call back|home|work"
    r"|hotline|voicemail|number|p|h|c|w|o"
)
_SHORT_BEFORE: Final = re.compile(rf"\b(?:{_LINE})\b[^\n\d]{{0,24}}\Z")
_TRIGGERED: Final = re.compile(
    r"(?:pager|pgr|paged|help ?desk|beeper|bpr|ext|extension|telephone|phone|tel|cell|x)(?:\.| number| no\.?| id)?"
    r"(?: is| at| on| to)?[\s:#(.]{0,3}(?P<number>(?:[px]?\d{3,7}|\d-\d{4}|x\d{3,6}))(?![\w%/]|[.,-]\d)"
)
_UNIT_AFTER: Final = re.compile(r" ?(?:(?:ml|cc|mg|mcg|kcal|cal|units?|iu|cells|copies|k|mm|g)\b|/\w)")
_PAGER: Final = re.compile(
    r"(?:px\d{3,5}|p\d{5}|(?<=, )p\d{4}|(?<=, )p\d{3}-\d{4}|p#\d{3,5}|(?<=\n)p\d{3,5}(?=\s*\n))(?![\w%/]|[.,-]\d)"
)
_AFTER_DEGREE: Final = re.compile(
    r"(?:md|do|rn|np|pa-c|pa|pgy-?\d|m\.d\.|crna) {1,2}([p#]\d{4,6}(?![\w%/-])|\d{4,5}(?=\s*(?:\n|\Z)))"
)
_TRIGGERS: Final = frozenset(
    word + glued
    for word in (
        *("pager", "pgr", "paged", "help", "helpdesk", "beeper", "bpr", "ext", "extension", "telephone", "phone"),
        *("tel", "cell"),
    )
    for glued in ("", "p", "x")
)
"""Words that `_TRIGGERED` begins with, alone or with the letter of the number: `pager`, `pagerx1234`."""
_X_NUMBER: Final = re.compile(
    r"x(?: ?\d-\d{4}| ?\d{4,5}|\d{3})(?![\w%/]|[.,-]\d|\s?(?:mg|ml|mm|cm|days?|weeks?|rounds))"
)


class Phones(ClinicalRecognizer):
    """North American numbers in full, seven digits and extensions beside a word for a phone."""

    labels: ClassVar[tuple[str, ...]] = ("PHONE", "FAX")
    title: ClassVar[str] = "phones"

    def find(self, note: Note) -> Iterator[Found]:
        lowered = note.lowered
        for begin, stop in note.numbers:
            length = stop - begin
            if length < 3:
                continue
            # The country's 1 may be written at once with the rest.
            for start in (begin, begin + 1) if length in (4, 11) else (begin,):
                match = _CORE.match(lowered, start) or _WITH_EXTENSION.match(lowered, start)
                found = _full(lowered, match) if match else None
                if found:
                    yield found
            short = _SHORT.match(lowered, begin) if length == 3 else None
            if short is None or (begin and (is_word_char(lowered, begin - 1) or lowered[begin - 1] in "-./")):
                continue
            if _SHORT_BEFORE.search(lowered, max(0, begin - 40), begin) or _is_exchange(short):
                yield Found(begin, _end(lowered, short.end()), _label(lowered, begin, short.end()), 0.8)
        for trigger, at in note.starts(_TRIGGERS) if note.numbers else ():
            found_number = _TRIGGERED.match(lowered, at)
            if found_number:
                start, end = found_number.span("number")
                if trigger.startswith(("phone", "tel", "cell")) and end - start == 4:
                    continue  # `by telephone at 1907`
                yield Found(start, _end(lowered, end), _label(lowered, start, end), 0.75)
        for number, _ in note.numbers:
            before = lowered[max(0, number - 2) : number]
            for letter, pattern in (("p", _PAGER), ("x", _X_NUMBER)):
                at = before.find(letter)
                if at >= 0:
                    begin = number - len(before) + at
                    number_match = None if is_word_char(lowered, begin - 1) else pattern.match(lowered, begin)
                    if number_match:
                        yield Found(begin, number_match.end(), "PHONE", 0.6)
        if not note.words.isdisjoint(_DEGREE_WORDS):
            for badge in _AFTER_DEGREE.finditer(lowered):
                if not is_word_char(lowered, badge.start() - 1):
                    yield Found(*badge.span(1), "PHONE", 0.6)


_DEGREE_WORDS: Final = frozenset(("md", "do", "rn", "np", "pa", "pgy", "m", "crna"))
_RANGE_BEFORE: Final = re.compile(r"\b(?:normal|nl|ref|range|reference)[\s:]{1,2}\Z")


def _is_exchange(match: re.Match[str]) -> bool:
    """`555-0192` by itself; `500-1000` is a range, and what a unit follows is one too."""
    digits = match.group()
    ranged = int(digits[:3]) % 25 == 0 and int(digits[4:]) % 25 == 0
    unit = _UNIT_AFTER.match(match.string, match.end())
    normal = _RANGE_BEFORE.search(match.string, max(0, match.start() - 12), match.start())
    return digits[3] in "-‑" and digits[0] not in "01" and not (ranged or unit or normal)


def _full(lowered: str, match: re.Match[str]) -> Found | None:
    start, end = match.span()
    prefix = _PREFIX.search(lowered, max(0, start - 8), start)
    begin = prefix.start() if prefix else start
    if begin and (
        is_word_char(lowered, begin - 1) or (lowered[begin - 1] in "-./" and lowered[max(0, begin - 2)].isdigit())
    ):
        return None
    core = match.group()
    grouped = not core.isdigit()
    if ")" in core and not lowered[begin:start].endswith("("):
        return None
    if not grouped and (core[0] in "01" or core[3] in "01"):
        return None  # ten digits that no exchange gives out: an id, which the recognizer of ids takes
    if begin < start and not lowered[begin:start].strip(" ("):
        begin = lowered.index("(", begin) if "(" in lowered[begin:start] else start
    if lowered[begin] == "(" and ")" not in core:
        begin += 1
    return Found(begin, _end(lowered, end), _label(lowered, begin, end), 0.95 if grouped else 0.7)


def _end(lowered: str, end: int) -> int:
    extension = EXTENSION.match(lowered, end)
    return extension.end() if extension else end


def _label(lowered: str, start: int, end: int) -> str:
    fax = _FAX.search(lowered, max(0, start - 24), start) or _FAX_AFTER.match(lowered, end)
    return "FAX" if fax else "PHONE"


_LOCAL: Final = re.compile(r"[\w.+%'\-]{1,64}\Z")
_DOMAIN: Final = re.compile(r"\s?@\s?(?:[^\W_](?:[\w\-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}")
_SCHEME: Final = re.compile(r"(?:https?://|ftp://|www\.)[^\s<>\"'\])}]+")
_HOST_END: Final = re.compile(r"\.(?:com|org|net|edu|gov|mil|info|health|biz|io|co\.uk|us)(?![\w\-]|\.[a-z])")
_HOST_PART: Final = r"[a-z0-9](?:[a-z0-9\-]{0,40}[a-z0-9])?"
_HOST: Final = re.compile(rf"(?:{_HOST_PART}\.){{0,3}}{_HOST_PART}{_HOST_END.pattern}(?:/[^\s<>\"'\])}}]*)?")


class NetAddresses(ClinicalRecognizer):
    """E-mail, web and IP addresses, by form alone: no list of suffixes is fetched."""

    labels: ClassVar[tuple[str, ...]] = ("EMAIL", "URL", "IPADDR", "DEVICE")
    title: ClassVar[str] = "addresses"

    def find(self, note: Note) -> Iterator[Found]:
        lowered = note.lowered
        for at in occurrences(lowered, "@"):
            domain = _DOMAIN.match(lowered, at) or _DOMAIN.match(lowered, at - 1) if at else None
            local = _LOCAL.search(lowered, max(0, at - 64), domain.start()) if domain else None
            if domain and local:
                yield Found(local.start(), domain.end(), "EMAIL", 1.0)
        if "://" in lowered or "www." in lowered:
            for match in _SCHEME.finditer(lowered):
                end = match.start() + len(match.group().rstrip(".,;:!?"))
                yield Found(match.start(), end, "URL", 1.0)
        if _HOST_END.search(lowered):
            for match in _HOST.finditer(lowered):
                if not is_word_char(lowered, match.start() - 1):
                    yield Found(match.start(), match.start() + len(match.group().rstrip(".,;:!?")), "URL", 0.8)
        yield from _ip(note)


_V4: Final = re.compile(r"\d(?<![\w.]\d)\d{0,2}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_V6: Final = re.compile(r"(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}")
_HEX_COLONS: Final = re.compile(r":[0-9a-f]{0,4}:")
_HEX_DASHES: Final = re.compile(r"-[0-9a-f]{2}-[0-9a-f]{2}-")
"""What every IPv6 and MAC address holds and few notes do."""
_MAC: Final = re.compile(r"[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}(?![\w:])")


def _ip(note: Note) -> Iterator[Found]:
    lowered = note.lowered
    for start, end in note.numbers:
        if end - start > 3 or lowered[end : end + 1] != ".":
            continue
        match = _V4.match(lowered, start)
        if match and all(int(part) <= 255 for part in match.group().split(".")):
            yield Found(*match.span(), "IPADDR", 0.9)
    if not (_HEX_COLONS.search(lowered) or _HEX_DASHES.search(lowered)):
        return
    for match in _V6.finditer(lowered):
        start, end = match.span()
        address = match.group()
        if is_word_char(lowered, start - 1) or is_word_char(lowered, end) or len(address) < 6:
            continue
        if ("::" in address or address.count(":") == 7) and _is_v6(address):
            yield Found(start, end, "IPADDR", 0.9)
    for match in _MAC.finditer(lowered):
        if not is_word_char(lowered, match.start() - 1):
            yield Found(*match.span(), "DEVICE", 0.9)


def _is_v6(address: str) -> bool:
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True
