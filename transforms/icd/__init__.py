"""ICD-10-CM: the code table of the stated release, and evidence for a code in a note."""

from __future__ import annotations

from transforms.icd.coding import CodeHit, CodingOptions
from transforms.icd.table import CodeTable

__all__ = ["CodeHit", "CodeTable", "CodingOptions"]
