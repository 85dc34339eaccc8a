"""PHI taggers: models that read whole notes and label what looks like PHI in its context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, runtime_checkable

from transforms.clinical_bert.backends.precision import BackendName, Precision
from transforms.clinical_bert.checkpoints import Checkpoint, labels_of, shipped
from transforms.clinical_bert.counts import Counts
from transforms.clinical_bert.heads.labels import OUTSIDE, read_scheme
from transforms.clinical_bert.heads.tokens import TokenOptions
from transforms.clinical_bert.replica import CACHE_MB, Replica
from transforms.deid.labels import LabelMap
from transforms.deid.spans import TAGGER, PhiSpan
from transforms.sections.headings import HeadingTable
from transforms.sections.segmenter import Segmenter

HEAD: Final = "deid"


class TaggerError(Exception):
    """The tagger's answer does not fit the notes. The message holds no note text."""


class TaggedSpan(NamedTuple):
    """`text[start:end]` is PHI, says a tagger: its label and its score, 0 to 1."""

    start: int
    end: int
    label: str
    score: float


class PhiTagger(Protocol):
    """A live tagger."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that `tag` may give."""
        ...

    def tag(self, texts: Sequence[str]) -> list[list[TaggedSpan]]:
        """The PHI of each text, whole texts covered. Raises when any part of a text was not read."""
        ...

    def close(self) -> None:
        """Releases the model."""
        ...


@runtime_checkable
class Counting(Protocol):
    """A tagger that counts what its encoder does."""

    @property
    def counts(self) -> Sequence[Counts]:
        """For each text of the last `tag`."""
        ...


@runtime_checkable
class TaggerSpec(Protocol):
    """A frozen, picklable description of a tagger."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that the tagger may give, told before it is opened: a plan is checked with them."""
        ...

    def open(self) -> PhiTagger: ...


@dataclass(frozen=True)
class ReplicaTagger:
    """A tagger on a clinical-BERT checkpoint.

    Attributes:
        checkpoint: of the head `deid`.
        threshold: least probability of being PHI, of whatever label, at which a word counts.
        precision, backend, compiled, check_labels, window: as of `Replica`; a plan names the first two.
        cache_mb: of the replica's cache of windows; changes the speed, not the result.
        threads: of PyTorch; changes the speed, not the result.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
    """

    checkpoint: Checkpoint
    threshold: float = 0.3
    precision: Precision = "auto"
    backend: BackendName = "auto"
    compiled: bool = False
    check_labels: bool | None = None
    window: int | None = None
    threads: int | None = field(default=None, repr=False, compare=False)
    cache_mb: float = field(default=CACHE_MB, repr=False, compare=False)
    device: str = field(default="auto", repr=False, compare=False)

    @classmethod
    def shipped(cls) -> ReplicaTagger:
        """On the checkpoint that comes with the package.

        Raises:
            CheckpointError: this copy of the package holds none.
        """
        return cls(shipped(HEAD))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the checkpoint's head, without prefixes (`B-`) and without `O`. No weight is read.

        Raises:
            CheckpointError: the checkpoint is gone, or its config names no labels.
        """
        return tuple(sorted({name for _, name in read_scheme(labels_of(self.checkpoint, HEAD))} - {OUTSIDE}))

    def open(self) -> OpenReplicaTagger:
        """Loads the model.

        Raises:
            CheckpointError: the checkpoint is gone or changed, or lacks weights.
        """
        replica = Replica(
            {HEAD: self.checkpoint},
            precision=self.precision,
            backend=self.backend,
            compiled=self.compiled,
            check_labels=self.check_labels,
            window=self.window,
            threads=self.threads,
            cache_mb=self.cache_mb,
            device=self.device,
            options={HEAD: TokenOptions(words="text", threshold=self.threshold, whole=True)},
        )
        return OpenReplicaTagger(replica, self.labels)


class OpenReplicaTagger:
    """A loaded replica, as a tagger. Its windows cover every text whole.

    They follow the sections of the raw text, so that what was copied from an earlier note is read once.
    """

    def __init__(self, replica: Replica, labels: tuple[str, ...]) -> None:
        self._replica = replica
        self._labels = labels
        self._segmenter = Segmenter(HeadingTable.shipped())

    @property
    def labels(self) -> tuple[str, ...]:
        return self._labels

    def tag(self, texts: Sequence[str]) -> list[list[TaggedSpan]]:
        sections = [[section._asdict() for section in self._segmenter.split(text)] for text in texts]
        found = self._replica.annotate(texts, sections)[HEAD]
        return [[TaggedSpan(*span) for span in spans] for spans in found]

    @property
    def counts(self) -> list[Counts]:
        return self._replica.note_counts

    def close(self) -> None:
        self._replica.close()


def as_phi(texts: Sequence[str], tagged: Sequence[Sequence[TaggedSpan]], labels: LabelMap) -> list[list[PhiSpan]]:
    """Checks a tagger's answer and puts it into i2b2-2014 labels; labels that Safe Harbor does not list go.

    Raises:
        TaggerError: not one answer per text, or a span or a score that cannot be.
        UnknownLabelError: a label that is not mapped.
    """
    if len(tagged) != len(texts):
        raise TaggerError(f"the tagger gave {len(tagged)} answers for {len(texts)} texts")
    result = []
    for text, spans in zip(texts, tagged, strict=True):
        phi = []
        for span in spans:
            if not 0 <= span.start < span.end <= len(text) or not 0.0 <= span.score <= 1.0:
                raise TaggerError(f"the tagger's span [{span.start}, {span.end}) does not fit {len(text)} characters")
            label = labels[span.label]
            if label is not None:
                phi.append(PhiSpan(span.start, span.end, label, span.score, TAGGER))
        result.append(phi)
    return result
