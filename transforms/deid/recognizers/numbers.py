"""Numbers that stand for one person or thing: SSN, record, plan, account, licence, vehicle, device and other ids.

Most are known by the word before them (`numbers.toml`); a few by their form or check digit. A long bare number or
code is nobody's lab value and counts as "any other unique identifying number" (45 CFR 164.514(b)(2)(i)(R)).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from transforms.deid.recognizers.base import ClinicalRecognizer, Found, Note, is_word_char, table
from transforms.deid.recognizers.month_day import is_day

_SSN: Final = re.compile(r"\d\d\d(?:(-)\s?\d\d-\s?|\s\d\d\s)\d{4}(?![\w]|-\d)")
_SSN_WORD: Final = re.compile(
    r"(?:ssn?\b|soc(?:ial)?\.? ?sec(?:urity)?\.?)(?: (?:number|no\.?|#))?[^\d\n]{0,20}?\n?"
    r"(?:[x*]{3}-?[x*]{2}-?)?(\d{3}[- ]?\d{2}[- \n]?\d{4}|\d{4})(?!\w)"
)
_LAST_FOUR: Final = re.compile(
    r"last\s(?:4|four)(?: (?:digits|of))*(?: (?:his|her|the|social|ssn|security|number))*[^\d]{0,10}(\d{4})(?!\d)"
)

_NUMBER_WORD: Final = r"(?:number|numbers|num|nbr|no|id|#s?|code|card|identifier)"
_NAMED: Final = rf"(?=\s?\(?{_NUMBER_WORD}(?![a-z])|\s?#|:?\s[a-z-]*(?:\d[a-z-]*){{5}})"
_GAP: Final = rf"(?:\s?\(?{_NUMBER_WORD}\b\.?\)?|\s?#){{0,3}}(?: (?:is|was|of))?[ \t:#=\-.(]{{0,4}}(?:\n[ \t]*)?"
_VALUE: Final = (
    r"(?P<value>(?:[*x]{2,}[- ]?){1,3}\d{3,4}|[a-z0-9](?:[a-z0-9*]|[-./_](?=[a-z0-9])){2,29})(?![a-z0-9])"
    r"(?P<more>(?:\s(?:\d{2,4}|[a-z]{1,3}\d{2,}|\d+[a-z]{1,3})(?![\w/.:%])){0,3})"
)
"""A number, and the further groups of one that is written with blanks."""
_PLATE: Final = (
    r"(?P<value>[a-z]{1,3} \d\d-\d\d(?![\w/-])|[a-z0-9]{2,4} [a-z0-9]{2,4}(?![\w/:-]|\.\d)"
    r"|[a-z]{1,3}[ \n-]\d{3,4}|\d{3}[ -][a-z]{3}(?![a-z])"
    r"|[a-z0-9][a-z0-9-]{3,16})(?P<more>)"
)

_LICENSE: Final = (
    r"(?P<value>[a-z]{2} [a-z]{0,6}\d[a-z0-9]{3,10}(?![\w-])"
    r"|\d{2,4}(?:-\d{2,4}){1,3} [a-z](?=[\s,.;:)]|\Z)|\d{3,4}(?: \d{3}){2}(?!\d)"
    r"|[a-z]{1,3}[ -]\d{4,8}|[a-z]{0,2}\d{4,9} [a-z](?=[\s,.;:)]|\Z)"
    r"|[a-z0-9](?:[a-z0-9]|[-./](?=[a-z0-9])){2,29})(?![a-z0-9])(?P<more>)"
)
_SAMPLES: Final = frozenset(("bm", "voice", "iris", "palm", "prnt", "dnx", "fpid", "bio"))
_REGISTERS: Final = frozenset(
    [
        "md",
        "me",
        "do",
        "rn",
        "np",
        "pt",
        "ot",
        "lcsw",
        "licsw",
        "lmft",
        "rph",
        "emt",
        "nrp",
        "paramedic",
        "crna",
        "aprn",
    ]
)
_UDI: Final = re.compile(r"\(01\)\d{8,14}(?:\(\d\d\)[a-z0-9-]{2,20})*")
_PAIR: Final = re.compile(
    r"(?:serial|s/n|sn)(?: ?#| no\.?| nos\.?| numbers?|s)*:? r:? ?(?P<right>[\w()-]+)[,;]? l:? ?(?P<left>[\w()-]+)"
)
_SERIAL: Final = frozenset(("serial", "serials", "sn", "sns", "s"))
_TRIPLE: Final = re.compile(r"\d\d-\d\d-\d\d(?![\w-])")
_TEN: Final = re.compile(r"\d{4} \d{4} \d{2}(?![\w/:%]|\.\d)")
_FIN: Final = re.compile(r"(?<![a-z])fin:? ?#?\d{7,12}(?!\w)")
_GENETIC: Final = re.compile(
    r"(?<![\w:])(?:bm:[a-z0-9]{6,10}|(?:voice|iris|palm|prnt|dnx|fpid|bio)[-/][\d/-]{4,12})(?!\w)"
)
_SLIP: Final = re.compile(r"\d\d/\d{6}(?![\w/]|\.\d)")
"""A number of a registry or a receipt, by year."""
_REGISTERED: Final = re.compile(
    r"(?<![\w.])(?:(?:md|me|do|rn|np|pt|ot)[.-]"
    r"|(?:lcsw|licsw|lmft|rph|rn|emt(?:-[pba])?|nrp|paramedic|crna|aprn) #?)\d{5,8}(?![\w-])"
)
"""A professional's number behind the degree: `RN-97316`."""
_SPECIMEN: Final = re.compile(r"\d\d:[a-z]{1,2}\d{3,9}(?!\w)")
"""A number of pathology: year, kind, count."""
_SUFFIXED: Final = re.compile(r"(?:\d{4,7}-[a-z]{1,3}|[a-z]{2,4}-\d{5,7})(?![\w/-])")
"""An accession number with the letters of its department before or behind it: `20418-MR`, `CT-20418`."""
_DONATION: Final = re.compile(r"[a-z]\d{4}[ -]\d\d[ -]\d{6}(?:[ -][a-z0-9]{1,2}(?![\w.-]))?(?!\w)")
"""A donated unit of blood after ISBT 128: facility, year, serial number, perhaps with flags or check letter."""
_GROUPED: Final = re.compile(r"[a-z]{1,3}\d{2,3} \d{3} \d{3}(?![\w/%-]|\.\d)")
"""A number that begins with letters, in groups of three as a card shows it."""
_PERSON: Final = re.compile(r"\s0\d(?![\w/:%-]|\.\d|\s?(?:mg|ml|units?|years?|yo|f\b|m\b))")
"""Which of the family, behind the number of their insurance: `40771923 01`."""
_MEMBER: Final = re.compile(r"[0-9][a-z][a-z0-9]\d-?[a-z][a-z0-9]\d-?[a-z]{2}\d\d(?!\w)")

