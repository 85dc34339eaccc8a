"""Split a note into its sections: headings, canonical categories, LOINC codes."""

from __future__ import annotations

from transforms.sections.headings import HeadingTable
from transforms.sections.segmenter import SectionSpan, Segmenter
from transforms.sections.stage import Sections

__all__ = ["HeadingTable", "SectionSpan", "Sections", "Segmenter"]
