"""The Arrow coat of the asserter."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from transforms import schema
from transforms.assertion.asserter import Asserter
from transforms.assertion.lexicon import Lexicon
from transforms.clinical_bert.checkpoints import Checkpoint
from transforms.stage import Resources, with_column

if TYPE_CHECKING:
    from transforms.assertion.classifier import AssertionClassifier


@dataclass(frozen=True)
class Assertion:
    """Fills in what the note asserts of each entity: negated, uncertain, historical, hypothetical, experiencer.

    `section_id`, where null, becomes the innermost section in which the entity begins. A note whose entities are
    null keeps null.

    Attributes:
        lexicon: the words that change what a mention asserts.
        checkpoint: a sequence classifier that decides, in the lexicon's place, what its labels are about.
        device: `auto`, `cpu` or `cuda`, of the classifier.
    """

    lexicon: Lexicon = field(default_factory=Lexicon.shipped)
    checkpoint: Checkpoint | None = None
    device: str = field(default="auto", repr=False)
    name: ClassVar[str] = "assertion"
    reads: ClassVar[pa.Schema] = schema.columns("text", "sections", "entities")
    adds: ClassVar[pa.Schema] = schema.columns("entities")
    resources: ClassVar[Resources] = Resources(cpus=1)

    def open(self) -> AssertionWorker:
        """Loads the classifier, if there is one.

        Raises:
            CheckpointError: it is gone or changed, or has a label that stands for nothing.
        """
        if self.checkpoint is None:
            return AssertionWorker(Asserter(self.lexicon))
        from transforms.assertion.classifier import AssertionClassifier  # PyTorch takes seconds to import

        return AssertionWorker(Asserter(self.lexicon), AssertionClassifier(self.checkpoint, self.device))


class AssertionWorker:
    """An asserter in its Arrow coat.

    Args:
        asserter: tells everything.
        classifier: has the last word on what its labels are about; None for none.
    """

    def __init__(self, asserter: Asserter, classifier: AssertionClassifier | None = None) -> None:
        self._asserter = asserter
        self._classifier = classifier

    def process(self, notes: pa.Table) -> pa.Table:
        columns = (notes[name].to_pylist() for name in ("text", "sections", "entities"))
        entities = [
            self._assert(text, sections or (), found) if text is not None and found else found
            for text, sections, found in zip(*columns, strict=True)
        ]
        return with_column(notes, schema.IN_FLIGHT.field("entities"), entities)

    def close(self) -> None:
        """Nothing to release."""

    def _assert(
        self, text: str, sections: Sequence[Mapping[str, Any]], entities: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        innermost = Innermost([(section["start"], section["end"]) for section in sections])
        places = [innermost.at(entity["start"]) for entity in entities]
        categories = [None if place is None else sections[place]["category"] for place in places]
        spans = [(entity["start"], entity["end"]) for entity in entities]
        assertions = self._asserter.assert_all(text, spans, categories)
        if self._classifier is not None:
            decided = self._classifier.decide(text, spans)
            assertions = [one._replace(**of_one) for one, of_one in zip(assertions, decided, strict=True)]
        filled = []
        for entity, place, assertion in zip(entities, places, assertions, strict=True):
            section_id = entity["section_id"]
            if section_id is None and place is not None:
                section_id = sections[place]["section_id"]
            filled.append({**entity, "section_id": section_id, **assertion._asdict()})
        return filled


class Innermost:
    """Finds the smallest of nested spans around a position.

    Args:
        spans: half open; sorted by start, each either inside an earlier one or after it.
    """

    def __init__(self, spans: Sequence[tuple[int, int]]) -> None:
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]
        self._around: list[int | None] = []
        open_spans: list[int] = []
        for number, (start, end) in enumerate(spans):
            while open_spans and self._ends[open_spans[-1]] <= start:
                open_spans.pop()
            self._around.append(open_spans[-1] if open_spans else None)
            if end > start:
                open_spans.append(number)

    def at(self, position: int) -> int | None:
        """The number of the innermost span that holds `position`, or None."""
        last = bisect_right(self._starts, position) - 1
        number = last if last >= 0 else None
        while number is not None and self._ends[number] <= position:
            number = self._around[number]
        return number