_HEAD: Final = 3
_ANCHOR: Final = re.compile(r"[a-z/]+")


def _triggers() -> dict[str, list[tuple[re.Pattern[str], str]]]:
    """The pattern, with its number, and the label of each form, by the letters that its match begins with."""
    rows: dict[str, list[tuple[re.Pattern[str], str]]] = defaultdict(list)
    for label, forms in table("numbers.toml").items():
        value = {"VEHICLE": _PLATE, "LICENSE": _LICENSE}.get(label, _VALUE)
        for form in (*forms["free"], *(form + _NAMED for form in forms["named"])):
            for anchor in _anchors(form):
                rows[anchor].append((re.compile(rf"(?:{form})(?![a-z]){_GAP}{value}"), label))
    return dict(rows)


def _anchors(form: str) -> list[str]:
    """Plain letters to look for before the pattern is tried: each first alternative, or the first word."""
    if not form.startswith("(?:"):
        found = _ANCHOR.match(form)
        return [_certain(form, found)] if found else []
    group, _, rest = form[3:].partition(")")
    firsts = [_certain(part, found) for part in group.split("|") if (found := _ANCHOR.match(part))]
    if rest.startswith("?"):
        firsts += _anchors(rest[1:])
    return firsts


def _certain(form: str, letters: re.Match[str]) -> str:
    """The letters at the head of `form` that every match has: not the one before a question mark."""
    return letters.group()[:-1] if form[letters.end() : letters.end() + 1] == "?" else letters.group()


def _by_head(anchors: Iterable[str]) -> dict[str, list[str]]:
    """The anchors by the first letters of the first run of letters in them."""
    heads: dict[str, list[str]] = defaultdict(list)
    for anchor in anchors:
        heads[anchor.partition("/")[0][:_HEAD]].append(anchor)
    return dict(heads)


_TRIGGERS: Final = _triggers()
_ANCHORS: Final = _by_head(_TRIGGERS)
_REACH: Final = 80
"""No form with what stands between it and its number is longer."""
_NO_ID: Final = re.compile(r"(?:(?:19|20)\d\d|\d{1,2}/\d{1,2}(?:/\d+)?|\d+\.\d+)\Z")

