"""From a patient's notes to the probability of readmission: chunks, their scores, which notes may be used."""

from __future__ import annotations

from transforms.readmission.calibration import Calibration
from transforms.readmission.chunks import Chunk, admission_probability, chunk_spans
from transforms.readmission.options import ReadmissionOptions

__all__ = ["Calibration", "Chunk", "ReadmissionOptions", "admission_probability", "chunk_spans"]
