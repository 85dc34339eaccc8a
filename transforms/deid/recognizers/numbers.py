"""Numbers that stand for one person or thing: SSN, record, plan, account, licence, vehicle, device and other ids.

Most are known by the word before them; a few by their form or check digit. A long bare number is nobody's lab
value and counts as "any other unique identifying number" (45 CFR 164.514(b)(2)(i)(R)).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import ClassVar, Final

from transforms.deid.recognizers.base import ClinicalRecognizer, Found, is_word_char, occurrences

_SSN: Final = re.compile(r"\d\d\d([- ])\d\d\1\d{4}(?![\w]|-\d)")
_SSN_WORD: Final = re.compile(
    r"(?:ssn?\b|soc(?:ial)?\.? ?sec(?:urity)?\.?)(?: (?:number|no\.?|#))?[^\d\n]{0,20}(\d{3}[- ]?\d{2}[- ]?\d{4}"
    r"|[x*]{3}-?[x*]{2}-?\d{4}|\d{4})(?!\w)"
)
_LAST_FOUR: Final = re.compile(
    r"last (?:4|four)(?: (?:digits|of))*(?: (?:his|her|the|social|ssn|security|number))*[^\d\n]{0,10}(\d{4})(?!\d)"
)

# A word, then what may stand between it and the number.
_NUMBER_WORD: Final = r"(?:number|numbers|num|nbr|no|id|#s?|code|card|identifier)"
_GAP: Final = rf"(?:\s?\(?{_NUMBER_WORD}\b\.?\)?|\s?#){{0,3}}(?: (?:is|was|of))?[ \t:#=\-.(*]{{0,4}}(?:\n[ \t]*)?"
_VALUE: Final = (
    r"(?P<value>[a-z0-9](?:[a-z0-9*]|[-./](?=[a-z0-9])){2,29})(?![a-z0-9])"
    r"(?P<more>(?: (?:\d{2,4}|[a-z]{1,3}\d{2,}|\d+[a-z]{1,3})(?![\w/.:%])){0,3})"
)
"""A number, and the further groups of one that is written with blanks."""

_FREE: Final[tuple[tuple[str, str, str], ...]] = (
    # literal looked for, full form of the trigger, label
    ("mrn", "mrn", "MEDICALRECORD"),
    ("record", r"(?:medical |health |hospital |patient )?records?(?= ?(?:number|no\b|#|id))", "MEDICALRECORD"),
    ("med rec", "med rec", "MEDICALRECORD"),
    ("m.r.n", r"m\.r\.n\.?", "MEDICALRECORD"),
    ("mr#", "mr", "MEDICALRECORD"),
    ("mr #", "mr", "MEDICALRECORD"),
    ("unit no", "unit", "MEDICALRECORD"),
    ("unit #", "unit", "MEDICALRECORD"),
    ("unit number", "unit", "MEDICALRECORD"),
    ("chart", r"chart(?= ?(?:number|no\b|#|id|:))", "MEDICALRECORD"),
    ("hospital n", r"hospital(?= (?:number|no\b))", "MEDICALRECORD"),
    ("hospital #", "hospital", "MEDICALRECORD"),
    ("patient", r"patient(?='?s? ?(?:number|no\b|#|id\b|identifier))", "MEDICALRECORD"),
    ("pt id", "pt(?= id)", "MEDICALRECORD"),
    ("pt #", "pt", "MEDICALRECORD"),
    ("history n", "history(?= (?:number|no))", "MEDICALRECORD"),
    ("account", "accounts?", "ACCOUNT"),
    ("acct", "acct", "ACCOUNT"),
    ("billing", "billing", "ACCOUNT"),
    ("invoice", "invoice", "ACCOUNT"),
    ("csn", "csn", "ACCOUNT"),
    ("fin", r"fin(?= ?(?:number|no\b|#|:))", "ACCOUNT"),
    ("visit", r"visit(?= ?(?:number|no\b|#|id))", "ACCOUNT"),
    ("encounter", r"encounter(?= ?(?:number|no\b|#|id|:))", "IDNUM"),
    ("insurance", "insurance(?: policy| plan| member)?", "HEALTHPLAN"),
    ("policy", "policy", "HEALTHPLAN"),
    ("member", r"member(?=s? ?(?:number|no\b|#|id|:))", "HEALTHPLAN"),
    ("subscriber", "subscriber", "HEALTHPLAN"),
    ("beneficiary", "(?:medicare )?beneficiary", "HEALTHPLAN"),
    ("health plan", "health plan", "HEALTHPLAN"),
    ("plan id", "plan", "HEALTHPLAN"),
    ("plan #", "plan", "HEALTHPLAN"),
    ("plan n", "plan(?= (?:number|no))", "HEALTHPLAN"),
    ("group", r"group(?= ?(?:number|no\b|#|id))", "HEALTHPLAN"),
    ("medicare", "medicare", "HEALTHPLAN"),
    ("medicaid", "medicaid", "HEALTHPLAN"),
    ("blue cross", "blue cross(?: blue shield)?", "HEALTHPLAN"),
    ("mbi", "mbi", "HEALTHPLAN"),
    ("hicn", "hicn", "HEALTHPLAN"),
    ("claim", r"claim(?= ?(?:number|no\b|#|id|:))", "HEALTHPLAN"),
    ("licen", "licen[sc]e", "LICENSE"),
    ("lic", r"lic\.?(?= ?(?:number|no\b|#|:))", "LICENSE"),
    ("dea", r"dea", "LICENSE"),
    ("npi", "npi", "LICENSE"),
    ("certificate", "certificate", "LICENSE"),
    ("cert", r"cert\.?(?= ?(?:number|no\b|#))", "LICENSE"),
    ("serial", "serial", "DEVICE"),
    ("s/n", "s/n", "DEVICE"),
    ("sn", r"sn(?= ?[:#])", "DEVICE"),
    ("device", r"device(?= ?(?:number|no\b|#|id|serial|:))", "DEVICE"),
    ("lot", r"lot(?= ?(?:number|no\b|#|:))", "DEVICE"),
    ("udi", "udi", "DEVICE"),
    ("imei", "imei", "DEVICE"),
    ("vin", r"vin", "VEHICLE"),
    ("plate", r"(?:license |licence |number )?plates?", "VEHICLE"),
    ("tag", r"tag(?= ?(?:number|no\b|#))", "VEHICLE"),
    ("accession", "accession", "IDNUM"),
    ("acc", r"acc(?= ?(?:number|no\b|#|:))", "IDNUM"),
    ("specimen", r"specimen(?= ?(?:number|no\b|#|id|:))", "IDNUM"),
    ("pathology", r"(?:surgical )?pathology(?= ?(?:number|no\b|#))", "IDNUM"),
    ("case", r"case(?= ?(?:number|no\b|#|id|:))", "IDNUM"),
    ("order", r"order(?= ?(?:number|no\b|#|id|:))", "IDNUM"),
    ("job", r"job(?= ?(?:number|no\b|#|id|:))", "IDNUM"),
    ("dictation", r"dictation(?= ?(?:number|no\b|#|id|:))", "IDNUM"),
    ("document", r"document(?= ?(?:number|no\b|#|id|:))", "IDNUM"),
    ("transcription", r"transcription(?= ?(?:number|no\b|#|id|:))", "IDNUM"),
    ("requisition", "requisition", "IDNUM"),
    ("prescription", r"prescription(?= (?:number|no\b|#))", "IDNUM"),
    ("rx", r"rx(?= ?(?:number|no\b|#))", "IDNUM"),
    ("badge", "badge", "IDNUM"),
    ("employee", r"employee(?= ?(?:number|no\b|#|id))", "IDNUM"),
    ("passport", "passport", "IDNUM"),
    ("study", r"study(?= ?(?:number|no\b|#|id))", "IDNUM"),
    ("reference", r"reference(?= ?(?:number|no\b|#|id))", "IDNUM"),
    ("ref", r"ref\.?(?= ?(?:number|no\b|#))", "IDNUM"),
    ("confirmation", r"confirmation(?= ?(?:number|no\b|#|:))", "IDNUM"),
    ("donor", r"donor(?= ?(?:number|no\b|#|id))", "IDNUM"),
    ("id", r"id(?= ?(?:number|no\b|#|:))", "IDNUM"),
    ("fingerprint", "fingerprint", "BIOID"),
    ("biometric", "biometric", "BIOID"),
    ("voiceprint", "voiceprint", "BIOID"),
    ("retina scan", "retina scan", "BIOID"),
    ("iris scan", "iris scan", "BIOID"),
)
_TRIGGERS: Final = tuple(
    (literal, re.compile(rf"(?:{form})(?![a-z]){_GAP}{_VALUE}"), label) for literal, form, label in _FREE
)
_YEARLIKE: Final = re.compile(r"(?:19|20)\d\d$|\d{1,2}/\d{1,2}(?:/\d+)?$|\d+\.\d+$")

_RUN: Final = re.compile(r"\d{4,}")
_QUANTITY_AFTER: Final = re.compile(
    r"\s?(?:copies|cfu|iu\b|units?|u\b|/|cells|particles|colon|mg|ml|mcg|vg|platelets|%)"
)
_CODE_BEFORE: Final = re.compile(
    r"(?:snomed|loinc|cpt|icd|hcpcs|rxnorm|cui|omim|ndc|nct|pmid|isbn|\$)[ \w:#.\-]{0,12}$"
)
_ALNUM: Final = re.compile(r"\d[\d-]{4,14}[a-z]{0,2}(?!\w)")
_LETTERS_BEFORE: Final = re.compile(r"(?<![\w-])[a-z]{1,4}-?$")
_DASHED: Final = re.compile(r"\d\d\d-\d\d-\d\d(?![\w]|-\d)")
_VIN: Final = re.compile(r"[a-hj-npr-z0-9]{17}")
_MBI: Final = re.compile(
    r"[1-9][ac-hjkmnp-rt-y][ac-hjkmnp-rt-y0-9]\d-?[ac-hjkmnp-rt-y][ac-hjkmnp-rt-y0-9]\d-?[ac-hjkmnp-rt-y]{2}\d\d(?![a-z0-9])"
)
_DEA: Final = re.compile(r"[a-z][a-z9]\d{7}")
_CARD: Final = re.compile(r"\d{4}([- ]?)\d{4}\1\d{4}\1\d{4}(?!\d)|3[47]\d\d([- ]?)\d{6}\2\d{5}(?!\d)")
_IMAGE: Final = re.compile(r"\.(?:jpe?g|png|tiff?|bmp|gif|heic|dcm)(?!\w)")
_IMAGE_HINTS: Final = (".jp", ".png", ".tif", ".bmp", ".gif", ".heic", ".dcm")
_FILE_NAME: Final = re.compile(r"[\w\-]+(?:\.[\w\-]+)*$")


class NumberRecognizer(ClinicalRecognizer):
    """Identifying numbers, by context, form or length."""

    labels: ClassVar[tuple[str, ...]] = (
        "SSN", "MEDICALRECORD", "HEALTHPLAN", "ACCOUNT", "LICENSE", "VEHICLE", "DEVICE", "BIOID", "PHOTO", "IDNUM",
    )  # fmt: skip
    title: ClassVar[str] = "numbers"

    def find(self, text: str, lowered: str) -> Iterator[Found]:  # noqa: ARG002
        yield from _social(lowered)
        for literal, pattern, label in _TRIGGERS:
            for at in occurrences(lowered, literal):
                if label_found := _triggered(lowered, at, pattern, label):
                    yield label_found
        yield from _by_form(lowered)
        if any(hint in lowered for hint in _IMAGE_HINTS):
            for suffix in _IMAGE.finditer(lowered):
                name = _FILE_NAME.search(lowered, max(0, suffix.start() - 60), suffix.start())
                if name:
                    yield Found(name.start(), suffix.end(), "PHOTO", 0.9)


def _social(lowered: str) -> Iterator[Found]:
    for match in _SSN.finditer(lowered):
        if not is_word_char(lowered, match.start() - 1) and lowered[match.start() - 1 : match.start()] != "-":
            yield Found(*match.span(), "SSN", 0.99 if match[1] == "-" else 0.9)
    if "ss" in lowered or "soc" in lowered:
        for literal in ("ss", "soc"):
            for at in occurrences(lowered, literal):
                named = None if is_word_char(lowered, at - 1) else _SSN_WORD.match(lowered, at)
                if named:
                    yield Found(*named.span(1), "SSN", 0.97)
    for at in occurrences(lowered, "last "):
        four = _LAST_FOUR.match(lowered, at)
        if four:
            yield Found(*four.span(1), "SSN", 0.8)


def _triggered(lowered: str, at: int, pattern: re.Pattern[str], label: str) -> Found | None:
    if is_word_char(lowered, at - 1):
        return None
    match = pattern.match(lowered, at)
    if match is None:
        return None
    start, end = match.span("value")
    value = match["value"]
    digits = sum(char.isdigit() for char in value)
    if len(value) <= 4 and value.isalnum() and match["more"]:
        end = match.end("more")  # groups with blanks between: `123 45 67`
        digits = sum(char.isdigit() for char in lowered[start:end])
    if digits < 3 or _YEARLIKE.match(value):
        return None
    return Found(start, end, label, 0.9)


def _by_form(lowered: str) -> Iterator[Found]:
    for run in _RUN.finditer(lowered):
        start, end = run.span()
        if is_word_char(lowered, end):
            continue
        if not is_word_char(lowered, start - 1):
            if end - start >= 7 and _is_bare_id(lowered, start, end):
                yield Found(start, end, "IDNUM", 0.6)
        elif (
            end - start == 7
            and _DEA.fullmatch(lowered, end - 9, end)
            and not is_word_char(lowered, end - 10)
            and _is_dea(lowered[end - 9 : end])
        ):
            yield Found(end - 9, end, "LICENSE", 0.9)
        elif (
            end >= 17
            and _VIN.fullmatch(lowered, end - 17, end)
            and not is_word_char(lowered, end - 18)
            and _is_vin(lowered[end - 17 : end])
        ):
            yield Found(end - 17, end, "VEHICLE", 0.9)
    for match in _ALNUM.finditer(lowered):
        letters = _LETTERS_BEFORE.search(lowered, max(0, match.start() - 6), match.start())
        if letters and sum(char.isdigit() for char in match.group()) >= 5 and not _is_code(lowered, letters.start()):
            yield Found(letters.start(), match.end(), "IDNUM", 0.65)
    for pattern, label, score, test in _FORMS:
        for match in pattern.finditer(lowered):
            alone = not is_word_char(lowered, match.start() - 1) and lowered[match.start() - 1 : match.start()] != "-"
            if alone and (test is None or test(match.group())):
                yield Found(*match.span(), label, score)


def _is_bare_id(lowered: str, start: int, end: int) -> bool:
    """Whether a long number is no quantity, no decimal and no public code."""
    decimal = lowered[start - 1 : start] == "." or (
        lowered[end : end + 1] in (".", ",") and lowered[end + 1 : end + 2].isdigit()
    )
    return not decimal and not _QUANTITY_AFTER.match(lowered, end) and not _is_code(lowered, start)


def _is_code(lowered: str, start: int) -> bool:
    return _CODE_BEFORE.search(lowered, max(0, start - 20), start) is not None


_VIN_VALUES: Final = dict(
    zip("0123456789abcdefghjklmnprstuvwxyz", (*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True)
)
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def _is_vin(value: str) -> bool:
    """The check digit of 49 CFR 565.15."""
    rest = sum(_VIN_VALUES[char] * weight for char, weight in zip(value, _VIN_WEIGHTS, strict=True)) % 11
    return any(char.isalpha() for char in value) and value[8] == ("x" if rest == 10 else str(rest))


def _is_dea(value: str) -> bool:
    """The last digit of a DEA number is that of (d1 + d3 + d5) + 2 (d2 + d4 + d6)."""
    digits = [int(char) for char in value[2:]]
    return (sum(digits[0:6:2]) + 2 * sum(digits[1:6:2])) % 10 == digits[6]


def _is_luhn(value: str) -> bool:
    """The check digit of ISO/IEC 7812-1."""
    digits = [int(char) for char in reversed(value) if char.isdigit()]
    return (sum(digits[0::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10 == 0


_FORMS: Final[tuple[tuple[re.Pattern[str], str, float, Callable[[str], bool] | None], ...]] = (
    (_DASHED, "MEDICALRECORD", 0.6, None),
    (_MBI, "HEALTHPLAN", 0.9, None),
    (_CARD, "ACCOUNT", 0.9, _is_luhn),
)