_UNITS: Final = r"copies|cfu|iu|units?|u|cells|particles|colon|mg|ml|mcg|ug|ng|vg|cc|kcal|cal|mm|platelets|k|l|g"
_QUANTITY_AFTER: Final = re.compile(rf"\s?(?:(?:{_UNITS})(?![a-z])|[/%])")
_QUANTITY: Final = re.compile(
    rf"g\d{{1,2}}p\d{{1,6}}\Z|\d+(?:{_UNITS}|[x]\d*|s|th|st|nd|rd|am|pm|h|hrs?|f|c|w|d|y|yo)\Z"
)
_CODE_BEFORE: Final = re.compile(
    r"(?:snomed|loinc|cpt|e/m|icd|hcpcs|rxnorm|cui|omim|ndc|nct|pmid|isbn)[ \w:#.\-]{0,12}\Z|\$ ?[\d.,]{0,6}\Z"
)
_RANGE: Final = re.compile(r"(\d{1,4})-(\d{1,4})\Z")
_SPACED: Final = re.compile(r"#\s?(\d{2,3} \d{2,3} \d{2,4})(?!\w)")
_VIN: Final = re.compile(r"[a-hj-npr-z0-9]{17}\Z")
_MBI: Final = re.compile(r"[1-9][a-z][a-z0-9]\d-?[a-z][a-z0-9]\d-?[a-z]{2}\d\d\Z")
_DEA: Final = re.compile(r"[a-z][a-z9]\d{7}\Z")
_CARD: Final = re.compile(r"\d{4}([- ]?)\d{4}\1\d{4}\1\d{4}(?!\d)|3[47]\d\d([- ]?)\d{6}\2\d{5}(?!\d)")
_IMAGE: Final = re.compile(r"\.(?:jpe?g|png|tiff?|bmp|gif|heic|heif|webp|dcm|mp4|mov|avi|mpe?g|m4v)(?!\w)")
_IMAGE_HINTS: Final = (".jp", ".png", ".tif", ".bmp", ".gif", ".hei", ".webp", ".dcm", ".mp", ".mov", ".avi", ".m4v")
_HIBC: Final = re.compile(r"\+[a-z](?=[a-z]*\d)[a-z0-9]{5,30}(?:/?\$\$?[a-z0-9]+)*(?:/[a-z0-9]+)?(?!\w)")
"""A device's bar code after ANSI/HIBC 2: a plus, a letter, then the maker's and the piece's numbers."""
_FILE_NAME: Final = re.compile(r"[\w\-]+(?:\.[\w\-]+)*\Z")


class Numbers(ClinicalRecognizer):
    """Identifying numbers, by context, form or length."""

    labels: ClassVar[tuple[str, ...]] = (
        *("SSN", "MEDICALRECORD", "HEALTHPLAN", "ACCOUNT", "LICENSE", "VEHICLE", "DEVICE", "BIOID", "PHOTO", "IDNUM"),
    )
    title: ClassVar[str] = "numbers"

    def find(self, note: Note) -> Iterator[Found]:
        lowered = note.lowered
        if not note.numbers and "*" not in lowered:
            return
        yield from _social(note)
        yield from _named(note)
        yield from _by_form(note)
        if any(hint in lowered for hint in _IMAGE_HINTS):
            for suffix in _IMAGE.finditer(lowered):
                name = _FILE_NAME.search(lowered, max(0, suffix.start() - 60), suffix.start())
                if name:
                    yield Found(name.start(), suffix.end(), "PHOTO", 0.9)


def _social(note: Note) -> Iterator[Found]:
    lowered = note.lowered
    for begin, stop in note.numbers:
        match = _SSN.match(lowered, begin) if stop - begin == 3 else None
        if match and not is_word_char(lowered, begin - 1) and lowered[begin - 1 : begin] != "-":
            yield Found(*match.span(), "SSN", 0.99 if match[1] else 0.9)
    for _, at in note.starts(_SSN_WORDS):
        named = _SSN_WORD.match(lowered, at)
        if named:
            yield Found(*named.span(1), "SSN", 0.97)
    for _, at in note.starts(_LAST):
        four = _LAST_FOUR.match(lowered, at)
        if four:
            yield Found(*four.span(1), "SSN", 0.8)


_SSN_WORDS: Final = frozenset(
    ("ss", "ssn", "soc", "social", "socsec", "socsecurity", "socialsec", "socialsecurity"),
)
_LAST: Final = frozenset(("last",))


