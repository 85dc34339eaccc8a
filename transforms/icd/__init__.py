"""ICD-10-CM: code tables, and the codes of a note by two roads.

table, systems, gems, excludes     what codes there are, and how they stand to one another
wording, terms, phrases            the dictionary: from words to codes
linking                            from mentions to codes
coding                             what the attention head (`clinical_bert.heads.icd`) lets out, and its evidence
candidates, scoring, stage         both roads together: the stage `coding`
"""

from __future__ import annotations

from transforms.icd.coding import CodeHit, CodingOptions
from transforms.icd.table import CodeTable

__all__ = ["CodeHit", "CodeTable", "CodingOptions"]
