"""Surrogates of numbers, codes and addresses on the net: same shape, other digits and letters.

No digit and no letter stays in its place, so nothing of the original can be left. What a number is made of does not
hang on its marks: `00123-45` and `0012345` get the same digits. Where a convention sets numbers apart that nobody has,
they are used: exchange 555 with lines 0100 to 0199 (NANPA), areas 9xx of social security numbers, the addresses of
RFC 5737 and RFC 3849, the domains of RFC 2606.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from transforms.deid.fold import lower
from transforms.deid.replacement.draws import PatientDraws
from transforms.deid.replacement.words import words

_LETTERS: Final = "abcdefghjklmnprstuvwxyz"
"""No i, o and q: a vehicle's number has none."""
_VOWELS: Final = "aeiou"
_CONSONANTS: Final = "bcdfghklmnprstvw"
_HEX: Final = "abcdef"

_RUN: Final = re.compile(r"[^\W\d_]+")
_DIGIT: Final = re.compile(r"\d")
_EXTENSION: Final = re.compile(r"[\s,;(]*(?:x|ext(?:n|ension)?)[\s.:#]*\d+\W*\Z")
_BETWEEN_NUMBERS: Final = re.compile(r"(\s(?:or|and)\s|[;,]\s|\s/\s)")
_PHONE_WORDS: Final = frozenset(words("fillers", "phone"))
_CODE_WORDS: Final = frozenset(words("fillers", "codes"))
_FILE_WORDS: Final = frozenset(words("fillers", "files"))
_AREAS: Final = tuple(
    area for area in range(201, 990) if area % 100 != 11 and area // 10 % 10 != 9 and area not in range(800, 900)
)
_IPV4: Final = re.compile(r"(\d{1,3}\.\d{1,3}\.\d{1,3})\.(\d{1,3})")
_IPV4_NETS: Final = ("192.0.2", "198.51.100", "203.0.113")
_HEX_GROUPS: Final = re.compile(r"[0-9a-fA-F]{0,4}(?:[:-][0-9a-fA-F]{0,4}){2,7}")
_URL: Final = re.compile(r"((?:[a-zA-Z][a-zA-Z+.-]*://)?(?:www\.)?)([^\s/:?#]+)(.*)", re.DOTALL)
_TOP: Final = re.compile(r"\.(com|org|net)\Z", re.IGNORECASE)


def canonical(raw: str) -> str:
    """The letters and digits alone, in lower case."""
    return "".join(char for char in lower(raw) if char.isalnum())


def scrambled(
    raw: str,
    draws: PatientDraws,
    keep: frozenset[str] = frozenset(),
    letters: str | None = None,
    key: str | None = None,
) -> str:
    """`raw` with another digit for each digit and another letter for each letter, in the same case.

    Args:
        raw: any text.
        draws: the patient's choices.
        keep: lower-case words that stay.
        letters: what letters become; None for any, or where there are no digits for one that can be spoken.
        key: what the choices hang on; None for `canonical(raw)`.
    """
    lowered = lower(raw)
    kept = {at for run in _RUN.finditer(lowered) if run.group() in keep for at in range(*run.span())} if keep else ()
    changed = [at for at, char in enumerate(lowered) if char.isalnum() and at not in kept]
    speakable = letters is None and not any(lowered[at].isdigit() for at in changed)
    question = "".join(lowered[at] for at in changed) if key is None else key
    stream = draws.stream(len(changed), "code", question)
    out = list(raw)
    for nth, (at, byte) in enumerate(zip(changed, stream, strict=True)):
        out[at] = _other(lowered[at], byte, nth == 0, speakable, letters)
        if raw[at].isupper():
            out[at] = out[at].upper()
    return "".join(out)


def _other(char: str, byte: int, first: bool, speakable: bool, letters: str | None) -> str:
    """Another digit or letter; no leading zero where there was none."""
    if char.isnumeric():
        pool = "123456789" if first and char != "0" else "0123456789"
    elif letters:
        pool = letters
    elif speakable:
        pool = _VOWELS if char in _VOWELS else _CONSONANTS
    else:
        pool = _LETTERS
    others = pool.replace(char, "")
    return others[byte % len(others)]


def code(raw: str, draws: PatientDraws) -> str:
    """A record's, account's, plan's, licence's, device's or vehicle's number; `MRN` and the like stay before it."""
    if _HEX_GROUPS.fullmatch(raw):  # a network card
        return scrambled(raw, draws, letters=_HEX)
    return scrambled(raw, draws, keep=_CODE_WORDS if _DIGIT.search(raw) else frozenset())


def file_name(raw: str, draws: PatientDraws) -> str:
    """The name of a photo's file: its type stays, and words like `IMG`."""
    return scrambled(raw, draws, keep=_FILE_WORDS)


def zip_code(raw: str, draws: PatientDraws) -> str:
    """Another ZIP code; the four digits behind it do not change the first five."""
    return scrambled(raw[:5], draws) + scrambled(raw[5:], draws, key=canonical(raw))