def _named(note: Note) -> Iterator[Found]:
    """Numbers behind the words of `numbers.toml`."""
    lowered = note.lowered
    digits = [start for start, _ in note.numbers]
    for word in note.words:
        anchors = _ANCHORS.get(word[:_HEAD])
        for at in note.runs[word] if anchors else ():
            digit = bisect_left(digits, at)
            if digit == len(digits) or digits[digit] >= at + _REACH or is_word_char(lowered, at - 1):
                continue
            for anchor in anchors or ():
                for pattern, label in _TRIGGERS[anchor] if lowered.startswith(anchor, at) else ():
                    found = _triggered(note, at, pattern, label)
                    if found:
                        yield found


def _triggered(note: Note, at: int, pattern: re.Pattern[str], label: str) -> Found | None:
    lowered = note.lowered
    match = pattern.match(lowered, at)
    if match is None:
        return None
    start, end = match.span("value")
    value = match["value"]
    if len(value) <= 4 and value.isalnum() and _digits(value) and match["more"]:
        end = match.end("more")  # groups with blanks between: `123 45 67`
    if label == "HEALTHPLAN" and value.isdigit() and len(value) >= 8 and (person := _PERSON.match(lowered, end)):
        end = person.end()
    digits = _digits(lowered[start:end])
    if digits < (2 if label == "VEHICLE" else 3) or _NO_ID.match(value):
        return None
    if digits < 7 and _QUANTITY.match(value) and not (note.mixed and note.text[start:end].isupper()):
        return None  # `trial 12w`; but `subject 204W`
    return Found(start, end, label, 0.9)


def _digits(value: str) -> int:
    return sum(char.isdigit() for char in value)


def _by_form(note: Note) -> Iterator[Found]:
    lowered = note.lowered
    done = 0
    for begin, stop in note.numbers:
        if begin < done or stop - begin < 3:
            continue
        start, end = _token(lowered, begin, stop)
        done = end
        found = _code(lowered, start, end) or _lettered(note.text, lowered, start, end)
        if found:
            yield found
    for begin, stop in note.numbers:
        found = _short_form(lowered, begin, stop)
        if (
            found
            and not is_word_char(lowered, found.start - 1)
            and lowered[found.start - 1 : found.start] not in _INSIDE
        ):
            yield found
    for _, at in note.starts(_REGISTERS):
        registered = _REGISTERED.match(lowered, at)
        if registered:
            yield Found(*registered.span(), "LICENSE", 0.8)
    if "fin" in note.words:
        for match in _FIN.finditer(lowered):
            yield Found(*match.span(), "ACCOUNT", 0.85)
    if not note.words.isdisjoint(_SAMPLES):
        for match in _GENETIC.finditer(lowered):
            yield Found(*match.span(), "BIOID", 0.8)
    if "+" in lowered:
        for match in _HIBC.finditer(lowered):
            yield Found(*match.span(), "DEVICE", 0.9)
    if "(01)" in lowered:
        for match in _UDI.finditer(lowered):
            yield Found(*match.span(), "DEVICE", 0.95)
    for _, at in note.starts(_SERIAL):
        pair = _PAIR.match(lowered, at)
        for side in ("right", "left") if pair else ():
            if pair and _digits(pair[side]) > 2:
                yield Found(*pair.span(side), "DEVICE", 0.85)
    for match in _SPACED.finditer(lowered):
        yield Found(*match.span(1), "MEDICALRECORD", 0.6)


def _lettered(text: str, lowered: str, start: int, end: int) -> Found | None:
    """A number too short to tell by its length, by the capitals that it bears."""
    if (
        _SUFFIXED.match(lowered, start)
        and text[start:end].isupper()
        and not _CODE_BEFORE.search(lowered, max(0, start - 20), start)
    ):
        letters = "".join(char for char in lowered[start:end] if char.isalpha())
        return None if letters in _NO_DEPARTMENT else Found(start, end, "IDNUM", 0.6)
    return None


def _short_form(lowered: str, begin: int, stop: int) -> Found | None:
    """A number in groups, or one whose letters stand at set places, that begins with the digits `[begin:stop)`."""
    length = stop - begin
    if length in (2, 3, 4) and lowered[begin - 1 : begin].isalpha():
        return _in_groups(lowered, begin)
    if length == 4 and (spaced := _TEN.match(lowered, begin)):
        return Found(*spaced.span(), "IDNUM", 0.7)
    if length in (4, 16) or length == 15:
        card = _CARD.match(lowered, begin)
        return Found(*card.span(), "ACCOUNT", 0.9) if card and _is_luhn(card.group()) else None
    if length == 1:
        member = _MEMBER.match(lowered, begin)
        return Found(*member.span(), "HEALTHPLAN", 0.8) if member else None
    if length == 2 and (slip := _SLIP.match(lowered, begin)):
        return Found(*slip.span(), "IDNUM", 0.7)
    if length == 2 and lowered[stop : stop + 1] == ":":
        specimen = _SPECIMEN.match(lowered, begin)
        return Found(*specimen.span(), "IDNUM", 0.85) if specimen else None
    triple = _TRIPLE.match(lowered, begin) if length == 2 else None
    if triple:
        first, second = int(lowered[begin:stop]), int(lowered[stop + 1 : stop + 3])
        if not (is_day(first, second) or is_day(second, first)):
            return Found(*triple.span(), "MEDICALRECORD", 0.6)
    return None


