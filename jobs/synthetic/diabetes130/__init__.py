"""Text with real readmission labels: encounters of diabetes130, put into words by a template."""

from __future__ import annotations

from jobs.synthetic.diabetes130.encounters import Encounter, read
from jobs.synthetic.diabetes130.notes import note

__all__ = ["Encounter", "note", "read"]
