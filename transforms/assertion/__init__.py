"""What a note asserts of each entity: negated, uncertain, historical, hypothetical, and whose it is."""

from __future__ import annotations

from transforms.assertion.asserter import Asserted, Asserter
from transforms.assertion.lexicon import Lexicon
from transforms.assertion.stage import Assertion

__all__ = ["Asserted", "Asserter", "Assertion", "Lexicon"]