def phone(raw: str, draws: PatientDraws) -> str:
    """A phone or fax number of the same form that nobody has; extensions stay extensions."""
    return "".join(
        piece if number % 2 else _one_phone(piece, draws) for number, piece in enumerate(_BETWEEN_NUMBERS.split(raw))
    )


def _one_phone(raw: str, draws: PatientDraws) -> str:
    lowered = lower(raw)
    extension = _EXTENSION.search(lowered)
    end = extension.start() if extension else len(raw)
    digits = [at for at in range(end) if lowered[at].isdecimal()]
    tail = scrambled(raw[end:], draws, keep=_PHONE_WORDS)
    number = "".join(lowered[at] for at in digits)
    national = number[1:] if len(number) == 11 and number[0] == "1" else number
    spelled = any(run.group() not in _PHONE_WORDS for run in _RUN.finditer(lowered, 0, end))
    if spelled or len(national) not in (7, 10):
        return scrambled(raw[:end], draws, keep=_PHONE_WORDS) + tail
    out = list(raw[:end])
    for at, digit in zip(digits[-len(national) :], _fictitious(national, draws), strict=True):
        out[at] = digit
    return "".join(out) + tail


def _fictitious(national: str, draws: PatientDraws) -> str:
    """Seven or ten digits; the last seven are the same with and without the area."""
    line = draws.number("phone line", national[-7:]) % 100
    if f"55501{line:02d}" == national[-7:]:
        line = (line + 1) % 100
    area = ""
    if len(national) == 10:
        areas = [one for one in _AREAS if str(one) != national[:3]]
        area = str(draws.choice(areas, "phone area", national))
    return f"{area}55501{line:02d}"


def ssn(raw: str, draws: PatientDraws) -> str:
    """A social security number that is none: area 9xx, and groups that no taxpayer number has."""
    lowered = lower(raw)
    digits = [at for at, char in enumerate(lowered) if char.isdecimal()]
    number = "".join(lowered[at] for at in digits)
    last = scrambled(number[-4:], draws)  # the last four digits alone are told often
    if len(number) == 9:
        head = draws.number("ssn", number)
        area, group = 900 + head % 100, 10 + head // 100 % 40
        area, group = (
            (area ^ 1 if str(area) == number[:3] else area),
            (group ^ 1 if str(group) == number[3:5] else group),
        )
        new = f"{area}{group}{last}"
    elif len(number) == 4:
        new = last
    else:
        return scrambled(raw, draws, keep=_CODE_WORDS | {"x", "xx", "xxx"})
    out = list(raw)
    for at, digit in zip(digits, new, strict=True):
        out[at] = digit
    return "".join(out)


def ip_address(raw: str, draws: PatientDraws) -> str:
    """An address that is kept for documentation."""
    four = _IPV4.search(raw)
    if four:
        nets = [net for net in _IPV4_NETS if net != four[1]]
        new = f"{draws.choice(nets, 'net', four.group())}.{1 + draws.number('host', four.group()) % 254}"
        before, after = raw[: four.start()], raw[four.end() :]
        return before + new + scrambled(after, draws)
    if not _HEX_GROUPS.fullmatch(raw) or "-" in raw:
        return scrambled(raw, draws, letters=_HEX)
    groups = scrambled(raw, draws, letters=_HEX).split(":")
    groups[0] = "2001" if groups[0] else ""
    groups[1] = "db8" if groups[1] else ""
    return ":".join(groups)


def email(raw: str, draws: PatientDraws, word: Callable[[str], str | None], place: Callable[[str], str]) -> str:
    """An e-mail address at a domain that nobody has.

    Args:
        raw: the text of the span.
        draws: the patient's choices.
        word: the surrogate of a name in it, or None where a word is none.
        place: the invented name for a domain.
    """
    local, at, domain = raw.rpartition("@")
    if not at:
        return user_name(raw, draws, word)
    return f"{user_name(local, draws, word)}@{_domain(domain, place)}"


def user_name(raw: str, draws: PatientDraws, word: Callable[[str], str | None]) -> str:
    """A name to log in with; names in it become those of the surrogates."""
    whole = scrambled(raw, draws)
    out: list[str] = []
    at = 0
    for run in _RUN.finditer(raw):
        new = word(lower(run.group()))
        if new:
            out += (whole[at : run.start()], new.upper() if run.group().isupper() else new)
            at = run.end()
    return "".join((*out, whole[at:]))


def url(raw: str, draws: PatientDraws, place: Callable[[str], str]) -> str:
    """An address on the web at a domain that nobody has; the path keeps its form."""
    found = _URL.fullmatch(raw)
    if found is None:
        return scrambled(raw, draws)
    head, host, path = found.groups()
    return f"{head}{_domain(host, place)}{scrambled(path, draws, keep=_FILE_WORDS)}"


def _domain(host: str, place: Callable[[str], str]) -> str:
    top = _TOP.search(host)
    name = place(canonical(host))
    new = f"{name}.example.{top[1].lower() if top else 'org'}"
    return new.upper() if host.isupper() else new
