"""Which coding system a code belongs to, by its form.

ICD-10-CM codes begin with a letter. ICD-9-CM's begin with a digit, but for the supplementary V and E codes, which look
like codes of ICD-10-CM: they are of ICD-9-CM where they stand among codes that begin with a digit. Both are written
with their dot. ICD-10-PCS codes have seven characters, no dot, and neither I nor O.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from transforms.icd.table import SYSTEM as ICD10CM

ICD9CM: Final = "ICD-9-CM"
"""Diagnoses, and procedures (volume 3)."""
ICD10PCS: Final = "ICD-10-PCS"

_ICD9_NUMBER: Final = re.compile(r"\d{3}(\.\d{1,2})?|\d{2}(\.\d{1,2})?")
_ICD9_LETTER: Final = re.compile(r"V\d{2}(\.\d{1,2})?|E\d{3}(\.\d)?")
_ICD10CM: Final = re.compile(r"[A-Z][0-9A-Z]{2}(\.[0-9A-Z]{1,4})?")
_ICD10PCS: Final = re.compile(r"[0-9A-HJ-NP-Z]{7}")


class UnknownCodeError(ValueError):
    """A label is no code of a known system."""


def systems_of(codes: Sequence[str]) -> list[str]:
    """The system of each code of one checkpoint.

    Raises:
        UnknownCodeError: one has the form of no known system.
    """
    has_icd9 = any(_ICD9_NUMBER.fullmatch(code) for code in codes)
    return [_system(code, has_icd9) for code in codes]


def _system(code: str, has_icd9: bool) -> str:
    if _ICD9_NUMBER.fullmatch(code) or (has_icd9 and _ICD9_LETTER.fullmatch(code)):
        return ICD9CM
    if _ICD10CM.fullmatch(code):
        return ICD10CM
    if _ICD10PCS.fullmatch(code):
        return ICD10PCS
    raise UnknownCodeError(f"{code!r} is no code of {ICD9CM}, {ICD10CM} or {ICD10PCS}, each with its dot")