def _in_groups(lowered: str, begin: int) -> Found | None:
    """A number in groups that begins with the letters right before `begin`."""
    head = begin
    while head and begin - head < _LONGEST_HEAD and lowered[head - 1].isalpha():
        head -= 1
    if is_word_char(lowered, head - 1):
        return None
    grouped = _DONATION.match(lowered, head) or _GROUPED.match(lowered, head)
    return Found(*grouped.span(), "IDNUM", 0.75) if grouped else None


_INSIDE: Final = ("-", ".", "/")
_LONGEST_HEAD: Final = 3
_NO_DEPARTMENT: Final = frozenset(
    ("mg", "ml", "cc", "kg", "mm", "cm", "hr", "hz", "iu", "cal", "kcal", "year", "yr", "day", "mo", "ppm")
)


def _token(lowered: str, start: int, end: int) -> tuple[int, int]:
    """The run of letters, digits and inner hyphens around `lowered[start:end]`."""
    while start and (lowered[start - 1].isalnum() or (lowered[start - 1] == "-" and is_word_char(lowered, start - 2))):
        start -= 1
    length = len(lowered)
    while end < length and (lowered[end].isalnum() or (lowered[end] == "-" and is_word_char(lowered, end + 1))):
        end += 1
    return start, end


def _code(lowered: str, start: int, end: int) -> Found | None:
    """What a token that holds digits identifies, judged by its form alone."""
    token = lowered[start:end]
    if _VIN.match(token) and _is_vin(token):
        return Found(start, end, "VEHICLE", 0.9)
    if _MBI.match(token):
        return Found(start, end, "HEALTHPLAN", 0.9)
    if _DEA.match(token) and _is_dea(token):
        return Found(start, end, "LICENSE", 0.9)
    digits = _digits(token)
    letters = sum(char.isalpha() for char in token)
    marked = lowered[start - 1 : start] == "#"
    least = 5 if marked or (letters and "-" not in token) else 6 if "-" in token else 7
    if digits < least or letters > 5 or _is_quantity(lowered, start, end, token):
        return None
    if digits == len(token) and digits > 7 and (person := _PERSON.match(lowered, end)):
        end = person.end()
    return Found(start, end, "MEDICALRECORD" if marked else "IDNUM", 0.6)


def _is_quantity(lowered: str, start: int, end: int, token: str) -> bool:
    """Whether a long number is a quantity, a range, a part of a decimal or address, or a public code."""
    following = lowered[end : end + 2]
    if lowered[start - 1 : start] in (".", "/", "_", "@") or (
        following[:1] in (".", ",", "/") and following[1:].isdigit()
    ):
        return True
    if _QUANTITY_AFTER.match(lowered, end) or _QUANTITY.match(token):
        return True
    limits = _RANGE.match(token)
    if limits and (int(limits[1]) < int(limits[2]) or all(int(limit) % 5 == 0 for limit in limits.groups())):
        return True
    return _CODE_BEFORE.search(lowered, max(0, start - 20), start) is not None


_VIN_LETTERS: Final = dict(zip("abcdefghjklmnprstuvwxyz", "12345678123457923456789", strict=True))
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def _is_vin(value: str) -> bool:
    """The check digit of 49 CFR 565.15."""
    numbers = [int(_VIN_LETTERS.get(char, char)) for char in value]
    rest = sum(number * weight for number, weight in zip(numbers, _VIN_WEIGHTS, strict=True)) % 11
    return any(char.isalpha() for char in value) and value[8] == ("x" if rest == 10 else str(rest))


def _is_dea(value: str) -> bool:
    """The last digit of a DEA number is that of (d1 + d3 + d5) + 2 (d2 + d4 + d6)."""
    digits = [int(char) for char in value[2:]]
    return (sum(digits[0:6:2]) + 2 * sum(digits[1:6:2])) % 10 == digits[6]


def _is_luhn(value: str) -> bool:
    """The check digit of ISO/IEC 7812-1."""
    digits = [int(char) for char in reversed(value) if char.isdigit()]
    return (sum(digits[0::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10 == 0
