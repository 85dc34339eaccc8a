"""The stage `clinical_bert`: entities, codes and readmission scores of a de-identified note, from one replica."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import pyarrow as pa

from transforms import schema
from transforms.clinical_bert.backends.precision import BackendName, Precision
from transforms.clinical_bert.catalogue import EMBEDDING, HEADS
from transforms.clinical_bert.checkpoints import Checkpoint, shipped, width_of
from transforms.clinical_bert.heads.embed import EmbedOptions
from transforms.clinical_bert.heads.tokens import TokenOptions
from transforms.clinical_bert.replica import CACHE_MB, Replica
from transforms.icd.coding import CodingOptions
from transforms.stage import Resources, with_column

DEFAULT_HEADS = ("ner", "icd", "readmission")


@dataclass(frozen=True)
class ClinicalBert:
    """Adds the column of each of its heads (`entities`, `codes`, `chunk_scores`, `embeddings`), `n_tokens`, `encoded`.

    Windows of notes longer than one follow the sections, where there are any.

    The assertion fields of an entity are null: a later stage fills them.

    Attributes:
        heads: pairs of a head's name and its checkpoint.
        precision, backend, compiled, check_labels: as of `Replica`; a plan names the first two.
        window: most tokens in an encoder window; None for what each checkpoint was trained with.
        threads: of PyTorch in the worker's process; None leaves them as they are. They change the speed, not
            the results, so they are no part of the stage's identity.
        cache_mb: of the replica's cache of windows; changes the speed, not the results.
        ner: how words get their labels.
        icd: threshold and evidence of the codes.
        embed: what gets a vector, and how.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
    """

    heads: tuple[tuple[str, Checkpoint], ...]
    precision: Precision = "auto"
    backend: BackendName = "auto"
    compiled: bool = False
    check_labels: bool | None = None
    window: int | None = None
    threads: int | None = field(default=None, repr=False)
    cache_mb: float = field(default=CACHE_MB, repr=False)
    ner: TokenOptions = field(default_factory=TokenOptions)
    icd: CodingOptions = field(default_factory=CodingOptions)
    embed: EmbedOptions = field(default_factory=EmbedOptions)
    device: str = field(default="auto", repr=False)
    resources: Resources = field(default=Resources(cpus=1), repr=False)
    name: ClassVar[str] = "clinical_bert"
    reads: ClassVar[pa.Schema] = schema.columns("text", "sections")

    @property
    def adds(self) -> pa.Schema:
        columns = schema.columns(*(str(HEADS[head].column) for head, _ in self.heads), "n_tokens", "encoded")
        for head, checkpoint in self.heads:
            if HEADS[head].kind == EMBEDDING:
                at = columns.get_field_index(str(HEADS[head].column))
                columns = columns.set(at, schema.embeddings(width_of(checkpoint)))
        return columns

    def __post_init__(self) -> None:
        unfit = [head for head, _ in self.heads if head not in HEADS or HEADS[head].column is None]
        if unfit:
            raise ValueError(f"{', '.join(unfit)}: no head of the stage clinical_bert")

    @classmethod
    def shipped(cls) -> ClinicalBert:
        """Every head from the checkpoint that comes with the package.

        Raises:
            CheckpointError: this copy of the package holds none.
        """
        return cls(tuple((head, shipped(head)) for head in DEFAULT_HEADS))

    def open(self) -> ClinicalBertWorker:
        """Loads the models.

        Raises:
            CheckpointError: a checkpoint is gone or changed.
        """
        replica = Replica(
            dict(self.heads),
            precision=self.precision,
            backend=self.backend,
            compiled=self.compiled,
            check_labels=self.check_labels,
            window=self.window,
            threads=self.threads,
            cache_mb=self.cache_mb,
            device=self.device,
            options={"ner": self.ner, "icd": self.icd, "embed": self.embed},
        )
        return ClinicalBertWorker(replica, {head: self.adds.field(str(HEADS[head].column)) for head, _ in self.heads})


class ClinicalBertWorker:
    """A replica in its Arrow coat.

    Args:
        replica: the models.
        columns: the in-flight column of each head, with its type.
    """

    def __init__(self, replica: Replica, columns: Mapping[str, pa.Field]) -> None:
        self._replica = replica
        self._columns = columns

    def process(self, notes: pa.Table) -> pa.Table:
        texts = notes["text"].to_pylist()
        sections = notes["sections"].to_pylist() if "sections" in notes.column_names else [None] * len(texts)
        results = self._replica.annotate(texts, [of_note or [] for of_note in sections])
        filled: dict[str, list[Any]] = {
            self._columns[head].name: [
                self._replica.rows(head, result, text, of_note or [])
                for result, text, of_note in zip(of_head, texts, sections, strict=True)
            ]
            for head, of_head in results.items()
        }
        filled["n_tokens"] = self._replica.n_tokens
        filled["encoded"] = [asdict(counts) for counts in self._replica.note_counts]
        fields = {field.name: field for field in self._columns.values()}
        for column, values in filled.items():
            notes = with_column(notes, fields.get(column, schema.IN_FLIGHT.field(column)), values)
        return notes

    def close(self) -> None:
        self._replica.close()
