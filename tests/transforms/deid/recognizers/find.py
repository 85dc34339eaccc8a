"""Run one recognizer over a text and show what it found."""

from __future__ import annotations

from transforms.deid.recognizers import ClinicalRecognizer
from transforms.deid.recognizers.base import Note
from transforms.deid.spans import PhiSpan, merge


def found(recognizer: ClinicalRecognizer, text: str) -> list[str]:
    """The texts of the merged spans."""
    return [text[span.start : span.end] for span in spans(recognizer, text)]


def labelled(recognizer: ClinicalRecognizer, text: str) -> list[tuple[str, str]]:
    """Label and text of the merged spans."""
    return [(span.label, text[span.start : span.end]) for span in spans(recognizer, text)]


def spans(recognizer: ClinicalRecognizer, text: str) -> list[PhiSpan]:
    return merge(text, [PhiSpan(*one, recognizer.name) for one in recognizer.find(Note(text))])
